"""Which mistake turns the right backward pass into the hand-derived numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Jump
from tinygrad_lite.checking.mistakes import numbers, paths
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.habits import everywhere_at
from tinygrad_lite.checking.proposals import Proposals
from tinygrad_lite.checking.targets import Target
from tinygrad_lite.checking.trial import FAILURES, Case, Trial
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

SURE = 0.2  # prior below which a mistake is natural
FAR = 0.3  # prior by which another explanation may lie behind the best and still be named
WEAK = 0.8  # prior from which on an answer explains little, such as a factor nobody would write
EMPTY = 2.0  # prior from which on it explains nothing: any one number is a multiple of any other
OTHERS = 3  # wrong gradients that are tried for the first to be explained by one of two mistakes
PLAIN = 0.4  # prior from which on a factor is no particular one


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


def diagnose(
    cost: Value,
    targets: Sequence[Target],
    wrong: set[Value],
    base: Changes | None = None,
    most: int = 2,
) -> Diagnosis:
    """Explain the wrong gradients among the targets by one mistake, or by two.

    Args:
        cost: what was differentiated.
        targets: all gradients given; the right ones say where the mistake is not.
        wrong: keys of the targets that are wrong.
        base: derivatives chosen at kinks, which are no mistakes.
        most: mistakes in one explanation.
    """
    base = base or Changes()
    with np.errstate(all="ignore"):
        case = Case(cost, targets, wrong)
        everything = Trial(case, base)
        trial = Trial(case, base, *case.sampled()) if case.large else everything
        answers = list(_answers(trial, depth=most))
        if case.large:
            answers = [a for a in answers if _holds(everything, a.candidates)]
        if not answers:
            answers = _turned(cost, targets, wrong, base)
        first = case.wrong[0]
        return Diagnosis(_distinct(answers), first, case.last_right(first))


def _turned(
    cost: Value, targets: Sequence[Target], wrong: set[Value], base: Changes
) -> list[Answer]:
    """Explanations for gradients that have the shape of their transpose: that, and what is wrong
    with them besides."""
    shapes = {t: t.hand.shape for t in targets if t.key in wrong and not t.fitting}
    odd = {t for t, shape in shapes.items() if len(shape) > 1 and shape[::-1] == t.key.shape}
    if not odd:
        return []
    turned = [replace(t, hand=t.hand.T) if t in odd else t for t in targets]
    found = Trial(Case(cost, turned, wrong), base).wrong
    besides = diagnose(cost, turned, set(found), base).answers if found else []
    keys = [t.key for t in targets if t in odd]
    sentence = f"the gradient of {called(keys[0])} has the shape of its transpose"
    more = "; and transposed back, it is still wrong" if found and not besides else ""
    first = Candidate(
        "transposed", Changes(), keys[0], keys[0], sentence + more, "transpose it", prior=0.1
    )
    first = everywhere_at(first, keys)
    return [Answer([first, *a.candidates], a.distance) for a in besides] or [Answer([first], 0.0)]


def _answers(trial: Trial, depth: int, rare: bool = True) -> Iterator[Answer]:
    """Explanations of all wrong keys by at most `depth` mistakes; rare ones only if asked for."""
    if not trial.wrong:
        return
    proposals = Proposals(trial)
    complete: list[Answer] = []
    partial: list[tuple[set[Value], Answer]] = []
    others: list[Candidate] = []
    candidates = proposals.all()
    if not trial.whole.large:  # the most natural first; what lies far behind is not tried
        candidates = iter(sorted(candidates, key=lambda c: c.prior))
    best = np.inf
    for candidate in candidates:
        if not trial.whole.large and (candidate.prior > best + FAR or (trial.spent and not rare)):
            break
        if trial.whole.large and any(a.candidates[0].prior < SURE for a in complete):
            break  # on a large graph a natural habit that explains everything is enough
        keys, distance = trial.explained(candidate.changes)
        if keys and len(keys) == len(trial.wrong):
            complete.append(Answer([candidate], distance))
            best = min(best, candidate.prior)
        elif keys and candidate.prior < EMPTY:
            partial.append((keys, Answer([candidate], distance)))
        elif depth > 1 and not complete:
            others.append(candidate)
    for rarer in (proposals.elsewhere, proposals.stale) if rare else ():
        if all(a.candidates[0].prior >= WEAK for a in complete):
            tried = ((c, trial.explained(c.changes)) for c in rarer())
            complete += [Answer([c], d) for c, (keys, d) in tried if len(keys) == len(trial.wrong)]
    if complete or depth == 1:
        yield from complete
        return
    near: list[Answer] = []
    for candidate in others:
        if trial.spent:
            break
        near += _times_a_constant(trial, candidate) or _times_at_its_place(trial, candidate)
        if len(near) > 3:
            break
    yield from near
    if trial.spent:
        return
    found = list(_pairs(trial, partial, depth))
    yield from found
    if not found and not trial.whole.large and depth > 1:
        # Both mistakes may be in the first wrong gradient: then one of them is in others alone.
        for other in trial.wrong[1 : 1 + OTHERS]:
            lead = [other, *(key for key in trial.wrong if key is not other)]
            ahead = Trial(trial.whole, trial.base, lead, trial.right)
            pairs = list(_pairs(ahead, _partly(ahead), depth))
            yield from pairs
            if pairs:
                return


def _partly(trial: Trial) -> list[tuple[set[Value], Answer]]:
    """Mistakes that explain the first wrong gradient of a trial, and perhaps others."""
    partial = []
    for candidate in sorted(Proposals(trial).all(), key=lambda c: c.prior):
        if trial.spent:
            break
        keys, distance = trial.explained(candidate.changes)
        if keys and candidate.prior < EMPTY:
            partial.append((keys, Answer([candidate], distance)))
    return partial


def _pairs(trial: Trial, partial: list[tuple[set[Value], Answer]], depth: int) -> Iterator[Answer]:
    """What explains a part of the wrong gradients, together with what explains the rest."""
    partial.sort(key=lambda pair: (-len(pair[0]), pair[1].rank))
    found = 0
    for _, answer in partial[:4]:
        (candidate,) = answer.candidates
        rest = Trial(trial.whole, trial.base | candidate.changes, trial.wrong, trial.right)
        if rest.spent:
            return
        for further in _answers(rest, depth - 1, rare=False):
            if all(c.prior < EMPTY for c in further.candidates):
                found += 1
                yield Answer([candidate, *further.candidates], further.distance)
        if found > 3:
            return


def _times_a_constant(trial: Trial, candidate: Candidate) -> list[Answer]:
    """A candidate whose prediction is the hand-derived gradient up to one factor."""
    first = trial.wrong[0]
    hand = trial.targets[first].hand
    if sum(trial.targets[key].hand.size for key in trial.wrong) < 3:
        return []  # one number or two can always be explained so
    moved = trial.projected(candidate.changes)
    if moved is not None and trial.probe and not trial.probe.proportional_to_hand(moved):
        return []
    try:
        part = np.asarray(trial.predict(candidate.changes, trial.quick).get(first, 0.0))
        if hand.shape != part.shape or not _collinear(hand, part):
            return []
        new = trial.predict(candidate.changes)
    except FAILURES:
        return []
    if first not in new or any(key not in new for key in trial.wrong):
        return []
    if any(key in new and not trial.targets[key].keeps(new[key]) for key in trial.right):
        return []
    hand, p = trial.targets[first].hand, np.asarray(new[first])
    if hand.shape != p.shape or not np.any(p):
        return []
    c = float(np.sum(hand * p) / np.sum(p * p))
    if c == 0 or not all(trial.targets[k].equals(c * np.asarray(new[k])) for k in trial.wrong):
        return []
    return [Answer([candidate, _constant(trial, c, candidate)], 0.0)]


def _times_at_its_place(trial: Trial, candidate: Candidate) -> list[Answer]:
    """A candidate with a factor on what it passes back, where other paths lead past it."""
    links = candidate.changes.links
    if trial.whole.large or replace(candidate.changes, links={}) != Changes() or not links:
        return []

    def times(c: float) -> Changes:
        scaled = {a: (z, _scaled(jump, c)) for a, (z, jump) in links.items()}
        return replace(candidate.changes, links=scaled)

    first = trial.wrong[0]
    hand = trial.targets[first].hand
    if trial.probe is not None:
        none, once = (trial.projected(times(c)) for c in (0.0, 1.0))
        if none is not None and once is not None and not trial.probe.between(none, once):
            return []
    try:
        none, once = (np.asarray(trial.predict(times(c), trial.quick)[first]) for c in (0.0, 1.0))
    except FAILURES:
        return []
    if hand.shape != once.shape or not _collinear(hand - none, once - none):
        return []
    part = once - none
    c = float(np.sum((hand - none) * part) / np.sum(part * part))
    keys, distance = trial.explained(times(c))
    if c == 0 or len(keys) < len(trial.wrong):
        return []
    both = replace(candidate, changes=times(c))
    (z, _), *_ = links.values()
    return [Answer([both, _constant(trial, c, replace(candidate, where=z))], distance)]


def _scaled(jump: Jump, c: float) -> Jump:
    return lambda g, z, a: c * np.asarray(jump(g, z, a))


def _constant(trial: Trial, c: float, candidate: Candidate) -> Candidate:
    """The second mistake of an answer: a factor besides."""
    first = trial.wrong[0]
    about = trial.about
    for value in (candidate.where, candidate.at):
        count = paths.fan_out(about, value)
        if count > 1 and abs(c * count - 1) < 1e-5:
            return Candidate(
                "averaged-paths", Changes(), value, value,
                f"and {called(value)} averages what its {count} outgoing connections pass back, "
                f"where the chain rule sums", f"sum over them; do not divide by {count}", prior=0.2,
            )  # fmt: skip
    words = numbers.what_it_equals(about, c, first, candidate.where, 1e-5) or numbers.written(c)
    if abs(c + 1) < 1e-5:
        kind, sentence, fix = "sign", "and the sign is wrong", "multiply by -1"
    else:
        n = numbers.number(c)
        kind, fix = "factor", f"divide by {n}"
        sentence = f"and it is multiplied by {n}" + (
            f", which is {words}" if words not in ("", n) else ""
        )
    return Candidate(
        kind, Changes(), candidate.at, candidate.where, sentence, fix, prior=0.5 + (not words)
    )


def _holds(everything: Trial, candidates: Iterable[Candidate]) -> bool:
    """Whether an answer found on a sample is one for all gradients given."""
    keys, _ = everything.explained(reduce(or_, (c.changes for c in candidates)))
    return len(keys) == len(everything.wrong)


def _collinear(a: Array, b: Array) -> bool:
    """Whether one is a multiple of the other, up to a little more than rounding."""
    a, b = np.ravel(a), np.ravel(b)
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return size > 0 and abs(float(a @ b)) > (1 - 1e-6) * size


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
    # What a simple answer says, a far-fetched one with the same effect need not say again.
    simple = ranked[0].candidates[0].kind if ranked else ""
    kept = {
        kinds: answer
        for kinds, answer in kept.items()
        if answer is ranked[0] or kinds[0] not in _FAR_FETCHED.get(simple, ())
    }
    # A named reading of a factor says all that the factor does.
    plain = kept.get(("factor",))
    if (
        len(kept) > 1
        and plain
        and plain.rank[1] >= PLAIN
        and ranked[0].candidates[0].kind in _FACTORS
    ):
        del kept[("factor",)]
    return list(kept.values())


_FAR_FETCHED = {
    "derivative-missing": {"wrong-derivative"},
    "mask": {"wrong-derivative"},
    "regularisation": {"one-path", "overwritten-path", "sign"},
}
_FACTORS = {
    "sign", "averaged-paths", "averaged-batch", "summed-batch", "regularisation", "one-path",
}  # fmt: skip
