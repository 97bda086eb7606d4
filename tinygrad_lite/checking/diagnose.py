"""Which mistake turns the right backward pass into the hand-derived numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from tinygrad_lite.checking.links import Link, find_links
from tinygrad_lite.checking.mistakes import (
    masks,
    paths,
    products,
    regularisation,
    scales,
    shapes,
    slopes,
    softmax,
    stale,
)
from tinygrad_lite.checking.mistakes.candidate import CONVENTION, Candidate, Circumstances, called
from tinygrad_lite.checking.passes import Array, Changes, Edge, Inapplicable, Record
from tinygrad_lite.checking.targets import Target
from tinygrad_lite.engine.value import Value

LARGE = 2500  # edges beyond which keys are sampled and single places are sought near the fault
SURE = 0.2  # prior below which a mistake is natural
SAMPLE = 24  # keys of each verdict in that sample


@dataclass
class Answer:
    """One explanation: the mistakes that together reproduce all numbers."""

    candidates: list[Candidate]
    distance: float

    @property
    def rank(self) -> tuple[int, float, float]:
        """Fewer mistakes first, then the more natural ones."""
        return len(self.candidates), sum(c.prior for c in self.candidates), self.distance


@dataclass
class Diagnosis:
    """All explanations found, best first; and where the fault lies, found or not."""

    answers: list[Answer] = field(default_factory=list)
    first_wrong: Value | None = None
    last_right: Value | None = None
    partial: bool = False


def diagnose(cost: Value, targets: Sequence[Target], wrong: set[Value]) -> Diagnosis:
    """Explain the wrong gradients among the targets by one mistake, or by two.

    Args:
        cost: what was differentiated.
        targets: all gradients given; the right ones say where the mistake is not.
        wrong: keys of the targets that are wrong.
    """
    with np.errstate(all="ignore"):
        return _Diagnostician(cost, targets, wrong).run()


class _Diagnostician:
    def __init__(self, cost: Value, targets: Sequence[Target], wrong: set[Value]) -> None:
        self.targets = {t.key: t for t in targets}
        self.record = Record(cost, self.targets)
        self.closeness = {
            key: max((e.node.serial for e in self.record.consumers.get(key, [])), default=-1)
            for key in self.targets
        }
        self.wrong = sorted(wrong, key=lambda k: (-self.closeness[k], -k.serial))
        self.right = [k for k in self.targets if k not in wrong]
        self.large = sum(map(len, self.record.consumers.values())) > LARGE
        self.links = find_links(self.record, set(self.record.nodes))

    def run(self) -> Diagnosis:
        first = self.wrong[0]
        diagnosis = Diagnosis(first_wrong=first, last_right=self._last_right(first))
        everything = _Search(self, Changes())
        search = _Search(self, Changes(), *self._sampled()) if self.large else everything
        answers = list(search.answers(depth=2))
        answers = [a for a in answers if not self.large or everything.holds(a.candidates)]
        diagnosis.answers = _distinct(answers)
        diagnosis.partial = not diagnosis.answers
        return diagnosis

    def _sampled(self) -> tuple[list[Value], list[Value]]:
        random = np.random.default_rng(0)

        def some(keys: list[Value]) -> list[Value]:
            if len(keys) <= SAMPLE:
                return keys
            chosen = {0, len(keys) - 1, *random.choice(len(keys), SAMPLE - 2, replace=False)}
            return [keys[int(i)] for i in sorted(chosen)]

        return some(self.wrong), some(self.right)

    def _last_right(self, first: Value) -> Value | None:
        """The right one nearest to the first wrong one, on the side of the cost."""
        ahead = [k for k in self.right if self.closeness[k] >= self.closeness[first]]
        return min(ahead, key=lambda k: self.closeness[k], default=None)


class _Search:
    """Looks for candidates on top of changes that are already accepted."""

    def __init__(
        self,
        whole: _Diagnostician,
        base: Changes,
        wrong: list[Value] | None = None,
        right: list[Value] | None = None,
    ) -> None:
        self.whole, self.base = whole, base
        self.wrong = whole.wrong if wrong is None else wrong
        self.right = whole.right if right is None else right
        self.targets = whole.targets
        sampled = wrong is not None and whole.large
        keys = [*self.wrong, *self.right]
        self.record = Record(whole.record.cost, keys) if sampled else whole.record
        self.found = self.record.pull(base)
        self.about = Circumstances(self.record, self.found, base, whole.links)
        self.now = {key: self._shown(key, self.found, base) for key in keys}
        self.wrong = [key for key in self.wrong if not self.targets[key].equals(self.now[key])]
        # Most candidates fail at the first wrong gradient already, on a small part of the graph.
        first = self.wrong[:1]
        self.quick = Record(whole.record.cost, first) if first else self.record

    # -- judging a candidate ---------------------------------------------------------------------

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
                moved = record.push(delta, self.base)
                return {
                    key: self._shown(key, {key: self.found.get(key, 0.0) + moved[key]}, together)
                    for key in record.keys
                    if key in moved
                }
        except KeyError:
            pass  # an accepted change looks at cotangents that a partial pass does not have
        found = record.pull(together)
        return {key: self._shown(key, found, together) for key in record.keys}

    def _delta(
        self, changes: Changes, together: Changes, record: Record
    ) -> dict[Value, Array] | None:
        """The change at the only place that the changes concern, None if there are more."""
        nodes = {e.node for e in (*changes.scales, *changes.edges)} | set(changes.links)
        if changes.data or changes.shown or len(nodes) + len(changes.totals) != 1:
            return None
        for value, total in changes.totals.items():
            return {value: total(self.found[value]) - self.found[value]}
        (node,) = nodes
        if node not in record.needed:
            return {}
        before: dict[Value, Array] = {}
        after: dict[Value, Array] = {}
        g = self.found[node]
        record.spread(node, g, before, self.found, self.base)
        record.spread(node, g, after, self.found, together)
        return {
            value: after.get(value, 0.0) - before.get(value, 0.0) for value in {*before, *after}
        }

    def _shown(self, key: Value, found: Mapping[Value, Array], changes: Changes) -> Array:
        g = found[key] if key in found else np.zeros(key.shape)
        return changes.shown[key](g) if key in changes.shown else g

    def explained(self, changes: Changes) -> tuple[set[Value], float]:
        """The wrong keys that a candidate reproduces; none if the first is not among them, or if
        it spoils a right one.

        Returns:
            those keys, and the largest distance among them.
        """
        first = self.wrong[0]
        try:
            at_first = self.predict(changes, self.quick)
            if first not in at_first or not self.targets[first].equals(at_first[first]):
                return set(), np.inf
            new = self.predict(changes)
        except (Inapplicable, ValueError, TypeError, IndexError, KeyError, ArithmeticError):
            return set(), np.inf
        for key in self.right:
            if key in new and not self.targets[key].equals(new[key], slack=10):
                return set(), np.inf
        keys, worst = set[Value](), 0.0
        for key in self.wrong:
            if key in new and self.targets[key].equals(new[key]):
                keys.add(key)
                worst = max(worst, self.targets[key].distance(new[key]))
        return keys, worst

    def holds(self, candidates: Iterable[Candidate]) -> bool:
        """Whether an answer found on a sample is one for all gradients given."""
        keys, _ = self.explained(reduce(or_, (c.changes for c in candidates)))
        return len(keys) == len(self.wrong)

    # -- searching -------------------------------------------------------------------------------

    def answers(self, depth: int) -> Iterator[Answer]:
        """Explanations of all wrong keys by at most `depth` mistakes."""
        if not self.wrong:
            return
        complete: list[Answer] = []
        partial: list[tuple[set[Value], Answer]] = []
        near: list[Answer] = []
        for candidate in self._candidates():
            if self.whole.large and any(a.candidates[0].prior < SURE for a in complete):
                break  # on a large graph a natural habit that explains everything is enough
            keys, distance = self.explained(candidate.changes)
            if keys and len(keys) == len(self.wrong):
                complete.append(Answer([candidate], distance))
            elif keys:
                partial.append((keys, Answer([candidate], distance)))
            elif depth > 1 and not complete and len(near) < 4:
                near += self._times_a_constant(candidate)
        if not complete:
            complete = [
                Answer([c], distance)
                for c in self._stale()
                for keys, distance in [self.explained(c.changes)]
                if len(keys) == len(self.wrong)
            ]
        if complete or depth == 1:
            yield from complete
            return
        yield from near
        if near:
            return
        partial.sort(key=lambda pair: (-len(pair[0]), pair[1].rank))
        found = 0
        for _, answer in partial[:4]:
            (candidate,) = answer.candidates
            rest = _Search(self.whole, self.base | candidate.changes, self.wrong, self.right)
            for further in rest.answers(depth - 1):
                if all(c.kind != CONVENTION for c in further.candidates):
                    found += 1
                    yield Answer([candidate, *further.candidates], further.distance)
            if found > 3:
                return

    def _times_a_constant(self, candidate: Candidate) -> list[Answer]:
        """A candidate whose prediction is the hand-derived gradient up to one factor."""
        first = self.wrong[0]
        hand = self.targets[first].hand
        try:
            part = np.asarray(self.predict(candidate.changes, self.quick).get(first, 0.0))
            if hand.shape != part.shape or not _collinear(hand, part):
                return []
            new = self.predict(candidate.changes)
        except (Inapplicable, ValueError, TypeError, IndexError, KeyError, ArithmeticError):
            return []
        if first not in new or any(key not in new for key in self.wrong):
            return []
        if any(
            key in new and not self.targets[key].equals(new[key], slack=10) for key in self.right
        ):
            return []
        entries = sum(np.size(new[key]) for key in self.wrong)
        hand, p = self.targets[first].hand, np.asarray(new[first])
        if hand.shape != p.shape or entries < 3 or not np.any(p):
            return []
        c = float(np.sum(hand * p) / np.sum(p * p))
        if c == 0 or not all(self.targets[k].equals(c * np.asarray(new[k])) for k in self.wrong):
            return []
        words = scales.what_it_equals(self.about, c, first, candidate.where, 1e-5)
        if abs(c + 1) < 1e-5:
            kind, sentence, fix = "sign", "and the sign is wrong", "multiply by -1"
        else:
            kind, fix = "factor", f"divide by {c:.6g}"
            sentence = f"and it is multiplied by {c:.6g}" + (f", which is {words}" if words else "")
        second = Candidate(
            kind, Changes(), candidate.at, candidate.where, sentence, fix, prior=0.5 + (not words)
        )
        return [Answer([candidate, second], 0.0)]

    # -- the candidates --------------------------------------------------------------------------

    def _candidates(self) -> Iterator[Candidate]:
        """Everything worth trying, given where the first wrong gradient is."""
        yield from self._shapes()
        fitting = [key for key in self.wrong if self.targets[key].fitting]
        if not fitting:
            return
        first = fitting[0]
        if self.whole.large:
            yield from self._habits()
        places = self._places(first)
        yield from self._scaled(first, places)
        for candidate in self._at(places):
            yield candidate
            shown = self._only_shown(candidate, first)
            if shown is not None:
                yield shown
        if not self.whole.large:
            yield from self._habits()

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
        lonely = sum(self.targets[k].hand.size for k in self.wrong) < 2
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
                    plain = candidate.kind == "factor"
                    words = plain and scales.what_it_equals(
                        self.about, c, value, candidate.where, close
                    )
                    extra = 2.0 if plain and lonely and not words else 0.0
                    extra -= 0.1 if plain and words and "constant" in str(words) else 0.0
                    extra -= 0.1 if candidate.kind == "sign" and _is_negating(edge) else 0.0
                    yield candidate.weighted(extra)
        for key in self.wrong:
            target = self.targets[key]
            if target.fitting and key.operation is None:
                yield from regularisation.invented(key, target.hand, np.asarray(self.now[key]))

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
        yield from softmax.of_links(about, links)
        for value in inside:
            if type(value.data) is tuple or value not in self.found:
                continue
            yield from paths.of_value(about, value)
            if value.ndim:
                yield from shapes.of_value(value, value.shape)
            yield from softmax.of_logits(about, value)
            if value.operation is None:
                yield from slopes.of_last_step(about, value)
            for edge in self.record.consumers.get(value, []):
                yield from masks.of_edge(edge)
                yield from products.of_edge(about, edge)
                yield from shapes.of_broadcast(about, edge, value.shape)
                yield from shapes.of_reduction(edge)
                yield from paths.of_samples(edge)
                yield from paths.of_index(edge)

    def _only_shown(self, candidate: Candidate, first: Value) -> Candidate | None:
        """The same mistake in the reported number only: an intermediate Value whose own gradient
        is wrong while those computed from it are right."""
        if candidate.at is not first or first.operation is None or candidate.changes.shown:
            return None
        changes = candidate.changes
        try:
            new = self.predict(changes, self.quick).get(first)
        except (Inapplicable, ValueError, TypeError, IndexError, KeyError, ArithmeticError):
            return None
        if new is None:
            return None
        shown = Changes(shown={first: lambda g: new})
        return replace(candidate.weighted(0.2), changes=shown)

    def _habits(self) -> Iterator[Candidate]:
        """One mistake made at every place of a kind."""
        families: dict[str, list[Candidate]] = {}
        record = self.whole.record
        found = self._all_found()
        right = [k for k in self.whole.right if np.any(found.get(k, 0.0))]
        wrong = self.wrong if record is self.record else self.whole.wrong
        behind = record.behind({**dict.fromkeys(right, 2), **dict.fromkeys(wrong, 1)})
        free = [v for v, mask in behind.items() if mask == 1]
        all_places = [v for v, mask in behind.items() if mask]
        about = Circumstances(record, found, self.base, self.whole.links)
        for places in (free, all_places):
            everywhere = paths.averaged_everywhere(about, places)
            if everywhere is not None:
                yield everywhere
        for candidate in self._at(self._telling(free)):
            if candidate.family:
                families.setdefault(f"{candidate.kind} {candidate.family}", []).append(candidate)
        yield from self._constant_habits(free)
        yield from self._scaled_everywhere(free)
        for members in families.values():
            if len({m.where for m in members}) < 2 and len({m.at for m in members}) < 2:
                continue
            yield _together(members)
            for part in (lambda m: m.where.frame_offset, lambda m: about.layers.get(m.where, 0)):
                parts: dict[int, list[Candidate]] = {}
                for member in members:
                    parts.setdefault(part(member), []).append(member)
                if len(parts) > 1:
                    yield from (_together(some) for some in parts.values() if len(some) > 1)

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
                yield replace(reading.weighted(0.15), changes=every, at=leaves[0])
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
                yield replace(reading, changes=changes)

    def _scaled_everywhere(self, free: list[Value]) -> Iterator[Candidate]:
        """A factor on the same edge each time a line of the user's code is run, as in a loop."""
        inside = set(free)
        groups: dict[object, list[Edge]] = {}
        for value in self._telling(free):
            for edge in self.whole.record.consumers.get(value, []):
                node = edge.node
                key = (node.frame_code, node.frame_offset, node.operation, edge.argnum)
                groups.setdefault(key, []).append(edge)
        for edges in groups.values():
            if len(edges) < 2 or not all(edge.argument in inside for edge in edges):
                continue
            for c in (-1.0, 0.0, 0.5, 2.0):
                every = Changes(scales=dict.fromkeys(edges, c))
                for reading in scales.named(self.about, c, edges[0].argument, edges[0]):
                    extra = -0.1 if reading.kind == "sign" and _is_negating(edges[0]) else 0.05
                    yield replace(reading.weighted(extra), changes=every)

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
                if self.explained(candidate.changes)[0]:
                    families.setdefault(candidate.kind, []).append(candidate)
        for members in families.values():
            one_each = {m.at: m for m in reversed(members)}
            if len(one_each) > 1:
                yield _together(list(one_each.values()))

    def _stale(self) -> Iterator[Candidate]:
        leaves = [k for k in self.record.keys if k.operation is None]
        if not leaves or self.whole.large or len(leaves) > 30:
            return

        def fits(candidate: Candidate) -> float:
            try:
                new = self.predict(candidate.changes)
            except (Inapplicable, ValueError, TypeError, IndexError, KeyError, ArithmeticError):
                return np.inf
            return max(
                self.targets[k].distance(new[k]) if k in new else np.inf
                for k in (*self.wrong, *self.right)
            )

        gradients = {k: self.found[k] for k in leaves if k in self.found}
        yield from stale.candidates(self.about, leaves, gradients, fits)


