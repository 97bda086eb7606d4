"""What the machine can do: products of matrices by BLAS, and moving memory, one core and all.

python tests/benchmarks/limits.py
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

Work = Callable[[], object]


def seconds_of(make: Callable[[], Work], threads: int) -> float:
    """Median seconds of a call while so many threads each do their own."""
    found: list[float] = []

    def run() -> None:
        work = make()
        times = []
        for _ in range(30):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        found.append(statistics.median(times))

    crew = [threading.Thread(target=run) for _ in range(threads)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    return statistics.median(found)


def product(m: int, k: int, n: int) -> Work:
    """A product of float32 matrices, into memory given."""
    rng = np.random.default_rng(0)
    a, b = rng.random((m, k), np.float32), rng.random((k, n), np.float32)
    out = np.empty((m, n), np.float32)
    return lambda: np.matmul(a, b, out=out)


def copy(size: int) -> Work:
    """A copy of so many bytes."""
    source = np.ones(size // 4, np.float32)
    target = np.ones_like(source)
    return lambda: np.copyto(target, source)


def main() -> None:
    """Print a table."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":  # the threads here are ours
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    cores = len(os.sched_getaffinity(0))
    print("\n### The machine\n")
    print(f"| | one core | {cores} cores |")
    print("|---|---:|---:|")
    shapes = [(512, 512, 512), (16, 200, 1024), (96, 96, 1024), (8, 25, 1024)]
    for m, k, n in shapes:
        rates = [
            t * 2 * m * k * n / seconds_of(lambda m=m, k=k, n=n: product(m, k, n), t) / 1e9
            for t in (1, cores)
        ]
        print(
            f"| product {m} x {k} by {k} x {n}, float32 | {rates[0]:.0f} | {rates[1]:.0f} GFlop/s |"
        )
    for size, where in ((1 << 18, "in the second-level cache"), (1 << 25, "in memory")):
        rates = [
            t * 2 * size / seconds_of(lambda size=size: copy(size), t) / 1e9 for t in (1, cores)
        ]
        print(f"| copy of {size >> 10} kB, {where} | {rates[0]:.0f} | {rates[1]:.0f} GB/s |")


if __name__ == "__main__":
    main()
