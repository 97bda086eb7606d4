"""Rewrites of a recording before it is differentiated, so that its pull-back gains too."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tinygrad_lite.engine.rulebook import RULES
from tinygrad_lite.replay.form import Instruction, Recording, Slot, slots_in, taken_by
from tinygrad_lite.rules.activations import relu
from tinygrad_lite.rules.pooling import largest


def simplified(recording: Recording) -> Recording:
    """The recording with a maximum taken before a ReLU instead of after it.

    They commute, and so do their pull-backs: where the largest of a window is negative, the
    gradient is zero either way, and elsewhere the ties are the same. The ReLU then has as many
    entries fewer as a window has.
    """
    uses = Counter(slot for step in recording.steps for slot in taken_by(step))
    uses.update(slots_in((recording.result, list(recording.stores.values()))))
    maker: dict[Slot, Instruction] = {}
    moved: set[Instruction] = set()
    steps: list[Any] = []
    for step in recording.steps:
        if isinstance(step, Instruction):
            maker.update(dict.fromkeys(step.targets, step))
            if step.function is _MAXIMUM and type(step.arguments[0]) is Slot:
                before = maker.get(step.arguments[0])
                if (
                    before is not None
                    and before.function is _RELU
                    and before.pulled == step.pulled
                    and uses[before.targets[0]] == 1
                    and type(before.arguments[0]) is Slot
                ):
                    pair = _swapped(before, step)
                    moved.add(before)
                    steps += pair
                    maker.update({s.targets[0]: s for s in pair})
                    continue
        steps.append(step)
    recording.steps = [step for step in steps if step not in moved]
    return recording


def _swapped(rectifier: Instruction, pooling: Instruction) -> list[Instruction]:
    x, target = rectifier.arguments[0], pooling.targets[0]
    example = _MAXIMUM.evaluate(x.example, **pooling.settings)
    pooled = Slot(-target.index - 1, target.shape, target.dtype, False, example)
    return [
        Instruction(
            (pooled,), _MAXIMUM, (x,), pooling.settings, pooling.pulled, source=pooling.source
        ),
        Instruction((target,), _RELU, (pooled,), {}, rectifier.pulled, source=rectifier.source),
    ]


_RELU = RULES[relu]
_MAXIMUM = RULES[largest]
