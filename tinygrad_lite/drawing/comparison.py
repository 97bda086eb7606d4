"""Hand-derived gradients beside the automatic ones, for a drawing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tinygrad_lite.engine.backward import consumers_first
from tinygrad_lite.engine.value import Value


class Row(Protocol):
    """One gradient of a report."""

    @property
    def value(self) -> Value:
        """The Value it is of."""

    @property
    def hand(self) -> Any:
        """The hand-derived gradient."""

    @property
    def ok(self) -> bool:
        """Whether it is right."""


class Report(Protocol):
    """What a drawing needs of a report: any object with these will do."""

    @property
    def gradients(self) -> Iterable[Row]:
        """Every gradient that was compared."""

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
    """Read a report, or have a mapping from Values to hand-derived gradients compared.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(given, Mapping):
        from tinygrad_lite.checking.compare import compare

        given = compare(output, given, explain_mistakes=False)
    if not hasattr(given, "first_wrong"):
        raise TypeError(
            f"compare= takes a report of tinygrad_lite.compare, or a mapping from Values to "
            f"hand-derived gradients; got {type(given).__name__}"
        )
    rows = list(given.gradients)
    wrong = frozenset(row.value for row in rows if not row.ok)
    first = given.first_wrong
    if first is None and wrong:
        first = _first_reached(wrong, output)
    return Comparison({row.value: row.hand for row in rows}, wrong, first)


def _first_reached(values: frozenset[Value], output: Value) -> Value:
    """Of some Values the one whose gradient the pull-back from an output completes first."""
    complete = {output: -1}
    for position, node in enumerate(consumers_first(output)):
        for argument in node.args:
            if type(argument) is Value:
                complete[argument] = position  # the last consumer's stays
    return min(values, key=lambda value: complete.get(value, len(complete)))
