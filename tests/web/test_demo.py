"""`tinygrad-lite demo`: what it serves, to whom, and what it refuses."""

import http.client
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from tinygrad_lite.cli import main
from tinygrad_lite.cli.demo import content_of
from tinygrad_lite.demo import PAGE, page_with, server_of
from tinygrad_lite.export import load_graph
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer


@contextmanager
def serving(page):
    server = server_of(page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(server, path="/", method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


@pytest.fixture
def network_file(tmp_path):
    """A network of neurons that takes everything for a 4."""
    network = Network([InputLayer(28, 28), HiddenLayer(3), OutputLayer(10)], seed=0)
    network.connect_adjacent_layers()
    for digit, neuron in enumerate(network.output_layer):
        neuron.bias = 6.0 if digit == 4 else -6.0
        for connection in neuron.inputs:
            connection.weight = 0.0
    path = tmp_path / "fours <b>&.json"
    network.to_json(path)
    return path


def test_the_page_is_served_to_this_machine_alone():
    with serving(page_with()) as server:
        assert server.server_address[0] == "127.0.0.1"
        response, body = answer(server)
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert body == PAGE.read_bytes()
        response, body = answer(server, method="HEAD")
        assert response.status == 200 and body == b""
        assert answer(server, "/../pyproject.toml")[0].status == 404
        assert answer(server, method="POST")[0].status == 501
        port = server.server_port
        assert answer(server, Host=f"localhost:{port}")[0].status == 200
        assert answer(server, Host=f"elsewhere.example:{port}")[0].status == 403


def test_the_page_begins_with_the_network_given(opened, network_file):
    content = content_of(str(network_file))
    with serving(page_with(network_file.name, content)) as server:
        each = opened(f"http://127.0.0.1:{server.server_port}/")
        each.wait_for("784 – 3 – 10, 2,382 connections")
        assert each.page.get_by_role("radio").count() == 3
        assert each.page.get_by_role("radio", name="fours <b>&.json").is_checked()
        each.draw([[(80, 66), (200, 66), (140, 230)]])
        assert each.sentence == "That certainly must be 4."
        each.choose("Convolutions")
        assert "4" not in each.sentence


def test_the_command_prints_the_address_and_serves(network_file):
    command = [sys.executable, "-m", "tinygrad_lite.cli", "demo", "--no-browser"]
    with subprocess.Popen(
        [*command, "--network", network_file], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline()
            address = line.split()[4]
            assert address.startswith("http://127.0.0.1:")
            connection = http.client.HTTPConnection(address[7:-1], timeout=30)
            connection.request("GET", "/")
            body = connection.getresponse().read().decode()
            connection.close()
        finally:
            process.terminate()
    assert 'data-name="fours &lt;b&gt;&amp;.json"' in body


def test_a_browser_is_opened_unless_told_otherwise(monkeypatch):
    seen = []
    monkeypatch.setattr("webbrowser.open", seen.append)
    monkeypatch.setattr(
        "http.server.ThreadingHTTPServer.serve_forever", lambda server: seen.append("served")
    )
    assert main(["demo"]) == 0
    assert seen[0].startswith("http://127.0.0.1:") and seen[1] == "served"
    assert main(["demo", "--no-browser"]) == 0
    assert seen[2:] == ["served"]


def test_a_model_of_layers_is_given_as_a_graph(tmp_path):
    path = tmp_path / "graph.json"
    path.write_bytes(content_of("784-5-10"))
    graph = load_graph(path)
    assert graph(np.zeros((1, 1, 28, 28))).shape == (1, 10)
    assert graph.gradient is not None


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--network", "nowhere.json"], "nowhere.json"),
        (["--network", "784-16"], "the page wants ten digits"),
        (["--network", "100-10"], "does not take samples of shape (1, 28, 28)"),
        (["--port", "70000"], "--port 70000: give 0 to 65535"),
    ],
)
def test_a_wrong_request_gets_one_line(arguments, says, capsys):
    assert main(["demo", "--no-browser", *arguments]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.startswith("tinygrad-lite: ") and told.count("\n") == 1
