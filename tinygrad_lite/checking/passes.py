"""A backward pass over a record that may be altered: the right one plus a supposed mistake.

The engine's own pull-back is the reference. This one exists to be wrong on purpose: at chosen
places it scales what flows along an edge, calls another rule, or works on other numbers.
"""

from __future__ import annotations

import heapq
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Edge, Inapplicable, Local
from tinygrad_lite.engine.backward import consumers_first, fitted
from tinygrad_lite.engine.value import Value


@dataclass
class Effort:
    """What a search has cost so far. Counted rather than timed, so that the same search ends at the
    same place on every machine.

    spent
        in pull-backs of a scalar operation, about 25 µs each
    """

    spent: int = 0


class Record:
    """What a cost was computed from, as far as it leads to the Values asked about."""

    def __init__(self, cost: Value, keys: Iterable[Value], effort: Effort | None = None) -> None:
        self.cost = cost
        self.effort = effort or Effort()
        self.keys = list(keys)
        self.order = consumers_first(cost)
        needed = set(self.keys)
        for node in reversed(self.order):
            if any(type(a) is Value and a in needed for a in node.args):
                needed.add(node)
        self.nodes = [node for node in self.order if node in needed]
        self.needed = needed
        self.consumers: dict[Value, list[Edge]] = {}
        for node in self.nodes:
            for argnum, argument in enumerate(node.args):
                if type(argument) is Value and argument in needed:
                    self.consumers.setdefault(argument, []).append(Edge(node, argnum))

    def behind(self, bits: Mapping[Value, int]) -> dict[Value, int]:
        """For each Value, the bits of all Values that a change of its cotangent can reach."""
        behind: dict[Value, int] = {}
        for value in {*self.consumers, self.cost}:
            if value.operation is None:
                behind[value] = bits.get(value, 0)
        for node in reversed(self.nodes):
            mask = bits.get(node, 0)
            for argument in node.args:
                if type(argument) is Value:
                    mask |= behind.get(argument, 0)
            behind[node] = mask
        return behind

    def evaluate(self, changed: Mapping[Value, Array]) -> dict[Value, Array]:
        """All numbers that differ when some Values are given others, by Value."""
        data = dict(changed)
        for node in self.dependents(changed):
            data[node] = recompute(node, data)
        return data

    def dependents(self, changed: Iterable[Value]) -> list[Value]:
        """What has to be computed anew when some Values change, in order."""
        given = set(changed)
        moved = set(given)
        nodes = []
        for node in reversed(self.order):
            if node not in given and any(type(a) is Value and a in moved for a in node.args):
                moved.add(node)
                nodes.append(node)
        return nodes

    def pull(self, changes: Changes | None = None, seed: Array = None) -> dict[Value, Array]:
        """Cotangents of all Values on the way, from the cost down, with alterations.

        Args:
            seed: cotangent of the cost, 1 by default; if it is a Value, so are the others.
        """
        data = self.cost.data
        if seed is None:
            seed = 1.0 if type(data) is float else np.ones_like(np.asarray(data))
        held: dict[Value, Array] = {self.cost: seed}
        found: dict[Value, Array] = {}
        changes = changes or _NOTHING
        for node in self.nodes:
            if node in held:
                self._step(node, held, found, changes)
        for value, g in held.items():
            found[value] = _total(value, g, changes)
        return found

    def push(
        self,
        delta: Mapping[Value, Array],
        changes: Changes,
        found: Mapping[Value, Array] | None = None,
    ) -> dict[Value, Array]:
        """How all cotangents change when those of some Values change by `delta`.

        Every rule, altered or not, is linear in its cotangent, so only what lies behind the
        change needs to be visited.
        """
        held = dict(delta)
        seen: dict[Value, Array] = {}
        heap = [-value.serial for value in held if value.operation is not None]
        by_serial = {value.serial: value for value in held}
        heapq.heapify(heap)
        while heap:
            node = by_serial[-heapq.heappop(heap)]
            if node not in held:
                continue
            for argument in self._step(node, held, seen, changes):
                if argument.operation is not None and argument.serial not in by_serial:
                    by_serial[argument.serial] = argument
                    heapq.heappush(heap, -argument.serial)
        for value, g in held.items():
            seen[value] = _total(value, g, changes)
        return seen

    def differ(
        self,
        changes: Changes,
        base: Changes,
        found: Mapping[Value, Array],
        parts: dict[Value, dict[Value, Array]],
        *,
        whole: bool,
    ) -> dict[Value, Array]:
        """How cotangents differ from those of the pass `base` found, if changes are added to it.

        Only altered operations are pulled back anew, and only what differs is carried on.

        Args:
            changes: without other data or values only shown.
            parts: what operations pass back in that pass; filled as they are met.
            whole: carry the difference on to the keys, rather than only past the last change, if it
                has not come to the only key by then.

        Returns:
            by Value, the difference of its cotangent: of all met, and where it was carried to.
        """
        together = base | changes
        altered = {node for node in (*changes.nodes, *changes.links) if node in found}
        altered &= self.needed
        totals = {value for value in changes.totals if value in found and value in self.needed}
        if not base.totals.keys().isdisjoint(totals):
            raise KeyError("a total that was changed before")
        waiting = {node for node in altered | totals if node.operation is not None}
        # The total of a leaf is another only once all has arrived.
        at_end = whole or any(value.operation is None for value in totals)
        by_serial = {node.serial: node for node in waiting}
        heap = [-serial for serial in by_serial]
        heapq.heapify(heap)
        held: dict[Value, Array] = {}
        new: dict[Value, Array] = {}
        seen: dict[Value, Array] = {}
        now: Mapping[Value, Array] = ChainMap(new, found)  # type: ignore[arg-type]
        while heap and (at_end or waiting):
            node = by_serial[-heapq.heappop(heap)]
            delta = held.pop(node, None)
            waiting.discard(node)
            if delta is None and node not in altered and node not in totals:
                continue
            if node in totals:
                before = found[node]
                delta = changes.totals[node](before if delta is None else plus(before, delta))
                delta = plus(delta, times(before, -1.0))
            elif delta is not None:
                delta = _total(node, delta, base)
            if delta is not None:
                new[node] = plus(found[node], delta)
                seen[node] = delta
            arriving: dict[Value, Array] = {}
            if node in altered:
                if node not in parts:
                    parts[node] = {}
                    self.spread(node, found[node], parts[node], found, base)
                self.spread(node, new.get(node, found[node]), arriving, now, together)
                for argument, local in parts[node].items():
                    other = times(local, -1.0)
                    arriving[argument] = (
                        plus(arriving[argument], other) if argument in arriving else other
                    )
            else:
                self.spread(node, delta, arriving, now, base)
            for argument, local in arriving.items():
                held[argument] = plus(held[argument], local) if argument in held else local
                if argument.operation is not None and argument.serial not in by_serial:
                    by_serial[argument.serial] = argument
                    heapq.heappush(heap, -argument.serial)
        for value in [v for v in dict.fromkeys((*held, *totals)) if v.operation is None]:
            delta = held.get(value)
            if value in totals:
                before = found[value]
                delta = changes.totals[value](before if delta is None else plus(before, delta))
                delta = plus(delta, times(before, -1.0))
            else:
                delta = _total(value, delta, base)
            held[value] = delta
        if whole:
            return {**seen, **held}
        keys = set(self.keys)
        if at_end:
            return {key: d for key, d in (*seen.items(), *held.items()) if key in keys}
        return {key: d for key, d in seen.items() if key in keys} or held

    def _step(
        self,
        node: Value,
        held: dict[Value, Array],
        found: dict[Value, Array],
        changes: Changes,
    ) -> list[Value]:
        """Complete one node's cotangent and pull it back; returns the arguments that got some."""
        g = found[node] = _total(node, held.pop(node), changes)
        return self.spread(node, g, held, found, changes)

    def spread(
        self,
        node: Value,
        g: Array,
        held: dict[Value, Array],
        found: Mapping[Value, Array],
        changes: Changes,
    ) -> list[Value]:
        """Add what a node passes back to its arguments to what is held for them."""
        if node in changes.links:
            target, jump = changes.links[node]
            ends = (changes.data.get(v, v.data) for v in (target, node))
            local = fitted(jump(g, *ends), target, node)
            held[target] = plus(held[target], local) if target in held else local
            return [target]
        data = changes.data
        inputs = [data.get(a, a.data) if type(a) is Value else a for a in node.args]
        out = data.get(node, node.data)
        self.effort.spent += 1 if type(out) is float else 1 + _entries((out, *inputs)) // 4000
        settings = node.metadata or {}
        operation = node.operation
        assert operation is not None
        altered = node in changes.nodes  # nearly no node is: the look-ups below would cost most
        reached = []
        for argnum, (vjp, argument) in enumerate(zip(operation.vjps, node.args)):  # noqa: B905
            if type(argument) is not Value or argument not in self.needed:
                continue
            edge = Edge(node, argnum) if altered else None
            if edge is not None and edge in changes.edges:
                local = changes.edges[edge](Local(edge, g, out, inputs, found))
            elif vjp is None:
                raise Inapplicable
            else:
                local = vjp(g, out, *inputs, **settings)
            local = fitted(local, argument, node)
            if edge is not None and edge in changes.scales:
                local = changes.scales[edge] * local
            held[argument] = plus(held[argument], local) if argument in held else local
            reached.append(argument)
        return reached

    def local(self, edge: Edge, found: Mapping[Value, Array], changes: Changes) -> Local:
        """The call of an edge's rule, in a pass that gave these cotangents."""
        data, node = changes.data, edge.node
        inputs = [data.get(a, a.data) if type(a) is Value else a for a in node.args]
        return Local(edge, found[node], data.get(node, node.data), inputs, found)


