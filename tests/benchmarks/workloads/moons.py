"""micrograd's moons step: a 2-16-16-1 network of scalars, 100 samples, SVM loss and L2."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

from harness import Workload

import tinygrad_lite as tg
from tinygrad_lite import Value


def step_of(value_class: Any) -> Callable[[], Any]:
    """The training step of micrograd's demo notebook, with its own nn on either Value."""
    import micrograd.nn

    micrograd.nn.Value = value_class
    random.seed(1337)
    model = micrograd.nn.MLP(2, [16, 16, 1])
    xs = [(random.gauss(0, 1), random.gauss(0, 1)) for _ in range(100)]
    ys = [random.choice((-1, 1)) for _ in xs]

    def step() -> Any:
        micrograd.nn.Value = value_class
        inputs = [list(map(value_class, row)) for row in xs]
        scores = [model(row) for row in inputs]
        losses = [(1 + -y * score).relu() for y, score in zip(ys, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        regularisation = 1e-4 * sum(p * p for p in model.parameters())
        total = data_loss + regularisation
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= 0.01 * p.grad
        return total.data

    return step


def workloads() -> Iterator[Workload]:
    """One step, forward, backward and update."""
    yield Workload(
        "micrograd's moons step (2-16-16-1, 100 samples), scalars",
        {
            "tinygrad_lite, captured": lambda: tg.capture(step_of(Value)),
            "tinygrad_lite": lambda: step_of(Value),
            "micrograd": _micrograd,
        },
        tolerance=1e-9,
    )


def _micrograd() -> Callable[[], float]:
    import micrograd.engine

    sys.setrecursionlimit(1_000_000)  # it walks the graph recursively
    return step_of(micrograd.engine.Value)
