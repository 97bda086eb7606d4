"""Reading a number: what it is in the program, and how people would write it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

import numpy as np

from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

CLOSE = 1e-6  # relative difference up to which a solved number is one that people write
_CONSTANTS = {
    "ln 2": math.log(2), "ln 10": math.log(10), "π": math.pi, "2π": 2 * math.pi,
    "√(2π)": math.sqrt(2 * math.pi), "√2": math.sqrt(2), "√3": math.sqrt(3), "e": math.e,
    "180/π": 180 / math.pi,
}  # fmt: skip


def written(c: float, close: float = CLOSE) -> str:
    """A number as people write it: 1/3, ln 2, 0.01, 1/0.7; "" if nobody would.

    >>> written(1 / 3), written(0.0625), written(1 / 0.7), written(-26.518)
    ('1/3', '1/16', '1/0.7', '')
    """
    if c == 0 or not math.isfinite(c):
        return "0" if c == 0 else ""
    sign, size = "-" * bool(c < 0), abs(float(c))

    def near(other: float) -> bool:
        return abs(size - other) <= close * other

    short = float(f"{size:.1g}")
    if size < 0.5 and near(short):
        return f"{sign}{short:.6g}"
    fraction = Fraction(size).limit_denominator(64)
    small = fraction.numerator in (1, 2) or fraction.denominator in (1, 2, 3)
    if small and fraction.numerator <= 64 and near(float(fraction)):
        return f"{sign}{fraction}"
    for words, constant in _CONSTANTS.items():
        if near(constant):
            return sign + words
        if near(1 / constant):
            return f"{sign}1/{words}" if len(words) < 4 else f"{sign}1/({words})"
    for digits in (1, 2):
        short = float(f"{size:.{digits}g}")
        if near(short):
            return f"{sign}{short:.6g}"
    for digits in (1, 2):
        short = float(f"{1 / size:.{digits}g}")
        if near(1 / short):
            return f"{sign}1/{short:.6g}"
    return ""


def number(c: float) -> str:
    """The same, and six digits of what nobody would write."""
    return written(c) or f"{c:.6g}"


def what_it_equals(about: Circumstances, c: float, value: Value, where: Value, close: float) -> str:
    """A factor in words: a dimension, the root of one, the constant of an operation; "" if none."""
    for size, words in _sizes(about, value, where):
        for form, text in (
            (size, words),
            (1 / size, f"1 over {words}"),
            (math.sqrt(abs(size)), f"the square root of {words}"),
            (1 / math.sqrt(abs(size)), f"1 over the square root of {words}"),
        ):
            if size not in (0, 1) and abs(abs(c) - abs(form)) <= close * abs(form):
                return text if c * form > 0 else f"minus {text}"
    for n in sorted({n for v in (value, where) for n in v.shape if n > 2}):
        for form, text in ((n / (n - 1), f"{n}/({n} - 1)"), ((n - 1) / n, f"({n} - 1)/{n}")):
            if abs(c - form) <= close * form:
                return f"{text}, n - 1 for n or the reverse"
    return ""


def _sizes(about: Circumstances, value: Value, where: Value) -> Iterator[tuple[float, str]]:
    """Numbers of the program near a place, the most telling first."""
    for constant in constants_of(where):
        yield constant, f"the constant {constant:.6g} of {called(where)}"
    for v in dict.fromkeys((value, where)):
        for axis, n in enumerate(v.shape):
            yield float(n), f"the length {n} of axis {axis} of {called(v)}"
    if where.ndim == 4:
        rows, columns = where.shape[2:]
        yield float(rows * columns), f"the {rows * columns} = {rows}·{columns} output pixels"
    for v in dict.fromkeys((value, where)):
        for count in range(2, v.ndim + 1):
            for axes in combinations(v.shape, count):
                product = "·".join(map(str, axes))
                yield float(np.prod(axes)), f"{product}, the lengths of axes of {called(v)}"
    for n in sorted(about.batch_sizes):
        yield float(n), f"the batch size {n}"


def constants_of(node: Value) -> Iterator[float]:
    """Plain numbers that an operation is called with, an array of equal ones included."""
    for a in node.args:
        if isinstance(a, np.ndarray) and a.size and a.dtype.kind == "f":
            kept = a[a != 0]
            if kept.size and np.all(kept == kept.flat[0]):
                a = float(kept.flat[0])
        if isinstance(a, (int, float)) and not isinstance(a, bool) and a not in (0, 1):
            yield float(a)
