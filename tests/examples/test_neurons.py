"""The blog's four networks neuron by neuron: their wiring, and the script that trains them."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

from tinygrad_lite.neurons import Network, StaticNeuron, relu, sigmoid

SCRIPT = Path(__file__).parents[2] / "examples" / "digits" / "neurons.py"


@pytest.fixture(scope="module")
def example():
    """The script as a module, under a name of its own; it imports from beside it."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        specification = importlib.util.spec_from_file_location("digits_by_neurons", SCRIPT)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(SCRIPT.parent))
        sys.modules.pop("commandline", None)


@pytest.mark.parametrize(
    "title, lengths, connections, functions",
    [
        ("1", [784, 10], 784 * 10, [sigmoid]),
        ("2", [784, 16, 16, 10], 784 * 16 + 16 * 16 + 16 * 10, [relu, relu, sigmoid]),
        ("3", [784, 16, 10, 10], 784 * 16 + 800 * 10 + 810 * 10, [sigmoid] * 3),
        ("4", [784, 121, 121, 121, 121, 10], 15488, [relu] * 4 + [sigmoid]),
    ],
)
def test_networks_are_wired_as_published(example, title, lengths, connections, functions):
    network = example.NETWORKS[title](seed=3)
    assert [len(layer) for layer in network.layers] == lengths
    assert len(list(network.connections)) == connections
    for layer, function in zip(network.layers[1:], functions, strict=True):
        assert {neuron.function for neuron in layer} == {function}
        static = title == "4" and function is relu
        assert all(isinstance(neuron, StaticNeuron) == static for neuron in layer)
        assert {neuron.bias.data for neuron in layer} == {-1.0 if static else 0.0}
    weights = [parameter.data for parameter in network.parameters]
    assert -0.5 <= min(weights) < -0.49 and 0.49 < max(weights) < 0.5


def script(*arguments, **settings):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, encoding="utf-8",
        **settings,
    )  # fmt: skip


def test_a_quick_run_of_the_script(tmp_path):
    files = ["--save", "net.json", "--plot", "history.png", "--picture", "seven.png"]
    result = script("4", "--quick", *files, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "<Network 784-121-121-121-121-10 with 15488 connections>, 4850 of it learn" in (
        result.stdout
    )
    assert "(published: 96.6 %)" in result.stdout and "image is a 7" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("done: iteration 2/2  batch 19")
    assert repr(Network.from_json(tmp_path / "net.json")).endswith("15488 connections>")
    assert imread(tmp_path / "history.png")[..., :3].std() > 0.05  # not blank
    assert imread(tmp_path / "seven.png").shape == (180, 564)


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["5"], "invalid choice: '5'"),
        (["--iterations", "0"], "--iterations: expected a whole number from 1, not '0'"),
        (["--samples", "some"], "--samples: expected a whole number from 1, not 'some'"),
        (["--seed", "-1"], "a seed is a whole number from 0, not '-1'"),
        (["--epochs=3"], "unrecognized arguments: --epochs=3"),
        (["--data", "nowhere"], "no folder nowhere: give --data a folder"),
        (["--data", "."], "expected train-images-idx3-ubyte.gz"),
        (["--save", "nowhere/net.json"], "--save: cannot write a file 'nowhere/net.json'"),
        (["--quick", "--plot", "history.word"], "Format 'word' is not supported"),
    ],
)
def test_a_wrong_request_gets_one_line(tmp_path, arguments, says):
    result = script(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    (line,) = [e for e in result.stderr.splitlines() if not e.startswith(("iteration", "done"))]
    assert line.startswith("neurons.py: ") and says in line


def test_help_says_what_there_is():
    result = script("--help")
    assert result.returncode == 0
    for option in ("--iterations", "--quick", "--data", "--save", "--plot", "--picture"):
        assert option in result.stdout
