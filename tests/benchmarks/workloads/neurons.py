"""784-16-10, forward and backward over a batch of 100: neuron by neuron, and as tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer

BATCH = 100


def workloads() -> Iterator[tuple[str, dict[str, Callable[[], object]]]]:
    rng = np.random.default_rng(0)
    images, labels = rng.random((BATCH, 784)), rng.integers(0, 10, BATCH)
    network = Network([InputLayer(28, 28), HiddenLayer(16), OutputLayer(10)])
    network.connect_adjacent_layers()

    def neurons() -> Any:
        network.zero_grad()
        cost = network.cost(images, labels)
        cost.backward()
        return cost.item()

    model = network.to_layers()
    desired = np.eye(10)[labels]

    def tensors() -> Any:
        model.zero_grad()
        cost = ((model(images) - desired) ** 2).sum() / BATCH
        cost.backward()
        return cost.item()

    weights = [[Value(c.weight.data) for c in n.inputs] for n in network.receivers]
    biases = [Value(0.0) for _ in weights]
    columns = list(np.ascontiguousarray(images.T))

    def operations() -> Any:
        """The same with an operation for every multiplication and addition."""
        lit: list[Any] = columns
        for rows, shifts in ((weights[:16], biases[:16]), (weights[16:], biases[16:])):
            following = []
            for row, bias in zip(rows, shifts, strict=True):
                z: Any = bias
                for weight, activation in zip(row, lit, strict=True):
                    z = z + weight * activation
                following.append(tg.sigmoid(z))
            lit = following
        cost: Any = 0.0
        for activation, wanted in zip(lit, desired.T, strict=True):
            cost = cost + (activation - wanted) ** 2
        cost = cost.sum() / BATCH
        for value in [*biases, *(w for row in weights for w in row)]:
            value.grad = None
        cost.backward()
        return cost.item()

    assert np.isclose(neurons(), tensors(), rtol=1e-12)
    yield (
        f"784-16-10 neuron network, forward and backward, batch {BATCH}, float64",
        {
            "tinygrad_lite": neurons,
            "tinygrad_lite, tensor form": tensors,
            "tinygrad_lite, every multiplication recorded": operations,
        },
    )
