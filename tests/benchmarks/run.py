"""Measure tinygrad_lite beside whatever peers are installed, on the same work, in one run.

    python tests/benchmarks/run.py                 # every workload
    python tests/benchmarks/run.py dense moons     # some
    python tests/benchmarks/run.py --rounds 40 --threads 2

Contenders take turns within each round, so a machine whose speed drifts slows all alike; a ratio is
the median over rounds of the ratio within the round. Garbage is collected between turns, so that
nobody pays for another's. Times are medians. Peers come with ``pip install -e ".[peers]"``.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import pkgutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
US = "tinygrad_lite"
TURN = 0.1  # seconds: long enough that what the others left in the caches does not count


def time_in_turns(
    contenders: dict[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Seconds per call of every contender, one entry per round."""
    calls = {}
    for name, call in contenders.items():
        call()  # compiles, allocates and warms caches
        start = time.perf_counter()
        call()
        calls[name] = max(1, round(TURN / max(time.perf_counter() - start, 1e-7)))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            gc.collect()
            start = time.perf_counter()
            for _ in range(calls[name]):
                call()
            seconds[name].append((time.perf_counter() - start) / calls[name])
    return seconds


def report(title: str, seconds: dict[str, list[float]]) -> str:
    """A Markdown table of medians, and ratios to us."""
    lines = [
        f"\n### {title}\n",
        "| contender | median | time relative to tinygrad_lite |",
        "|---|---:|---:|",
    ]
    ours = seconds[US]
    for name, theirs in seconds.items():
        ratio = statistics.median(t / o for t, o in zip(theirs, ours, strict=True))
        lines.append(f"| {name} | {_readable(statistics.median(theirs))} | {ratio:.2f} |")
    return "\n".join(lines)


def _readable(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.2f} {unit}"
    return f"{seconds * 1e6:.1f} µs"


def main() -> None:
    """Run the chosen workloads and print their tables."""
    import workloads

    names = sorted(module.name for module in pkgutil.iter_modules(workloads.__path__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", help=f"out of {', '.join(names)}; all by default")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1, help="BLAS threads (default 1)")
    arguments = parser.parse_args()
    unknown = set(arguments.workloads) - set(names)
    if unknown:
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if os.environ.get("OPENBLAS_NUM_THREADS") != str(arguments.threads):
        # BLAS reads it when it is loaded, so start again with it set.
        for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[variable] = str(arguments.threads)
        os.execv(sys.executable, [sys.executable, *sys.argv])
    print(f"BLAS threads: {arguments.threads}, rounds: {arguments.rounds}, cores: {os.cpu_count()}")
    for name in arguments.workloads or names:
        module = importlib.import_module(f"workloads.{name}")
        for title, contenders in module.workloads():
            print(report(title, time_in_turns(contenders, arguments.rounds)), flush=True)


if __name__ == "__main__":
    main()
