"""784-16-10, a training step over a batch of 100: neuron by neuron, and as tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from harness import Workload

import tinygrad_lite as tg
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer

BATCH = 100
RATE = 0.01
Step = Callable[[Any, Any], Any]


def workloads() -> Iterator[Workload]:
    """One step: forward, backward and update."""
    contenders: dict[str, Callable[[], Callable[[], float]]] = {}
    for name, form in (("", _neurons), (", tensor form", _tensors), (", every product", _products)):
        contenders[f"tinygrad_lite{name}, captured"] = partial(_on_data, form, tg.capture)
        contenders[f"tinygrad_lite{name}"] = partial(_on_data, form)
    title = f"784-16-10 neuron network, a step at batch {BATCH}, float64"
    yield Workload(title, contenders, tolerance=1e-9)


def _on_data(form: Callable[[], Step], made: Any = lambda step: step) -> Callable[[], float]:
    rng = np.random.default_rng(0)
    images, labels = rng.random((BATCH, 784)), rng.integers(0, 10, BATCH)
    step, desired = made(form()), np.eye(10)[labels]
    return lambda: step(images, desired).item()


def _network() -> Network:
    network = Network([InputLayer(28, 28), HiddenLayer(16), OutputLayer(10)])
    network.connect_adjacent_layers()
    return network


def _neurons() -> Step:
    """Neuron by neuron: an operation for the weighted sum of each."""
    network = _network()

    def step(images: Any, desired: Any) -> Any:
        network.zero_grad()
        cost = network.cost(images, desired)
        cost.backward()
        network.nudge(RATE)
        return cost

    return step


def _tensors() -> Step:
    """The same network as matrices."""
    model = _network().to_layers()
    parameters = list(model.parameters())

    def step(images: Any, desired: Any) -> Any:
        for parameter in parameters:
            parameter.grad = None
        cost = ((model(images) - desired) ** 2).sum() / BATCH
        cost.backward()
        for parameter in parameters:
            parameter.data -= RATE * parameter.grad
        return cost

    return step


def _products() -> Step:
    """An operation for every multiplication and addition."""
    network = _network()
    weights = [[c.weight for c in neuron.inputs] for neuron in network.receivers]
    biases = [neuron.bias for neuron in network.receivers]
    parameters = network.parameters

    def step(images: Any, desired: Any) -> Any:
        lit: list[Any] = [images[:, pixel] for pixel in range(784)]
        for rows, shifts in ((weights[:16], biases[:16]), (weights[16:], biases[16:])):
            following = []
            for row, bias in zip(rows, shifts, strict=True):
                z: Any = bias
                for weight, activation in zip(row, lit, strict=True):
                    z = z + weight * activation
                following.append(tg.sigmoid(z))
            lit = following
        cost: Any = 0.0
        for digit, activation in enumerate(lit):
            cost = cost + (activation - desired[:, digit]) ** 2
        cost = cost.sum() / BATCH
        for parameter in parameters:
            parameter.grad = None
        cost.backward()
        for parameter in parameters:
            parameter.data -= RATE * parameter.grad
        return cost

    return step
