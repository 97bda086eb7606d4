"""Random projections of one gradient, and how they depend on every cotangent before it.

What a backward pass makes of a change of one cotangent is linear. Its transpose, found once by
pulling back through the recorded backward pass, tells what any change does to a projection of the
gradient, without running the pass again: nearly all supposed mistakes are ruled out so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.checking.targets import Target
from tinygrad_lite.engine.backward import pull_back
from tinygrad_lite.engine.value import Value, data_of

PROJECTIONS = 2
MARGIN = 10.0  # times the tolerance of the target: what passes is compared entry by entry


@dataclass
class Probe:
    """Projections of a gradient.

    now, hand
        of the supposed gradient, and of the hand-derived one
    ways
        for each projection and Value, its derivative by the cotangent of that Value
    slack
        difference up to which projections of equal gradients may differ
    """

    now: Array
    hand: Array
    ways: list[dict[Value, Array]]
    slack: Array

    @classmethod
    def of(cls, record: Record, target: Target, base: Changes) -> Probe | None:
        """A probe of the gradient of the target, None if a rule on the way does not run on Values
        or the gradient has another shape than its Value."""
        if not target.fitting:
            return None
        random = np.random.default_rng(7)
        seed = Value(1.0 if type(record.cost.data) is float else np.ones(record.cost.shape))
        try:
            found = record.pull(base, seed)
            gradient = found[target.key]
            if type(gradient) is not Value:
                return None
            now, hand, ways, slack = [], [], [], []
            for _ in range(PROJECTIONS):
                along = random.normal(size=target.key.shape)
                projection = (
                    (gradient * along).sum() if target.key.ndim else gradient * float(along)
                )
                now.append(float(projection.data))
                hand.append(float(np.sum(target.hand * along)))
                size = float(np.sum(np.abs(along)) * np.max(np.abs(target.hand), initial=0.0))
                slack.append(MARGIN * target.tolerance * size)
                ways.append(_ways(projection, found))
        except Exception:  # whatever a rule does with numbers that are Values
            return None
        return cls(np.array(now), np.array(hand), ways, np.array(slack))

    def moved(self, delta: Mapping[Value, Array]) -> Array:
        """The change of each projection that changes of cotangents bring about."""
        return np.array([
            sum(
                float(np.vdot(way[value], d)) if np.ndim(d) else float(np.sum(way[value]) * d)
                for value, d in delta.items() if value in way
            )
            for way in self.ways
        ])  # fmt: skip

    def reached(self, moved: Array) -> bool:
        """Whether the gradient may be the hand-derived one after its projections have moved."""
        off = np.abs(self.now + moved - self.hand)
        rounding = 1e-9 * (np.abs(self.now) + np.abs(moved))
        return not np.any(off > self.slack + rounding)

    def factor(self, delta: Mapping[Value, Array]) -> float | None:
        """By what to multiply changes of cotangents, 1 added, to reach the hand-derived gradient;
        None if no multiple of them does."""
        part, gap = self.moved(delta), self.hand - self.now
        most = int(np.argmax(np.abs(part)))
        if not np.any(part) or not _parallel(part, gap, self.slack):
            return None
        return 1.0 + float(gap[most] / part[most])

    def between(self, none: Array, once: Array) -> bool:
        """Whether a multiple of what lies between two changes, added to the first of them, may
        give the hand-derived gradient."""
        return _parallel(self.hand - self.now - none, once - none, self.slack)

    def proportional_to_hand(self, moved: Array) -> bool:
        """Whether the gradient may be a multiple of the hand-derived one after it has moved."""
        return _parallel(self.now + moved, self.hand, self.slack)


def _parallel(one: Array, other: Array, slack: Array) -> bool:
    area = abs(one[0] * other[1] - one[1] * other[0])
    size = np.max(np.abs(one)) * (np.max(np.abs(other)) + np.max(slack))
    return not area > 1e-4 * size


def _ways(projection: Value, found: Mapping[Value, Array]) -> dict[Value, Array]:
    cotangents = [g for g in found.values() if type(g) is Value]
    pulled = pull_back({projection: 1.0}, wrt=cotangents)
    return {
        value: data_of(pulled[g])
        for value, g in found.items() if type(g) is Value and g in pulled
    }  # fmt: skip
