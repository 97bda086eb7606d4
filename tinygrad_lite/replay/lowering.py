"""Lowering: a recording as plain NumPy calls, pull-backs and composite operations written out.

The steps of the recording are run again on `Traced` arrays, copies of what there was when the call
began. An operation that has an expansion (`expansions`) runs as the calls it is made of; a
pull-back runs the rules of the rulebook, whose NumPy calls are so recorded. A rule that decides by
the data becomes one call of the rule itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np

from tinygrad_lite.engine.backward import pull_back
from tinygrad_lite.engine.modes import change_mode
from tinygrad_lite.engine.record import computed
from tinygrad_lite.engine.rulebook import RULES, JointVjp, Operation, VariadicVjp
from tinygrad_lite.engine.tracing import Trace
from tinygrad_lite.engine.value import Value
from tinygrad_lite.replay.descent import Rate, is_plain, taken_for_granted
from tinygrad_lite.replay.errors import CaptureError
from tinygrad_lite.replay.expansions import EXPANSIONS, RULE_EXPANSIONS
from tinygrad_lite.replay.form import (
    Instruction,
    PullBack,
    Recording,
    Slot,
    Update,
    slots_in,
    taken_by,
)
from tinygrad_lite.replay.layout import Owners
from tinygrad_lite.replay.traced import Tape, Traced, has_traced, setitem, untraced
from tinygrad_lite.replay.trees import with_slots
from tinygrad_lite.replay.writers import constant


class Lowered(Tape):
    """The plain calls of a recording.

    Attributes:
        steps: Instructions without pull-backs, and Updates, in order.
        place: what stands for each slot of the recording.
    """

    def __init__(self, recording: Recording, before: dict[Slot, Any]) -> None:
        super().__init__()
        self.recording = recording
        self._owners = Owners()
        self.place: dict[Slot, Any] = {}
        self._values: dict[Any, Value] = {}
        self._known: dict[Any, _Rules] = {}
        self.sources: dict[Slot, Any] = {}
        self.zeros: list[tuple[dict[str, Any], str]] = []  # settings that must stay zero
        for slot, source in recording.sources.items():
            traced = self.given(_copy(before.get(slot, slot.example)))
            self.place[slot] = traced
            self.sources[traced.slot] = source
        with change_mode(lambda mode: replace(mode, trace=cast(Trace, self), recording=True)):
            last_use = _last_uses(recording)
            pulls = [i for i, step in enumerate(recording.steps) if isinstance(step, PullBack)]
            last_pull_back = max(pulls, default=-1)
            for position, step in enumerate(recording.steps):
                if isinstance(step, Instruction):
                    self._instruction(step)
                elif isinstance(step, PullBack):
                    self._pull_back(step)
                else:
                    self._update(step)
                for slot in last_use.get(position, ()):
                    self.place.pop(slot, None)
                if position == last_pull_back:
                    self._values = {}
        self.result: Any = self._here(recording.result)
        self.stores: Any = {source: self.place[slot] for source, slot in recording.stores.items()}
        self.gradients: Any = {
            value: None if slot is None else self.place[slot]
            for value, slot in recording.gradients.items()
        }
        self.open = False

    def new_slot(self, data: Any) -> Slot:
        """A slot that remembers how its array lies, not what it holds."""
        slot = super().new_slot(data)
        if not slot.is_number:
            slot.example = self._owners.layout(data)
        return slot

    def forget(self) -> None:
        """Let go of everything computed."""
        self.place, self._values, self._known, self.steps = {}, {}, {}, []
        self.result = self.stores = self.gradients = None

    # -- steps -----------------------------------------------------------------------------------

    def _here(self, tree: Any) -> Any:
        """Slots of the recording replaced by what stands for them here."""
        return with_slots(tree, self.place.__getitem__)

    def _instruction(self, step: Instruction) -> None:
        args, settings = self._here(step.arguments), self._here(step.settings)
        if step.into is not None:
            self._write(step, args, settings)
            return
        if step.repeats:
            result = self.emit(
                step.function, args, settings, _copy(step.targets[0].example), repeats=True
            )
        elif isinstance(step.function, Operation):
            result = self.operation(step.function, args, settings)
        else:
            result = self.function(step.function, args, settings)
        parts = tuple(result) if len(step.targets) > 1 else (result,)
        for slot, part in zip(step.targets, parts, strict=True):
            if type(part) is not Traced:
                part = self.emit(constant, (part,), {}, _copy(part))
            self.place[slot] = self._as_recorded(part, slot)
        if step.pulled:
            self._remember(step, args, settings)

    def _as_recorded(self, part: Traced, slot: Slot) -> Traced:
        """A Python float where the recording had one, which does not widen what it meets."""
        if slot.is_number and not part.slot.is_number:
            number: Traced = self.run(float, (part,), {})
            return number
        return part

    def _write(self, step: Instruction, args: Any, settings: Any) -> None:
        assert step.into is not None
        target = self.place[step.into]
        fresh = Traced(self, target.slot, target.data)
        if step.function is setitem:
            fresh[args[1]] = args[2]
        else:
            self.write(fresh, step.function, args, settings)
        self.place[step.targets[0]] = fresh

    def _remember(self, step: Instruction, args: Any, settings: Any) -> None:
        """A Value of the operation, for the pull-back to run over."""
        node = Value(0.0)
        several = len(step.targets) > 1
        parts = tuple(self.place[slot] for slot in step.targets)
        node._data = parts if several else parts[0]
        assert isinstance(step.function, Operation)
        node.operation = self._rules_of(step.function)
        node.args = tuple(
            self._value(slot) if position in step.pulled else arg
            for position, (slot, arg) in enumerate(zip(step.arguments, args, strict=True))
        )
        node.metadata = settings or None
        self._values[step.targets if several else step.targets[0]] = node

    def _value(self, slot: Any) -> Value:
        value = self._values.get(slot)
        if value is None:
            data = tuple(map(self.place.get, slot)) if type(slot) is tuple else self.place[slot]
            value = self._values[slot] = Value(0.0)
            value.data = data
        return value

    def _pull_back(self, step: PullBack) -> None:
        seeds = {
            self._value(out): self._seed(seed, out)
            for out, seed in zip(step.outputs, step.seeds, strict=True)
        }
        wrt = [self._value(slot) for slot in step.wrt]
        boundary = [self._value(slot) for slot in step.boundary]
        found = pull_back(seeds, wrt=wrt, boundary=boundary)
        for target, value in zip(step.targets, wrt, strict=True):
            local = found[value]
            if type(local) is not Traced:
                local = self.emit(constant, (local,), {}, _copy(local))
            # A slot of its own: it may be changed in place.
            self.place[target] = self._as_recorded(Traced(self, local.slot, local.data), target)

    def _seed(self, seed: Any, out: Slot) -> Any:
        if out.is_number and type(seed) is not Slot:
            return float(seed)
        return self._here(seed)

    def _update(self, step: Update) -> None:
        if is_plain(step):
            self._descend(step)
            return
        data = tuple(self.place[slot] for slot in step.data)
        gradients = tuple(None if slot is None else self.place[slot] for slot in step.gradients)
        moved = []
        for slot, target in zip(step.data, step.targets, strict=True):
            before = self.place[slot]
            self.place[target] = Traced(self, self.new_slot(before.data), before.data)
            moved.append(self.place[target].slot)
        self.steps.append(
            Update(
                tuple(moved),
                step.optimizer,
                step.parameters,
                tuple(traced.slot for traced in data),
                tuple(None if traced is None else traced.slot for traced in gradients),
            )
        )

    def _descend(self, step: Update) -> None:
        """A step of plain gradient descent, written out; the learning rate is read anew."""
        self.zeros += taken_for_granted(step.optimizer)
        rates: dict[Any, Traced] = {}
        for parameter, before, gradient, target in zip(
            step.parameters, step.data, step.gradients, step.targets, strict=True
        ):
            data = self.place[before]
            fresh = self.place[target] = Traced(self, data.slot, data.data)
            if gradient is None:
                continue
            group = step.optimizer.settings(parameter)
            key = id(group), data.dtype
            if key not in rates:
                rate = Rate(group, data.dtype)
                rates[key] = self.emit(rate, (), {}, rate(), repeats=True)
            change = self.run(np.multiply, (self.place[gradient], rates[key]), {})
            self.write(fresh, np.subtract, (fresh, change), {})

    # -- calls -----------------------------------------------------------------------------------

    def operation(self, operation: Operation, args: Any, settings: Any) -> Any:
        """A row of the rulebook as plain calls, or as one call of itself."""
        expanded = self._expanded(operation.function, args, settings)
        if expanded is not NotImplemented:
            return expanded
        if operation.evaluate is operation.function and isinstance(operation.function, np.ufunc):
            return self.function(operation.function, args, settings)
        plain = computed(operation, untraced(args), untraced(settings))
        return self.emit(operation, args, settings, plain)

    def function(self, function: Any, args: Any, settings: Any) -> Any:
        """A NumPy function, or a primitive, on plain arrays."""
        if not has_traced(args) and not has_traced(settings):
            return self.emit(function, args, settings, function(*args, **settings))
        return self.run(function, args, settings, getattr(function, "raw", None))

    def run(self, function: Any, args: Any, settings: Any, evaluate: Any = None) -> Any:
        """Call a function, or what it is made of."""
        expanded = self._expanded(function, args, settings)
        if expanded is not NotImplemented:
            return expanded
        return super().run(function, args, settings, evaluate)

    def _expanded(self, function: Any, args: Any, settings: Any) -> Any:
        expansion = EXPANSIONS.get(function) if getattr(function, "__hash__", None) else None
        if expansion is None or not args or any(_is_number(a) for a in args):
            return NotImplemented
        arrays = isinstance(args[0], (Traced, np.ndarray))
        return expansion(*args, **settings) if arrays else NotImplemented

    # -- hooks of the engine, see engine.tracing -------------------------------------------------

    def call(self, function: Any, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        if not has_traced(args) and not has_traced(settings):
            return function.raw(*args, **settings)
        return self.operation(RULES[function], args, settings)

    def pull_back(self, cotangents: Any, wrt: Any, boundary: Any) -> None:
        return None

    def rule(self, vjp: Callable[..., Any], *args: Any, **settings: Any) -> Any:
        """Run a rule on traced arrays; as one call, if it decides by the data."""
        begun = len(self.steps)
        expansion = RULE_EXPANSIONS.get(vjp)
        if expansion is not None:
            expanded = expansion(*args, **settings)
            if expanded is not NotImplemented:
                return expanded
        try:
            return vjp(*args, **settings)
        except CaptureError:
            self.failure = None
            del self.steps[begun:]
            return self.run(vjp, args, settings)

    def _rules_of(self, operation: Operation) -> _Rules:
        rules = self._known.get(operation)
        if rules is None:
            rules = self._known[operation] = _Rules(self, operation)
        return rules


class _Rules(Operation):
    """A row of the rulebook whose rules become one call where they cannot be traced."""

    def __init__(self, tape: Lowered, operation: Operation) -> None:
        given = operation.vjps
        vjps: Any
        if isinstance(given, JointVjp):
            vjps = JointVjp(lambda *args, **settings: _Each(tape, given.rule, args, settings))
        elif isinstance(given, VariadicVjp):
            vjps = VariadicVjp(
                lambda argnum, *args, **settings: tape.rule(given[argnum], *args, **settings)
            )
        else:
            vjps = tuple(vjp and partial(tape.rule, vjp) for vjp in given)
        super().__init__(operation.function, vjps, name=operation.name)


class _Each:
    """The cotangents of a joint rule, each traced when it is asked for."""

    def __init__(self, tape: Lowered, rule: Callable[..., Any], args: Any, settings: Any) -> None:
        self._given = tape, rule, args, settings
        self._traced: Any = None

    def __getitem__(self, position: int) -> Any:
        tape, rule, args, settings = self._given
        if self._traced is None:
            begun = len(tape.steps)
            try:
                self._traced = rule(*args, **settings)
            except CaptureError:
                tape.failure = None
                del tape.steps[begun:]
                self._traced = tape.run(lambda *a, **s: tuple(rule(*a, **s)), args, settings)
        return self._traced[position]


def _last_uses(recording: Recording) -> dict[int, list[Slot]]:
    """The slots that no step reads any more, by the position of the step that reads them last."""
    last: dict[Slot, int] = {}
    for position, step in enumerate(recording.steps):
        into = (step.into,) if isinstance(step, Instruction) and step.into is not None else ()
        for slot in (*taken_by(step), *step.targets, *into):
            last[slot] = position
        if isinstance(step, PullBack):  # over everything before
            last.update((slot, position) for slot in last)
    kept = {
        *slots_in(recording.result),
        *recording.stores.values(),
        *(slot for slot in recording.gradients.values() if slot is not None),
    }
    found: dict[int, list[Slot]] = {}
    for slot, position in last.items():
        if slot not in kept:
            found.setdefault(position, []).append(slot)
    return found


def _copy(data: Any) -> Any:
    return data if type(data) is float else np.array(data)


def _is_number(x: Any) -> bool:
    return type(x) is Traced and x.slot.is_number
