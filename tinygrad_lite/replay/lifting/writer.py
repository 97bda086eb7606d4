"""Rewrites units, level by level: many that do the same become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.engine.record import IDENTITY
from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.replay.form import Slot
from tinygrad_lite.replay.lifting.graph import Graph
from tinygrad_lite.replay.lifting.operands import Operands
from tinygrad_lite.replay.lifting.products import NONE, Sums
from tinygrad_lite.replay.lifting.sums import Unit
from tinygrad_lite.replay.lifting.table import Table
from tinygrad_lite.replay.recorder import same
from tinygrad_lite.replay.trees import with_slots
from tinygrad_lite.rules.activations import relu, sigmoid, softplus
from tinygrad_lite.rules.indexing import getitem
from tinygrad_lite.rules.zero import product, quotient

ENTRYWISE: set[Callable[..., Any]] = {relu, sigmoid, softplus, product, quotient, np.where}
"""Functions beside the ufuncs that work entry by entry."""

STACKABLE: set[Callable[..., Any]] = {
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, product, quotient, np.where
}  # fmt: skip
"""Functions that treat every constant alike; others may know some, as powers know 2."""

TOGETHER = 8
"""Operations that do the same on entries of the same arrays are kept apart from those that do it
on entries of others if there are at least so many of them."""


class Writer:
    """Writes units of a graph."""

    def __init__(self, graph: Graph, table: Table) -> None:
        self.graph = graph
        self.table = table
        self.operands = Operands(graph, table)

    def write(self, units: Iterable[Unit]) -> None:
        """Write the units of one level."""
        exact: dict[Any, list[Unit]] = {}
        for unit in units:
            if self._alias(unit.number):
                continue
            self._sort(unit)
            exact.setdefault(self._kind(unit, exact=True), []).append(unit)
        alike: dict[Any, list[Unit]] = {}
        for key, group in exact.items():
            if len(group) < TOGETHER:
                key = self._kind(group[0], exact=False)
            alike.setdefault(key, []).extend(group)
        for group in alike.values():
            if group[0].terms is not None:
                self._sums(group)
            elif len(group) > 1 and self._entrywise(group[0].number):
                self._together(group)
            else:
                for unit in group:
                    self._alone(unit.number)

    # -- entries of arrays -----------------------------------------------------------------------

    def _alias(self, number: int) -> bool:
        """Note where a slot is that needs no operation: ``array[i]``, ``array[:, i]``, or another
        slot itself. False for others."""
        made = self.graph.made[number]
        if made is None or not made.arguments or type(made.arguments[0]) is not Slot:
            return False
        whole = self.graph.number[made.arguments[0]]
        if whole < 0 or self.graph.cut[number] or not {number, whole}.isdisjoint(self.graph.pinned):
            return False
        index: tuple[Any, ...] = ()
        if made.function not in (same, IDENTITY):
            if self.graph.function(number) is not getitem:
                return False
            given = made.settings["index"] if made.settings else made.arguments[1]
            index = given if isinstance(given, tuple) else (given,)
            if not all(type(part) is int or _is_whole(part) for part in index):
                return False
        self.table.alias(number, whole, index)
        return True

    # -- what is alike ---------------------------------------------------------------------------

    def _kind(self, unit: Unit, exact: bool) -> Any:
        number = unit.number
        slot = self.graph.slots[number]
        if number in self.graph.pinned:
            return number
        result = slot.shape, slot.dtype, slot.is_number
        if unit.terms is not None:
            return result, tuple(run[0] for run in self._runs(unit, exact)), len(unit.terms)
        if not self._entrywise(number):
            return number
        made = self.graph.made[number]
        assert made is not None
        stack = self.graph.function(number) in STACKABLE
        kinds = tuple(
            a if a < 0 and not stack else self._source(a, exact)
            for a in self.graph.arguments[number] or ()
        )
        return result, made.function, repr(made.settings), self.graph.cut[number], kinds

    def _entrywise(self, number: int) -> bool:
        function = self.graph.function(number)
        made = self.graph.made[number]
        if made is None or self.graph.arguments[number] is None:
            return False
        if self.graph.slots[number].dtype.kind not in "fb" or made.settings:
            return False
        if isinstance(function, np.ufunc):
            return function.nout == 1 and function.signature is None
        return function in ENTRYWISE

    def _source(self, number: int | None, exact: bool) -> Any:
        """What a slot or constant is taken from."""
        if number is None:
            return None
        if number < 0:
            constant = self.graph.constants[~number]
            return "constant", np.shape(constant), getattr(constant, "dtype", None)
        if exact:
            return int(self.table.array_of[number])
        slot = self.graph.slots[number]
        return slot.shape, slot.dtype, slot.is_number

    # -- sums ------------------------------------------------------------------------------------

    def _sort(self, unit: Unit) -> None:
        """Bring the factors of each term in one order, and then the terms."""
        if unit.terms is None:
            return
        place = self.table.place_of
        turned = []
        for left, right in unit.terms:
            if right is not None and self._rank(right) < self._rank(left):
                left, right = right, left
            turned.append((left, right))

        def key(term: tuple[int, int | None]) -> Any:
            return [(self._rank(n), int(place[n]) if n >= 0 else 0) for n in term if n is not None]

        turned.sort(key=lambda term: (term[1] is None, [rank for rank, _ in key(term)], key(term)))
        unit.terms = turned

    def _rank(self, number: int) -> tuple[int, int]:
        """Numbers before arrays, leaves first and constants last."""
        array = int(self.table.array_of[number]) if number >= 0 else len(self.table.array_of)
        return len(self.graph.shape(number)), array

    def _runs(self, unit: Unit, exact: bool) -> list[tuple[Any, int, int]]:
        """The kinds of terms, where each starts and where it ends."""
        runs: list[tuple[Any, int, int]] = []
        for position, (left, right) in enumerate(unit.terms or ()):
            kind = self._source(left, exact), self._source(right, exact)
            if runs and runs[-1][0] == kind:
                runs[-1] = kind, runs[-1][1], position + 1
            else:
                runs.append((kind, position, position + 1))
        # Terms that each come from another array are better gathered.
        return self._runs(unit, False) if exact and len(runs) > 8 else runs

    def _sums(self, group: list[Unit]) -> None:
        terms = [unit.terms or [] for unit in group]
        left = np.array([[a for a, _ in row] for row in terms], dtype=np.intp)
        right = np.array([[NONE if b is None else b for _, b in row] for row in terms])
        exact = len({self._kind(unit, True) for unit in group}) == 1
        runs = [(start, end) for _, start, end in self._runs(group[0], exact)]
        Sums(self.operands, group, left, right, runs).write()

    # -- operations that are no sums -------------------------------------------------------------

    def _together(self, group: list[Unit]) -> None:
        """Write operations that work entry by entry as one."""
        graph, operands = self.graph, self.operands
        numbers = np.array([unit.number for unit in group], dtype=np.intp)
        made, slot = graph.made[numbers[0]], graph.slots[numbers[0]]
        assert made is not None
        taken = np.array([graph.arguments[n] for n in numbers], dtype=np.intp)
        columns = list(taken.T)
        order, layout = operands.order_of(columns)
        numbers = numbers[order]
        dtype = slot.dtype if slot.dtype.kind == "f" else np.dtype(np.float64)
        arguments = tuple(
            operands.aligned(ids[order].reshape(layout), slot.shape, dtype) for ids in columns
        )
        cut = graph.cut[int(numbers[0])]
        pulled = tuple(
            position for position, argument in enumerate(arguments)
            if type(argument) is Slot and position not in cut
        )  # fmt: skip
        row = isinstance(made.function, Operation)
        function = made.function if row else graph.function(int(numbers[0]))
        assert function is not None
        out = self.table.builder.run(
            function, arguments, {}, pulled=pulled if row else (), source=made.source
        )
        self.table.put(operands.spread(out, layout + slot.shape), layout, numbers)

    def _alone(self, number: int) -> None:
        """Write an operation as it was."""
        made = self.graph.made[number]
        assert made is not None
        build, number_of = self.table.builder, self.graph.number

        def written(slot: Slot) -> Any:
            return self.table.single(number_of[slot])

        arguments = with_slots(made.arguments, written)
        settings = with_slots(made.settings, written)
        build.steps.append(replace(made, arguments=arguments, settings=settings))
        self.table.put(made.targets[0], (), np.array(number))


def _is_whole(part: Any) -> bool:
    return type(part) is slice and part == slice(None)
