"""How the time of a training step grows with the batch, the width, the depth and the graph.

    python tests/benchmarks/growth.py [FILE.svg]

Draws docs/pictures/growth.svg (needs matplotlib) and prints the figures.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from harness import US, Step, readable, time_in_turns

import tinygrad_lite as tg
from tinygrad_lite import Value

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "growth.svg"
ROUNDS = 5
RATE = 1e-3


def parameters(width: int, depth: int) -> list[np.ndarray]:
    """Weights and biases of a network 64-width-...-width-10 with as many hidden layers as deep."""
    rng = np.random.default_rng(0)
    sizes = [64, *[width] * depth, 10]
    arrays = []
    for n, m in pairwise(sizes):
        arrays.append(rng.standard_normal((n, m), np.float32) / np.float32(n**0.5))
        arrays.append(np.zeros(m, np.float32))
    return arrays


def network(batch: int, width: int, depth: int, captured: bool) -> Step:
    """A step of ours: tanh layers, mean squared error."""
    values = [Value(p) for p in parameters(width, depth)]
    x = np.random.default_rng(1).standard_normal((batch, 64), np.float32)

    def step() -> Any:
        h: Any = x
        for weight, bias in zip(values[::2], values[1::2], strict=True):
            h = np.tanh(h @ weight + bias)
        loss = (h**2).mean()
        for value in values:
            value.grad = None
        loss.backward()
        for value in values:
            value.data -= RATE * value.grad
        return loss

    return tg.capture(step) if captured else step


def torch_network(batch: int, width: int, depth: int) -> Step:
    """The same in PyTorch."""
    import torch

    tensors = [torch.from_numpy(p).requires_grad_() for p in parameters(width, depth)]
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((batch, 64), np.float32))

    def step() -> Any:
        h = x
        for weight, bias in zip(tensors[::2], tensors[1::2], strict=True):
            h = torch.tanh(h @ weight + bias)
        loss = (h**2).mean()
        for tensor in tensors:
            tensor.grad = None
        loss.backward()
        with torch.no_grad():
            for tensor in tensors:
                tensor -= RATE * tensor.grad
        return loss.item()

    return step


def chain(length: int, captured: bool) -> Step:
    """A chain of so many operations on numbers, forward and backward."""
    x = Value(0.5)

    def step() -> Any:
        x.grad = None
        y = x
        for _ in range(length // 2):
            y = y * 0.5 + 1.0
        y.backward()
        return y

    return tg.capture(step) if captured else step


def torch_chain(length: int) -> Step:
    """The same in PyTorch."""
    import torch

    x = torch.tensor(0.5, requires_grad=True)

    def step() -> Any:
        x.grad = None
        y = x
        for _ in range(length // 2):
            y = y * 0.5 + 1.0
        y.backward()
        return y.item()

    return step


Make = Callable[[int], Step]
SIZES: dict[str, tuple[list[int], dict[str, Make]]] = {
    "batch": (
        [1, 8, 64, 512, 4096],
        {
            f"{US}, captured": lambda n: network(n, 128, 2, True),
            f"{US}, eager": lambda n: network(n, 128, 2, False),
            "PyTorch": lambda n: torch_network(n, 128, 2),
        },
    ),
    "width": (
        [4, 16, 64, 256, 1024],
        {
            f"{US}, captured": lambda n: network(64, n, 2, True),
            f"{US}, eager": lambda n: network(64, n, 2, False),
            "PyTorch": lambda n: torch_network(64, n, 2),
        },
    ),
    "depth": (
        [1, 4, 16, 64],
        {
            f"{US}, captured": lambda n: network(64, 32, n, True),
            f"{US}, eager": lambda n: network(64, 32, n, False),
            "PyTorch": lambda n: torch_network(64, 32, n),
        },
    ),
    "operations on numbers": (
        [10, 100, 1000, 10_000],
        {
            f"{US}, captured": partial(chain, captured=True),
            f"{US}, eager": partial(chain, captured=False),
            "PyTorch": torch_chain,
        },
    ),
}


def measured(sizes: list[int], makers: dict[str, Make]) -> dict[str, list[float]]:
    """Median seconds of every contender at every size; NaN where it is not measured."""
    found: dict[str, list[float]] = {name: [] for name in makers}
    for size in sizes:
        steps = {}
        for name, make in makers.items():
            try:
                steps[name] = make(size)
            except ImportError:
                continue
        times = time_in_turns(steps, ROUNDS, turn=0.02)
        for name in makers:
            seconds = times.get(name)
            found[name].append(statistics.median(seconds) if seconds else float("nan"))
    return found


def main() -> None:
    """Measure, print and draw."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for (what, (sizes, makers)), plot in zip(SIZES.items(), axes.flat, strict=True):
        found = measured(sizes, makers)
        print(f"\n### Time of a step by {what}\n")
        print("| " + " | ".join([what, *map(str, sizes)]) + " |")
        print("|---|" + "---:|" * len(sizes))
        for (name, seconds), marker in zip(found.items(), "os^", strict=True):
            cells = [readable(s) if s == s else "" for s in seconds]
            print("| " + " | ".join([name, *cells]) + " |", flush=True)
            plot.loglog(sizes, [s * 1e3 for s in seconds], marker=marker, label=name)
        plot.set(xlabel=what, ylabel="ms per step")
        plot.grid(alpha=0.3)
    axes[0, 0].legend()
    target = Path(sys.argv[1]) if sys.argv[1:] else PICTURE
    plt.rcParams["svg.hashsalt"] = "growth"
    figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)
    print(f"\n{target.name} drawn")


if __name__ == "__main__":
    main()