def recompute(node: Value, data: Mapping[Value, Array]) -> Array:
    """An operation's result on other numbers; a rounding to float32 on the way is left out."""
    operation = node.operation
    assert operation is not None
    inputs = []
    plain = operation.scalar is not None and not node.metadata
    for a in node.args:
        if type(a) is Value:
            known = data.get(a)
            a = a.data if known is None else known
        plain = plain and isinstance(a, (float, int))
        inputs.append(a)
    if plain:
        try:
            return operation.scalar(*inputs)  # type: ignore[misc]
        except (ArithmeticError, ValueError):
            pass
    if operation.name == "astype" and np.asarray(inputs[0]).dtype.kind == "f":
        return inputs[0]
    out = operation.evaluate(*inputs, **(node.metadata or {}))
    return tuple(out) if isinstance(out, tuple) else out  # np.linalg's have field names


def _entries(arrays: Iterable[Array]) -> int:
    return sum(a.size for a in arrays if isinstance(a, np.ndarray))


def plus(a: Array, b: Array) -> Array:
    """Sum of two cotangents, which are tuples for an operation with several results."""
    return tuple(x + y for x, y in zip(a, b, strict=True)) if type(a) is tuple else a + b


def _total(value: Value, g: Array, changes: Changes) -> Array:
    if value in changes.totals:
        g = changes.totals[value](g)
    return (
        +g if type(g) is Value else g
    )  # a handle of its own, though a rule passed it on as it was


def times(a: Array, factor: float) -> Array:
    """A multiple of a cotangent."""
    return tuple(x * factor for x in a) if type(a) is tuple else a * factor


_NOTHING = Changes()
