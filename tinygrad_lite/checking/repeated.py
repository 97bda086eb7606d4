"""The same mistake made at every place of a kind: a habit, or one line that is run many times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Edge
from tinygrad_lite.checking.mistakes import loops, paths, regularisation, scales, windows
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.mistakes.habits import everywhere_at, together
from tinygrad_lite.checking.places import Places
from tinygrad_lite.engine.value import Value


class Repeated:
    """Candidates that concern several places of a trial."""

    def __init__(self, places: Places) -> None:
        self.places, self.whole = places, places.whole
        self.record, self.base, self.found = places.record, places.base, places.found
        self.targets, self.now, self.about = places.targets, places.now, places.about
        self.wrong = places.wrong

    def habits(self, wide: bool = False) -> Iterator[Candidate]:
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
        for candidate in self.places.at(self._telling(free)):
            if candidate.family:
                families.setdefault(f"{candidate.kind} {candidate.family}", []).append(candidate)
        yield from loops.shifted(about, free)
        yield from windows.rotated(about, free)
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
                first = penalties[0]
                alone = 2 * c - 1 if scales.is_half_of_square(first) else c  # of one half
                (reading, *_) = scales.named(self.about, alone, first.argument, first)
                changes = Changes(scales=dict.fromkeys(penalties, c))
                parameters = [edge.argument for edge in penalties]
                reading = replace(reading, where=first.argument)
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
