"""What a picture says about the numbers in a Value: the number, or range, mean and distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

BARS = 12
"""Bins of the small histogram."""

_BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Summary:
    """A number or an array, in a few words.

    number
        the only entry, None if there are more or it is complex
    low, high, mean, rms
        of the finite entries (of the absolute values of complex ones); 0 if there are none
    nan, infinite, zeros
        how many entries are NaN, infinite, exactly zero
    bars
        heights 0 to 7 of a histogram of the finite entries between low and high; empty for a
        single entry
    """

    shape: tuple[int, ...]
    dtype: str
    size: int
    number: float | None
    low: float
    high: float
    mean: float
    rms: float
    nan: int
    infinite: int
    zeros: int
    bars: tuple[int, ...]

    @property
    def text(self) -> str:
        """The number itself, or the range and mean."""
        if self.number is not None:
            return number_text(self.number)
        size = "|z| " if self.dtype.startswith("complex") else ""
        if self.size == 0:
            return "no entries"
        parts = []
        if self.nan + self.infinite < self.size:
            if self.size == 1:
                return f"{size}{number_text(self.low)}"
            parts.append(f"{size}{number_text(self.low)} … {number_text(self.high)}")
            parts.append(f"mean {number_text(self.mean)}")
        parts += [f"{count} {what}" for count, what in self._odd() if count]
        return ", ".join(parts)

    @property
    def sparkline(self) -> str:
        """The histogram as block characters."""
        return "".join(_BLOCKS[height] for height in self.bars)

    def _odd(self) -> tuple[tuple[int, str], ...]:
        return (self.nan, "NaN"), (self.infinite, "infinite")


def summarise(data: Any, *, histogram: bool = True) -> Summary:
    """The summary of a number, an array, or a tuple of them (taken as one).

    >>> summarise(np.array([0.0, 1.0, 2.0])).text
    '0 … 2, mean 1'
    """
    if type(data) is float:
        return _of_float(data)
    if isinstance(data, tuple):
        parts = [np.ravel(part) for part in data]
        return summarise(np.concatenate(parts) if parts else np.zeros(0), histogram=histogram)
    array = np.asarray(data)
    flat = array.ravel()
    if flat.dtype.kind == "c":
        flat = np.abs(flat)
    if flat.dtype.kind not in "fc":
        flat = flat.astype(np.float64)
    with np.errstate(all="ignore"):
        total = float(np.sum(flat, dtype=np.float64)) if flat.size else 0.0
        finite = flat if math.isfinite(total) else flat[np.isfinite(flat)]
        nan = 0 if finite is flat else int(np.count_nonzero(np.isnan(flat)))
        some = finite.size > 0
        low = float(finite.min()) if some else 0.0
        high = float(finite.max()) if some else 0.0
        mean = float(finite.mean(dtype=np.float64)) if some else 0.0
        return Summary(
            shape=array.shape,
            dtype=str(array.dtype),
            size=array.size,
            number=float(flat[0]) if array.size == 1 and array.dtype.kind != "c" else None,
            low=low,
            high=high,
            mean=mean,
            rms=_rms(finite, max(abs(low), abs(high))),
            nan=nan,
            infinite=flat.size - finite.size - nan,
            zeros=int(finite.size - np.count_nonzero(finite)),
            bars=_bars(finite, low, high) if histogram and array.size > 1 and some else (),
        )


def number_text(number: float) -> str:
    """Four significant digits, the same on every machine.

    >>> number_text(1234567.0), number_text(-0.5), number_text(float("nan"))
    ('1.235e+06', '-0.5', 'NaN')
    """
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    text = f"{number:.4g}"
    return "0" if text == "-0" else text


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as in "50 × 784"; "scalar" for ().

    >>> shape_text((50, 784)), shape_text(())
    ('50 × 784', 'scalar')
    """
    return " × ".join(map(str, shape)) if shape else "scalar"


def thumbnail(data: Any, most: int) -> np.ndarray[Any, Any] | None:
    """An array as a small matrix of at most `most` rows and columns, None if it is no picture.

    A vector is one row; of more than two axes the first of each leading axis is shown. Larger
    matrices are averaged over blocks.
    """
    array = np.asarray(data) if not isinstance(data, tuple) else np.zeros(0)
    if array.size < 4 or array.ndim == 0 or array.dtype.kind not in "fiub":
        return None
    while array.ndim > 2:
        array = array[0]
    matrix = np.atleast_2d(array).astype(np.float64)
    for axis in (0, 1):
        size = matrix.shape[axis]
        if size > most:
            edges = np.linspace(0, size, most, endpoint=False).astype(int)
            counts = np.diff(np.append(edges, size))
            shape = (-1, 1) if axis == 0 else (1, -1)
            matrix = np.add.reduceat(matrix, edges, axis=axis) / counts.reshape(shape)
    return matrix


def narrow(low: float, high: float, dtype: np.dtype[Any]) -> float:
    """A range that, up to here, has too few numbers of a dtype in it for the edges of bins."""
    info = np.finfo(dtype)
    return 100 * max(float(info.eps) * max(abs(low), abs(high)), float(info.tiny))


def _of_float(number: float) -> Summary:
    finite = math.isfinite(number)
    shown = number if finite else 0.0
    return Summary(
        (), "float64", 1, number, shown, shown, shown, abs(shown),
        int(math.isnan(number)), int(math.isinf(number)), int(number == 0), (),
    )  # fmt: skip


def _rms(finite: np.ndarray[Any, Any], largest: float) -> float:
    """Root mean square, scaled so that squares neither overflow nor vanish."""
    if largest == 0:
        return 0.0
    scaled = finite / finite.dtype.type(largest)
    return largest * math.sqrt(float(np.mean(np.square(scaled), dtype=np.float64)))


def _bars(finite: np.ndarray[Any, Any], low: float, high: float) -> tuple[int, ...]:
    if high - low <= narrow(low, high, finite.dtype) or not math.isfinite(high - low):
        return ()
    counts, _ = np.histogram(finite, bins=BARS, range=(low, high))
    # Square roots let thin tails be seen beside a tall peak.
    heights = np.sqrt(counts / counts.max()) * 7
    return tuple(
        int(h) if c == 0 else max(1, round(float(h))) for h, c in zip(heights, counts, strict=True)
    )
