"""Passes over lowered steps: constants folded, common subexpressions shared, dead work dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.record import computed
from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.replay.form import Instruction, Slot, Update, slots_in
from tinygrad_lite.replay.storage import Step, Storage, owner_of, reads_of, storages_of
from tinygrad_lite.replay.trees import with_slots


def substituted(tree: Any, replacement: dict[Slot, Any]) -> Any:
    """Slots replaced within tuples, lists and dicts."""
    return with_slots(tree, lambda slot: replacement.get(slot, slot))


def fold_and_share(
    given: list[Slot], steps: list[Step], outside: set[int]
) -> tuple[list[Step], dict[Slot, Any]]:
    """Steps without those that compute constants or repeat an earlier step.

    Args:
        given: slots that no step makes.
        steps: in order.
        outside: ids of arrays that the caller may change between calls.

    Returns:
        The steps left, and for every slot that is gone a constant or the slot in its place.
    """
    storages = storages_of(given, steps)
    replacement: dict[Slot, Any] = {}
    known: dict[Any, tuple[Slot, ...]] = {}
    versions: dict[Storage, int] = {}
    moved: dict[int, int] = {}  # from memory that is gone to that in its place
    left: list[Step] = []
    for step in steps:
        if isinstance(step, Update):
            step.gradients = substituted(step.gradients, replacement)
            left.append(step)
            _changed(step, storages, versions)
            continue
        step.arguments = substituted(step.arguments, replacement)
        step.settings = substituted(step.settings, replacement)
        for target in step.targets:
            if not target.is_number:  # a view of something shared is one of what it shares
                target.example.owner = moved.get(target.example.owner, target.example.owner)
        if step.into is not None:
            left.append(step)
            _changed(step, storages, versions)
            continue
        written = any(t in storages and storages[t].written for t in step.targets)
        if step.repeats or written:
            left.append(step)
            continue
        inputs = (step.arguments, step.settings)
        if not any(True for _ in slots_in(inputs)) and not _may_change(inputs, outside):
            replacement.update(_constants(step))
            continue
        key = _key(step, storages, versions)
        before = known.get(key) if key is not None else None
        if before is None:
            if key is not None:
                known[key] = step.targets
            left.append(step)
        else:
            replacement.update(zip(step.targets, before, strict=True))
            for gone, there in zip(step.targets, before, strict=True):
                if not gone.is_number and gone.example.owner != there.example.owner:
                    moved[gone.example.owner] = there.example.owner
    return left, replacement


def drop_dead(given: list[Slot], steps: list[Step], wanted: set[Slot]) -> list[Step]:
    """Steps without those whose results nothing needs."""
    storages = storages_of(given, steps)
    alive = {storages[slot] for slot in given if slot in storages}
    needed = set(wanted)
    kept: list[Step] = []
    for step in reversed(steps):
        useful = isinstance(step, Update) or any(slot in needed for slot in step.targets)
        if not useful and isinstance(step, Instruction) and step.into is not None:
            storage = storages[step.targets[0]]
            # Written into what somebody outside sees, or into what a later step reads.
            useful = storage in alive or any(slot in needed for slot in storage.slots)
        if useful:
            kept.append(step)
            needed.update(reads_of(step))
    return kept[::-1]


def _changed(step: Step, storages: dict[Slot, Storage], versions: dict[Storage, int]) -> None:
    for slot in step.targets:
        storage = storages.get(slot)
        if storage is not None:
            versions[storage] = versions.get(storage, 0) + 1


def _key(step: Instruction, storages: dict[Slot, Storage], versions: dict[Storage, int]) -> Any:
    """What two steps have in common that compute the same; None if that cannot be told."""

    def part(tree: Any) -> Any:
        kind = type(tree)
        if kind is Slot:
            storage = storages.get(tree)
            return tree, 0 if storage is None else versions.get(storage, 0)
        if kind in (tuple, list):
            return kind, tuple(map(part, tree))
        if kind is dict:
            return kind, tuple((key, part(branch)) for key, branch in sorted(tree.items()))
        if kind is np.ndarray:
            return kind, id(tree)
        if kind is slice:
            return kind, tree.start, tree.stop, tree.step
        return kind, repr(tree) if kind is float else tree  # 0.0 and -0.0 differ

    try:
        key = step.function, part(step.arguments), part(step.settings)
        hash(key)
    except TypeError:
        return None
    return key


def _may_change(tree: Any, outside: set[int]) -> bool:
    """Whether there is an array that the caller may change between calls."""
    kind = type(tree)
    if kind in (tuple, list):
        return any(_may_change(branch, outside) for branch in tree)
    if kind is dict:
        return any(_may_change(branch, outside) for branch in tree.values())
    return kind is np.ndarray and id(owner_of(tree)) in outside


def _constants(step: Instruction) -> dict[Slot, Any]:
    """What a step without inputs computes, for each of its targets."""
    function = step.function
    if isinstance(function, Operation):
        computed_now = computed(function, step.arguments, step.settings)
    else:
        computed_now = function(*step.arguments, **step.settings)
    parts = computed_now if len(step.targets) > 1 else (computed_now,)
    found: dict[Slot, Any] = {}
    for slot, part in zip(step.targets, parts, strict=True):
        if slot.is_number:
            found[slot] = float(part)
        else:
            found[slot] = np.asarray(part).view()
            found[slot].flags.writeable = False
    return found
