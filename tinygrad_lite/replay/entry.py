"""Entry: a plan, what it takes for granted, and whether it does what the function does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.engine.modes import change_mode
from tinygrad_lite.replay.comparison import State
from tinygrad_lite.replay.errors import CaptureError
from tinygrad_lite.replay.form import Attribute, Instruction, LeafData, LeafGrad, Recording, Update
from tinygrad_lite.replay.guards import Chance, Surroundings
from tinygrad_lite.replay.lifting import lift
from tinygrad_lite.replay.lowering import Lowered
from tinygrad_lite.replay.packs import Pack
from tinygrad_lite.replay.plan import Plan
from tinygrad_lite.replay.recorder import Recorder
from tinygrad_lite.replay.results import plain_result
from tinygrad_lite.replay.signature import replaced
from tinygrad_lite.replay.simplify import rectified, simplified
from tinygrad_lite.replay.snapshot import Snapshot
from tinygrad_lite.replay.stages import staged
from tinygrad_lite.replay.traced import untraced
from tinygrad_lite.rules.large import LARGE
from tinygrad_lite.rules.memory import return_freed_memory

_ndarray = np.ndarray


class Entry:
    """A plan, and what it takes for granted."""

    def __init__(
        self, recorder: Recorder, recording: Recording, plan: Plan, surroundings: Surroundings
    ) -> None:
        self.plan = plan
        self.run = plan.run
        self.surroundings = surroundings
        self.verified = False
        arguments = [before for slot, before in recorder.before_arguments()]
        # What arguments look like that are all arrays, for a quick look.
        self.flat: list[Any] = [(np.shape(a), getattr(a, "dtype", float)) for a in arguments]
        updates = [step for step in recording.steps if isinstance(step, Update)]
        self._objects = list({id(u.optimizer): u.optimizer for u in updates}.values())
        self._generators = recorder.drawn
        self._values = [v for v, source in recorder.leaves.items() if source is not None]
        self._origins = recorder.origins
        self._attributes = [(owner, name) for owner, name, _ in recorder.owners]
        self.holds = self._condition(recorder)

    def _condition(self, recorder: Recorder) -> Callable[[], bool]:
        """Whether nothing has changed that the plan takes for granted, as one expression."""
        names: dict[str, Any] = {}
        parts = self.surroundings.condition(names)
        packed = {v for s in self.plan.sources.values() if type(s) is Pack for v in s.values}
        used = set(self.plan.used)
        for i, (slot, source) in enumerate(self.plan.sources.items()):
            if slot not in used:
                continue
            if isinstance(source, LeafData) and source.value not in packed:
                names[f"v{i}"] = source.value
                if slot.is_number:
                    names["float"] = float
                    parts.append(f"type(v{i}.data) is float")
                else:
                    names[f"d{i}"] = source.value.data
                    names["alike"] = _alike
                    parts.append(f"(v{i}.data is d{i} or alike(v{i}.data, d{i}))")
            elif isinstance(source, LeafGrad):
                names[f"v{i}"] = source.value
                parts.append(f"v{i}._grad is not None")
            elif isinstance(source, Attribute):
                names[f"o{i}"], names[f"d{i}"] = source.owner, getattr(source.owner, source.name)
                names["alike"] = _alike
                place = f"o{i}.{source.name}"
                parts.append(f"({place} is d{i} or alike({place}, d{i}))")
        for i, value in enumerate(recorder.relied_on_none):
            if value not in packed and recorder.leaves[value] is not None:
                names[f"n{i}"] = value
                parts.append(f"n{i}._grad is None")
        for i, (group, name) in enumerate(self.plan.zeros):
            names[f"z{i}"] = group
            parts.append(f"not z{i}[{name!r}]")
        text = " and ".join(parts) or "True"
        holds: Callable[[], bool] = eval(f"lambda: {text}", names)
        return holds

    def compared(self, call: Callable[[], Any], leaves: list[Any]) -> Any:
        """Run the plan and then the function from the same state; the result of the function.

        Raises:
            CaptureError: they differ by more than rounding.
        """
        before = Snapshot(self._values, self._attributes, self._objects, self._generators)
        replayed = State(self.run(*leaves), self._values, self._attributes)
        before.restore()
        self.plan.arena.vacate()  # the function needs as much memory as a plan, or more
        with change_mode(lambda mode: replace(mode, plainly=True)):
            result = plain_result(call(), self._origins)
        told = replayed.difference(State(result, self._values, self._attributes))
        if told is not None:
            raise CaptureError(
                f"the replay gives other numbers than the function: {told}. It depends on "
                f"something that a replay does not see: random numbers drawn with plain NumPy, "
                f"plain arrays or Python objects that change from call to call. The function has "
                f"run as usual"
            )
        if self.plan.arena.nbytes > LARGE:
            return_freed_memory()
        return result


def recorded(
    function: Callable[..., Any], args: Any, kwargs: Any, leaves: list[Any]
) -> tuple[Entry, Any]:
    """Run a function and record it; its plan, and its result.

    Raises:
        CaptureError: it cannot be recorded; everything is then as before the call.
    """
    surroundings = Surroundings(function, (args, kwargs))
    chance = Chance(surroundings.generators)
    recorder = Recorder()
    try:
        for value in surroundings.values:
            recorder.leaf(value)
        for module in surroundings.modules:
            for name, thing in list(vars(module).items()):
                if type(thing) is _ndarray and not name.startswith("_"):
                    recorder.attribute(module, name)
        traced = iter([recorder.argument(i, leaf) for i, leaf in enumerate(leaves)])
        traced_args, traced_kwargs = replaced(args, traced), replaced(kwargs, traced)
        with change_mode(lambda mode: replace(mode, trace=recorder, watch=None)):
            result = function(*traced_args, **traced_kwargs)
        if recorder.failure is not None:
            raise recorder.failure
        recording, plain = recorder.finish(result)
        del result
        try:
            surroundings.settle(untraced)
            chance.check(recorder.drawn)
            changed = surroundings.changed()
            if changed is not None:
                raise CaptureError(
                    f"the call itself changes Python objects, which a replay would not: {changed}. "
                    f"Change it outside the function, or keep it in an array"
                )
            plan = _planned(recording, recorder)
        except CaptureError:
            raise
        except Exception as error:
            raise CaptureError(f"no plan could be made of the function: {error!r}") from error
    except CaptureError:
        recorder.undo()
        raise
    finally:
        recorder.release()
    return Entry(recorder, recording, plan, surroundings), plain


def _planned(recording: Recording, recorder: Recorder) -> Plan:
    recording = rectified(staged(simplified(lift(recording))))
    # Lowering computes everything again, the steps that were replaced have no use any more.
    for step in {*recorder.steps, *recording.steps}:
        if not isinstance(step, Instruction) or not step.repeats:
            for slot in step.targets:
                slot.example = None
    recorder.steps = []
    return Plan(Lowered(recording, recorder.before))


def _alike(data: Any, known: Any) -> bool:
    return (
        type(data) is _ndarray is type(known)
        and data.shape == known.shape
        and data.dtype == known.dtype
    )
