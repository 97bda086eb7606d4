"""Recordings made from graphs of Values, and run one instruction after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite import Value
from tinygrad_lite.engine.backward import consumers_first, leaves_of, pull_back
from tinygrad_lite.engine.record import computed, record
from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.replay.form import (
    Constant,
    Instruction,
    LeafData,
    Pack,
    PullBack,
    Recording,
    Slot,
)
from tinygrad_lite.replay.trees import with_slots


def recording_of(outputs: list[Value], parameters: list[Value], lr: float = 0.0) -> Recording:
    """What a capture of a training step records: the graph, gradients of the first output, and
    with a learning rate the update of the parameters."""
    order = consumers_first(*outputs)[::-1]
    slots: dict[Value, Slot] = {}

    def slot_of(value: Value) -> Slot:
        if value not in slots:
            number = type(value.data) is float
            slots[value] = Slot(len(slots), value.shape, value.dtype, number, value.data)
        return slots[value]

    known = set(parameters)
    sources: dict[Slot, Any] = {}
    for leaf in [*parameters, *leaves_of(order)]:
        sources[slot_of(leaf)] = LeafData(leaf) if leaf in known else Constant(leaf.data)
    steps: list[Any] = []
    for node in order:
        assert node.operation is not None
        pulled = tuple(n for n, a in enumerate(node.args) if type(a) is Value)
        arguments = tuple(slot_of(a) if type(a) is Value else a for a in node.args)
        steps.append(
            Instruction((slot_of(node),), node.operation, arguments, node.metadata or {}, pulled)
        )
    reached = [p for p in parameters if p in set(leaves_of(order))]
    found = pull_back({outputs[0]: 1.0}, wrt=reached)
    count = len(slots)
    gradients: dict[Any, Any] = {}
    for number, parameter in enumerate(reached, count):
        data = found[parameter]
        gradients[parameter] = Slot(
            number, np.shape(data), parameter.dtype, type(data) is float, data
        )
    wrt = tuple(slots[p] for p in reached)
    steps.append(PullBack(tuple(gradients.values()), (slots[outputs[0]],), (1.0,), wrt))
    stores: dict[Any, Any] = {}
    if lr:
        number = count + len(reached)
        for parameter in reached:
            gradient = gradients[parameter]
            change, new = (
                Slot(number + n, gradient.shape, gradient.dtype, gradient.is_number, data)
                for n, data in enumerate(
                    [lr * gradient.example, parameter.data - lr * gradient.example]
                )
            )
            number += 2
            steps.append(Instruction((change,), np.multiply, (lr, gradient), {}))
            steps.append(Instruction((new,), np.subtract, (slots[parameter], change), {}))
            stores[next(s for s in sources.values() if getattr(s, "value", None) is parameter)] = (
                new
            )
    return Recording(sources, steps, stores, gradients, [slots[out] for out in outputs])


def run(recording: Recording) -> tuple[list[Any], dict[Value, Any], dict[Value, Any]]:
    """Results, gradients and new data of parameters, from the parameters as they are now."""
    held: dict[Slot, Value] = {}
    for slot, source in recording.sources.items():
        if isinstance(source, Pack):
            held[slot] = Value(np.array([value.data for value in source.values]))
        else:
            held[slot] = Value(source.value.data if isinstance(source, LeafData) else source.data)

    def content(slot: Slot) -> Any:
        return held[slot]

    for step in recording.steps:
        if isinstance(step, PullBack):
            seeds = {content(out): seed for out, seed in zip(step.outputs, step.seeds, strict=True)}
            found = pull_back(seeds, wrt=[held[slot] for slot in step.wrt])
            for target, slot in zip(step.targets, step.wrt, strict=True):
                held[target] = Value(found[held[slot]])
            continue
        assert isinstance(step, Instruction) and len(step.targets) == 1
        arguments = [with_slots(a, content) for a in step.arguments]
        if step.pulled:
            plain = [
                a.data if type(a) is Value and n not in step.pulled else a
                for n, a in enumerate(arguments)
            ]
            out = record(step.function, tuple(plain), step.settings)
        else:
            raw = [a.data if type(a) is Value else a for a in arguments]
            row = isinstance(step.function, Operation)
            out = Value(computed(step.function, raw) if row else step.function(*raw))
        slot = step.targets[0]
        assert np.shape(out.data) == slot.shape, (
            f"{step.function}: {np.shape(out.data)} {slot.shape}"
        )
        assert slot.is_number == (type(out.data) is float)
        held[slot] = out

    def by_value(table: dict[Any, Any]) -> dict[Value, Any]:
        entries: dict[Value, Any] = {}
        for key, slot in table.items():
            if isinstance(key, Pack):
                entries.update(zip(key.values, held[slot].data.tolist(), strict=True))
            else:
                entries[key.value if isinstance(key, LeafData) else key] = held[slot].data
        return entries

    results = [held[slot].data for slot in recording.result]
    return results, by_value(recording.gradients), by_value(recording.stores)
