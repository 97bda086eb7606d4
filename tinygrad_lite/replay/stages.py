"""Stages: batch normalisation, scale and shift, max-pooling and ReLU of a recording as one step."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.record import PICK
from tinygrad_lite.engine.rulebook import RULES, JointVjp, Operation
from tinygrad_lite.replay.form import Instruction, Recording, Slot, slots_in, taken_by
from tinygrad_lite.rules.activations import relu
from tinygrad_lite.rules.batch_norm import batch_norm, batch_norm_back
from tinygrad_lite.rules.normalisation import is_batch, normalise
from tinygrad_lite.rules.pooling import largest


def staged(recording: Recording) -> Recording:
    """The recording with `batch_norm` in the place of what it is made of, where that is large and
    nothing else looks at what lies between."""
    if any(isinstance(s, Instruction) and s.function is _NORMALISE for s in recording.steps):
        _Stages(recording).replace()
    return recording


class _Stages:
    """The steps of a recording, who makes each slot and who reads it."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.maker: dict[Slot, Instruction] = {}
        self.readers: dict[Slot, list[Any]] = {}
        for step in recording.steps:
            for slot in taken_by(step):
                self.readers.setdefault(slot, []).append(step)
            if isinstance(step, Instruction):
                self.maker.update(dict.fromkeys(step.targets, step))
        for slot in slots_in((recording.result, list(recording.stores.values()))):
            self.readers.setdefault(slot, []).append(None)

    def replace(self) -> None:
        steps: list[Any] = []
        gone: set[Instruction] = set()
        known = set(self.recording.sources)
        for step in self.recording.steps:
            if step in gone:
                continue
            found = self._stage(step, known) if isinstance(step, Instruction) else None
            if found is None:
                steps.append(step)
            else:
                made, replaced = found
                steps += made
                gone.update(replaced)
            known.update(step.targets)
        self.recording.steps = steps

    def _stage(self, begun: Instruction, known: set[Slot]) -> Any:
        """The steps that do what follows a normalisation, and those that they replace; None where
        that cannot be.

        Args:
            begun: any step.
            known: slots that are made before it.
        """
        if begun.function is not _NORMALISE or begun.pulled != (0,):
            return None
        if not is_batch(begun.arguments[0].example, begun.settings["axis"]):
            return None
        picks = self.readers.get(begun.targets[0], [])
        shown = [pick for pick in picks if pick.settings["index"] == 0]
        others = [pick for pick in picks if pick.settings["index"] != 0]
        if len(shown) != 1 or any(self._is_pulled(pick.targets[0]) for pick in others):
            return None
        scaled = self._only_reader(shown[0], _MULTIPLY)
        shifted = scaled and self._only_reader(scaled, _ADD)
        if not shifted:
            return None
        weight, bias = self._vector(scaled, shown[0]), self._vector(shifted, scaled)
        if weight not in known or bias not in known:
            return None
        replaced = [*shown, scaled, shifted]
        settings: dict[str, Any] = {"eps": begun.settings.get("eps", 1e-5)}
        pooling = self._only_reader(replaced[-1], _MAXIMUM)
        if pooling and _is_side_by_side(pooling):
            settings["pool"] = pooling.settings["kernel"]
            replaced.append(pooling)
        rectifier = self._only_reader(replaced[-1], _RELU)
        if rectifier:
            settings["rectify"] = True
            replaced.append(rectifier)
        (last,) = replaced[-1].targets
        whole = Slot(-last.index - 1, last.shape, last.dtype, False, last.example)
        targets = (whole, *begun.targets[1:])
        for pick in others:
            pick.arguments = (targets,)
        arguments = (begun.arguments[0], weight, bias)
        made = [
            Instruction(targets, STAGE, arguments, settings, (0, 1, 2), source=begun.source),
            Instruction((last,), PICK, (targets,), {"index": 0}, (0,), source=begun.source),
        ]
        return made, replaced

    def _only_reader(self, step: Instruction, operation: Operation) -> Any:
        """The step that alone reads the result of one, if it is of an operation; else None."""
        readers = self.readers.get(step.targets[0], [])
        if len(readers) != 1 or not isinstance(readers[0], Instruction):
            return None
        reader = readers[0]
        return reader if reader.function is operation and reader.pulled else None

    def _is_pulled(self, slot: Slot) -> bool:
        """Whether a gradient may come back to a slot."""
        return any(
            not isinstance(reader, Instruction)
            or any(reader.arguments[position] is slot for position in reader.pulled)
            for reader in self.readers.get(slot, [])
        )

    def _vector(self, step: Instruction, before: Instruction) -> Slot | None:
        """The other argument of a step, if it is a vector with an entry for each channel."""
        shape, dtype = step.targets[0].shape, step.targets[0].dtype
        across: Any = next((a for a in step.arguments if a is not before.targets[0]), None)
        reshaped = self.maker.get(across) if type(across) is Slot else None
        if reshaped is None or reshaped.function is not _RESHAPE or reshaped.pulled != (0,):
            return None
        vector: Slot = reshaped.arguments[0]
        fits = across.shape == (1, shape[1], *(1 for _ in shape[2:])) and vector.dtype == dtype
        return vector if fits and vector.shape == shape[1:2] else None


def _is_side_by_side(pooling: Instruction) -> bool:
    settings = pooling.settings
    return settings["kernel"] == settings["stride"] and not any(settings["padding"])


def _stage_vjp(g: Any, out: Any, x: Any, weight: Any, bias: Any, **settings: Any) -> Any:
    # Run by lowering alone; mean and variance have no cotangents.
    return x.tape.run(batch_norm_back, (g[0], x, weight, bias, *out), settings)


STAGE = Operation(batch_norm, JointVjp(_stage_vjp), name="batch_norm")

_NORMALISE, _MULTIPLY, _ADD = RULES[normalise], RULES[np.multiply], RULES[np.add]
_MAXIMUM, _RELU, _RESHAPE = RULES[largest], RULES[relu], RULES[np.reshape]
