"""A whole array of the program, once too often or left out on all paths at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value


def of_ratio(about: Circumstances, key: Value, hand: Array, now: Array) -> Iterator[Candidate]:
    """A gradient that is the right one times something of the program: once too often, or not."""
    hand, now = np.asarray(hand, dtype=np.float64), np.asarray(now, dtype=np.float64)
    counted = np.abs(now) > 1e-9 * np.max(np.abs(now), initial=0.0)
    if not counted.any() or np.any(np.abs(hand[~counted]) > 1e-9 * np.max(np.abs(hand))):
        return
    ratio = hand[counted] / now[counted]
    if ratio.size > 1 and np.ptp(ratio) <= 1e-6 * np.max(np.abs(ratio)):
        return  # one factor
    for link in about.links_to(key):
        if not link.elementwise:
            continue
        with np.errstate(all="ignore"):
            slope = np.asarray(link.slope(), dtype=np.float64)
            inverse = 1 / slope[counted]
        if np.all(np.abs(inverse - ratio) <= 1e-6 * np.abs(ratio)):
            own = link.name or link.a.operation.name  # type: ignore[union-attr]
            yield Candidate(
                "derivative-missing", Changes(totals={key: lambda g, s=slope: g / s}),  # type: ignore[misc]
                key, link.a,
                f"this is the gradient of {called(link.a)}, not of {called(key)}: the derivative "
                f"of {own} between them is left out",
                f"multiply by the derivative of {own} at {called(key)}", "inner", 0.2,
            )  # fmt: skip
    for value in about.values:
        if not _fits(value.data, key.shape):
            continue
        data = np.broadcast_to(np.asarray(value.data, dtype=np.float64), key.shape)
        for power, words, mend in _RATIOS:
            factor = data**power
            if np.all(np.abs(factor[counted] - ratio) <= 1e-6 * np.abs(ratio)):
                label = called(value)
                yield Candidate(
                    "wrong-operand", Changes(totals={key: lambda g, f=factor: g * f}),  # type: ignore[misc]
                    key, key,
                    f"the gradient of {called(key)} {words.format(label)}",
                    mend.format(label), f"ratio-{power}",
                    0.45 if np.size(ratio) > 1 else 0.7,
                )  # fmt: skip


def of_weights(about: Circumstances, value: Value) -> Iterator[Candidate]:
    """Constant weights on the way from the cost, left out or counted twice on all paths at once."""
    if len(about.record.consumers.get(value, [])) < 2:
        return  # then it is a single rule in which they are wrong
    for node, weights in about.weights:
        if node.serial < value.serial or not _fits(weights, value.shape) or np.any(weights == 0):
            continue
        for label, factor in (("left out", 1 / weights), ("counted twice", weights)):
            yield Candidate(
                "wrong-operand", Changes(totals={value: lambda g, f=factor: g * f}),  # type: ignore[misc]
                value, node,
                f"the constant factors of {called(node)} are {label} in what goes back to "
                f"{called(value)}", "multiply by them once", f"weights-{label}", 0.4,
            )  # fmt: skip


def _fits(weights: Array, shape: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(np.shape(weights), shape) == shape
    except ValueError:
        return False


_RATIOS = (
    (1.0, "is multiplied by {} once too often, or not divided by it", "divide by {}"),
    (-1.0, "is divided by {} once too often, or not multiplied by it", "multiply by {}"),
    (2.0, "has the square of {} too much", "divide by {}**2"),
    (-2.0, "lacks the square of {}", "multiply by {}**2"),
    (0.5, "has the square root of {} too much", "divide by sqrt({})"),
    (-0.5, "lacks the square root of {}", "multiply by sqrt({})"),
)  # fmt: skip
