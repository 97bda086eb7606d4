"""Rewrites of a recording before it is differentiated, so that its pull-back gains too."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from tinygrad_lite.engine.rulebook import RULES
from tinygrad_lite.replay.form import Instruction, Recording, Slot, slots_in, taken_by
from tinygrad_lite.rules.activations import relu
from tinygrad_lite.rules.pooling import largest, largest_positive


def simplified(recording: Recording) -> Recording:
    """The recording with a maximum taken before a ReLU instead of after it.

    They commute, and so do their pull-backs: where the largest of a window is negative, the
    gradient is zero either way, and elsewhere the ties are the same. The ReLU then has as many
    entries fewer as a window has.
    """
    uses = _uses(recording)
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


def rectified(recording: Recording) -> Recording:
    """The recording with one operation in the place of a maximum and the ReLU of it alone.

    So ReLU and its pull-back find what they work on in the cache, on all cores: in a step of
    convolutions to 16 and 32 channels at batch 64 that saves 0.6 of 13 ms.
    """
    uses = _uses(recording)
    maximum: dict[Slot, Instruction] = {}
    gone: set[Any] = set()
    steps: list[Any] = []
    for step in recording.steps:
        if isinstance(step, Instruction) and step.function is _MAXIMUM:
            maximum[step.targets[0]] = step
        elif isinstance(step, Instruction) and step.function is _RELU:
            before = maximum.get(step.arguments[0]) if type(step.arguments[0]) is Slot else None
            if before and before.pulled == step.pulled and uses[before.targets[0]] == 1:
                gone.add(before)
                step = replace(before, targets=step.targets, function=_BOTH)
        steps.append(step)
    recording.steps = [step for step in steps if step not in gone]
    return recording


def _uses(recording: Recording) -> Counter[Slot]:
    """How often each slot is read."""
    uses = Counter(slot for step in recording.steps for slot in taken_by(step))
    uses.update(slots_in((recording.result, list(recording.stores.values()))))
    return uses


_RELU = RULES[relu]
_MAXIMUM = RULES[largest]
_BOTH = RULES[largest_positive]
