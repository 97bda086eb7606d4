"""Units of work: sums with all their terms at once, however they were written, and the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.replay.form import Instruction
from tinygrad_lite.replay.lifting.graph import Graph
from tinygrad_lite.rules.weighted_sum import weighted_sum

Term = tuple[int, int | None]
"""Two factors, or one summand and None; by number."""


@dataclass(eq=False, slots=True)
class Unit:
    """One captured operation, or a sum that has taken in the operations that make its terms.

    Attributes:
        number: of the slot it makes.
        terms: of a sum, None for other operations.
        level: units of a level do not depend on each other.
    """

    number: int
    terms: list[Term] | None
    level: int = 0


def units_of(graph: Graph, numbers: Iterable[int]) -> list[Unit]:
    """The units that make these slots, in order."""
    numbers = list(numbers)
    inside = set(numbers)
    sums: dict[int, list[Term]] = {}
    taken: set[int] = set()
    for number in reversed(numbers):  # a sum before those it takes in
        if number in taken or not _is_sum(graph, number):
            continue
        terms = _terms(graph, number, inside, taken)
        if terms != [(argument, None) for argument in graph.arguments[number] or ()]:
            sums[number] = terms
    return [Unit(number, sums.get(number)) for number in numbers if number not in taken]


def inputs_of(graph: Graph, unit: Unit) -> list[int]:
    """The numbers of the slots and constants that a unit takes; not for units on their own."""
    if unit.terms is not None:
        return [number for term in unit.terms for number in term if number is not None]
    return list(graph.arguments[unit.number] or ())


def _is_sum(graph: Graph, number: int) -> bool:
    return (
        graph.arguments[number] is not None
        and graph.function(number) in (np.add, weighted_sum)
        and graph.slots[number].dtype.kind == "f"
        and not _settings(graph.made[number])
        and not graph.cut[number]
    )


def _settings(made: Instruction | None) -> Any:
    return made.settings if made is not None else None


def _terms(graph: Graph, top: int, inside: set[int], taken: set[int]) -> list[Term]:
    """All terms of a sum, left to right; what it takes in is added to `taken`."""
    terms: list[Term] = []
    shape, dtype = graph.slots[top].shape, graph.slots[top].dtype
    stack = [top]
    while stack:
        number = stack.pop()
        own = number == top
        if not own and not (number >= 0 and _only_here(graph, number, inside)):
            terms.append((number, None))
            continue
        function, arguments = graph.function(number), graph.arguments[number]
        slot = graph.slots[number]
        if arguments is None or slot.dtype != dtype or _settings(graph.made[number]):
            terms.append((number, None))
        elif function is np.add and slot.shape == shape:
            if not own:
                taken.add(number)
            stack.extend(reversed(arguments))
        elif function is weighted_sum and slot.shape == shape:
            if not own:
                taken.add(number)
            terms.extend(zip(arguments[::2], arguments[1::2], strict=True))
        elif function is np.multiply:
            taken.add(number)
            terms.append((arguments[0], arguments[1]))
        else:
            terms.append((number, None))
    return _without_zero(graph, terms)


def _only_here(graph: Graph, number: int, inside: set[int]) -> bool:
    return (
        graph.uses[number] == 1
        and number in inside
        and number not in graph.pinned
        and not graph.cut[number]
    )


def _without_zero(graph: Graph, terms: list[Term]) -> list[Term]:
    """Without the 0 that Python's `sum` starts from."""
    kept = [
        (left, right)
        for left, right in terms
        if right is not None
        or left >= 0
        or np.shape(graph.constants[~left])
        or graph.constants[~left]
    ]
    return kept or terms
