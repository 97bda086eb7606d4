"""Operands of lifted operations: fetched, in the dtype and shape that broadcasting needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.replay.form import Slot
from tinygrad_lite.replay.lifting.builder import plain
from tinygrad_lite.replay.lifting.graph import Graph
from tinygrad_lite.replay.lifting.table import Table
from tinygrad_lite.replay.lifting.views import Positions

Shape = tuple[int, ...]


class Operands:
    """Fetches what operations on many slots at once take."""

    def __init__(self, graph: Graph, table: Table) -> None:
        self.graph = graph
        self.table = table
        self.build = table.builder

    def aligned(self, ids: Positions, element: Shape, dtype: np.dtype[Any]) -> Any:
        """The slots `ids` such that their axes, then those of each, meet those of the result.

        Args:
            ids: in the layout of the result.
            element: shape of each of the results.
            dtype: of the results.
        """
        own = self.graph.shape(int(ids.flat[0]))
        array = self.cast(self.table.fetch(ids), ids, dtype)
        axes = len(element) - len(own)
        if axes and ids.ndim and np.ndim(plain(array)):
            shape = plain(array).shape
            array = self.build.reshaped(array, shape[: ids.ndim] + (1,) * axes + own)
        return array

    def whole(self, ids: Positions, dtype: np.dtype[Any]) -> Any:
        """The slots `ids`, without leaving out axes along which they repeat."""
        array = self.cast(self.table.fetch(ids), ids, dtype)
        shape = ids.shape + self.graph.shape(int(ids.flat[0]))
        if np.shape(plain(array)) == shape:
            return array
        if type(array) is Slot:
            return self.build.call(np.broadcast_to, array, shape)
        return np.ascontiguousarray(np.broadcast_to(np.asarray(array, dtype), shape))

    def cast(self, array: Any, ids: Positions, dtype: np.dtype[Any]) -> Any:
        """Python numbers, once stacked, take on the dtype of what they meet, as they did alone."""
        number = int(ids.flat[0])
        weak = (
            self.graph.slots[number].is_number
            if number >= 0
            else type(self.graph.constants[~number]) is not np.ndarray
        )
        return self.build.as_dtype(array, dtype) if weak and np.ndim(plain(array)) else array

    def spread(self, array: Any, shape: Shape) -> Any:
        """A result in its full shape."""
        have = np.shape(plain(array))
        if have == shape:
            return array
        return self.build.call(np.broadcast_to, array, shape)

    def order_of(self, columns: list[Positions]) -> tuple[Positions, Shape]:
        """How to arrange operations so that most of what they take lies in place.

        Args:
            columns: for each argument, the slot that each operation takes.

        Returns:
            The order of the operations, and their layout.
        """
        count = len(columns[0])
        if count == 1:
            return np.zeros(1, dtype=np.intp), ()
        best: tuple[Positions, Shape] | None = None
        for ids in columns:
            if ids[0] < 0:
                continue
            numbers, places = self.table.array_of[ids], self.table.place_of[ids]
            if np.any(numbers != numbers[0]) or len(set(places.tolist())) < count:
                continue
            array = self.table.arrays[numbers[0]]
            if array.size == count:
                return np.argsort(places), array.layout
            best = best or (np.argsort(places), (count,))
        return best or (np.arange(count), (count,))
