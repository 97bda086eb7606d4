"""Measure tinygrad_lite beside whatever peers are installed, on the same work, in one run.

    python tests/benchmarks/run.py                 # every workload
    python tests/benchmarks/run.py dense cnn       # some
    python tests/benchmarks/run.py --threads 1 --rounds 40 --no-memory
    python tests/benchmarks/run.py imports accuracy growth limits

Contenders take turns within each round, so a machine whose speed drifts slows all alike; a ratio is
the median over rounds of the ratio within the round. Garbage is collected between turns, on the
account of who left it, so that nobody pays for another's, and nobody leaves work for others. Before
they are timed they must agree on the first losses. The process with all threads, BLAS's too, stays
on as many cores as it has threads. Peak memory is what a contender adds to a process of its own,
after its imports. Peers come with ``pip install -e ".[peers]"``.
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import harness

HERE = Path(__file__).parent
SCRIPTS = ("limits", "imports", "accuracy", "growth")  # each a program of its own
THREAD_SETTINGS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def on_cores(threads: int) -> None:
    """Start again, if need be, with all libraries on so many threads and cores."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, cores)
    if any(os.environ.get(setting) != str(threads) for setting in THREAD_SETTINGS):
        # BLAS reads it when it is loaded.
        os.environ.update(dict.fromkeys(THREAD_SETTINGS, str(threads)))
        os.execv(sys.executable, [sys.executable, *sys.argv])


def main() -> None:
    """Run the chosen workloads and print their tables."""
    import workloads

    names = sorted(module.name for module in pkgutil.iter_modules(workloads.__path__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "workloads", nargs="*", help=f"out of {', '.join((*names, *SCRIPTS))}; all by default"
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0)), help="cores to use (all)"
    )
    parser.add_argument("--no-memory", action="store_true", help="leave the memory out")
    arguments = parser.parse_args()
    unknown = set(arguments.workloads) - {*names, *SCRIPTS}
    if unknown:
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    on_cores(arguments.threads)
    print(f"{harness.machine()}. BLAS threads: {arguments.threads}, rounds: {arguments.rounds}")
    for name in arguments.workloads or [*names, *SCRIPTS]:
        if name in SCRIPTS:
            subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=True)
            continue
        for position, workload in enumerate(harness.workloads_of(name)):
            result = harness.measure(workload, arguments.rounds)
            if not arguments.no_memory and workload.tolerance < 1:
                for contender in result.seconds:
                    peak = harness.peak_memory(name, position, contender)
                    if peak is not None:
                        result.memory[contender] = peak
            print(harness.table(result), flush=True)


if __name__ == "__main__":
    main()
