"""Networks of neurons of any wiring, as graphs and in onnxruntime, light up as they do here."""

import numpy as np
import pytest

from export.test_layers import run_by_onnxruntime
from tinygrad_lite.export import load_graph, onnx, save_graph
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer, scan_pattern
from tinygrad_lite.rules.activations import relu, sigmoid

IMAGES = np.random.default_rng(0).uniform(size=(6, 64)).astype(np.float32)


def chain():
    network = Network([InputLayer(8, 8), HiddenLayer(5, function=relu), OutputLayer(3)], seed=1)
    network.connect_adjacent_layers()
    return network


def all_to_all():
    network = Network([InputLayer(8, 8), HiddenLayer(4), HiddenLayer(3), OutputLayer(3)], seed=2)
    network.connect_all_layers()
    return network


def patterns():
    inputs = InputLayer(8, 8)
    maps = [scan_pattern(inputs, pattern) for pattern in (np.eye(3), -np.eye(3)[::-1])]
    output = OutputLayer(3)
    network = Network([inputs, *maps, output], seed=3)
    for layer in maps:
        network.connect_layers(layer, output)
    return network


def mixed():
    network = chain()
    for neuron in list(network.layers[1])[::2]:
        neuron.function = sigmoid
    network.connect(network.layers[0][3], network.layers[2][1], 0.5)
    return network


@pytest.mark.parametrize("build", [chain, all_to_all, patterns, mixed])
def test_network(build, tmp_path):
    network = build()
    want = network.evaluate(IMAGES)
    save_graph(network.to_layers(), tmp_path / "n.json", IMAGES[:2], weights="float64")
    np.testing.assert_allclose(load_graph(tmp_path / "n.json")(IMAGES), want, rtol=1e-12)
    onnx(network.to_layers(), tmp_path / "n.onnx", IMAGES[:2])
    (answers,) = run_by_onnxruntime(tmp_path / "n.onnx", IMAGES)
    np.testing.assert_allclose(answers, want, atol=1e-5)
