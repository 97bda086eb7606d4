"""A neuron network's gradients beside PyTorch's."""

import numpy as np
import pytest

from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer, relu, sigmoid, tanh

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("ours, theirs", [(sigmoid, "sigmoid"), (relu, "relu"), (tanh, "tanh")])
def test_gradients_of_784_16_10(ours, theirs):
    rng = np.random.default_rng(0)
    images, labels = rng.random((100, 784)), rng.integers(0, 10, 100)
    network = Network([InputLayer(28, 28), HiddenLayer(16, function=ours), OutputLayer(10)])
    network.connect_adjacent_layers()
    cost = network.cost(images, labels)
    cost.backward()

    lit, leaves = torch.tensor(images), []
    for layer, function in zip(network.layers[1:], (theirs, "sigmoid"), strict=True):
        weights = [[c.weight.data for c in neuron.inputs] for neuron in layer]
        weight = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
        bias = torch.zeros(len(layer), dtype=torch.float64, requires_grad=True)
        leaves.append((layer, weight, bias))
        lit = getattr(torch, function)(lit @ weight.T + bias)
    wanted = torch.nn.functional.one_hot(torch.tensor(labels), 10).double()
    torch_cost = ((lit - wanted) ** 2).sum(dim=1).mean()
    torch_cost.backward()

    assert cost.item() == pytest.approx(torch_cost.item(), rel=1e-12)
    for layer, weight, bias in leaves:
        gradients = np.array([[c.weight.grad for c in neuron.inputs] for neuron in layer])
        assert np.abs(gradients - weight.grad.numpy()).max() <= 1e-12
        assert np.abs([n.bias.grad for n in layer] - bias.grad.numpy()).max() <= 1e-12
