"""Hand-derived gradients beside the automatic ones, for a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tinygrad_lite.engine.backward import pull_back
from tinygrad_lite.engine.value import Value

TOLERANCE = 1e-4
"""Relative difference from which on a bare mapping's gradient is drawn as wrong. A report brings
its own verdicts."""


class Report(Protocol):
    """What a drawing needs of a report: any object with these will do."""

    @property
    def hand_derived(self) -> Mapping[Value, Any]:
        """The gradients that were handed in."""

    @property
    def wrong(self) -> Any:
        """The Values whose gradient is wrong."""

    @property
    def first_wrong(self) -> Value | None:
        """The wrong one nearest to the output, where the mistake shows first."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hand-derived gradients with a verdict on each."""

    hand_derived: Mapping[Value, Any]
    wrong: frozenset[Value]
    first_wrong: Value | None


def comparison_of(given: Any, output: Value) -> Comparison:
    """Read a report, or judge a mapping from Values to hand-derived gradients.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(given, Mapping):
        return _judged(given, output)
    if not hasattr(given, "first_wrong"):
        raise TypeError(
            f"compare= takes a report with first_wrong, or a mapping from Values to hand-derived "
            f"gradients; got {type(given).__name__}"
        )
    first = given.first_wrong
    wrong = frozenset(getattr(given, "wrong", ())) | ({first} if first is not None else set())
    return Comparison(getattr(given, "hand_derived", {}), wrong, first)


def _judged(given: Mapping[Value, Any], output: Value) -> Comparison:
    right = pull_back({output: np.ones_like(output.data)}, wrt=given)
    wrong = set()
    for value, hand in given.items():
        automatic = right.get(value, np.zeros(value.shape))
        size = max(np.max(np.abs(automatic), initial=0.0), np.max(np.abs(hand), initial=0.0))
        same = np.shape(hand) == np.shape(automatic)
        if not same or not np.allclose(hand, automatic, rtol=0, atol=TOLERANCE * size):
            wrong.add(value)
    first = max(wrong, key=lambda value: value.serial, default=None)
    return Comparison(given, frozenset(wrong), first)
