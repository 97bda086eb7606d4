"""Gradients computed with parameters that had been updated already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.mistakes.numbers import number, written
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

NEAR = 0.5  # share of the difference that a usual step size must explain before it is refined
EXACT = 1e-9
STEPS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.001, 1e-4, 2.0)

Predicted = dict[Value, Array]


def candidates(
    about: Circumstances,
    parameters: Sequence[Value],
    derived: Sequence[Value],
    gradients: Mapping[Value, Array],
    given: Mapping[Value, Array],
    distance: Callable[[Predicted], float],
) -> Iterator[Candidate]:
    """Parameters moved by a gradient step before what is wrong was derived.

    The step size is not known: the usual ones are tried, and refined where one is near. What is
    right was derived before the update, so only the wrong gradients are looked at.

    Args:
        parameters: leaves that may have been updated.
        derived: the keys whose gradients are wrong.
        gradients: the right gradients of the parameters, for an update before the whole pass.
        given: gradients for an update during the pass, which used what had been derived so far.
        distance: from gradients by key to the hand-derived ones, 0 for equal.
    """
    before = [p for p in parameters if p not in set(derived)]
    groups = [list(parameters), before, [p for p in parameters if p not in set(before)]]
    groups += [[p] for p in parameters]
    tried = set()
    for group in groups:
        for forward, steps in ((True, gradients), (False, given)):
            key = (forward, *map(id, group))
            if not group or key in tried or any(p not in steps for p in group):
                continue
            tried.add(key)
            supposed = _Update(about, derived, steps, forward, distance)
            candidate = supposed.best(group)
            if candidate is not None:
                yield candidate


class _Update:
    """Parameters that move by a multiple of their gradient, before or during the pass."""

    def __init__(
        self, about: Circumstances, derived: Sequence[Value], steps: Mapping[Value, Array],
        forward: bool, distance: Callable[[Predicted], float],
    ) -> None:  # fmt: skip
        self.about, self.derived, self.steps = about, derived, steps
        self.forward, self.distance = forward, distance

    def best(self, group: list[Value]) -> Candidate | None:
        """The step size that explains most, if it explains enough."""
        errors = {step: self.error(group, step) for step in STEPS}
        step = min(STEPS, key=errors.__getitem__)
        if errors[step] > EXACT:
            if not errors[step] < NEAR * self.error(group, 0.0):
                return None
            step = _refined(lambda s: self.error(group, s), step)
        reached = max(self.error(group, step), EXACT)
        for p in list(group):  # only those that matter
            others = [q for q in group if q is not p]
            if others and self.error(others, step) <= reached:
                group = others
        return self._candidate(group, step)

    def error(self, group: list[Value], step: float) -> float:
        try:
            return self.distance(self._predicted(group, step))
        except (ValueError, TypeError, IndexError, KeyError, ArithmeticError):
            return np.inf

    def _predicted(self, group: list[Value], step: float) -> Predicted:
        moved: dict[Value, Array] = {p: p.data - step * self.steps[p] for p in group}
        for p in group:
            if type(p.data) is float:
                moved[p] = float(moved[p])
        data = self.about.record.evaluate(moved) if self.forward else moved
        found = self.about.record.pull(self.about.base | Changes(data=data))
        return {key: found[key] for key in self.derived if key in found}

    def _candidate(self, group: list[Value], step: float) -> Candidate:
        names = ", ".join(called(p) for p in group[:3]) + ", ..." * (len(group) > 3)
        keys = ", ".join(called(key) for key in self.derived[:3]) + ", ..." * (
            len(self.derived) > 3
        )
        when = (
            f"the cost was computed anew before the gradient of {keys} was derived"
            if self.forward
            else "the pass used the updated value, while the activations were from before"
        )
        shown = {key: (lambda g, new=new: new) for key, new in self._predicted(group, step).items()}
        # One number can always be reached by some step size, but hardly by one people choose.
        single = sum(key.size for key in self.derived) < 2
        prior = (0.2 if self.forward else 0.15) + (0.0 if written(step) else 2.0 * single)
        return Candidate(
            "stale", Changes(shown=shown), group[0], group[0],
            f"{names} {'has' if len(group) == 1 else 'have'} been updated already, with step size "
            f"{number(step)}: {when}",
            "compute all gradients first, then update", "", prior,
        )  # fmt: skip


def _refined(error: Callable[[float], float], step: float) -> float:
    """Golden-section search around a step size; the error is smooth in it."""
    low, high = step / 2, step * 2
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(45):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if error(a) < error(b) else (a, high)
    best = (low + high) / 2
    rounded = float(f"{best:.3g}")
    return rounded if error(rounded) <= error(best) * 1.01 + 1e-12 else best
