"""The gradients of a network, handed to the tools that check gradients."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.checking.compare import compare
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer, scan_pattern

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.random((4, 3, 3)), np.array([0, 1, 1, 0])


def network():
    pixels, output = InputLayer(3, 3), OutputLayer(2)
    edges = scan_pattern(pixels, [[1.0, -0.5], [0.3, 0.8]], stride=1, bias=0.1)
    made = Network([pixels, edges, HiddenLayer(3, function=np.tanh), output], seed=1)
    made.connect_layers(pixels, made.layers[2])
    made.connect_layers(edges, made.layers[2])
    made.connect_layers(made.layers[2], output)
    return made


@pytest.mark.parametrize("images, labels", [(IMAGES, LABELS), (IMAGES[0], 1)])
def test_gradients_by_the_images_to_second_order(images, labels):
    made = network()
    assert tg.check_grads(lambda x: made.cost(x, labels), images).ok


def test_gradients_by_a_weight_and_a_bias_to_second_order():
    made = network()
    neuron = made.layers[2][1]

    def cost(weight, bias):
        neuron.inputs[4].weight, neuron.bias = weight, bias
        return made.cost(IMAGES, LABELS)

    assert tg.check_grads(cost, 0.3, -0.2).ok


def test_the_blog_s_mistake_is_found_and_named():
    """Hidden neurons that average what they should sum, over a fan-out of two."""
    made = network()
    cost = made.cost(IMAGES, LABELS)
    cost.backward()
    right = {parameter: parameter.grad for parameter in made.parameters}
    assert compare(made.cost(IMAGES, LABELS), right).ok
    hidden = [v for n in made.layers[2] for v in (n.bias, *(c.weight for c in n.inputs))]
    report = compare(cost, right | {value: value.grad / 2 for value in hidden})
    assert not report.ok
    (mistake,) = report.mistakes
    assert mistake.kind == "averaged-paths"
    assert "layers[2]" in str(report)
