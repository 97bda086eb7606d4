"""Where the lifted recording keeps the numbers and small arrays of the one that was captured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.replay.form import Slot
from tinygrad_lite.replay.lifting.builder import Builder
from tinygrad_lite.replay.lifting.graph import Graph
from tinygrad_lite.replay.lifting.views import Positions, view_of, without_repeats
from tinygrad_lite.rules.indexing import getitem


@dataclass(eq=False, slots=True)
class Array:
    """A slot that holds many of the captured slots.

    layout
        how they are arranged; the axes of each one, `element`, follow
    """

    slot: Slot
    layout: tuple[int, ...]
    element: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many are in it."""
        return math.prod(self.layout)


class Table:
    """For each captured slot the array it is in, and its place there."""

    def __init__(self, graph: Graph, builder: Builder) -> None:
        self.graph = graph
        self.builder = builder
        self.arrays: list[Array] = []
        self.array_of = np.full(len(graph.slots), -1, dtype=np.intp)
        self.place_of = np.zeros(len(graph.slots), dtype=np.intp)
        self._fetched: dict[Any, Any] = {}
        self._split: dict[tuple[int, tuple[int, ...]], int] = {}

    def put(self, slot: Slot, layout: Sequence[int], ids: Positions) -> Array:
        """Note that a slot holds the captured slots `ids`, in this order, in this layout."""
        layout = tuple(layout)
        array = Array(slot, layout, slot.shape[len(layout) :])
        flat = ids.ravel()
        self.array_of[flat] = len(self.arrays)
        self.place_of[flat] = np.arange(len(flat))
        self.arrays.append(array)
        return array

    def alias(self, number: int, whole: int, index: Sequence[int | slice]) -> None:
        """Note that a captured slot is a part of another: ``whole[index]``, of integers and whole
        slices."""
        chosen = tuple(axis for axis, part in enumerate(index) if not isinstance(part, slice))
        key = int(self.array_of[whole]), chosen
        array = self.arrays[key[0]]
        if key not in self._split:
            self._split[key] = self._splitted(array, chosen) if chosen else key[0]
        place = int(self.place_of[whole])
        for axis in chosen:
            length, part = array.element[axis], index[axis]
            assert isinstance(part, int)
            place = place * length + part % length
        self.array_of[number] = self._split[key]
        self.place_of[number] = place

    def _splitted(self, array: Array, axes: tuple[int, ...]) -> int:
        """An array of smaller elements: some of their axes join the layout."""
        order = [*axes, *(a for a in range(len(array.element)) if a not in axes)]
        start = len(array.layout)
        slot = array.slot
        if order != sorted(order):
            moved = [start + axis for axis in order]
            slot = self.builder.call(np.transpose, slot, (*range(start), *moved))
        shape = slot.shape[start:]
        count = len(axes)
        self.arrays.append(Array(slot, array.layout + shape[:count], shape[count:]))
        return len(self.arrays) - 1

    def single(self, number: int) -> Any:
        """One captured slot or constant on its own."""
        if number < 0:
            return self.graph.constants[~number]
        array = self.arrays[self.array_of[number]]
        if array.layout == ():
            return array.slot
        return self._once(
            ("single", number),
            lambda: self._entry(array, int(self.place_of[number])),
        )

    def _entry(self, array: Array, place: int) -> Any:
        where = tuple(int(i) for i in np.unravel_index(place, array.layout))
        return self.builder.call(getitem, array.slot, index=where[0] if len(where) == 1 else where)

    def fetch(self, ids: Positions) -> Any:
        """The captured slots `ids`, or constants, in their shape; axes along which all are the same
        have a length of 1. One constant for all is given as it is."""
        ids = without_repeats(ids)
        if ids.flat[0] < 0:
            return self._constants(ids)
        return self._once((ids.shape, ids.tobytes()), lambda: self._slots(ids))

    def _once(self, key: Any, make: Any) -> Any:
        if key not in self._fetched:
            self._fetched[key] = make()
        return self._fetched[key]

    def _constants(self, ids: Positions) -> Any:
        constants = self.graph.constants
        if ids.size == 1 and not np.shape(constants[~ids.flat[0]]):
            return constants[~ids.flat[0]]
        stacked = np.array([constants[~number] for number in ids.ravel().tolist()])
        if stacked.dtype.kind in "biu":
            stacked = stacked.astype(np.float64)
        return stacked.reshape(ids.shape + stacked.shape[1:])

    def _slots(self, ids: Positions) -> Any:
        numbers = self.array_of[ids]
        first = int(numbers.flat[0])
        if np.all(numbers == first):
            return self._part(self.arrays[first], self.place_of[ids])
        return self._gathered(ids, numbers)

    def _part(self, array: Array, places: Positions) -> Any:
        """Entries of one array: the array, a view of it, or copies."""
        build, element = self.builder, array.element
        if places.size == array.size and np.array_equal(places.ravel(), np.arange(array.size)):
            return build.reshaped(array.slot, places.shape + element)
        view = view_of(places, array.size)
        flat = (array.size, *element)
        if view is None:
            return build.call(getitem, build.reshaped(array.slot, flat), index=places)
        seen = array.slot
        if view.stop < array.size:
            seen = build.call(getitem, build.reshaped(seen, flat), index=slice(0, view.stop))
        seen = build.reshaped(seen, view.shape + element)
        if view.index:
            seen = build.call(getitem, seen, index=view.index)
        if view.axes:
            rest = range(len(view.axes), len(view.axes) + len(element))
            seen = build.call(np.transpose, seen, (*view.axes, *rest))
        return build.reshaped(seen, places.shape + element)

    def _gathered(self, ids: Positions, numbers: Positions) -> Any:
        """Entries of several arrays: what is needed of each, joined, and put in order."""
        build = self.builder
        flat, numbers = ids.ravel(), numbers.ravel()
        parts: list[Any] = []
        order = np.empty(len(flat), dtype=np.intp)
        start = 0
        loose = True
        for number in dict.fromkeys(numbers.tolist()):
            which = np.flatnonzero(numbers == number)
            array = self.arrays[number]
            places, inverse = np.unique(self.place_of[flat[which]], return_inverse=True)
            loose = loose and array.layout == ()
            parts.append(array.slot if array.layout == () else self._part(array, places))
            order[which] = start + inverse
            start += len(places)
        if loose:
            joined = build.call(np.stack, parts)
        else:
            parts = [
                build.reshaped(part, (1, *part.shape)) if part.shape == array.element else part
                for part in parts
            ]
            joined = build.call(np.concatenate, parts)
        if start == len(flat) and np.array_equal(order, np.arange(start)):
            return build.reshaped(joined, ids.shape + array.element)
        return build.call(getitem, joined, index=order.reshape(ids.shape))
