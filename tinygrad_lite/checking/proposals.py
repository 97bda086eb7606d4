"""Proposals: every supposed mistake worth trying, given where the first wrong gradient is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.checking.mistakes import (
    loops,
    masks,
    normalisation,
    paths,
    products,
    ratios,
    regularisation,
    scales,
    shapes,
    slopes,
    softmax,
    stale,
)
from tinygrad_lite.checking.mistakes.candidate import Candidate, Circumstances
from tinygrad_lite.checking.mistakes.habits import everywhere_at, together
from tinygrad_lite.checking.passes import Array, Changes, Edge, Inapplicable
from tinygrad_lite.checking.trial import FAILURES, Trial, moved_by
from tinygrad_lite.engine.value import Value

INSIDE = 0.3  # prior of a mistake inside a function that was written as one


class Proposals:
    """Candidates for the wrong gradients of a trial."""

    def __init__(self, trial: Trial) -> None:
        self.trial, self.whole = trial, trial.whole
        self.record, self.base, self.found = trial.record, trial.base, trial.found
        self.targets, self.now, self.about = trial.targets, trial.now, trial.about
        self.wrong, self.right = trial.wrong, trial.right

    def all(self) -> Iterator[Candidate]:
        """Everything worth trying, given where the first wrong gradient is."""
        return map(self._seen_as_written, self._all())

    def _seen_as_written(self, candidate: Candidate) -> Candidate:
        """A mistake inside a function that is one to whoever wrote it is less likely than one in
        the function's derivative."""
        changes = candidate.changes
        touched = {*changes.nodes, *changes.totals}
        for link in self.about.composites:
            if any(a is not link.a or z is not link.z for a, (z, _) in changes.links.items()):
                touched |= changes.links.keys()
            within = link.members if changes.nodes or changes.links else link.members - {link.a}
            if touched and touched <= within:
                return candidate.weighted(INSIDE)
        return candidate

    def _all(self) -> Iterator[Candidate]:
        yield from self._shapes()
        fitting = [key for key in self.wrong if self.targets[key].fitting]
        if not fitting:
            return
        first = fitting[0]
        if self.whole.large:
            yield from self._habits()
        yield from self._around(first, self._places(first))
        if not self.whole.large:
            yield from self._habits()

    def elsewhere(self) -> Iterator[Candidate]:
        """Candidates at places that reach right gradients too, where a mistake happens to cancel,
        as one does that sums to zero over the batch."""
        fitting = [key for key in self.wrong if self.targets[key].fitting]
        if not fitting or self.whole.large:
            return
        behind = self.record.behind(dict.fromkeys(fitting[:1], 1))
        usual = set(self._places(fitting[0]))
        places = [v for v, mask in behind.items() if mask and v not in usual]
        yield from self._around(fitting[0], places)
        yield from self._habits(wide=True)

    def _around(self, first: Value, places: list[Value]) -> Iterator[Candidate]:
        yield from self._scaled(first, places)
        for candidate in self._at(places):
            yield candidate
            shown = self._only_shown(candidate, first)
            if shown is not None:
                yield shown

    def _places(self, first: Value) -> list[Value]:
        """Values whose cotangent may be the first to be wrong: it reaches the first wrong key and
        no right one."""
        right = [k for k in self.right if np.any(self.now[k])]
        behind = self.record.behind({first: 1, **dict.fromkeys(right, 2)})
        order = [self.record.cost, *self.record.nodes[1:]]
        leaves = [k for k in self.record.consumers if k.operation is None]
        all_places = [v for v in (*order, *leaves) if behind.get(v, 0) & 1]
        strict = [v for v in all_places if behind[v] == 1]
        if self.whole.large:
            return [*strict[:40], *strict[-40:]] if len(strict) > 80 else strict
        return strict

    def _scaled(self, first: Value, places: list[Value]) -> Iterator[Candidate]:
        """A factor on one edge or one total, solved for from the first wrong gradient."""
        target = self.targets[first]
        gap = target.hand - np.asarray(self.now[first])
        for value in places:
            edges = self.record.consumers.get(value, [])
            spots: list[Edge | None] = list(edges)
            if len(edges) > 1 or not edges:
                spots.append(None)
            for edge in spots:
                try:
                    c = self._factor(value, edge, first, gap)
                except (Inapplicable, KeyError):
                    continue
                if c is None or abs(c - 1) < 1e-9:
                    continue
                close = 1e-3 if target.single else 1e-5
                for candidate in scales.named(self.about, c, value, edge, close):
                    extra = -0.1 if candidate.kind == "sign" and scales.is_negating(edge) else 0.0
                    yield candidate.weighted(extra)
        yield from self._without_penalty(first)
        yield from ratios.of_ratio(self.about, first, target.hand, self.now[first])
        families: dict[str, list[Candidate]] = {}
        for key in self.wrong:
            target = self.targets[key]
            if target.fitting and key.operation is None:
                for candidate in regularisation.invented(
                    key, target.hand, np.asarray(self.now[key])
                ):
                    families.setdefault(candidate.family, []).append(candidate)
                    yield candidate
        yield from (together(some) for some in families.values() if len(some) > 1)

    def _without_penalty(self, leaf: Value) -> Iterator[Candidate]:
        """A factor on all that a parameter gets, but for the derivative of its penalty."""
        edges = self.record.consumers.get(leaf, [])
        penalties = [e for e in edges if regularisation.is_regularisation(self.record, e)]
        others = [e for e in edges if e not in penalties]
        if leaf.operation is not None or not penalties or len(others) < 2:
            return
        none = Changes(scales=dict.fromkeys(others, 0.0))
        try:
            part = np.asarray(self.now[leaf] - self.trial.predict(none, self.trial.quick)[leaf])
        except FAILURES:
            return
        size = float(np.sum(part * part))
        gap = self.targets[leaf].hand - np.asarray(self.now[leaf])
        if size:
            c = 1 + float(np.sum(gap * part)) / size
            for reading in scales.named(self.about, c, leaf, None):
                changes = Changes(scales=dict.fromkeys(others, c))
                yield replace(reading.weighted(0.05), changes=changes)

    def _factor(self, value: Value, edge: Edge | None, first: Value, gap: Array) -> float | None:
        if edge is None:
            local = self.found[value]
        else:
            held: dict[Value, Array] = {}
            single = Changes(
                scales={
                    Edge(edge.node, i): 0.0
                    for i, a in enumerate(edge.node.args)
                    if i != edge.argnum and type(a) is Value and a in self.record.needed
                }
            )
            self.record.spread(
                edge.node, self.found[edge.node], held, self.found, self.base | single
            )
            local = held[value]
        probe = self.trial.probe
        if probe is not None and first is self.trial.wrong[0]:
            return probe.factor({value: local})
        reach = self.trial.reach(first)
        part: Any
        if reach is not None:
            part = moved_by({value: local}, first, reach) if value in reach else None
        else:
            part = self.record.push({value: local}, self.base).get(first)
        if part is None:
            return None
        part = np.asarray(part, dtype=np.float64)
        size = float(np.sum(part * part))
        if size == 0 or not np.isfinite(size):
            return None
        return 1 + float(np.sum(gap * part)) / size

    def _at(self, places: Iterable[Value]) -> Iterator[Candidate]:
        """The catalogue at single places."""
        about = self.about
        inside = set(places)
        links = [link for link in about.links if link.z in inside]
        yield from slopes.of_links(about, links)
        yield from slopes.of_neighbours(about, links)
        yield from softmax.of_links(about, links)
        yield from normalisation.of_links(links)
        for value in inside:
            if type(value.data) is tuple or value not in self.found:
                continue
            yield from paths.of_value(about, value)
            yield from paths.in_loop(about, value)
            yield from paths.turned(about, value)
            if value.ndim:
                yield from shapes.of_value(value, value.shape)
            yield from softmax.of_logits(about, value)
            yield from slopes.of_logistic_loss(about, value)
            yield from ratios.of_weights(about, value)
            yield from slopes.of_last_step(about, value)
            for edge in self.record.consumers.get(value, []):
                yield from masks.of_edge(about, edge)
                yield from masks.ignored(about, edge)
                yield from softmax.of_logsumexp(edge)
                yield from products.of_edge(about, edge)
                yield from shapes.of_broadcast(about, edge, value.shape)
                yield from shapes.of_reduction(edge)
                yield from shapes.of_roll(edge)
                yield from paths.of_samples(edge)
                yield from paths.of_index(edge)

    def _only_shown(self, candidate: Candidate, first: Value) -> Candidate | None:
        """The same mistake in the reported number only: an intermediate Value whose own gradient
        is wrong while those computed from it are right."""
        if candidate.at is not first or first.operation is None or candidate.changes.shown:
            return None
        changes = candidate.changes
        try:
            new = self.trial.predict(changes, self.trial.quick).get(first)
        except FAILURES:
            return None
        if new is None:
            return None
        shown = Changes(shown={first: lambda g: new})
        return replace(candidate.weighted(0.2), changes=shown)

    def _habits(self, wide: bool = False) -> Iterator[Candidate]:
        """One mistake made at every place of a kind; if `wide`, also at those that reach right
        gradients."""
        families: dict[str, list[Candidate]] = {}
        record = self.whole.record
        found = self._all_found()
        right = [k for k in self.whole.right if np.any(found.get(k, 0.0))]
        wrong = self.wrong if record is self.record else self.whole.wrong
        behind = record.behind({**dict.fromkeys(right, 2), **dict.fromkeys(wrong, 1)})
        free = [v for v, mask in behind.items() if mask == 1 or (wide and mask & 1)]
        all_places = [v for v, mask in behind.items() if mask]
        about = Circumstances(record, found, self.base, self.whole.links)
        for places in (free, all_places):
            everywhere = paths.averaged_everywhere(about, places)
            if everywhere is not None:
                yield everywhere
        for candidate in self._at(self._telling(free)):
            if candidate.family:
                families.setdefault(f"{candidate.kind} {candidate.family}", []).append(candidate)
        yield from loops.shifted(about, free)
        yield from self._constant_habits(free)
        yield from self._scaled_everywhere(free)
        for members in families.values():
            if len({m.where for m in members}) < 2 and len({m.at for m in members}) < 2:
                continue
            yield together(members)
            yield from map(together, self._parts(about, members))

    def _parts(self, about: Circumstances, members: list[Candidate]) -> Iterator[list[Candidate]]:
        """The same mistake made at some places of a kind: on one line, in one layer, for the
        parameter of one gate."""
        in_loop = any(about.serves(m.where) is not None for m in members)
        seen = {frozenset(map(id, members))}
        for part in (
            lambda m: m.where.frame_offset,
            lambda m: id(about.serves(m.where)) if in_loop else about.layers.get(m.where, 0),
        ):
            parts: dict[int, list[Candidate]] = {}
            for member in members:
                parts.setdefault(part(member), []).append(member)
            for some in parts.values():
                chosen = frozenset(map(id, some))
                if len(some) > 1 and chosen not in seen:
                    seen.add(chosen)
                    yield some

    def _all_found(self) -> Mapping[Value, Array]:
        if self.record is self.whole.record:
            return self.found
        return self.whole.record.pull(self.base)

    def _telling(self, places: list[Value]) -> list[Value]:
        """Of very many places, those where habits show: used more than once, or at a link."""
        if not self.whole.large:
            return places
        ends = {link.z for link in self.whole.links if link.name}
        return [
            v for v in places
            if v in ends or (len(self.whole.record.consumers.get(v, [])) > 1 and v.operation)
        ][:3000]  # fmt: skip

    def _constant_habits(self, free: list[Value]) -> Iterator[Candidate]:
        """Factors that a habit puts on every parameter: the batch size, a sign, the penalty."""
        leaves = [k for k in self.wrong if k.operation is None and self.targets[k].fitting]
        if len(leaves) < 2:
            return
        ratios = []
        for key in leaves:
            now = np.asarray(self.now[key], dtype=np.float64)
            size = float(np.sum(now * now))
            ratios.append(float(np.sum(self.targets[key].hand * now)) / size if size else 1.0)
        c = float(np.median(ratios))
        if c != 1 and all(abs(r - c) <= 1e-3 * abs(c) for r in ratios):
            for reading in scales.named(self.about, c, leaves[0], None):
                every = Changes(
                    totals={k: lambda g: c * g for k in self.whole.wrong if k.operation is None}
                )
                everywhere = everywhere_at(reading, leaves)
                # Parameters alone, not what they were computed with: that is how batches go wrong.
                extra = -0.1 if reading.kind.endswith("-batch") else 0.15
                yield replace(everywhere.weighted(extra), changes=every, at=leaves[0])
        penalties = [
            edge
            for key in self.whole.wrong
            for edge in self.whole.record.consumers.get(key, [])
            if key.operation is None and regularisation.is_regularisation(self.whole.record, edge)
        ]
        if penalties:
            for c in (0.0, 2.0, 0.5, -1.0):
                (reading, *_) = scales.named(self.about, c, penalties[0].argument, penalties[0])
                changes = Changes(scales=dict.fromkeys(penalties, c))
                parameters = [edge.argument for edge in penalties]
                yield replace(everywhere_at(reading, parameters), changes=changes)

    def _scaled_everywhere(self, free: list[Value]) -> Iterator[Candidate]:
        """A factor on the same edge each time a line of the user's code is run, as in a loop."""
        inside = set(free)
        groups: dict[object, list[Edge]] = {}
        for value in self._telling(free):
            for edge in self.whole.record.consumers.get(value, []):
                node = edge.node
                key = (node.frame_code, node.frame_offset, node.operation, edge.argnum)
                groups.setdefault(key, []).append(edge)
        for group in list(groups.values()):
            parts: dict[Value | None, list[Edge]] = {}
            for edge in group:
                parts.setdefault(self.about.serves(edge.node), []).append(edge)
            if len(parts) > 1:
                groups.update(((*map(id, some),), some) for some in parts.values())
        for edges in groups.values():
            if len(edges) < 2 or not all(edge.argument in inside for edge in edges):
                continue
            meant = set(edges)
            whole = all(meant.issuperset(self.whole.record.consumers[e.argument]) for e in edges)
            own = [c for c in scales.own_numbers(edges[0]) if c not in (0.5, 2.0)]
            for c in (-1.0, 0.0, 0.5, 2.0, *own):
                every = Changes(scales=dict.fromkeys(edges, c))
                for reading in scales.named(self.about, c, edges[0].argument, edges[0]):
                    if c == 0 and whole:
                        reading = reading.weighted(0.8)
                    extra = (
                        -0.1 if reading.kind == "sign" and scales.is_negating(edges[0]) else 0.05
                    )
                    everywhere = everywhere_at(reading, [edge.node for edge in edges])
                    yield replace(everywhere.weighted(extra), changes=every)

    def _shapes(self) -> Iterator[Candidate]:
        """Gradients of another shape than their Value's: one habit or each on its own."""
        families: dict[str, list[Candidate]] = {}
        odd = [key for key in self.wrong if not self.targets[key].fitting]
        for key in odd:
            shape = self.targets[key].hand.shape
            offered = list(shapes.of_value(key, shape))
            for edge in self.record.consumers.get(key, []):
                offered += shapes.of_broadcast(self.about, edge, shape)
                offered += shapes.of_unsummed_product(self.about, edge, shape)
            for candidate in offered:
                yield candidate
                if self._gives(candidate, key):
                    families.setdefault(candidate.kind, []).append(candidate)
        for members in families.values():
            one_each = {m.at: m for m in reversed(members)}
            if len(one_each) > 1:
                yield together(list(one_each.values()))

    def _gives(self, candidate: Candidate, key: Value) -> bool:
        """Whether a candidate for one gradient of another shape reproduces it."""
        try:
            shown = candidate.changes.shown[key](self.found[key])
        except FAILURES:
            return False
        same: bool = self.targets[key].equals(shown)
        return same

    def stale(self) -> Iterator[Candidate]:
        """Parameters that were updated too early; costly, so tried when nothing else fits."""
        leaves = [k for k in self.record.keys if k.operation is None]
        if not leaves or self.whole.large or len(leaves) > 30:
            return

        def distance(found: Mapping[Value, Array]) -> float:
            return max(
                self.targets[k].distance(found[k]) if k in found else np.inf for k in self.wrong
            )

        fitting = [k for k in leaves if self.targets[k].fitting and k in self.found]
        yield from stale.candidates(
            self.about, fitting, self.wrong, {k: self.found[k] for k in fitting},
            {k: self.targets[k].hand for k in fitting}, distance,
        )  # fmt: skip
