"""A mistake with a factor besides: the second of two in the same product, or of another one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_lite.checking.answers import Answer
from tinygrad_lite.checking.changes import Array, Changes, Jump
from tinygrad_lite.checking.mistakes import numbers, paths
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.trial import FAILURES, Trial
from tinygrad_lite.checking.words import called


def with_a_factor(trial: Trial, candidate: Candidate) -> list[Answer]:
    """A candidate that explains all wrong gradients if something is multiplied by a constant."""
    return _times_a_constant(trial, candidate) or _times_at_its_place(trial, candidate)


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


def _collinear(a: Array, b: Array) -> bool:
    """Whether one is a multiple of the other, up to a little more than rounding."""
    a, b = np.ravel(a), np.ravel(b)
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return size > 0 and abs(float(a @ b)) > (1 - 1e-6) * size
