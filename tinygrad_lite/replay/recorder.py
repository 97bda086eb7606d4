"""Recorder: a trace of one call of a function, at the level of Values and their operations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.engine.backward import consumers_first
from tinygrad_lite.engine.backward import pull_back as pull_back_now
from tinygrad_lite.engine.errors import explained
from tinygrad_lite.engine.modes import MODE, change_mode
from tinygrad_lite.engine.record import computed, remember
from tinygrad_lite.engine.value import Value, describe, next_serial
from tinygrad_lite.replay.errors import CaptureError, place, told
from tinygrad_lite.replay.form import (
    Argument,
    Attribute,
    Constant,
    Instruction,
    LeafData,
    LeafGrad,
    PullBack,
    Recording,
    Slot,
    Source,
    Update,
    Wrapped,
)
from tinygrad_lite.replay.results import plain_result
from tinygrad_lite.replay.snapshot import Snapshot
from tinygrad_lite.replay.traced import Tape, Traced, has_traced, untraced
from tinygrad_lite.replay.trees import mapped


class Recorder(Tape):
    """Records what happens to Values, gradients and traced arrays while a function runs."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = next_serial()
        self.sources: dict[Slot, Source] = {}
        self.before: dict[Slot, Any] = {}  # copies of what sources held when the call began
        self.leaves: dict[Value, LeafData | None] = {}
        self.relied_on_none: set[Value] = set()  # leaves whose missing gradient was read
        self.owners: list[tuple[Any, str, Attribute]] = []
        self.drawn: list[np.random.Generator] = []
        self._undo: list[Snapshot] = []  # of the state before, the latest last
        self._reset: set[Value] = set()  # leaves whose gradient was set before it was read
        self._nodes: list[Value] = []
        self._step_of: dict[Value, Instruction] = {}
        self._grad_sources: dict[Value, LeafGrad] = {}

    # -- where data comes from -------------------------------------------------------------------

    def source(self, source: Source, data: Any) -> Traced:
        """A traced stand-in for data that a replay looks up anew."""
        traced = self.given(data)
        self.sources[traced.slot] = source
        self.before[traced.slot] = data if type(data) is float else data.copy()
        return traced

    def argument(self, position: int, data: Any) -> Traced:
        return self.source(Argument(position), data)

    def attribute(self, owner: Any, name: str) -> None:
        """Trace an array that is an attribute, for as long as the call runs."""
        source = Attribute(owner, name)
        self._undo.append(Snapshot([], [(owner, name)]))
        setattr(owner, name, self.source(source, getattr(owner, name)))
        self.owners.append((owner, name, source))

    def leaf(self, value: Value) -> None:
        """Trace the data and gradient of a Value that was not recorded here."""
        if value in self.leaves or value in self._step_of:
            return
        if value.operation is not None:
            raise CaptureError(
                f"the function uses {describe(value)}, which was computed from other Values "
                f"before{told(place())}: compute it inside the function, or pass x.data"
            )
        self.leaves[value] = None
        if value.serial < self.begun and type(value.data) is not Traced:
            self._undo.append(Snapshot([value]))
        if type(value.data) is Traced:  # made inside, of traced data: a handle of its own
            value.data = self.run(same, (value.data,), {})
        elif value.serial > self.begun:
            value.data = self.source(Constant(value.data), value.data)
        else:
            self.leaves[value] = source = LeafData(value)
            value.data = self.source(source, value.data)
        gradient = _gradient(value)
        if gradient is None:
            return
        if type(gradient) is not Traced:
            grad_source = self._grad_sources[value] = LeafGrad(value)
            value._grad = self.source(grad_source, untraced_value(gradient))

    # -- hooks of the engine, see engine.tracing --------------------------------------------------

    def record(self, operation: Any, args: tuple[Any, ...], metadata: Any) -> Any:
        for a in args:
            if type(a) is Value:
                self.leaf(a)
        raw = [a.data if type(a) is Value else a for a in args]
        try:
            data = computed(operation, untraced(raw), untraced(metadata))
        except (TypeError, ValueError, IndexError) as error:
            raise explained(error, operation, args, metadata) from None
        result = self._note(operation, args, raw, metadata, data)
        return remember(operation, args, metadata, result)

    def adopt(self, node: Value) -> None:
        if not has_traced(node.data):
            for a in node.args:
                if type(a) is Value:
                    self.leaf(a)
            raw = [a.data if type(a) is Value else a for a in node.args]
            node.data = self._note(node.operation, node.args, raw, node.metadata, node.data)
        self._nodes.append(node)
        if MODE.get().recording:
            produced = node.data[0] if type(node.data) is tuple else node.data
            self._step_of[node] = self._step_making(produced)

    def _note(
        self, operation: Any, args: tuple[Any, ...], raw: list[Any], metadata: Any, data: Any
    ) -> Any:
        pulled = tuple(i for i, a in enumerate(args) if type(a) is Value)
        pulled = pulled if MODE.get().recording else ()
        return self.emit(operation, tuple(raw), metadata or {}, data, pulled=pulled)

    def _step_making(self, traced: Traced) -> Instruction:
        for step in reversed(self.steps):
            if isinstance(step, Instruction) and traced.slot in step.targets:
                return step  # almost always the last
        raise AssertionError("a Value whose slot no instruction makes")

    def touch_gradient(self, value: Value, setting: bool) -> None:
        if value.operation is not None:
            return
        self.leaf(value)
        if setting:
            self._reset.add(value)
        elif value not in self._reset and _gradient(value) is None:
            self.relied_on_none.add(value)

    def pull_back(self, cotangents: dict[Value, Any], wrt: Any, boundary: Any) -> Any:
        order = consumers_first(*cotangents, boundary=boundary)
        touched: dict[Value, Any] = dict.fromkeys(order)
        slots: dict[Value, Slot] = {}
        for node in order:
            step = self._step_of.get(node)
            if step is None:
                raise CaptureError(
                    f"a gradient is pulled back through {describe(node)}, which was computed "
                    f"before the captured function was called{told(place())}"
                )
            for position, argument in enumerate(node.args):
                if type(argument) is Value:
                    touched[argument] = None
                    slot = step.arguments[position]
                    if slots.setdefault(argument, slot) != slot:  # several are a tuple
                        raise CaptureError(
                            f"{describe(argument)} was changed between two uses in one "
                            f"computation{told(place())}: pull back before the change"
                        )
        for out in cotangents:
            touched[out] = None
            slots[out] = _slots_of(out.data)
        kept = {value: (value.data, value.args, value.metadata) for value in touched}
        try:
            for value in touched:
                value.data = untraced(value.data)
                value.args, value.metadata = untraced(value.args), untraced(value.metadata)
            seeds = {
                out: float(untraced(seed)) if type(out.data) is float else untraced(seed)
                for out, seed in cotangents.items()
            }
            with self.paused():
                found = pull_back_now(seeds, wrt=wrt, boundary=boundary)
        finally:
            for value, contents in kept.items():
                value.data, value.args, value.metadata = contents
        result = {value: self._traced(data) for value, data in found.items()}
        self.steps.append(
            PullBack(
                tuple(traced.slot for traced in result.values()),
                tuple(slots[out] for out in cotangents),
                tuple(_slots_of(seed) for seed in cotangents.values()),
                tuple(slots[value] for value in result),
                tuple(slots[value] for value in boundary if value in slots),
            )
        )
        return result

    def update(self, optimizer: Any) -> None:
        parameters = list(optimizer.parameters)
        for constraint in optimizer.constraints:
            parameters += getattr(constraint, "parameters", ())
        parameters = list(dict.fromkeys(parameters))
        for parameter in parameters:
            self.leaf(parameter)
        self._undo.append(Snapshot([], objects=[optimizer]))
        data = {p: p.data for p in parameters}
        gradients = {p: _gradient(p) for p in parameters}
        for p in parameters:
            p.data, p._grad = untraced(p.data), untraced(untraced_value(gradients[p]))
        try:
            with self.paused():
                optimizer.step()
        finally:
            after = {p: p.data for p in parameters}
            for p in parameters:
                p.data, p._grad = data[p], gradients[p]
        for p in parameters:
            p.data = self._traced(after[p])
        self.steps.append(
            Update(
                tuple(p.data.slot for p in parameters),
                optimizer,
                tuple(parameters),
                tuple(data[p].slot for p in parameters),
                tuple(None if g is None else untraced_value(g).slot for g in gradients.values()),
            )
        )

    def draw(self, generator: Any, method: str, args: Any, settings: Any) -> Any:
        function = getattr(generator, method)
        if generator not in self.drawn:
            self.drawn.append(generator)
            self._undo.append(Snapshot([], generators=[generator]))
        return self.emit(function, args, settings, function(*args, **settings), repeats=True)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Ordinary computing inside."""
        with change_mode(lambda mode: replace(mode, trace=None, recording=True)):
            yield

    # -- the end ---------------------------------------------------------------------------------

    def finish(self, result: Any) -> tuple[Recording, Any]:
        """Close the recording, and put the numbers back into everything it touched.

        Returns:
            The recording, and the plain result of the call.
        """
        stores: dict[Source, Slot] = {}
        gradients: dict[Any, Slot | None] = {}
        for value, source in self.leaves.items():
            if source is not None:
                self._settle(source, value.data, stores)
                gradients[value] = self._final_gradient(value)
        for owner, name, attribute in self.owners:
            self._settle(attribute, getattr(owner, name), stores)
        self.origins = tuple(v for v, source in self.leaves.items() if source is not None)
        told_result = mapped(result, self._returned)
        self.release()
        recording = Recording(self.sources, self.steps, stores, gradients, told_result)
        return recording, plain_result(result, self.origins)

    def _settle(self, source: Source, data: Any, stores: dict[Source, Slot]) -> None:
        if type(data) is not Traced:
            data = self.source(Constant(data), data)
        if self.sources.get(data.slot) is not source:
            stores[source] = data.slot

    def _final_gradient(self, value: Value) -> Slot | None:
        gradient = _gradient(value)
        if gradient is None:
            return None
        if type(gradient) is Value:
            gradient = gradient.data
        if type(gradient) is not Traced:
            gradient = self.source(Constant(gradient), gradient)
        return gradient.slot

    def _returned(self, leaf: Any) -> Any:
        if type(leaf) is Value and type(leaf.data) is Traced:
            return Wrapped(leaf.data.slot, self.origins if leaf.operation is not None else ())
        return leaf.slot if type(leaf) is Traced else leaf

    def undo(self) -> None:
        """Put everything back as it was before the call."""
        self.release()
        for snapshot in reversed(self._undo):
            snapshot.restore()

    def before_arguments(self) -> list[tuple[Slot, Any]]:
        """The slots of the arguments, with what they held."""
        return [
            (s, self.before[s]) for s, source in self.sources.items() if type(source) is Argument
        ]

    def release(self) -> None:
        """Put plain numbers and arrays back in the place of traced ones, wherever they went."""
        self.open = False
        for value in (*self.leaves, *self._nodes):
            value.data = untraced(value.data)
            value.args, value.metadata = untraced(value.args), untraced(value.metadata)
            gradient = _gradient(value)
            if type(gradient) is Traced:
                value._grad = gradient.data
        for owner, name, _ in self.owners:
            setattr(owner, name, untraced(getattr(owner, name)))
        self._nodes, self._step_of = [], {}


def same(x: Any) -> Any:
    """A number or array itself, under a slot of its own."""
    return x


def _gradient(value: Value) -> Any:
    try:
        return value._grad
    except AttributeError:
        return None


def untraced_value(x: Any) -> Any:
    """The plain data of a Value, anything else as it is."""
    return x.data if type(x) is Value else x


def _slots_of(data: Any) -> Any:
    if type(data) is tuple:
        return tuple(_slots_of(part) for part in data)
    return data.slot if type(data) is Traced else data


Call = Callable[..., Any]
Array = np.ndarray[Any, Any]
