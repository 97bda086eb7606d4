"""The memory plan: results share one arena, each at an offset that is free for its lifetime."""

from __future__ import annotations

import contextlib
import mmap
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lite.replay.form import Instruction, Slot
from tinygrad_lite.replay.storage import Step, Storage, reads_of
from tinygrad_lite.replay.writers import may_overwrite

_LINE = 64  # bytes of a cache line, to which buffers are aligned
_HUGE = 1 << 22  # bytes for which large pages pay


@dataclass(eq=False, slots=True)
class Buffer:
    """A part of the arena, held from step `first` to step `last` by one storage after another."""

    nbytes: int
    first: int
    last: int
    offset: int = 0


@dataclass(eq=False, slots=True)
class Arena:
    """Where every planned storage lies.

    layouts
        shape, dtype and strides of each
    nbytes
        size of the arena
    unshared
        what the storages would take if each had memory of its own
    """

    buffers: dict[Storage, Buffer]
    layouts: dict[Storage, tuple[Any, ...]]
    nbytes: int
    unshared: int
    arrays: dict[Storage, np.ndarray[Any, Any]] = field(default_factory=dict)
    room: mmap.mmap | None = None

    def allocate(self) -> None:
        """Make the arrays."""
        self.room = _pages(max(self.nbytes, 1))
        for storage, (shape, dtype, strides) in self.layouts.items():
            offset = self.buffers[storage].offset
            self.arrays[storage] = np.ndarray(shape, dtype, self.room, offset, strides)

    def vacate(self) -> None:
        """Give the memory back to the system until the arrays are written to again."""
        if self.room is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.room.madvise(mmap.MADV_DONTNEED)


def _pages(nbytes: int) -> mmap.mmap:
    """Memory of its own; large pages where there are, as NumPy asks for."""
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, nbytes)
    # Shared by default, so that a child process made by fork would write into its parent's.
    room = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if nbytes >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            room.madvise(mmap.MADV_HUGEPAGE)
    return room


def plan_memory(
    steps: list[Step],
    storages: dict[Slot, Storage],
    planned: dict[Storage, Slot],
    pinned: set[Storage],
) -> Arena:
    """Give each planned storage its buffer.

    Args:
        steps: in the order in which they run.
        storages: of every slot.
        planned: the storages to place, with the slot that fills each first.
        pinned: those whose content must outlive the run.
    """
    last_use = dict.fromkeys(pinned, len(steps))
    for position, step in enumerate(steps):
        for slot in (*reads_of(step), *step.targets):
            storage = storages.get(slot)
            if storage is not None and storage not in pinned:
                last_use[storage] = position
    buffers: dict[Storage, Buffer] = {}
    for position, step in enumerate(steps):
        for target in step.targets:
            storage = storages.get(target)
            if storage not in planned or storage in buffers or storage is None:
                continue
            heir = _inherited(step, target, position, storages, last_use, buffers)
            if heir is not None:
                buffers[storage] = heir
                heir.last = last_use[storage]
            else:
                nbytes = -(-max(target.example.nbytes, 1) // _LINE) * _LINE
                nbytes += _stagger(nbytes)
                buffers[storage] = Buffer(nbytes, position, last_use[storage])
    distinct = list(dict.fromkeys(buffers.values()))
    total = _place(distinct)
    layouts = {
        storage: (slot.example.shape, slot.example.dtype, slot.example.strides)
        for storage, slot in planned.items()
    }
    unshared = sum(slot.example.nbytes for slot in planned.values())
    return Arena(buffers, layouts, total, unshared)


def _stagger(nbytes: int) -> int:
    """Bytes to leave free behind a large buffer.

    Buffers a multiple of 4 kB apart make the processor wait when it reads one and writes the other,
    as it compares the last 12 bits of addresses only. A multiple of 64 kB apart, they compete for
    the same places in the cache: that doubles the time of pooling.
    """
    if nbytes < 1 << 12:
        return 0
    return 13 * _LINE if nbytes < 1 << 18 else 633 * _LINE


def _inherited(
    step: Step,
    target: Slot,
    position: int,
    storages: dict[Slot, Storage],
    last_use: dict[Storage, int],
    buffers: dict[Storage, Buffer],
) -> Buffer | None:
    """The buffer of an argument that is not needed any more and can be written over."""
    if not isinstance(step, Instruction) or not may_overwrite(step):
        return None
    slots = [a for a in step.arguments if type(a) is Slot]
    for slot in slots:
        storage = storages.get(slot)
        if storage is None or storage not in buffers or last_use[storage] > position:
            continue
        same = [other for other in slots if storages.get(other) is storage]
        if all(_same_layout(other, target) for other in same):
            return buffers[storage]
    return None


def _same_layout(slot: Slot, target: Slot) -> bool:
    a, b = slot.example, target.example
    return bool(a.shape == b.shape and a.strides == b.strides and a.dtype == b.dtype and a.whole)


def _place(buffers: list[Buffer]) -> int:
    """Offsets such that no two buffers in use at one time overlap; the size of the whole.

    The largest first, each at the lowest offset that is free: within a few percent of the least.
    """
    placed: list[Buffer] = []
    total = 0
    for buffer in sorted(buffers, key=lambda b: -b.nbytes):
        offset = 0
        for other in placed:  # by offset
            if other.first <= buffer.last and buffer.first <= other.last:
                if other.offset - offset >= buffer.nbytes:
                    break
                offset = max(offset, other.offset + other.nbytes)
        buffer.offset = offset
        placed.append(buffer)
        placed.sort(key=lambda b: b.offset)
        total = max(total, offset + buffer.nbytes)
    return total
