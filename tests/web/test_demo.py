"""`tinygrad-lite demo`: what it serves, to whom, and what it refuses."""

import gzip
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tinygrad_lite.cli import main
from tinygrad_lite.cli.demo import content_of
from tinygrad_lite.demo import PAGE, page_with, server_of
from tinygrad_lite.export import load_graph
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer

NETWORKS = Path(__file__).parents[2] / "examples" / "digits" / "web" / "networks"


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
        for ours in (f"localhost:{port}", f"LOCALHOST:{port}", "127.0.0.1", "localhost"):
            assert answer(server, Host=ours)[0].status == 200, ours
        for other in (
            f"elsewhere.example:{port}", "elsewhere.example", "127.0.0.1.example", "", "[::1",
            "localhost@elsewhere.example", "elsewhere.example#@localhost",
        ):  # fmt: skip
            assert answer(server, Host=other)[0].status == 403, other


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


BROWSER = """
import os, sys, urllib.request
try:
    body = urllib.request.urlopen(sys.argv[1], timeout=60).read()
except OSError as error:
    body = repr(error).encode()
open(sys.argv[2] + ".part", "wb").write(body)
os.replace(sys.argv[2] + ".part", sys.argv[2])
"""


def test_a_browser_is_opened_and_may_be_one_that_blocks(tmp_path):
    """As one in the terminal does: it reads the page before it returns."""
    program, seen = tmp_path / "browser.py", tmp_path / "seen.html"
    program.write_text(BROWSER)
    environment = {**os.environ, "BROWSER": f"{sys.executable} {program} %s {seen}"}
    command = [sys.executable, "-m", "tinygrad_lite.cli", "demo"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            while not seen.exists():
                assert process.poll() is None
                time.sleep(0.05)
        finally:
            process.terminate()
    assert seen.read_bytes() == PAGE.read_bytes()


def test_no_browser_is_opened_unless_wanted(monkeypatch):
    asked = []
    monkeypatch.setattr("webbrowser.open", asked.append)
    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", lambda server: None)
    assert main(["demo", "--no-browser"]) == 0
    assert asked == []


def test_without_a_browser_the_address_is_left_to_the_reader(monkeypatch):
    lines, told = [], threading.Event()

    def show(line, flush):
        lines.append(line)
        if len(lines) == 2:
            told.set()

    monkeypatch.setattr("webbrowser.open", lambda address: False)
    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", lambda server: told.wait())
    monkeypatch.setattr("tinygrad_lite.cli.demo.print", show, raising=False)
    assert main(["demo"]) == 0
    assert lines[1] == "No browser could be opened: open the address in one."


def test_a_model_of_layers_is_given_as_a_graph(tmp_path):
    path = tmp_path / "graph.json"
    path.write_bytes(content_of("784-5-10"))
    graph = load_graph(path)
    assert graph(np.zeros((1, 1, 28, 28))).shape == (1, 10)
    assert graph.gradient is not None


@pytest.mark.parametrize("name", ["convolutional", "edge_maps"])
def test_a_compressed_file_is_given_as_what_it_holds(name):
    path = NETWORKS / f"{name}.json.gz"
    content = json.loads(content_of(str(path)))
    assert content == json.loads(gzip.decompress(path.read_bytes()))


def test_a_port_that_is_taken_is_named(capsys):
    with serving("") as server:
        assert main(["demo", "--no-browser", "--port", str(server.server_port)]) == 2
    told = capsys.readouterr().err
    assert f"--port {server.server_port} cannot be used" in told and told.count("\n") == 1


DAMAGED = gzip.compress(b'{"inputLayerLength": 784}' * 40)[:-20]
SMALLER = {
    "inputLayerLength": 100,
    "otherLayers": [{"neurons": [{"bias": 0, "activationFunction": "RELU", "inputs": []}] * 10}],
}


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--network", "nowhere.json"], "nowhere.json"),
        (["--network", "nowhere.json.gz"], "nowhere.json.gz"),
        (["--network", "784-16"], "wants ten outputs, one for each digit: it has 16"),
        (["--network", "100-10"], "100-10 is no network for the page, whose pictures have 28x28"),
        (["--network", "smaller.json"], "(1, 784) do not fit 100 input neurons"),
        (["--network", "damaged.json.gz"], "damaged.json.gz: the compressed file is damaged"),
        (["--network", "plain.json.gz"], "plain.json.gz: the compressed file is damaged"),
        (["--port", "70000"], "--port 70000: give 0 to 65535"),
    ],
)
def test_a_wrong_request_gets_one_line(arguments, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("smaller.json").write_text(json.dumps(SMALLER))
    Path("damaged.json.gz").write_bytes(DAMAGED)
    Path("plain.json.gz").write_text("{}")
    assert main(["demo", "--no-browser", *arguments]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.startswith("tinygrad-lite: ") and told.count("\n") == 1
