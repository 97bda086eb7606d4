"""Reports on training while it runs."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from tinygrad_lite.neurons.history import History

SECONDS_BETWEEN = 0.2


class Report:
    """One line that is written over on a terminal; elsewhere a line for every iteration.

    Args:
        progress: True for standard error, False for silence, or a stream.
        iterations: how many there will be.
    """

    def __init__(self, progress: bool | TextIO, iterations: int) -> None:
        self.stream = (sys.stderr if progress else None) if isinstance(progress, bool) else progress
        self.iterations = iterations
        self.started = time.monotonic()
        self.shown = 0.0
        self.live = self.stream is not None and self.stream.isatty()

    def update(self, history: History) -> None:
        """Show where training stands, now and then."""
        now = time.monotonic()
        if self.live and self.stream is not None and now - self.shown >= SECONDS_BETWEEN:
            self.shown = now
            self.stream.write(f"\r{self._line(history)}\x1b[K")
            self.stream.flush()

    def iteration_done(self, history: History) -> None:
        """Note the end of an iteration."""
        if self.stream is not None and not self.live:
            self.stream.write(self._line(history) + "\n")
            self.stream.flush()

    def close(self, history: History) -> None:
        """Show the final state."""
        if self.stream is None:
            return
        if self.live:
            self.stream.write(f"\r{self._line(history)}\x1b[K\n")
        elif history.tested_after:
            self.stream.write(f"done: {self._line(history)}\n")
        self.stream.flush()

    def _line(self, history: History) -> str:
        iteration = history.iterations[-1] + 1 if history.iterations else 0
        parts = [f"iteration {iteration}/{self.iterations}", f"batch {history.batches}"]
        if history.costs:
            parts.append(f"cost {history.costs[-1]:.4f}")
        if history.tested_after:
            rate, cost = history.success_rates[-1], history.average_costs[-1]
            parts.append(f"test {100 * rate:.2f} % right, average cost {cost:.4f}")
        return "  ".join([*parts, f"{time.monotonic() - self.started:.1f} s"])
