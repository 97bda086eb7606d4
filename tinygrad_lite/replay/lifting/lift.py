"""From a Recording of scalars to one of matrices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value
from tinygrad_lite.replay.form import (
    Constant,
    Instruction,
    LeafData,
    PullBack,
    Recording,
    Slot,
    Source,
    Step,
    Update,
    taken_by,
)
from tinygrad_lite.replay.lifting.builder import Builder
from tinygrad_lite.replay.lifting.graph import Graph
from tinygrad_lite.replay.lifting.leaves import blocks_of
from tinygrad_lite.replay.lifting.operands import Operands
from tinygrad_lite.replay.lifting.sums import Unit, inputs_of, units_of
from tinygrad_lite.replay.lifting.table import Table
from tinygrad_lite.replay.lifting.updates import PackedStep
from tinygrad_lite.replay.lifting.writer import Writer
from tinygrad_lite.replay.packs import Pack
from tinygrad_lite.replay.trees import with_slots

WORTH_IT = 50
"""Recordings of fewer steps are left as they are."""

ARRAY_CALL = 10
"""How many operations on Python numbers cost as much as one on arrays."""


def lift(recording: Recording) -> Recording:
    """An equivalent recording in which many operations on numbers are few on arrays.

    Results differ by rounding only: sums are taken in another order.

    Returns:
        A new recording, or the one given where nothing is gained.
    """
    if len(recording.steps) < WORTH_IT:
        return recording
    lifted = Lifting(recording).run()
    return lifted if _cost(lifted) < _cost(recording) else recording


def _cost(recording: Recording) -> int:
    """Roughly what a replay takes, in operations on Python numbers."""
    cost = 0
    for step in recording.steps:
        numbers = isinstance(step, Instruction) and all(t.is_number for t in step.targets)
        cost += 1 if numbers else ARRAY_CALL
    return cost


class Lifting:
    """The state of one lifting."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.graph = Graph(recording)
        highest = max(slot.index for slot in [*recording.sources, *_made(recording.steps)])
        self.builder = Builder(highest + 1)
        self.table = Table(self.graph, self.builder)
        self.sources: dict[Slot, Source] = {}
        self.packs: list[tuple[Pack, Slot, list[int]]] = []
        self.pack_of: dict[int, int] = {}  # by number of the leaf
        self.values: dict[Value | Pack, int] = {}  # numbers of leaves
        for slot, source in recording.sources.items():
            if isinstance(source, LeafData):
                self.values[source.value] = self.graph.number[slot]

    def run(self) -> Recording:
        """The lifted recording."""
        segments = [self._units(segment) for segment in self.graph.segments]
        units = [unit for segment in segments for unit in segment]
        self._place(blocks_of(self.graph, self.recording, units))
        writer = Writer(self.graph, self.table)
        for steps, units in zip(self.graph.segments, segments, strict=True):
            if units:
                levels: dict[int, list[Unit]] = {}
                for unit in units:
                    levels.setdefault(unit.level, []).append(unit)
                for level in sorted(levels):
                    writer.write(levels[level])
            else:
                for step in steps:
                    self._fixed(step)
        stores = self._stores()
        gradients = self._gradients()
        result = with_slots(self.recording.result, self._single)
        return Recording(self.sources, self.builder.steps, stores, gradients, result)

    def _units(self, segment: list[Step]) -> list[Unit]:
        """The units of a segment, with their levels; none of a step that stays as it is."""
        number = self.graph.number
        if any(
            self.graph.made[number[target]] is None for step in segment for target in step.targets
        ):
            return []
        made = [number[step.targets[0]] for step in segment]
        units = units_of(self.graph, made)
        level: dict[int, int] = {}
        for unit in units:
            unit.level = 1 + max((level.get(n, 0) for n in self._taken(unit)), default=0)
            level[unit.number] = unit.level
        return units

    def _taken(self, unit: Unit) -> Iterable[int]:
        if unit.terms is not None or self.graph.arguments[unit.number] is not None:
            return inputs_of(self.graph, unit)
        made = self.graph.made[unit.number]
        return [self.graph.number[slot] for slot in taken_by(made)] if made else []

    def _single(self, slot: Slot) -> Any:
        return self.table.single(self.graph.number[slot])

    # -- leaves ----------------------------------------------------------------------------------

    def _place(self, blocks: list[list[int]]) -> None:
        """Note where the given slots are: in packs, or as they were."""

        for block in blocks:
            data = np.array([self.graph.slots[n].example for n in block], dtype=np.float64)
            given = (self.recording.sources[self.graph.slots[n]] for n in block)
            pack = Pack(tuple(s.value for s in given if isinstance(s, LeafData)))
            slot = self.builder.slot(data)
            self.sources[slot] = pack
            self.table.put(slot, data.shape, np.array(block))
            self.pack_of.update(dict.fromkeys(block, len(self.packs)))
            self.packs.append((pack, slot, block))
        for slot, source in self.recording.sources.items():
            number = self.graph.number[slot]
            if number >= 0 and number not in self.pack_of:
                self.sources[slot] = source
                self.table.put(slot, (), np.array(number))

    def _packed(self, entries: dict[int, Slot | None]) -> tuple[dict[int, Any], dict[int, Any]]:
        """What belongs to leaves, by leaf: that of packs, as vectors, and the rest."""
        packed: dict[int, Any] = {}
        rest: dict[int, Any] = {}
        for leaf, slot in entries.items():
            pack = self.pack_of.get(leaf)
            if pack is None:
                rest[leaf] = None if slot is None else self._single(slot)
            elif pack not in packed:
                slots = [entries[n] for n in self.packs[pack][2]]
                packed[pack] = None if slot is None else self._vector(slots)
        return packed, rest

    def _vector(self, slots: Iterable[Slot | None]) -> Any:
        """Captured slots as a vector."""
        ids = np.array([self.graph.number[slot] for slot in slots if slot is not None])
        out = Operands(self.graph, self.table).whole(ids, np.dtype(np.float64))
        if type(out) is Slot:
            return out
        slot = self.builder.slot(out)
        self.sources[slot] = Constant(out)
        return slot

    def _stores(self) -> dict[Source, Slot]:
        stores: dict[Source, Slot] = {}
        leaves: dict[int, Slot | None] = {}
        for source, slot in self.recording.stores.items():
            if isinstance(source, LeafData):
                leaves[self.values[source.value]] = slot
            else:
                stores[source] = self._single(slot)
        packed, rest = self._packed(leaves)
        for source in self.recording.stores:
            if isinstance(source, LeafData) and self.values[source.value] in rest:
                stores[source] = rest[self.values[source.value]]
        stores.update({self.packs[pack][0]: slot for pack, slot in packed.items()})
        return stores

    def _gradients(self) -> dict[Value | Pack, Slot | None]:
        known = {v: s for v, s in self.recording.gradients.items() if v in self.values}
        packed, rest = self._packed({self.values[v]: slot for v, slot in known.items()})
        gradients: dict[Value | Pack, Slot | None] = {
            self.packs[pack][0]: slot for pack, slot in packed.items()
        }
        for value, slot in self.recording.gradients.items():
            if value not in known:
                gradients[value] = None if slot is None else self._single(slot)
            elif self.values[value] in rest:
                gradients[value] = rest[self.values[value]]
        return gradients

    # -- steps that stay -------------------------------------------------------------------------

    def _fixed(self, step: Step) -> None:
        if isinstance(step, PullBack):
            self._pull_back(step)
        elif isinstance(step, Update):
            self._update(step)
        else:
            arguments = with_slots(step.arguments, self._single)
            settings = with_slots(step.settings, self._single)
            into = None if step.into is None else self._single(step.into)
            self._keep(replace(step, arguments=arguments, settings=settings, into=into))

    def _keep(self, step: Step) -> None:
        self.builder.steps.append(step)
        for target in step.targets:
            self.table.put(target, (), np.array(self.graph.number[target]))

    def _pull_back(self, step: PullBack) -> None:
        """The same, by packs in place of the leaves in them."""
        number = self.graph.number
        targets: list[Slot] = []
        wrt: list[Slot] = []
        seen: set[int] = set()
        found = dict(zip((number[slot] for slot in step.wrt), step.targets, strict=True))
        for leaf, target in found.items():
            if leaf < 0 or not self.graph.uses[number[target]]:
                continue
            pack = self.pack_of.get(leaf)
            if pack is None:
                targets.append(target)
                wrt.append(self._single(self.graph.slots[leaf]))
                self.table.put(target, (), np.array(number[target]))
            elif pack not in seen:
                seen.add(pack)
                _, slot, block = self.packs[pack]
                made = [found[n] for n in block]
                vector = self.builder.slot(np.array([t.example for t in made], dtype=np.float64))
                self.table.put(vector, vector.shape, np.array([number[t] for t in made]))
                targets.append(vector)
                wrt.append(slot)
        self.builder.steps.append(
            PullBack(
                tuple(targets), tuple(map(self._single, step.outputs)),
                with_slots(step.seeds, self._single), tuple(wrt),
                tuple(map(self._single, step.boundary)),
            )
        )  # fmt: skip

    def _update(self, step: Update) -> None:
        """The same, of packs in place of the parameters in them."""
        number = self.graph.number
        columns = zip(step.data, step.gradients, step.targets, strict=True)
        rows = dict(zip(step.parameters, columns, strict=True))
        lines: list[tuple[Any, Slot, Slot | None, Slot]] = []
        packs: list[Pack] = []
        for parameter, (data, gradient, target) in rows.items():
            place = self.pack_of.get(self.values.get(parameter, -1))
            if place is None:
                self.table.put(target, (), np.array(number[target]))
                given = None if gradient is None else self._single(gradient)
                lines.append((parameter, self._single(data), given, target))
            elif self.packs[place][0] not in packs:
                pack = self.packs[place][0]
                packs.append(pack)
                contents, gradients, targets = zip(*(rows[v] for v in pack.values), strict=True)
                data = self._vector(contents)
                vector = self.builder.slot(data.example)
                given = None if gradient is None else self._vector(gradients)
                lines.append((pack, data, given, vector))
                self.table.put(vector, vector.shape, np.array([number[t] for t in targets]))
        optimizer = PackedStep(step.optimizer, packs) if packs else step.optimizer
        parameters, before, pulled, after = zip(*lines, strict=True)
        self.builder.steps.append(Update(after, optimizer, parameters, before, pulled))


def _made(steps: list[Step]) -> list[Slot]:
    return [target for step in steps for target in step.targets]
