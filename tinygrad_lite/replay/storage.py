"""Which slots share memory, read off the arrays that lowering computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lite.replay.form import (
    Constant,
    Instruction,
    PullBack,
    Recording,
    Slot,
    Update,
    slots_in,
)

Step = Instruction | Update


@dataclass(eq=False, slots=True)
class Storage:
    """A piece of memory that one or several slots are views of.

    maker
        the step that fills it first, None for what is given
    written
        whether a later step writes into it
    """

    maker: Step | None
    slots: list[Slot] = field(default_factory=list)
    written: bool = False


def storages_of(given: list[Slot], steps: list[Step]) -> dict[Slot, Storage]:
    """The storage of every slot that holds an array with axes, or any array that is written into.

    Numbers, and arrays without axes that nothing writes into, have none: they are held directly.
    """
    by_owner: dict[int, Storage] = {}
    found: dict[Slot, Storage] = {}

    def enter(slot: Slot, maker: Step | None) -> Storage | None:
        if slot.is_number:
            return None
        owner = slot.example.owner
        storage = by_owner.get(owner)
        if storage is None:
            storage = by_owner[owner] = Storage(maker)
        storage.slots.append(slot)
        found[slot] = storage
        return storage

    for slot in given:
        enter(slot, None)
    for step in steps:
        for target in step.targets:
            storage = enter(target, step)
            if storage is not None and (isinstance(step, Update) or step.into is not None):
                storage.written = True
    return found


def outside_memory(recording: Recording) -> set[int]:
    """Ids of the arrays that a recording names or is given: others may change what they hold."""
    found: set[int] = set()

    def look(tree: Any) -> None:
        if isinstance(tree, np.ndarray):
            found.add(id(owner_of(tree)))
        elif isinstance(tree, (tuple, list)):
            for branch in tree:
                look(branch)
        elif isinstance(tree, dict):
            look(list(tree.values()))

    for source in recording.sources.values():
        if isinstance(source, Constant):
            look(source.data)
    for step in recording.steps:
        if isinstance(step, Instruction):
            look((step.arguments, step.settings))
        elif isinstance(step, PullBack):
            look(step.seeds)
    return found


def owner_of(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array that an array is a view of, itself if of none."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def reads_of(step: Step) -> Iterator[Slot]:
    """The slots whose content a step needs, those it writes over included."""
    if isinstance(step, Instruction):
        yield from slots_in(step.arguments)
        if step.settings:
            yield from slots_in(step.settings)
        if step.into is not None:
            yield step.into
    else:
        yield from step.data
        yield from (slot for slot in step.gradients if slot is not None)
