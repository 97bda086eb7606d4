"""Where training stands: one line that is written over on a terminal, else a line an epoch."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

from tinygrad_lite.training.history import History, figure_text, named

SECONDS_BETWEEN = 0.1
_WIDTH = 24


class Progress:
    """Writes to a stream how far training is, at which cost and rate, and how long it will take.

    Args:
        stream: True for standard error, False for silence, or a stream.
        epochs: how many there will be.
        batches: in an epoch, None if nobody knows.
    """

    def __init__(self, stream: bool | TextIO, epochs: int, batches: int | None) -> None:
        self.stream = (sys.stderr if stream else None) if isinstance(stream, bool) else stream
        self.epochs = epochs
        self.batches = batches
        self.live = self.stream is not None and self.stream.isatty()
        self._shown = 0.0
        self._started: tuple[float, float] | None = None  # time and position of the first batch
        self._rows = 0
        self._average: float | None = None

    def batch_done(self, epoch: int, batch: int, cost: float, rows: int) -> None:
        """Show where training stands, now and then."""
        # The cost of one batch jumps; this is an average over the last thirty or so.
        self._average = cost if self._average is None else 0.97 * self._average + 0.03 * cost
        if self.stream is None:
            return
        now = time.monotonic()
        if self._started is None:
            self._started = now, self._position(epoch, batch)
            return  # the first batch takes longer than any other
        self._rows += rows
        if self.live and now - self._shown >= SECONDS_BETWEEN:
            self._shown = now
            self._write(f"\r{self._line(epoch, batch, now)}\x1b[K")

    def epoch_done(self, history: History) -> None:
        """A line with the figures of an epoch, which stays."""
        epoch = history.epochs
        self.batches = self.batches or history.batches // epoch
        if self.stream is None:
            return
        figures = [
            f"epoch {epoch}/{self.epochs}",
            f"cost {figure_text('loss', history.last('loss'))}",
        ]
        for name in history.names:
            if name.startswith("validation_"):
                figures.append(f"{named(name)} {figure_text(name, history.last(name))}")
        if history.best_epoch == epoch:
            figures.append("best so far")
        figures.append(_duration(history.last("seconds")))
        self.note("  ".join(figures))

    def note(self, text: str) -> None:
        """A line of text, which stays."""
        if self.stream is not None:
            self._write(f"\r{text}\x1b[K\n" if self.live else f"{text}\n")

    def close(self) -> None:
        """Clear the line that is written over."""
        if self.live:
            self._write("\r\x1b[K")

    def _line(self, epoch: int, batch: int, now: float) -> str:
        assert self._started is not None
        began, position = self._started
        seconds = max(now - began, 1e-9)
        parts = [f"epoch {epoch}/{self.epochs}"]
        if self.batches:
            full = round(_WIDTH * batch / self.batches)
            parts.append("█" * full + "░" * (_WIDTH - full))
            parts.append(f"{batch}/{self.batches}")
        else:
            parts.append(f"batch {batch}")
        parts.append(f"cost {self._average:.4f}")
        parts.append(f"{_rate(self._rows / seconds)} rows/s")
        done = self._position(epoch, batch) - position
        if self.batches and done > 0:
            left = (self.epochs - self._position(epoch, batch)) * seconds / done
            parts.append(f"{_duration(left)} left")
        return "  ".join(parts)

    def _position(self, epoch: int, batch: int) -> float:
        """Epochs done, with a fraction."""
        return epoch - 1 + (min(batch / self.batches, 1.0) if self.batches else 0.0)

    def _write(self, text: str) -> None:
        assert self.stream is not None
        try:
            self.stream.write(text)
        except UnicodeEncodeError:  # a terminal that knows ASCII alone
            encoding: Any = self.stream.encoding
            text = text.replace("█", "#").replace("░", ".")
            self.stream.write(text.encode(encoding, "replace").decode(encoding))
        self.stream.flush()


def _rate(rows: float) -> str:
    return f"{rows:,.0f}" if rows >= 100 else f"{rows:.3g}"


def _duration(seconds: float) -> str:
    """As a person would say it: 0.4 s, 25 s, 3:07, 1:02:33."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
