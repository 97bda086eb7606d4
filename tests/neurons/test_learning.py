"""Training by matrices moves every weight as neuron by neuron would, whatever the wiring."""

import random

import numpy as np
import pytest

from tinygrad_lite import Value
from tinygrad_lite.neurons import (
    HiddenLayer,
    InputLayer,
    Network,
    OutputLayer,
    edge_pattern,
    relu,
    scan_pattern,
    sigmoid,
    tanh,
)
from tinygrad_lite.neurons.learning import Learning


def build(wiring):
    pixels, first, second, output = (
        InputLayer(8, 8), HiddenLayer(6, function=tanh), HiddenLayer(5, function=relu),
        OutputLayer(3),
    )  # fmt: skip
    if wiring == "edge maps":
        edges = scan_pattern(pixels, edge_pattern("slash"), stride=1)
        over = scan_pattern(first, [[0.5, 1.0]], stride=1, bias=0.1)  # fed by neurons that learn
        network = Network([pixels, edges, first, over, output], seed=5)
        network.connect_layers(pixels, first)
        network.connect_layers(edges, output)
        network.connect_layers(over, output)
        return network
    network = Network([pixels, first, second, output], seed=5)
    if wiring == "adjacent":
        network.connect_adjacent_layers()
    elif wiring == "all":
        network.connect_all_layers()
    elif wiring == "functions":
        network.connect_adjacent_layers()
        for number, function in enumerate([relu, sigmoid, np.sin, lambda z: z * z]):
            first[number].function = function
    elif wiring == "shared":
        network.connect_adjacent_layers()
        for one, other in zip(first[0].inputs, first[1].inputs, strict=True):
            other.weight = one.weight
        second[0].bias = second[1].bias
    else:
        generator = random.Random(1)
        for neuron in list(first)[:5]:  # one is fed by nothing
            for pixel in generator.sample(list(pixels), generator.randrange(1, 30)):
                network.connect(pixel, neuron)
        network.connect(first[0], first[1])  # within a layer
        for neuron in second:
            network.connect(generator.choice(list(first)), neuron)
        for neuron in output:
            for source in generator.sample([*first, *list(second)[:2]], 3):  # some lead nowhere
                network.connect(source, neuron)
    return network


@pytest.mark.parametrize(
    "wiring", ["adjacent", "all", "edge maps", "functions", "shared", "irregular"]
)
def test_weights_move_as_neuron_by_neuron(wiring):
    rng = np.random.default_rng(0)
    images, labels = rng.random((30, 64)), rng.integers(0, 3, 30)
    trained, by_hand = build(wiring), build(wiring)
    start = [parameter.data for parameter in trained.parameters]
    trained.train(
        images, labels, iterations=2, samples=30, batch_size=8, step_size=0.3, bias_limit=0.02,
        seed=3, progress=False,
    )  # fmt: skip
    generator = np.random.default_rng(3)
    for _ in range(2):
        order = generator.permutation(30)
        for first in range(0, 30, 8):
            rows = order[first : first + 8]
            by_hand.zero_grad()
            by_hand.cost(images[rows], labels[rows]).backward()
            by_hand.nudge(0.3, 0.02)
    for ours, theirs in zip(trained.parameters, by_hand.parameters, strict=True):
        assert type(ours.data) is float
        assert ours.data == pytest.approx(theirs.data, rel=1e-10)
        assert (ours.grad is None) == (theirs.grad is None)
        assert ours.grad is None or ours.grad == pytest.approx(theirs.grad, rel=1e-9, abs=1e-15)
    moved = [p.data != before for p, before in zip(trained.parameters, start, strict=True)]
    assert any(moved)
    # The neurons are lit by the last batch.
    for ours, theirs in zip(trained.output_layer, by_hand.output_layer, strict=True):
        assert ours.activation.data.shape == theirs.activation.data.shape == (6,)
    assert Learning(trained, []).suits


def test_a_value_that_learns_and_is_held_constant_is_left_to_the_neurons():
    def network():
        pixels, hidden = InputLayer(3), HiddenLayer(2)
        over = scan_pattern(hidden, [[1.0, 1.0]], stride=1)
        built = Network([pixels, hidden, over, OutputLayer(2)], seed=0)
        built.connect_layers(pixels, hidden)
        built.connect_layers(over, built.output_layer)
        shared = Value(0.25)
        over[0].inputs[0].weight = shared
        hidden[0].inputs[0].weight = shared
        return built

    rng = np.random.default_rng(0)
    images, labels = rng.random((10, 3)), rng.integers(0, 2, 10)
    trained, by_hand = network(), network()
    assert not Learning(trained, []).suits
    history = trained.train(
        images, labels, test_images=images, test_labels=labels, iterations=3, batch_size=10,
        step_size=0.5, progress=False,
    )  # fmt: skip
    generator = np.random.default_rng(0)
    for _ in range(3):
        rows = generator.permutation(10)
        by_hand.zero_grad()
        by_hand.cost(images[rows], labels[rows]).backward()
        by_hand.nudge(0.5)
    for ours, theirs in zip(trained.parameters, by_hand.parameters, strict=True):
        assert ours.data == pytest.approx(theirs.data, rel=1e-12)
    assert history.average_costs[-1] == pytest.approx(by_hand.scores(images, labels)[1], rel=1e-12)


def test_single_precision_images_are_not_copied_whole():
    rng = np.random.default_rng(0)
    images, labels = rng.random((40, 8, 8)), rng.integers(0, 3, 40)
    single, double = build("adjacent"), build("adjacent")
    for network, given in ((single, images.astype(np.float32)), (double, images)):
        network.train(
            given, labels, test_images=given, test_labels=labels, iterations=1, batch_size=10,
            progress=False,
        )  # fmt: skip
    for ours, theirs in zip(single.parameters, double.parameters, strict=True):
        assert ours.data == pytest.approx(theirs.data, abs=1e-6)
    with pytest.raises(ValueError, match="NaN or infinite"):
        single.train(np.full((2, 64), np.nan, np.float32), labels[:2], progress=False)
