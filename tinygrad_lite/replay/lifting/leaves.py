"""Scalar leaves, such as weights, packed into vectors in the order in which they are needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.replay.form import LeafData, LeafGrad, PullBack, Recording, Update
from tinygrad_lite.replay.lifting.graph import Graph
from tinygrad_lite.replay.lifting.sums import Unit, inputs_of
from tinygrad_lite.replay.lifting.updates import is_entrywise
from tinygrad_lite.replay.packs import Pack

FEW = 4
"""Fewer leaves than this are left on their own."""


def blocks_of(graph: Graph, recording: Recording, units: Iterable[Unit]) -> list[list[int]]:
    """Leaves to be packed together, by number, in order.

    Rows of factors of matrix products come first: they are laid out as the matrix is. The rest
    follow by where they are used. Leaves in a block are all treated alike: pulled back to, stored.
    """
    free = _fates(graph, recording)
    units = list(units)
    level = {unit.number: unit.level for unit in units}
    families: dict[Any, dict[tuple[int, ...], None]] = {}
    others: dict[Any, dict[int, None]] = {}
    for unit in units:
        rows: dict[Any, list[int]] = {}
        for position, leaf, partner in _uses(graph, unit):
            fate = free.get(leaf)
            if fate is None:
                continue
            if partner is None:
                key = unit.level, graph.function(unit.number), position, fate
                others.setdefault(key, {})[leaf] = None
            else:
                rows.setdefault((position, level.get(partner, -1), fate), []).append(leaf)
        for key, row in rows.items():
            families.setdefault((unit.level, len(row), *key), {})[tuple(row)] = None
    blocks: list[list[int]] = []
    # A single row is no matrix, but perhaps the sum of all squares.
    sized = sorted(families.values(), key=lambda rows: (len(rows) == 1, -sum(map(len, rows))))
    candidates = [[leaf for row in rows for leaf in row] for rows in sized]
    small: dict[Any, list[int]] = {}
    for block in [*candidates, *map(list, others.values())]:
        block = [leaf for leaf in dict.fromkeys(block) if leaf in free]
        if len(block) >= FEW:
            blocks.append(block)
        elif block:
            small.setdefault(free[block[0]], []).extend(block)
        for leaf in block:
            del free[leaf]
    return blocks + [block for block in small.values() if len(block) >= FEW]


def _uses(graph: Graph, unit: Unit) -> Iterable[tuple[int, int, int | None]]:
    """Each slot a unit takes, at what position, and what it is multiplied with in a sum."""
    if unit.terms is None:
        for position, number in enumerate(inputs_of(graph, unit)):
            yield position, number, None
        return
    for left, right in unit.terms:
        yield 0, left, right
        if right is not None:
            yield 1, right, left


def _fates(graph: Graph, recording: Recording) -> dict[int, Any]:
    """For every scalar leaf that can be packed, what becomes of it in the call."""
    values: dict[Value | Pack, int] = {
        source.value: graph.number[slot]
        for slot, source in recording.sources.items()
        if isinstance(source, LeafData) and slot.is_number
    }
    for slot, source in recording.sources.items():
        number = graph.number[slot]
        if isinstance(source, LeafGrad) and graph.uses[number]:
            values.pop(source.value, None)  # what was there is added to
    updates = [step for step in recording.steps if isinstance(step, Update)]
    for update in updates:
        if not is_entrywise(update.optimizer):
            for parameter in update.parameters:
                values.pop(parameter, None)
    marks: dict[int, list[Any]] = {number: [] for number in values.values()}
    for position, step in enumerate(recording.steps):
        if isinstance(step, PullBack):
            for slot in step.wrt:
                if graph.number[slot] in marks:
                    marks[graph.number[slot]].append(position)
    for position, update in enumerate(updates):
        optimizer = update.optimizer
        trained = set(optimizer.parameters)
        for parameter, gradient in zip(update.parameters, update.gradients, strict=True):
            if parameter in values:
                group = id(optimizer.settings(parameter)) if parameter in trained else None
                marks[values[parameter]].append((position, gradient is None, group))
    for source in recording.stores:
        if isinstance(source, LeafData) and source.value in values:
            marks[values[source.value]].append("stored")
    for value, gradient in recording.gradients.items():
        if value in values:
            marks[values[value]].append("no gradient" if gradient is None else "gradient")
    return {number: tuple(fate) for number, fate in marks.items()}
