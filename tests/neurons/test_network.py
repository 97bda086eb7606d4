"""Wiring, propagation and gradients, against NumPy written by hand and finite differences."""

import copy
import itertools
import math

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Program, Value
from tinygrad_lite.neurons import (
    Connection,
    HiddenLayer,
    HiddenNeuron,
    InputLayer,
    InputNeuron,
    Network,
    OutputLayer,
    OutputNeuron,
    StaticNeuron,
    identity,
    relu,
    sigmoid,
    tanh,
)


def small(function=sigmoid, sizes=(3, 4, 2), **options):
    *hidden, outputs = sizes[1:]
    layers = [InputLayer(sizes[0]), *[HiddenLayer(n, function=function) for n in hidden]]
    network = Network([*layers, OutputLayer(outputs)], **options)
    network.connect_adjacent_layers()
    return network


def matrices(network):
    """Weights (target, source) of each step of a network of adjacent layers, and biases."""
    weights, biases = [], []
    for before, layer in itertools.pairwise(network.layers):
        weights.append(np.zeros((len(layer), len(before))))
        for neuron in layer:
            for connection in neuron.inputs:
                weights[-1][neuron.index, connection.source.index] = connection.weight.data
        biases.append(np.array([neuron.bias.data for neuron in layer]))
    return weights, biases


def test_gradients_of_784_16_10_equal_those_of_the_tensor_form():
    rng = np.random.default_rng(0)
    images, labels = rng.random((100, 28, 28)), rng.integers(0, 10, 100)
    network = Network([InputLayer(28, 28), HiddenLayer(16), OutputLayer(10)])
    network.connect_adjacent_layers()
    (w1, w2), (b1, b2) = matrices(network)
    desired = np.eye(10)[labels]

    cost = network.cost(images, labels)
    cost.backward()

    # The chain rule by hand, in matrices.
    x = images.reshape(100, 784)
    h = 1 / (1 + np.exp(-(x @ w1.T + b1)))
    a = 1 / (1 + np.exp(-(h @ w2.T + b2)))
    q2 = 2 * (a - desired) * a * (1 - a) / 100
    q1 = (q2 @ w2) * h * (1 - h)
    expected = [(q1.T @ x, q1.sum(axis=0)), (q2.T @ h, q2.sum(axis=0))]
    # And the engine's own on tensors.
    leaves = [Value(array) for array in (w1, b1, w2, b2)]
    v1, c1, v2, c2 = leaves
    output = tg.sigmoid(tg.sigmoid(x @ v1.T + c1) @ v2.T + c2)
    tensor_cost = ((output - desired) ** 2).sum() / 100
    tensor_cost.backward()

    assert cost.item() == pytest.approx(tensor_cost.item(), rel=1e-13)
    np.testing.assert_allclose(cost.data, np.mean(np.sum((a - desired) ** 2, axis=1)), rtol=1e-13)
    for layer, (weights, biases), tensors in zip(
        network.layers[1:], expected, (leaves[:2], leaves[2:]), strict=True
    ):
        found_weights = np.array([[c.weight.grad for c in neuron.inputs] for neuron in layer])
        found_biases = np.array([neuron.bias.grad for neuron in layer])
        for wanted in ((weights, biases), (tensors[0].grad, tensors[1].grad)):
            assert np.abs(found_weights - wanted[0]).max() <= 1e-12
            assert np.abs(found_biases - wanted[1]).max() <= 1e-12
    assert max(abs(p.grad) for p in network.parameters) > 1e-3  # there was something to compare


