"""Gradients computed with parameters that had been updated already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tinygrad_lite.checking.mistakes.candidate import Candidate, Circumstances, called
from tinygrad_lite.checking.passes import Array, Changes
from tinygrad_lite.engine.value import Value

NEAR = 0.5  # share of the difference that a usual step size must explain before it is refined
STEPS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.001, 1e-4, 2.0)


def candidates(
    about: Circumstances,
    parameters: list[Value],
    right: Mapping[Value, Array],
    given: Mapping[Value, Array],
    fits: Callable[[Candidate], float],
) -> Iterator[Candidate]:
    """Each parameter, and all of them, moved by a gradient step before or during the pass.

    The step size is not known: the usual ones are tried, and refined where one is near.

    Args:
        parameters: leaves that may have been updated.
        right: gradients for an update before the pass.
        given: gradients for updates during the pass, which used what had been derived so far.
        fits: how far a candidate is from the hand-derived numbers, 0 for equal.
    """
    groups = [parameters, *([p] for p in parameters)] if len(parameters) > 1 else [parameters]
    for group in groups:
        for forward, gradients in ((True, right), (False, given)):
            if not all(p in gradients and np.shape(gradients[p]) == p.shape for p in group):
                continue
            build = _builder(about, group, gradients, forward)

            def error(step: float, build: Callable[[float], Candidate] = build) -> float:
                return fits(build(step))

            errors = {step: error(step) for step in STEPS}
            best = min(STEPS, key=errors.__getitem__)
            if errors[best] < NEAR * fits(build(0.0)):
                yield build(_refined(error, best))


def _builder(
    about: Circumstances, group: list[Value], gradients: Mapping[Value, Array], forward: bool
) -> Callable[[float], Candidate]:
    names = ", ".join(called(p) for p in group[:3]) + ", ..." * (len(group) > 3)

    def build(step: float) -> Candidate:
        moved: dict[Value, Array] = {
            p: type(p.data)(p.data - step * gradients[p])
            if type(p.data) is float
            else p.data - step * gradients[p]
            for p in group
        }
        data = about.record.evaluate(moved) if forward else moved
        when = (
            "the whole gradient was computed after the update"
            if forward
            else "the pass used the updated value, while the activations were from before"
        )
        return Candidate(
            "stale", Changes(data=data), group[0], group[0],
            f"{names} had been updated already, with step size {step:.4g}: {when}",
            "compute all gradients first, then update", "", 0.2 if forward else 0.15,
        )  # fmt: skip

    return build


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
