"""Which mistake turns the right backward pass into the hand-derived numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_

import numpy as np

from tinygrad_lite.checking.answers import FAR, Answer, distinct
from tinygrad_lite.checking.besides import with_a_factor
from tinygrad_lite.checking.changes import Array, Changes, Total
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.habits import everywhere_at
from tinygrad_lite.checking.proposals import Proposals
from tinygrad_lite.checking.targets import Target
from tinygrad_lite.checking.trial import FAILURES, Case, Trial
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

SURE = 0.2  # prior below which a mistake is natural
WEAK = 0.8  # prior from which on an answer explains little, such as a factor nobody would write
EMPTY = 2.0  # prior from which on it explains nothing: any one number is a multiple of any other
LIKELY = 0.65  # prior below which a mistake is looked for in single gradients, too
APART = 0.5  # prior of a mistake that others with the same cotangents do not have
CHAINED, NATURAL = 16, 0.5  # mistakes to go on from, and prior of those that may follow
LOOKED_AT, DIFFERENT = 60, 4  # mistakes that explain a part, and what they make of the rest
OTHERS = 3  # wrong gradients that are tried for the first to be explained by one of two mistakes


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
        return Diagnosis(distinct(answers), first, case.last_right(first))


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
            complete.append(Answer.of([candidate], distance))
            best = min(best, candidate.prior)
        elif keys and candidate.prior < EMPTY and candidate.besides is None:
            partial.append((keys, Answer.of([candidate], distance)))
        elif depth > 1 and not complete:
            others.append(candidate)
    for rarer in (proposals.elsewhere, proposals.stale) if rare else ():
        if all(a.candidates[0].prior >= WEAK for a in complete):
            for candidate in rarer():
                keys, distance = trial.explained(candidate.changes)
                if len(keys) == len(trial.wrong):
                    complete.append(Answer.of([candidate], distance))
                elif trial.spoiled and depth > 1:
                    complete += _alone(trial, candidate)
    if complete or depth == 1:
        yield from complete
        return
    near: list[Answer] = []
    for candidate in others:
        if trial.spent:
            break
        near += with_a_factor(trial, candidate)
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
        yield from _chains(trial, others)


def _alone(trial: Trial, candidate: Candidate) -> list[Answer]:
    """A mistake in the derivation of the wrong gradients alone: the right ones on the same way
    were derived apart from them."""
    if candidate.prior >= LIKELY or candidate.besides is not None:
        return []
    new = trial.predict(candidate.changes)
    if not all(key in new and trial.targets[key].equals(new[key]) for key in trial.wrong):
        return []
    shown = Changes(shown={key: _instead(new[key]) for key in trial.wrong})
    names = " and ".join(called(key) for key in trial.wrong[:3])
    sentence = f"in the gradient of {names} alone, not in others on the same way back: "
    only = replace(
        candidate, changes=shown, sentence=sentence + candidate.sentence, family="",
        prior=candidate.prior + APART,
    )  # fmt: skip
    return [Answer([only], 0.0)]


def _instead(gradient: Array) -> Total:
    return lambda g: gradient


def _partly(trial: Trial) -> list[tuple[set[Value], Answer]]:
    """Mistakes that explain the first wrong gradient of a trial, and perhaps others."""
    partial = []
    for candidate in sorted(Proposals(trial).all(), key=lambda c: c.prior):
        if trial.spent:
            break
        keys, distance = trial.explained(candidate.changes)
        if keys and candidate.prior < EMPTY and candidate.besides is None:
            partial.append((keys, Answer.of([candidate], distance)))
    return partial


def _pairs(trial: Trial, partial: list[tuple[set[Value], Answer]], depth: int) -> Iterator[Answer]:
    """What explains a part of the wrong gradients, together with what explains the rest."""
    partial.sort(key=lambda pair: (-len(pair[0]), pair[1].rank))
    found = 0
    for alike in _by_effect(trial, [answer.candidates[0] for _, answer in partial]):
        rest = Trial(trial.whole, trial.base | alike[0].changes, trial.wrong, trial.right)
        if rest.spent:
            return
        further = list(_answers(rest, depth - 1, rare=False)) or _stale(rest)
        for other in further:
            if all(c.prior < EMPTY for c in other.candidates):
                found += 1
                for candidate in alike:
                    yield Answer([candidate, *other.candidates], other.distance)
        if found > 3:
            return


def _chains(trial: Trial, others: list[Candidate]) -> Iterator[Answer]:
    """Two natural mistakes on the same way back, neither of which gives any gradient alone."""
    if sum(key.size for key in trial.wrong) < 3:
        return  # one number or two can be had in many ways
    natural = [c for c in others if c.prior <= SURE and c.besides is None]
    for candidate in natural[:CHAINED]:
        if trial.spent:
            return
        try:
            rest = Trial(trial.whole, trial.base | candidate.changes, trial.wrong, trial.right)
        except FAILURES:
            continue
        found = False
        for further in _answers(rest, 1, rare=False):
            if all(c.prior <= NATURAL for c in further.candidates):
                found = True
                yield Answer([candidate, *further.candidates], further.distance)
        if found:
            return


def _stale(trial: Trial) -> list[Answer]:
    """What is left if a parameter was updated too early, by gradients as they were derived."""
    found = []
    for candidate in Proposals(trial).stale():
        keys, distance = trial.explained(candidate.changes)
        if len(keys) == len(trial.wrong):
            found.append(Answer([candidate], distance))
    return found


def _by_effect(trial: Trial, candidates: list[Candidate]) -> list[list[Candidate]]:
    """The first few different things that candidates make of the wrong gradients, each with the
    mistakes that do so, one of a kind."""
    random = np.random.default_rng(11)
    along = {key: random.normal(size=key.shape) for key in trial.wrong}
    effects: list[Array] = []
    groups: list[list[Candidate]] = []
    for candidate in candidates[:LOOKED_AT]:
        new = trial.now | trial.predict(candidate.changes)
        effect = np.array([np.sum(along[key] * np.asarray(new[key])) for key in trial.wrong])
        same = [np.allclose(effect, other, rtol=1e-6, atol=0) for other in effects]
        if any(same):
            group = groups[same.index(True)]
            near = candidate.prior <= group[0].prior + FAR
            if near and all(candidate.kind != c.kind for c in group):
                group.append(candidate)
        elif len(groups) < DIFFERENT:
            effects.append(effect)
            groups.append([candidate])
    return groups


def _holds(everything: Trial, candidates: Iterable[Candidate]) -> bool:
    """Whether an answer found on a sample is one for all gradients given."""
    keys, _ = everything.explained(reduce(or_, (c.changes for c in candidates)))
    return len(keys) == len(everything.wrong)