def test_a_batch_and_its_samples_one_by_one_agree():
    network = small(tanh)
    rng = np.random.default_rng(1)
    images, labels = rng.random((5, 3)), rng.integers(0, 2, 5)
    batch = network.cost(images, labels)
    batch.backward()
    gradients = [parameter.grad for parameter in network.parameters]
    network.zero_grad()
    costs = []
    for image, label in zip(images, labels, strict=True):
        cost = network.cost(image, label)
        assert type(cost.data) is float
        cost.backward()
        costs.append(cost.item())
    np.testing.assert_allclose(np.mean(costs), batch.item(), rtol=1e-13)
    summed = [parameter.grad for parameter in network.parameters]
    np.testing.assert_allclose(np.array(summed) / 5, gradients, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("function", [sigmoid, relu, tanh, identity, lambda z: z * z.sigmoid()])
@pytest.mark.parametrize("wiring", ["connect_adjacent_layers", "connect_all_layers"])
def test_gradients_agree_with_finite_differences(function, wiring):
    layers = [InputLayer(2), HiddenLayer(3, function=function), HiddenLayer(2, function=function)]
    network = Network([*layers, OutputLayer(2)], seed=5)
    getattr(network, wiring)()
    images, desired = [[0.3, -0.7], [1.1, 0.4]], [[0.1, 0.9], [0.5, 0.2]]
    network.cost(images, desired).backward()
    for parameter in network.parameters:
        middle, step = parameter.data, 1e-5
        costs = []
        for value in (middle + step, middle - step):
            parameter.data = value
            costs.append(network.cost(images, desired).item())
        parameter.data = middle
        assert parameter.grad == pytest.approx(
            np.subtract(*costs) / (2 * step), rel=1e-6, abs=1e-10
        )


def test_second_derivatives_through_a_neuron():
    """Of (sigmoid(w x + b) - y)² by w, against the formula."""
    network = Network([InputLayer(1), OutputLayer(1)])
    connection = network.connect(network.layers[0][0], network.layers[1][0], 0.7)
    x, y = np.array([[0.5], [2.0]]), np.array([[1.0], [0.0]])

    def cost(w):
        connection.weight = w
        return network.cost(x, y)

    a = 1 / (1 + np.exp(-0.7 * x))
    s = a * (1 - a)
    expected = np.mean(2 * (s * x) ** 2 + 2 * (a - y) * s * (1 - 2 * a) * x**2)
    assert tg.grad(tg.grad(cost))(0.7) == pytest.approx(expected, rel=1e-12)


def test_everything_can_be_pointed_at():
    network = small(sizes=(784, 16, 10))
    layer = network.layers[1]
    neuron = layer[3]
    assert isinstance(network.layers[0][0], InputNeuron)
    assert isinstance(neuron, HiddenNeuron)
    assert isinstance(network.layers[2][9], OutputNeuron)
    connection = neuron.inputs[84]
    assert connection.source is network.layers[0][84] and connection.target is neuron
    assert [c.target.index for c in neuron.outputs] == list(range(10))
    assert network.layers[0][84].outputs[3] is connection
    assert network.layers[2][9].desired == 0.0
    assert neuron.bias.name == "layers[1][3].bias"
    assert connection.weight.name == "layers[0][84]->layers[1][3]"
    cost = network.cost(np.full(784, 0.5), 2)
    assert neuron.activation.name == "layers[1][3].activation"
    assert neuron.activation.data == pytest.approx(network.activations[1][0, 3])
    assert [o.desired for o in network.layers[2]] == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    neuron.activation.retain_grad()
    cost.backward()
    assert isinstance(connection.weight.grad, float)
    passed = [c.weight.data * c.target.bias.grad for c in neuron.outputs]
    assert neuron.activation.grad == pytest.approx(sum(passed))
    scopes = {instruction.scope for instruction in Program(cost)}
    assert {"layer 1/neuron 3", "layer 2/neuron 9", "cost"} <= scopes


def test_gradients_by_the_inputs():
    network = small(sizes=(6, 4, 2))
    image = np.arange(6).reshape(2, 3) / 5
    network.cost(image, 1, differentiable_inputs=True).backward()
    by_neuron = [neuron.activation.grad for neuron in network.layers[0]]
    numerical = []
    for step in np.eye(6).reshape(6, 2, 3) * 1e-5:
        costs = [network.cost(image + sign * step, 1).item() for sign in (1, -1)]
        numerical.append(np.subtract(*costs) / 2e-5)
    np.testing.assert_allclose(by_neuron, numerical, rtol=1e-6)
    by_image = tg.grad(lambda x: network.cost(x, 1))(image).data
    np.testing.assert_allclose(by_image, np.reshape(by_neuron, (2, 3)), rtol=1e-12)
    batch = Value(np.stack([image, 1 - image]))
    network.cost(batch, [1, 0]).backward()
    np.testing.assert_allclose(batch.grad[0], by_image / 2, rtol=1e-12)


def test_a_copy_is_a_network_of_its_own():
    network = small()
    again = copy.deepcopy(network)
    again.layers[1][0].bias = 0.5
    assert network.layers[1][0].bias.data == 0
    again.layers[1][0].bias = 0
    np.testing.assert_array_equal(
        again.evaluate([[0.1, 0.2, 0.3]]), network.evaluate([[0.1, 0.2, 0.3]])
    )


def test_weights_can_be_set_and_shared():
    network = small()
    connection = network.layers[1][0].inputs[0]
    connection.weight = 0.25
    network.layers[1][0].bias = -0.5
    assert (connection.weight.data, network.layers[1][0].bias.data) == (0.25, -0.5)
    shared = Value(0.1)
    for neuron in network.layers[1]:
        neuron.inputs[1].weight = shared
    assert len(network.parameters) == 3 * 4 + 4 * 2 + 4 + 2 - 3
    separate = small()
    for mine, other in zip(separate.connections, network.connections, strict=True):
        mine.weight = other.weight.data
    for mine, other in zip(separate.receivers, network.receivers, strict=True):
        mine.bias = other.bias.data
    for each in (network, separate):
        each.cost([0.3, 0.6, 0.9], 1).backward()
    apart = [neuron.inputs[1].weight.grad for neuron in separate.layers[1]]
    assert shared.grad == pytest.approx(sum(apart))


def test_initial_weights_are_uniform_and_repeat_with_the_seed():
    weights = [c.weight.data for c in small(sizes=(784, 16, 10)).connections]
    assert -0.5 <= min(weights) < -0.499 and 0.499 < max(weights) < 0.5
    assert abs(np.mean(weights)) < 0.01 and np.var(weights) == pytest.approx(1 / 12, rel=0.02)
    assert weights == [c.weight.data for c in small(sizes=(784, 16, 10)).connections]
    assert weights != [c.weight.data for c in small(sizes=(784, 16, 10), seed=1).connections]
    assert all(neuron.bias.data == 0 for neuron in small().receivers)


def test_neurons_in_columns_and_rows():
    layer = InputLayer(28, 20)
    assert layer[3, 2] is layer[2 * 28 + 3]
    assert layer[-1].index == 559
    for place in [(28, 0), (0, 20), (-1, 0), 560, -561]:
        with pytest.raises(IndexError, match="has no neuron"):
            layer[place]


def test_every_layer_to_every_later_one():
    network = Network([InputLayer(5), HiddenLayer(4), HiddenLayer(3), OutputLayer(2)])
    network.connect_all_layers()
    assert [len(layer[0].inputs) for layer in network.layers[1:]] == [5, 9, 12]
    assert repr(network) == "<Network 5-4-3-2 with 71 connections>"


# -- wiring one by one ---------------------------------------------------------------------------


def loose(seed=0):
    return Network([InputLayer(2), HiddenLayer(4), HiddenLayer(3), OutputLayer(2)], seed=seed)


def test_any_acyclic_wiring_is_lit_in_an_order_that_works():
    """Inside a layer, and from a later layer to an earlier one."""
    network = loose()
    (i0, i1), (a, b, c, _), (d, e, _), (o, p) = network.layers
    for source, target, weight in [
        (a, b, 0.5), (d, a, 2.0), (i0, d, 1.5), (i1, e, -1.0), (e, d, 0.25), (b, o, 1.0),
        (i1, p, 0.5), (c, p, 3.0),
    ]:  # fmt: skip
        network.connect(source, target, weight)

    def f(z):
        return 1 / (1 + np.exp(-z))

    x, y = 0.3, 0.8
    e_ = f(-1.0 * y)
    d_ = f(1.5 * x + 0.25 * e_)
    a_ = f(2.0 * d_)
    expected = [f(f(0.5 * a_)), f(0.5 * y + 3.0 * f(0))]
    network.set_inputs([x, y])
    np.testing.assert_allclose([v.item() for v in network.propagate()], expected, rtol=1e-14)
    np.testing.assert_allclose(network.evaluate([[x, y], [x, y]]), [expected] * 2, rtol=1e-14)
    places = {neuron: position for position, neuron in enumerate(network.order)}
    assert len(places) == 9
    assert all(places[c.source] < places[c.target] for c in network.connections
               if isinstance(c.source, HiddenNeuron))  # fmt: skip


def test_a_cycle_is_refused_by_name():
    network = loose()
    a, b, *_ = network.layers[1]
    d = network.layers[2][0]
    network.connect(a, d)
    network.connect(d, b)
    with pytest.raises(ValueError, match=r"layers\[1\]\[1\] -> layers\[1\]\[0\] -> layers\[2\]\[0\] -> layers\[1\]\[1\]$"):  # noqa: E501  # fmt: skip
        network.connect(b, a)
    with pytest.raises(ValueError, match=r"cycle.*: layers\[1\]\[0\] -> layers\[1\]\[0\]$"):
        network.connect(a, a)
    assert b.outputs == ()
    network = loose()
    network.connect(network.layers[2][1], network.layers[1][3])
    with pytest.raises(ValueError, match="cycle"):
        network.connect_layers(network.layers[1], network.layers[2])
    assert len(list(network.connections)) == 1  # none of them was made


@pytest.mark.parametrize("seed", range(5))
def test_cycles_are_found_in_random_wirings(seed):
    """Against the reachability matrix of all connections so far."""
    rng = np.random.default_rng(seed)
    network = loose()
    neurons = [*network.layers[1], *network.layers[2]]
    reach = np.eye(7, dtype=bool)
    refused = 0
    for _ in range(40):
        s, t = rng.integers(0, 7, 2)
        if any(c.source is neurons[s] for c in neurons[t].inputs):
            continue
        if reach[t, s]:
            refused += 1
            with pytest.raises(ValueError, match="cycle"):
                network.connect(neurons[s], neurons[t])
        else:
            network.connect(neurons[s], neurons[t])
            reach |= np.outer(reach[:, s], reach[t])
    assert refused > 3


def test_a_new_connection_counts_at_once():
    network = loose()
    before = network.evaluate([0.5, 0.5])
    network.connect(network.layers[0][0], network.layers[3][0], 2.0)
    assert network.evaluate([0.5, 0.5])[0] == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert before[0] == 0.5
    Connection(network.layers[0][1], network.layers[3][0], 1.0)
    assert network.evaluate([0.5, 0.5])[0] == pytest.approx(1 / (1 + np.exp(-1.5)))
    assert len(network.layers[0][1].outputs) == 1
    with pytest.raises(AttributeError):  # else `order` and `evaluate` would not know
        network.layers[3][0].inputs.clear()


def test_what_cannot_be_connected_is_refused():
    network, other = loose(), loose()
    inputs, hidden, _, outputs = network.layers
    with pytest.raises(TypeError, match="starts at an input or hidden neuron"):
        network.connect(outputs[0], hidden[0])
    with pytest.raises(TypeError, match="leads to a hidden or output neuron"):
        network.connect(hidden[0], inputs[0])
    network.connect(inputs[0], hidden[0])
    with pytest.raises(ValueError, match="already"):
        network.connect(inputs[0], hidden[0])
    with pytest.raises(ValueError, match="already"):
        network.connect_layers(inputs, hidden)
    with pytest.raises(ValueError, match="not in this network"):
        network.connect(other.layers[0][0], hidden[1])
    with pytest.raises(ValueError, match="not in this network"):
        network.connect_layers(other.layers[0], hidden)
    with pytest.raises(ValueError, match="does not come after"):
        network.connect_layers(hidden, inputs)
    with pytest.raises(ValueError, match="in a network already"):
        Network([inputs, OutputLayer(1)])
    for layers in ([InputLayer(1)], [OutputLayer(1), InputLayer(1)], [HiddenLayer(1)] * 2, []):
        with pytest.raises(TypeError, match="consists of an InputLayer"):
            Network(layers)
    Connection(other.layers[0][0], hidden[1], 1.0)
    with pytest.raises(ValueError, match="not in this network"):
        network.propagate()
    with pytest.raises(ValueError, match="at least 1"):
        HiddenLayer(0)


def test_images_and_labels_that_do_not_fit_are_refused():
    network = small(sizes=(784, 10))
    image = np.zeros((28, 28))
    with pytest.raises(TypeError, match="as_pixels"):
        network.predict(np.zeros((5, 28, 28), np.uint8))
    with pytest.raises(TypeError, match="expected numbers"):
        network.predict(np.zeros(784, dtype=str))
    with pytest.raises(ValueError, match=r"\(5, 783\).*expected \(784,\)"):
        network.predict(np.zeros((5, 783)))
    with pytest.raises(ValueError, match="NaN"):
        network.predict(np.full(784, np.nan))
    with pytest.raises(ValueError, match="label 10, but there are 10 output neurons"):
        network.cost(image, 10)
    with pytest.raises(ValueError, match=r"labels of shape \(4,\)"):
        network.success_rate(np.zeros((5, 28, 28)), [1, 2, 3, 4])
    with pytest.raises(ValueError, match=r"expected integers of shape \(1,\)"):
        network.cost(image[None], [[1.0, 0.0]])
    with pytest.raises(ValueError, match="NaN"):
        network.cost(image, np.full(10, np.nan))
    with pytest.raises(TypeError, match="labels"):
        network.cost(image, "three")
    with pytest.raises(ValueError, match="no image to score"):
        network.success_rate(np.zeros((0, 784)), [])
    assert network.evaluate(image).shape == (10,)
    assert network.evaluate(image[None]).shape == (1, 10)
    assert network.evaluate(np.zeros((0, 28, 28))).shape == (0, 10)


# -- activation functions ------------------------------------------------------------------------


def test_what_is_no_activation_function_is_refused():
    for make in (HiddenLayer, OutputLayer):
        with pytest.raises(TypeError, match="such as relu, not 'RELU'"):
            make(3, function="RELU")


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("function", [math.tanh, lambda z: np.tanh(z.data), lambda z: None])
def test_a_function_that_loses_the_gradient_is_refused_by_name(function, static):
    layers = [InputLayer(2), HiddenLayer(3, function=function, static=static), OutputLayer(1)]
    network = Network(layers)
    network.connect_adjacent_layers()
    with pytest.raises(
        TypeError, match=r"layers\[1\]\[0\]> returned (float|float64|NoneType), not a Value"
    ):
        network.cost([0.1, 0.2], [1.0])


# -- neurons that never learn --------------------------------------------------------------------


def static_network(static):
    network = Network([InputLayer(3), HiddenLayer(4, static=static), OutputLayer(2)])
    network.connect_adjacent_layers()
    return network


def test_static_neurons_never_learn():
    network, learning = static_network(True), static_network(False)
    images, labels = np.random.default_rng(0).random((6, 3)), [0, 1, 0, 1, 1, 0]
    cost, same = network.cost(images, labels), learning.cost(images, labels)
    assert isinstance(network.layers[1][0], StaticNeuron)
    assert cost.item() == pytest.approx(same.item(), rel=1e-14)
    cost.backward()
    same.backward()
    assert all(c.weight.grad is None for n in network.layers[1] for c in n.inputs)
    assert all(neuron.bias.grad is None for neuron in network.layers[1])
    pairs = zip(network.layers[2], learning.layers[2], strict=True)
    for mine, other in pairs:
        assert mine.bias.grad == pytest.approx(other.bias.grad, rel=1e-12)
        found = [c.weight.grad for c in mine.inputs]
        np.testing.assert_allclose(found, [c.weight.grad for c in other.inputs], rtol=1e-12)
    assert len(network.parameters) == 4 * 2 + 2


def test_gradients_pass_through_static_neurons():
    network, learning = static_network(True), static_network(False)
    for each in (network, learning):
        each.cost([0.1, 0.5, 0.9], 1, differentiable_inputs=True).backward()
    for mine, other in zip(network.layers[0], learning.layers[0], strict=True):
        assert mine.activation.grad == pytest.approx(other.activation.grad, rel=1e-12)
