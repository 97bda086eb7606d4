"""A network and its tensor form give equal outputs and gradients, there and back."""

import numpy as np
import pytest

from tinygrad_lite import nn
from tinygrad_lite.neurons import (
    EDGE_PATTERNS,
    HiddenLayer,
    InputLayer,
    Network,
    OutputLayer,
    StaticNeuron,
    identity,
    relu,
    scan_pattern,
    sigmoid,
    tanh,
)
from tinygrad_lite.neurons.tensor_form import WiredLayers


def adjacent():
    layers = [HiddenLayer(5, function=relu), HiddenLayer(3, 2, function=tanh)]
    network = Network([InputLayer(4, 4), *layers, OutputLayer(3)], seed=1)
    network.connect_adjacent_layers()
    return network


def skipping():
    layers = [HiddenLayer(5, function=relu), HiddenLayer(6)]
    network = Network([InputLayer(4, 4), *layers, OutputLayer(3, function=identity)], seed=2)
    network.connect_all_layers()
    return network


def sparse():
    """Connection by connection, functions mixed, a hidden neuron that nothing leads to."""
    network = Network([InputLayer(4, 4), HiddenLayer(6), OutputLayer(3)], seed=3)
    rng = np.random.default_rng(0)
    for source in [*network.layers[0], *network.layers[1]]:
        for target in network.receivers:
            if target.layer.position > source.layer.position and rng.random() < 0.3:
                network.connect(source, target)
    for neuron in network.receivers:
        neuron.function = [sigmoid, relu, tanh][neuron.index % 3]
        neuron.bias = rng.uniform(-0.5, 0.5)
    return network


def scanning():
    inputs, output = InputLayer(12, 12), OutputLayer(3)
    maps = [scan_pattern(inputs, p, bias=-0.2) for p in EDGE_PATTERNS.values()]
    network = Network([inputs, *maps, output], seed=4)
    for each in maps:
        network.connect_layers(each, output)
    return network


BUILDERS = [adjacent, skipping, sparse, scanning]


@pytest.mark.parametrize("build", BUILDERS)
def test_outputs_are_equal_there_and_back(build):
    network = build()
    images = np.random.default_rng(9).random((7, len(network.input_layer)))
    model = network.to_layers()
    assert isinstance(model, nn.Sequential if build is adjacent else WiredLayers)
    expected = network.evaluate(images)
    np.testing.assert_allclose(model(images).data, expected, rtol=1e-12)
    again = Network.from_layers(model)
    np.testing.assert_allclose(again.evaluate(images), expected, rtol=1e-12)
    assert repr(again) == repr(network)
    kinds = [[type(neuron) for neuron in each.receivers] for each in (network, again)]
    assert kinds[0] == kinds[1]
    functions = [[neuron.function for neuron in each.receivers] for each in (network, again)]
    assert functions[0] == functions[1]


@pytest.mark.parametrize("build", BUILDERS)
def test_gradients_are_equal(build):
    network = build()
    rng = np.random.default_rng(9)
    images, labels = rng.random((7, len(network.input_layer))), rng.integers(0, 3, 7)
    network.cost(images, labels).backward()
    model = network.to_layers()
    cost = ((model(images) - np.eye(3)[labels]) ** 2).sum() / 7
    cost.backward()
    wired = WiredLayers(network.layers)
    cost = ((wired(images) - np.eye(3)[labels]) ** 2).sum() / 7
    cost.backward()
    compared = 0
    for layer, form in zip(network.layers[1:], wired.layers, strict=True):
        for neuron in layer:
            if isinstance(neuron, StaticNeuron):
                continue
            # A neuron that nothing is computed from has no gradient here, and a 0 there.
            found = neuron.bias.grad or 0.0
            assert found == pytest.approx(form.bias.grad[neuron.index], rel=1e-11, abs=1e-15)
            for connection in neuron.inputs:
                place = form.sources.index(connection.source.layer.position)
                wanted = form.weights[place].grad[neuron.index, connection.source.index]
                found = connection.weight.grad or 0.0
                assert found == pytest.approx(wanted, rel=1e-11, abs=1e-15)
                compared += 1
    assert compared > 20
    learning = sum(p.size for p in model.parameters())
    if build in (adjacent, skipping):
        assert learning == len(network.parameters)
    if build is scanning:
        assert learning == 4 * 9 * 3 + 3  # only what leads to the output


def test_absent_connections_stay_absent_in_training():
    network = sparse()
    model = network.to_layers()
    images = np.random.default_rng(0).random((5, 16))
    (model(images) ** 2).sum().backward()
    for layer in model.layers:
        for weight, mask in zip(layer.weights, layer.masks, strict=True):
            assert not np.any(weight.grad[mask == 0])
            assert np.any(weight.grad[mask == 1])


def test_from_a_model_of_layers():
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(16, 9), nn.ReLU(), nn.Linear(9, 5, bias=False), nn.Linear(5, 3),
        nn.Sigmoid(),
    )  # fmt: skip
    network = Network.from_layers(model)
    assert [(layer.width, layer.height) for layer in network.layers] == [
        (4, 4), (3, 3), (5, 1), (3, 1)
    ]  # fmt: skip
    images = np.random.default_rng(0).random((6, 4, 4))
    outputs = model(images.astype(np.float32)).data
    np.testing.assert_allclose(network.evaluate(images), outputs, rtol=1e-5)


@pytest.mark.parametrize(
    "model, message",
    [
        (nn.Sequential(nn.Linear(4, 3), nn.Flatten()), "part 1, Flatten"),
        (nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sigmoid()), "part 2, Sigmoid"),
        (nn.Sequential(nn.Sigmoid(), nn.Linear(4, 3)), "part 0, Sigmoid"),
        (nn.Sequential(), "no nn.Linear"),
        (nn.Linear(3, 2), "expected nn.Sequential"),
    ],
)
def test_models_of_other_parts_are_refused(model, message):
    with pytest.raises(TypeError, match=message):
        Network.from_layers(model)


def test_wiring_without_a_tensor_form_is_refused_by_name():
    network = adjacent()
    network.connect(network.layers[1][0], network.layers[1][1])
    with pytest.raises(ValueError, match=r"layers\[1\]\[0\] -> layers\[1\]\[1\]"):
        network.to_layers()