def _together(members: list[Candidate]) -> Candidate:
    """One habit out of the same mistake at several places."""
    best = min(members, key=lambda m: m.prior)
    by_place = {m.where: m for m in reversed(members)}
    names = [called(where) for where in by_place]
    places = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    changes: Any = reduce(or_, (m.changes for m in members))
    return replace(
        best, changes=changes, prior=best.prior + 0.05,
        sentence=f"{best.sentence}; the same at every place of this kind ({places})",
    )  # fmt: skip


def _collinear(a: Array, b: Array) -> bool:
    """Whether one is a multiple of the other, up to a little more than rounding."""
    a, b = np.ravel(a), np.ravel(b)
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return size > 0 and abs(float(a @ b)) > (1 - 1e-6) * size


def _is_negating(edge: Edge | None) -> bool:
    if edge is None or edge.node.operation is None:
        return False
    return edge.node.operation.name in ("subtract", "negative", "cos", "divide")


def _distinct(answers: list[Answer]) -> list[Answer]:
    """The best answer for each combination of kinds, best first; what comes far behind is left
    out."""
    ranked = sorted(answers, key=lambda a: a.rank)
    kept: dict[tuple[str, ...], Answer] = {}
    for answer in ranked:
        behind = answer.rank[1] - ranked[0].rank[1]
        if len(answer.candidates) > len(ranked[0].candidates) or behind > FAR:
            break
        kept.setdefault(tuple(c.kind for c in answer.candidates), answer)
    # A named reading of a factor says all that the factor does.
    if len(kept) > 1 and ("factor",) in kept and ranked[0].candidates[0].kind in _FACTORS:
        del kept[("factor",)]
    return list(kept.values())


FAR = 0.4
_FACTORS = {
    "sign", "averaged-paths", "averaged-batch", "summed-batch", "regularisation", "one-path",
}  # fmt: skip


__all__ = ["Answer", "Diagnosis", "Link", "diagnose"]
