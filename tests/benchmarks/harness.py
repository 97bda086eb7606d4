"""Measuring contenders: the same work, checked, in turns; memory in a process for each."""

from __future__ import annotations

import gc
import importlib
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
US = "tinygrad_lite"
TURN = 0.1  # seconds: long enough that what the others left in the caches does not count
CYCLES = 10_000  # objects; to collect fewer takes less time than collections differ by
CHECKED = 3  # steps of which all contenders must give the same numbers

Step = Callable[[], Any]


@dataclass(frozen=True)
class Workload:
    """Work that several contenders do.

    title: what it is.
    contenders: makes each contender's step, which returns a number that tells whether it is the
        same work: a loss, say. Raises ImportError where its library is missing.
    tolerance: by how much the numbers may differ, relative to the first contender's.
    unit: how many operations a step is, if times are to be told for one.
    """

    title: str
    contenders: dict[str, Callable[[], Step]]
    tolerance: float = 1e-4
    unit: int = 1


@dataclass
class Result:
    """Seconds of every round, and peak memory in bytes where it was measured, by contender."""

    title: str
    seconds: dict[str, list[float]]
    memory: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def workloads_of(name: str) -> Iterator[Workload]:
    """The workloads of a module in `workloads/`."""
    for workload in importlib.import_module(f"workloads.{name}").workloads():
        if not isinstance(workload, tuple):
            yield workload
        else:  # (title, steps)
            title, steps = workload
            yield Workload(title, {key: _given(step) for key, step in steps.items()}, math.inf)


def _given(step: Step) -> Callable[[], Step]:
    return lambda: step


def measure(workload: Workload, rounds: int) -> Result:
    """Build, check and time the contenders of a workload."""
    result = Result(workload.title, {})
    steps: dict[str, Step] = {}
    for name, make in workload.contenders.items():
        try:
            steps[name] = make()
        except ImportError as error:
            result.notes.append(f"{name}: not installed ({error.name})")
    check(workload, steps)
    result.seconds = time_in_turns(steps, rounds)
    if workload.unit > 1:
        for name, seconds in result.seconds.items():
            result.seconds[name] = [s / workload.unit for s in seconds]
    return result


def check(workload: Workload, steps: dict[str, Step]) -> None:
    """Run the first steps of all contenders.

    Raises:
        AssertionError: they don't give the same numbers.
    """
    expected: list[float] = []
    for name, step in steps.items():
        found = [_number(step()) for _ in range(CHECKED)]
        expected = expected or found
        for ours, theirs in zip(expected, found, strict=True):
            assert math.isclose(ours, theirs, rel_tol=workload.tolerance), (
                f"{workload.title}: {name} gives {found}, the first contender {expected}"
            )


def _number(result: Any) -> float:
    data = getattr(result, "data", result)
    return float(result if isinstance(data, memoryview) else data)


def time_in_turns(
    contenders: dict[str, Step], rounds: int, turn: float = TURN
) -> dict[str, list[float]]:
    """Seconds per call of every contender, one entry per round.

    What a contender leaves in cycles of references is collected after its turn, on its account, as
    it would be during the next steps of a loop: micrograd's graph, 450,000 objects a step, takes
    0.7 s beside 1.1 s for the step, and five steps in a row take 1.8 s each. A graph without cycles
    is freed within the step.
    """
    calls = {}
    for name, call in contenders.items():
        call()  # compiles, allocates and warms caches
        start = time.perf_counter()
        call()
        calls[name] = max(1, round(turn / max(time.perf_counter() - start, 1e-7)))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    for _ in range(rounds):
        for name, call in contenders.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                call()
            taken = time.perf_counter() - start + _collection_of_cycles()
            seconds[name].append(taken / calls[name])
    return seconds


def _collection_of_cycles() -> float:
    """Seconds that the garbage left behind adds to a collection."""
    start = time.perf_counter()
    found = gc.collect()
    collected = time.perf_counter()
    if found < CYCLES:
        return 0.0
    gc.collect()
    nothing_found = time.perf_counter() - collected
    return max(0.0, collected - start - nothing_found)


# -- memory --------------------------------------------------------------------------------------


def peak_memory(module: str, position: int, contender: str) -> int | None:
    """Bytes that building a contender and running its steps adds to a process of its own, beyond
    the imports; None if it fails there."""
    command = [sys.executable, str(HERE / "harness.py"), module, str(position), contender]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else None


def _print_peak(module: str, position: str, contender: str) -> None:
    make = list(workloads_of(module))[int(position)].contenders[contender]
    step = make()  # imports the library
    del step
    gc.collect()
    before = _bytes_of("VmRSS")
    step = make()
    for _ in range(10):
        step()
    # Not ru_maxrss, in which a process starts with what its parent had.
    print(max(0, _bytes_of("VmHWM") - before))


def _bytes_of(entry: str) -> int:
    """What Linux tells about this process: VmRSS, memory now; VmHWM, at most."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(f"{entry}:"))
    return int(line.split()[1]) * 1024


# -- tables --------------------------------------------------------------------------------------


def table(result: Result) -> str:
    """A Markdown table: medians, ratios to us, peak memory where known."""
    remembered = bool(result.memory)
    head = ["contender", "median", "time relative to the first"]
    lines = [
        f"\n### {result.title}\n",
        *_rows([head + ["peak memory"] * remembered], "|---|---:|---:|" + "---:|" * remembered),
    ]
    ours = next(iter(result.seconds.values()))
    for name, theirs in result.seconds.items():
        ratio = statistics.median(t / o for t, o in zip(theirs, ours, strict=True))
        row = [name, readable(statistics.median(theirs)), f"{ratio:.2f}"]
        if remembered:
            row.append(_megabytes(result.memory.get(name)))
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join([*lines, *(f"\n{note}" for note in result.notes)])


def _rows(head: list[list[str]], rule: str) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in head] + [rule]


def _megabytes(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:.1f} MB"


def readable(seconds: float) -> str:
    """A duration in the unit that suits it."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.2f} {unit}"
    return f"{seconds * 1e6:.1f} µs"


def machine() -> str:
    """What the figures were taken on."""
    import numpy as np

    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    return f"{model}, {len(os.sched_getaffinity(0))} cores; {versions}"


if __name__ == "__main__":
    _print_peak(*sys.argv[1:])
