"""A trial: a backward pass with what is accepted so far, and how further changes fare on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Inapplicable
from tinygrad_lite.checking.links import find_links
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.passes import Effort, Record, plus
from tinygrad_lite.checking.probe import Probe
from tinygrad_lite.checking.targets import Target
from tinygrad_lite.engine.value import Value

LARGE = 2500  # edges beyond which keys are sampled and single places are sought near the fault
SMALL, LONG = 16, 60  # entries of a Value, and length of a chain, to sum up the way to a key
FEW = 12  # keys up to which the way to each is summed up in one number per Value
ENOUGH = 250_000  # effort after which a search for rare or several mistakes ends, some 5 seconds
CANDIDATE = 10  # effort of a candidate itself, whatever has to be pulled back to judge it
SAMPLE = 24  # keys of each verdict in that sample

FAILURES = (Inapplicable, ValueError, TypeError, IndexError, KeyError, ArithmeticError)
"""What a supposed mistake may raise where it makes no sense."""


class Case:
    """What is to be explained: a cost, the gradients given, and which of them are wrong."""

    def __init__(self, cost: Value, targets: Sequence[Target], wrong: set[Value]) -> None:
        self.targets = {t.key: t for t in targets}
        self.effort = Effort()
        self.record = Record(cost, self.targets, self.effort)
        self.closeness = {
            key: max((e.node.serial for e in self.record.consumers.get(key, [])), default=-1)
            for key in self.targets
        }
        self.wrong = sorted(wrong, key=lambda k: (-self.closeness[k], -k.serial))
        self.right = [k for k in self.targets if k not in wrong]
        self.large = sum(map(len, self.record.consumers.values())) > LARGE
        self.links = find_links(self.record, set(self.record.nodes))

    def sampled(self) -> tuple[list[Value], list[Value]]:
        """Some of the wrong keys, the first among them, and some of the right ones."""
        random = np.random.default_rng(0)

        def some(keys: list[Value]) -> list[Value]:
            if len(keys) <= SAMPLE:
                return keys
            chosen = {0, len(keys) - 1, *random.choice(len(keys), SAMPLE - 2, replace=False)}
            return [keys[int(i)] for i in sorted(chosen)]

        return some(self.wrong), some(self.right)

    def last_right(self, first: Value) -> Value | None:
        """The right one nearest to the first wrong one, on the side of the cost."""
        ahead = [k for k in self.right if self.closeness[k] >= self.closeness[first]]
        return min(ahead, key=lambda k: self.closeness[k], default=None)


class Trial:
    """Judges further changes on top of those that are already accepted.

    settled
        wrong keys that those reproduce
    spoiled
        whether the last candidate reproduces the first wrong gradient, but spoils a right one
    """

    def __init__(
        self,
        whole: Case,
        base: Changes,
        wrong: list[Value] | None = None,
        right: list[Value] | None = None,
    ) -> None:
        self.whole, self.base = whole, base
        self.spoiled = False
        self.wrong = whole.wrong if wrong is None else wrong
        self.right = whole.right if right is None else right
        self.targets = whole.targets
        sampled = wrong is not None and whole.large
        keys = [*self.wrong, *self.right]
        self.record = Record(whole.record.cost, keys, whole.effort) if sampled else whole.record
        self.found = self.record.pull(base)
        self.about = Circumstances(self.record, self.found, base, whole.links)
        self.now = {key: self._shown(key, self.found, base) for key in keys}
        explained = {key for key in self.wrong if self.targets[key].equals(self.now[key])}
        self.settled = [key for key in self.wrong if key in explained]
        self.wrong = [key for key in self.wrong if key not in explained]
        # Most candidates fail at the first wrong gradient already, on a small part of the graph.
        first = self.wrong[:1]
        self.quick = Record(whole.record.cost, first, whole.effort) if first else self.record
        self.probe = Probe.of(self.quick, self.targets[first[0]], base) if first else None
        self._reaches: dict[Value, dict[Value, Array] | None] = {}
        self._parts: dict[int, dict[Value, dict[Value, Array]]] = {}
        self._right_parts: dict[tuple[int, Value], dict[Value, Array]] = {}

    def predict(self, changes: Changes, record: Record | None = None) -> dict[Value, Array]:
        """What the keys would be with further changes; only those that the changes reach.

        Args:
            record: a part of the whole that leads to fewer keys.
        """
        record = record or self.record
        together = self.base | changes
        try:
            delta = self._delta(changes, together, record)
            if delta is not None:
                if not any(np.any(d) for d in delta.values()):
                    return {}
                moved = self._moved(delta, record)
                return {
                    key: self._shown(key, {key: self.found.get(key, 0.0) + moved[key]}, together)
                    for key in record.keys
                    if key in moved
                }
            if not (changes.data or changes.shown):
                moved = record.differ(
                    changes, self.base, self.found, self._parts_in(record), whole=True
                )
                return {
                    key: self._shown(
                        key, {key: plus(self.found.get(key, 0.0), moved[key])}, together
                    )
                    for key in record.keys
                    if key in moved
                }
        except KeyError:
            pass  # an accepted change looks at cotangents that a partial pass does not have
        found = record.pull(together)
        return {key: self._shown(key, found, together) for key in record.keys}

    def _parts_in(self, record: Record) -> dict[Value, dict[Value, Array]]:
        """What operations pass back to what a record needs, by now."""
        return self._parts.setdefault(id(record), {})

    def _moved(self, delta: dict[Value, Array], record: Record) -> dict[Value, Array]:
        """How the cotangents of a record's keys change when those of some Values change."""
        if len(record.keys) <= FEW:
            reaches = [self.reach(key) for key in record.keys]
            if all(reach is not None for reach in reaches):
                return {
                    key: moved_by(delta, key, reach)
                    for key, reach in zip(record.keys, reaches, strict=True)
                    if reach is not None and not reach.keys().isdisjoint(delta)
                }
        return record.push(delta, self.base)

    def reach(self, key: Value) -> dict[Value, Array] | None:
        """By how much the cotangent of a key grows with that of each Value before it, a number or
        a matrix: what a pass would find out. Only in long chains of small Values, where it pays.
        """
        if key not in self._reaches:
            self._reaches[key] = self._reach_of(key)
        return self._reaches[key]

    def _reach_of(self, key: Value) -> dict[Value, Array] | None:
        small = SMALL if len(self.record.nodes) > LONG else 1
        if key.size > small or (small == 1 and type(key.data) is not float):
            return None
        reach: dict[Value, Array] = {}
        self._enter(key, 1.0 if key.ndim == 0 else np.eye(key.size), reach)
        for node in reversed(self.record.nodes):
            if node is key or not any(type(a) is Value and a in reach for a in node.args):
                continue
            if type(node.data) is tuple or node.size > small:
                return None
            try:
                self._enter(node, self._columns(node, reach), reach)
            except FAILURES:
                return None
        return reach

    def _columns(self, node: Value, reach: Mapping[Value, Array]) -> Array:
        """The reach of a node from that of its arguments, a unit of its cotangent at a time."""
        columns = []
        for g in [1.0] if type(node.data) is float else _units(node.shape):
            local: dict[Value, Array] = {}
            self.record.spread(node, g, local, self.found, self.base)
            columns.append(sum(_times(reach[a], g) for a, g in local.items() if a in reach))
        return columns[0] if node.ndim == 0 else np.stack(columns, axis=-1)

    def _enter(self, value: Value, grown: Array, reach: dict[Value, Array]) -> None:
        total = self.base.totals.get(value)
        if total is not None:
            if type(value.data) is not float:
                raise Inapplicable
            grown = grown * float(total(1.0) - total(0.0))
        reach[value] = grown

    def _delta(
        self, changes: Changes, together: Changes, record: Record
    ) -> dict[Value, Array] | None:
        """The change at the only place that the changes concern, None if there are more."""
        if len(changes.scales) > 1 and not (changes.data or changes.shown):
            return self._delta_of_paths(changes, record)
        nodes = {e.node for e in (*changes.scales, *changes.edges)} | set(changes.links)
        if changes.data or changes.shown or len(nodes) + len(changes.totals) != 1:
            return None
        for value, total in changes.totals.items():
            return {value: total(self.found[value]) - self.found[value]}
        (node,) = nodes
        if node not in record.needed:
            return {}
        before = self._right_parts.get((id(record), node))
        if before is None:
            before = self._right_parts[id(record), node] = self._passed(node, record, self.base)
        after = self._passed(node, record, together)
        return {
            value: after.get(value, 0.0) - before.get(value, 0.0) for value in {*before, *after}
        }

    def _delta_of_paths(self, changes: Changes, record: Record) -> dict[Value, Array] | None:
        """The same where all that changes is how much is counted of the paths into one Value."""
        values = {edge.argument for edge in changes.scales}
        if len(values) > 1 or changes.edges or changes.links or changes.totals:
            return None
        if not all(edge.node in record.needed for edge in changes.scales):
            return None
        delta: Array = 0.0
        for edge, scale in changes.scales.items():
            before, after = (
                self._passed(edge.node, record, self.base | extra)
                for extra in (Changes(), Changes(scales={edge: scale}))
            )
            (value,) = values
            delta = delta + (after[value] - before[value])
        return {value: delta}

    def _passed(self, node: Value, record: Record, changes: Changes) -> dict[Value, Array]:
        """What a node passes back to each of its arguments."""
        held: dict[Value, Array] = {}
        record.spread(node, self.found[node], held, self.found, changes)
        return held

    def _shown(self, key: Value, found: Mapping[Value, Array], changes: Changes) -> Array:
        g = found[key] if key in found else np.zeros(key.shape)
        return changes.shown[key](g) if key in changes.shown else g

    @property
    def spent(self) -> bool:
        """Whether the search has cost so much that what is unlikely is no longer sought."""
        return self.whole.effort.spent > ENOUGH

    def _plausible(self, changes: Changes) -> bool:
        """Whether the first wrong gradient may be reproduced, by its projections alone."""
        moved = self.projected(changes)
        return moved is None or self.probe is None or self.probe.reached(moved)

    def projected(self, changes: Changes) -> Array | None:
        """By how much the projections of the first wrong gradient change, None if that takes a
        whole pass to know."""
        if self.probe is None:
            return None
        try:
            delta = self._delta(changes, self.base | changes, self.quick)
            if delta is None and not (changes.data or changes.shown):
                delta = self.quick.differ(
                    changes, self.base, self.found, self._parts_in(self.quick), whole=False
                )
            return None if delta is None else self.probe.moved(delta)
        except FAILURES:
            return None

    def explained(self, changes: Changes) -> tuple[set[Value], float]:
        """The wrong keys that a candidate reproduces; none if the first is not among them, or if
        it spoils a right one.

        Returns:
            those keys, and the largest distance among them.
        """
        first = self.wrong[0]
        self.spoiled = False
        if not self._plausible(changes):
            return set(), np.inf
        try:
            at_first = self.predict(changes, self.quick)
            if first not in at_first or not self.targets[first].equals(at_first[first]):
                return set(), np.inf
            new = self.predict(changes)
        except FAILURES:
            return set(), np.inf
        for key in (*self.right, *self.settled):
            if key in new and not self.targets[key].keeps(new[key]):
                self.spoiled = True
                return set(), np.inf
        keys, worst = set[Value](), 0.0
        for key in self.wrong:
            if key in new and self.targets[key].equals(new[key]):
                keys.add(key)
                worst = max(worst, self.targets[key].distance(new[key]))
        return keys, worst


def moved_by(delta: Mapping[Value, Array], key: Value, reach: Mapping[Value, Array]) -> Array:
    """The change of a key's cotangent that changes of other cotangents bring about."""
    moved = sum(_times(reach[value], d) for value, d in delta.items() if value in reach)
    return moved if type(key.data) is float else np.reshape(moved, key.shape)


def _times(grown: Array, d: Array) -> Array:
    """A number times a number; or a matrix, or the only column of one, times the entries."""
    return grown * float(d) if np.ndim(d) == 0 else np.asarray(grown) @ np.ravel(d)


def _units(shape: tuple[int, ...]) -> list[Array]:
    size = int(np.prod(shape))
    return [np.reshape(row, shape) for row in np.eye(size)]
