"""evaluate, draw and export, and how the command line speaks of mistakes."""

import gzip
import json
import os
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tinygrad_lite import data, export, neurons, nn


@pytest.fixture
def saved(tmp_path):
    """A short form's weights in a file, and the module."""
    generator = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(2, 5, generator=generator), nn.ReLU(),
        nn.Linear(5, 2, generator=generator),
    )  # fmt: skip
    export.save(net, tmp_path / "w.npz", notes={"network": "2-5-2"})
    return net


# -- help and versions ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"], ["draw"], ["check"], ["export"]])
def test_help_has_examples_that_start_like_the_command(call, command):
    result = call(*command, "--help")
    assert result.status == 0 and result.err == ""
    assert "example" in result.out
    assert " ".join(["tinygrad-lite", *command]) in result.out


def test_help_imports_nothing_that_takes_time():
    code = (
        "import sys\n"
        "from tinygrad_lite.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "slow = {'matplotlib', 'onnx', 'safetensors', 'graphviz', 'rich', 'tinygrad_lite.nn',\n"
        "        'tinygrad_lite.training', 'tinygrad_lite.drawing', 'tinygrad_lite.export'}\n"
        "sys.exit(str(slow & set(sys.modules)) if slow & set(sys.modules) else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_version(process):
    assert process("--version").out.startswith("tinygrad-lite ")


# -- evaluate ------------------------------------------------------------------------------------


def test_evaluate_counts_what_is_right(call, saved, moons, tmp_path):
    result = call("evaluate", "w.npz", "--data", moons, "--json")
    assert result.status == 0, result
    told = json.loads(result.out)
    with np.load(tmp_path / moons) as arrays:
        answers = np.argmax(saved(arrays["x_test"]).data, axis=1)
        labels = arrays["y_test"]
    assert told["rate"] == np.mean(answers == labels)
    assert told["samples"] == 100
    for i in range(2):
        for j in range(2):
            assert told["confusion"][i][j] == np.sum((labels == i) & (answers == j))
        assert told["classes"][i]["rate"] == np.mean(answers[labels == i] == i)
        given = np.sum(answers == i)
        right = np.sum((answers == i) & (labels == i))
        assert told["classes"][i]["precision"] == (right / given if given else None)


def test_evaluate_prints_tables(process, saved, moons):
    result = process("evaluate", "2-5-2", "--weights", "w.npz", "--data", moons)
    assert result.status == 0
    lines = result.out.splitlines()
    assert lines[0] == f"2-5-2 on 100 samples of {moons}"
    assert "% right (" in lines[2]
    assert any(line.startswith("class") and "precision" in line for line in lines)
    assert "rows: what it is; columns: what it is taken for" in lines


def test_at_least_decides_the_status(call, saved, moons):
    assert call("evaluate", "w.npz", "--data", moons, "--at-least", "0").status == 0
    assert call("evaluate", "w.npz", "--data", moons, "--at-least", "0.999").status == 1


def test_all_forms_of_a_network_get_the_same_rate(call, script, moons, tmp_path):
    network = neurons.Network(
        [neurons.InputLayer(2), neurons.HiddenLayer(5), neurons.OutputLayer(2)], seed=0
    )
    network.connect_adjacent_layers()
    network.to_json(tmp_path / "neurons.json")
    with np.load(tmp_path / moons) as arrays:
        x, y = arrays["x_test"], arrays["y_test"]
    export.save_graph(network.to_layers(), tmp_path / "graph.json", x)
    rate = network.success_rate(x, y)
    for name in ("neurons.json", "graph.json"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    names = ("net.py:neurons", "neurons.json", "graph.json", "neurons.json.gz", "graph.json.gz")
    for name in names:
        result = call("evaluate", name, "--data", moons, "--json")
        assert json.loads(result.out)["rate"] == rate, result


def test_a_graph_gets_its_inputs_as_its_file_says(call, moons, tmp_path):
    net = nn.Linear(2, 2, generator=0)
    with np.load(tmp_path / moons) as arrays:
        x, y = arrays["x_test"].astype(np.float32), arrays["y_test"]
    mean, deviation = 0.7, 0.2
    told = {"mean": mean, "standard_deviation": deviation}
    export.save_graph(net, tmp_path / "graph.json", x, normalisation=told)
    right = np.argmax(net(((x - mean) / deviation).astype(np.float32)).data, axis=1) == y
    assert right.mean() != np.mean(np.argmax(net(x).data, axis=1) == y)
    result = call("evaluate", "graph.json", "--data", moons, "--json")
    assert json.loads(result.out)["rate"] == right.mean(), result


def test_the_digits_are_read_from_a_folder(call, tmp_path):
    assert call("export", "784-10", "-o", "w.npz").status == 0
    folder = Path(__file__).parents[2] / "examples" / "digits" / "data"
    told = json.loads(call("evaluate", "w.npz", "--data", f"mnist:{folder}", "--json").out)
    assert told["samples"] == 10_000
    assert [part["samples"] for part in told["classes"]][:3] == [980, 1135, 1032]  # as published


def test_values_to_predict(call, tmp_path):
    x = np.linspace(-1, 1, 50, dtype=np.float32)[:, None]
    np.savez(tmp_path / "line.npz", x=x, y=3 * x[:, 0] + 1)
    layer = nn.Linear(1, 1)
    layer.load_state_dict({"weight": [[3.0]], "bias": [1.5]})
    export.save(layer, tmp_path / "w.npz")
    (tmp_path / "line.py").write_text("from tinygrad_lite import nn\nnet = nn.Linear(1, 1)\n")
    result = call("evaluate", "line.py:net", "--weights", "w.npz", "--data", "line.npz", "--json")
    told = json.loads(result.out)
    assert told["samples"] == 5
    assert told["mean_squared_error"] == pytest.approx(0.25)
    assert told["mean_absolute_error"] == pytest.approx(0.5)


# -- draw and export -----------------------------------------------------------------------------


def test_a_computation_and_networks_are_drawn(call, script, saved, tmp_path):
    for name, more in (
        ("net.py:cost", []),
        ("net.py:cost", ["--direction", "down"]),
        ("net.py:Net", []),
        ("net.py:neurons", []),
        ("w.npz", []),
        ("w.npz", ["--neurons"]),
        ("w.npz", ["--operations", "--title", "Operations"]),
        ("cnn", ["--theme", "dark"]),
    ):
        result = call("draw", name, "-o", "picture.svg", *more)
        assert (result.status, result.out) == (0, "picture.svg\n"), result
        root = ElementTree.parse(tmp_path / "picture.svg").getroot()
        assert root.tag.endswith("svg")
    assert call("draw", "net.py:cost", "-o", "page.html").status == 0
    assert "<script" in (tmp_path / "page.html").read_text()


def test_exported_files_give_the_same_answers(call, saved, moons, tmp_path):
    for out in ("w2.npz", "w.safetensors", "graph.json", "w.onnx"):
        result = call("export", "w.npz", "-o", out, "--data", moons)
        assert result.status == 0 and result.out.startswith(out), result
    with np.load(tmp_path / moons) as arrays:
        x = arrays["x_test"]
    want = saved(x).data
    np.testing.assert_allclose(export.load_graph(tmp_path / "graph.json")(x), want, atol=1e-6)
    session = onnxruntime.InferenceSession(tmp_path / "w.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"input": x})[0], want, atol=1e-6)
    for name in ("w2.npz", "w.safetensors"):
        again = call("evaluate", name, "--data", moons, "--json")
        assert json.loads(again.out)["samples"] == 100, again


def test_neurons_are_exported_in_their_own_format(call, process, script, tmp_path):
    assert process("export", "net.py:neurons", "-o", "n.json").status == 0
    assert repr(neurons.Network.from_json(tmp_path / "n.json")).startswith("<Network 2-5-2")
    assert call("export", "net.py:neurons", "-o", "n.onnx").status == 0


def test_the_gradient_and_half_precision(call, tmp_path):
    assert call("export", "cnn", "-o", "small.json", "--precision", "float16").status == 0
    assert call("export", "cnn", "-o", "whole.json", "--gradient").status == 0
    assert export.load_graph(tmp_path / "whole.json").gradient is not None
    sizes = [(tmp_path / name).stat().st_size for name in ("small.json", "whole.json")]
    assert sizes[0] < 0.7 * sizes[1]


# -- mistakes, in one line each ------------------------------------------------------------------

MISTAKES = {
    "no network": (["evaluate", "nothing"], "network 'nothing': give FILE.py:NAME"),
    "no file": (["evaluate", "missing.npz"], "tinygrad-lite: there is no file missing.npz\n"),
    "a slip in a file": (["evaluate", "ww.npz"], "no file ww.npz; is w.npz meant?"),
    "a file's folder": (["evaluate", "no/w.npz"], "tinygrad-lite: no/w.npz: there is no folder no"),
    "no data for a script": (["evaluate", "net.py:Net"], "net.py:Net for? Give --data FILE.npz"),
    "a value's neurons": (
        ["draw", "net.py:cost", "-o", "w.svg", "--neurons"],
        "--neurons is for networks; net.py:cost gives a Value",
    ),
    "a network's direction": (
        ["draw", "w.npz", "-o", "w.svg", "--direction", "down"],
        "--direction is for computations",
    ),
    "neurons of a module": (
        ["draw", "net.py:Net", "-o", "w.svg", "--neurons"],
        "without --neurons its layers are drawn",
    ),
    "no script": (["evaluate", "missing.py:Net"], "there is no file missing.py"),
    "no name": (["evaluate", "net.py"], "write FILE.py:NAME"),
    "unknown name": (["evaluate", "net.py:nope"], "net.py defines no nope; it defines Net, ready"),
    "no network at all": (["evaluate", "net.py:number"], "gives a int; a network is"),
    "arguments": (["evaluate", "net.py:sized"], "sized needs width; give it defaults"),
    "an error in the script": (["evaluate", "net.py:broken"], "net.py:33: ZeroDivisionError"),
    "a slip in a network": (
        ["evaluate", "net.py:Slip", "--data", "moons.npz"],
        "net.py:30: NameError: name 'missing' is not defined",
    ),
    "a slip in a cost": (["check", "net.py:broken", "w.npz"], "net.py:33: ZeroDivisionError"),
    "no cost": (["check", "net.py:ready", "w.npz"], "gives a Sequential; name a function"),
    "no weights": (["evaluate", "2-5-2", "--data", "moons.npz"], "has no weights yet"),
    "other weights": (
        ["evaluate", "2-6-2", "--weights", "w.npz", "--data", "moons.npz"],
        "w.npz: load_state_dict of Sequential: 1.weight is (5, 2), not (6, 2)",
    ),
    "no data": (["evaluate", "w.npz", "--data", "mnits"], "data 'mnits': give mnist, fashion or"),
    "no folder": (["evaluate", "w.npz", "--data", "mnist:nowhere"], "there is no folder nowhere"),
    "data of another kind": (["evaluate", "w.npz", "--data", "w.npz"], "expected x_train"),
    "another shape": (
        ["evaluate", "net.py:Net", "--data", "wide.npz"],
        "does not take samples of shape (3,)",
    ),
    "too few outputs": (["evaluate", "w.npz", "--data", "many.npz"], "has 7 classes"),
    "weights without a network": (["evaluate", "bare.npz"], "holds weights only"),
    "an ending": (["export", "w.npz", "-o", "w.pt"], "w.pt: end the name with .onnx"),
    "a folder": (["export", "w.npz", "-o", "nowhere/w.npz"], "there is no folder"),
    "a picture's ending": (["draw", "w.npz", "-o", "w.gif"], "end the name with .svg"),
    "a shape": (["export", "w.npz", "-o", "w.onnx", "--shape", "x"], "give sizes with commas"),
    "another sample": (["draw", "w.npz", "-o", "w.svg", "--sample", "99"], "give 0 to"),
    "no neurons": (["draw", "cnn", "-o", "w.svg", "--neurons"], "no neurons are like part 0"),
    "gradients": (["check", "net.py:cost", "missing.npz"], "there is no file missing.npz"),
    "a gradient's name": (
        ["check", "net.py:cost", "w.npz"],
        "no Value that the cost depends on is named '1.weight'; give the Value itself, or one of",
    ),
}


@pytest.mark.parametrize("arguments, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_in_one_line(refused, script, saved, moons, tmp_path, arguments, message):
    x = np.zeros((10, 3), np.float32)
    np.savez(tmp_path / "wide.npz", x=x, y=np.arange(10) % 2)
    np.savez(tmp_path / "many.npz", x=x[:, :2], y=np.arange(10) % 7)
    export.save(nn.Linear(2, 2), tmp_path / "bare.npz")
    assert message in refused(*arguments)


def test_without_data_and_network_the_error_tells_what_was_looked_for(refused, saved, monkeypatch):
    def offline(folder=None):
        raise data.DownloadError("could not download train-images: no network (host).")

    monkeypatch.setattr(data, "load_mnist", offline)
    error = refused("evaluate", "w.npz")
    assert error.endswith("no network (host). Or give --data mnist:FOLDER\n")


def test_the_default_data_is_told(call, saved, moons, monkeypatch):
    monkeypatch.setattr("tinygrad_lite.cli.datasets.DEFAULT", moons)
    told = call("evaluate", "w.npz").out
    assert f"samples of {moons} (the default: no --data was given)" in told
    assert moons in call("train", "2-3-2", "--epochs", "1").err


def test_a_process_ends_with_the_status_and_one_line(process, script):
    result = process("evaluate", "net.py:broken")
    assert (result.status, result.out) == (2, "")
    assert result.err == "tinygrad-lite: net.py:33: ZeroDivisionError: division by zero\n"


def test_the_parser_refuses_with_the_same_status(call):
    for arguments in ([], ["nonsense"], ["evaluate"], ["train", "cnn", "--epochs", "0"]):
        result = call(*arguments)
        assert result.status == 2 and "Traceback" not in result.err


def test_a_warning_is_one_line_too(call, tmp_path):
    (tmp_path / "careful.py").write_text(
        "import warnings\n"
        "from tinygrad_lite import Value\n"
        "def cost():\n"
        "    warnings.warn('mind the step')\n"
        "    return Value(2.0) * 3.0\n"
    )
    with warnings.catch_warnings(action="always"):
        result = call("draw", "careful.py:cost", "-o", "cost.html")
    assert (result.status, result.err) == (0, "tinygrad-lite: mind the step\n")


def test_a_traceback_is_there_for_who_wants_it(process, script):
    result = process("--traceback", "evaluate", "net.py:broken")
    assert "Traceback" in result.err and "ZeroDivisionError" in result.err


def test_a_pipe_that_closes_early_is_no_error(saved, moons, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-m", "tinygrad_lite.cli", "evaluate", "w.npz", "--data", moons],
        cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, "")
