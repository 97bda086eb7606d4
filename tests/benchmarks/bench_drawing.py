"""Measure how long pictures take, from small graphs to one that must not be drawn in full.

    python tests/benchmarks/bench_drawing.py            # all of it, a minute or two
    python tests/benchmarks/bench_drawing.py resnet     # some

Prints seconds of wall time, the peak memory of the process above what the graph itself takes, and
the size of what was written. Needs the system's `dot`.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite import Value, conv2d, draw, scope
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer


def scalars(wanted: int) -> Value:
    """A scalar network in the way of micrograd, grown until it has so many Values."""
    rng = random.Random(0)
    sizes = [2, 16, 16, 1]
    layers = [
        [[Value(rng.uniform(-1, 1)) for _ in range(n + 1)] for _ in range(m)]
        for n, m in pairwise(sizes)
    ]
    total, count = Value(0.0), sum(len(row) for layer in layers for row in layer)
    while count < wanted:
        x = [Value(rng.uniform(-1, 1)) for _ in range(2)]
        for layer in layers:
            outputs = []
            for *weights, bias in layer:
                for weight, entry in zip(weights, x, strict=True):
                    bias = bias + weight * entry
                outputs.append(bias.relu())
            count += len(layer) * (2 * len(x) + 1)
            x = outputs
        total = total + x[0]
        count += 3
    return total


def chain(operations: int) -> Value:
    """A sum in a loop."""
    value = Value(1.0)
    for _ in range(operations // 2):
        value = value * 1.0001 + 0.5
    return value


def shared(steps: int) -> Value:
    """A recurrence that uses the same two parameters at every step."""
    weight, bias, state = Value(0.9, name="w"), Value(0.1, name="b"), Value(1.0, name="state")
    for _ in range(steps):
        state = state * weight + bias
    return state


def neurons() -> Value:
    """The cost of a 784-16-10 network of neurons: 12,730 parameters."""
    network = Network([InputLayer(28, 28), HiddenLayer(16), OutputLayer(10)])
    network.connect_adjacent_layers()
    return network.cost(np.random.default_rng(0).random(784), 7)


def resnet() -> Value:
    """A residual network of 50 convolutions with normalisation, small images, batch of 2."""
    rng = np.random.default_rng(0)
    x: Any = rng.normal(size=(2, 3, 16, 16)).astype(np.float32)
    channels = 3

    def convolved(x: Any, out: int, name: str) -> Any:
        kernel = Value((rng.normal(size=(out, x.shape[1], 3, 3)) * 0.1).astype(np.float32))
        with scope(name):
            maps = conv2d(x, kernel, padding=1)
            mean = maps.mean(axis=(0, 2, 3), keepdims=True)
            centred = maps - mean
            spread = (centred**2).mean(axis=(0, 2, 3), keepdims=True) + 1e-5
            gain, shift = (Value(np.full((1, out, 1, 1), v, np.float32)) for v in (1.0, 0.0))
            return centred / spread.sqrt() * gain + shift

    x = convolved(x, 8, "stem").relu()
    for stage, channels in enumerate((8, 8, 8, 8), 1):
        for block in range(6):
            with scope(f"stage {stage}/block {block}"):
                inner = convolved(x, channels, "conv 1").relu()
                x = (convolved(inner, channels, "conv 2") + x).relu()
    pooled = x.mean(axis=(2, 3))
    with scope("head"):
        return ((pooled @ Value(rng.normal(size=(channels, 10)).astype(np.float32))) ** 2).mean()


CASES: dict[str, tuple[Callable[[], Value], dict[str, Any], str]] = {
    "5,000 scalars in full": (lambda: scalars(5000), {"limit": None}, "svg"),
    "5,000 scalars, two parameters shared by all": (lambda: shared(2500), {"limit": None}, "svg"),
    "5,000 scalars, a chain": (lambda: chain(5000), {"limit": None}, "svg"),
    "1,000,000 scalars": (lambda: chain(1_000_000), {}, "dot"),
    "neurons, 12,730 parameters": (neurons, {}, "svg"),
    "neurons, as a page": (neurons, {}, "html"),
    "resnet of 50 convolutions": (resnet, {}, "svg"),
    "resnet, as a page": (resnet, {}, "html"),
}


def processor_seconds() -> float:
    """Of this process and those it waited for: what the machine's other load does not change."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def measure(name: str) -> None:
    """One case, in a process of its own so that its memory can be told."""
    make, settings, ending = CASES[name]
    out = make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worked = processor_seconds()
    start = time.perf_counter()
    drawing = draw(out, **settings)
    drawn = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = drawing.save(Path(folder) / f"graph.{ending}")
        saved = time.perf_counter()
        size = path.stat().st_size
    worked = processor_seconds() - worked
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"| {name} | {drawing.hidden} | {drawing.boxes:,} | {drawn - start:.2f} | "
        f"{saved - start:.2f} ({ending}) | {worked:.2f} | {memory:.0f} MB | {size / 1e6:.2f} MB |",
        flush=True,
    )


def main() -> None:
    """Every case whose name contains one of the arguments."""
    if sys.argv[1:2] == ["--case"]:
        measure(sys.argv[2])
        return
    wanted = sys.argv[1:] or [""]
    print("| graph | size | boxes | drawn, s | saved, s | processor, s | memory | file |")
    print("|---|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for name in CASES:
        if any(part in name for part in wanted):
            subprocess.run([sys.executable, __file__, "--case", name], check=True)


if __name__ == "__main__":
    main()
