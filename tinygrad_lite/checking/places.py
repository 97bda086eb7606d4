"""A mistake at one place: each place tried with the whole catalogue, and with a wrong factor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Edge, Inapplicable
from tinygrad_lite.checking.mistakes import (
    convolutions,
    masks,
    normalisation,
    paths,
    products,
    ratios,
    regularisation,
    scales,
    shapes,
    slices,
    slopes,
    softmax,
)
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.habits import together
from tinygrad_lite.checking.trial import FAILURES, Trial, moved_by
from tinygrad_lite.engine.value import Value


class Places:
    """Candidates at single places of a trial."""

    def __init__(self, trial: Trial) -> None:
        self.trial, self.whole = trial, trial.whole
        self.record, self.base, self.found = trial.record, trial.base, trial.found
        self.targets, self.now, self.about = trial.targets, trial.now, trial.about
        self.wrong, self.right = trial.wrong, trial.right

    def around(self, first: Value, places: list[Value]) -> Iterator[Candidate]:
        yield from self._scaled(first, places)
        for candidate in self.at(places):
            yield candidate
            shown = self._only_shown(candidate, first)
            if shown is not None:
                yield shown

    def reaching(self, first: Value) -> list[Value]:
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
                edges = self.record.consumers.get(key, [])
                penalised = any(regularisation.is_regularisation(self.record, e) for e in edges)
                for candidate in regularisation.invented(
                    key, target.hand, np.asarray(self.now[key]), penalised
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

    def at(self, places: Iterable[Value]) -> Iterator[Candidate]:
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
            yield from slices.of_value(about, value)
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
                yield from convolutions.of_edge(edge)
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
