"""Sums of products and other terms, many at once: matrix products, and reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.replay.lifting.grids import Grid, grid_of
from tinygrad_lite.replay.lifting.operands import Operands, Shape
from tinygrad_lite.replay.lifting.sums import Unit
from tinygrad_lite.replay.lifting.views import Positions
from tinygrad_lite.rules.indexing import getitem

NONE = np.iinfo(np.intp).min
"""In the place of a second factor, where a term has but one."""

Run = tuple[int, int]
"""Where terms of one kind start and end."""


class Sums:
    """Sums whose terms are alike: as many of each kind, in the same order.

    Args:
        units: the sums.
        left, right: the factors of their terms, shape (sums, terms); NONE where there is one.
        runs: which terms are of one kind.
    """

    def __init__(
        self, operands: Operands, units: list[Unit], left: Positions, right: Positions,
        runs: list[Run],
    ) -> None:  # fmt: skip
        self.operands = operands
        self.build = operands.build
        self.numbers = np.array([unit.number for unit in units], dtype=np.intp)
        self.left, self.right, self.runs = left, right, runs
        slot = operands.graph.slots[units[0].number]
        self.element, self.dtype = slot.shape, slot.dtype
        self.layout: Shape = ()

    def write(self) -> None:
        """Write the instructions, and note where the results are."""
        self._arrange()
        total: Any = None
        # Matrix products first, so that what is added to them need not be spread before.
        for run in sorted(self.runs, key=lambda run: run[0] - run[1]):
            piece = self._run(run)
            total = piece if total is None else self.build.call(np.add, total, piece)
        total = self.operands.spread(total, self.layout + self.element)
        self.operands.table.put(total, self.layout, self.numbers)

    def _arrange(self) -> None:
        """Choose the order and layout of the sums, that of their largest matrix product."""
        best = 0
        order = None
        for start, end in self.runs:
            grid = self._grid((start, end))
            if grid is not None and end - start > best and _filled(grid, len(self.numbers)):
                best = end - start
                order = np.argsort(grid.place)
                self.layout = tuple(length for length in grid.shape if length > 1)
        if order is None:
            columns = [self.left[:, start] for start, _ in self.runs]
            columns += [
                self.right[:, start] for start, _ in self.runs if self.right[0, start] != NONE
            ]
            order, self.layout = self.operands.order_of(columns)
        self.numbers = self.numbers[order]
        self.left, self.right = self.left[order], self.right[order]

    def _grid(self, run: Run) -> Grid | None:
        start, end = run
        if self.right[0, start] == NONE:
            return None
        shape = self.operands.graph.shape
        if shape(int(self.left[0, start])) != ():
            return None
        if shape(int(self.right[0, start])) not in ((), self.element):
            return None
        return grid_of(self.left[:, start:end], self.right[:, start:end])

    def _run(self, run: Run) -> Any:
        """The sum of the terms of one kind."""
        start, end = run
        if self.right[0, start] == NONE:
            return self._summands(self.left[:, start:end])
        grid = self._grid(run) if end - start > 1 else None
        if grid is not None:
            return self._matrix_product(grid, self.right[0, start])
        return self._products(self.left[:, start:end], self.right[:, start:end])

    def _summands(self, ids: Positions) -> Any:
        terms = ids.shape[1]
        if terms == 1:
            return self.operands.aligned(ids[:, 0].reshape(self.layout), self.element, self.dtype)
        own = self.operands.graph.shape(int(ids.flat[0]))
        array = self.operands.whole(ids.reshape(*self.layout, terms), self.dtype)
        total = self.build.call(np.sum, array, axis=len(self.layout))
        axes = len(self.element) - len(own)
        if axes and self.layout:
            total = self.build.reshaped(total, self.layout + (1,) * axes + own)
        return total

    def _products(self, left: Positions, right: Positions) -> Any:
        """Products without a grid: multiplied one by one, and summed."""
        terms = left.shape[1]
        layout = self.layout if terms == 1 else (*self.layout, terms)
        factors = [
            self.operands.aligned(ids.reshape(layout), self.element, self.dtype)
            for ids in (left, right)
        ]
        products = self.build.call(np.multiply, *factors)
        if terms == 1:
            return products
        products = self.operands.spread(products, layout + self.element)
        return self.build.call(np.sum, products, axis=len(self.layout))

    def _matrix_product(self, grid: Grid, example: Any) -> Any:
        build, whole = self.build, self.operands.whole
        stacks, rows, columns = grid.shape
        element = self.operands.graph.shape(int(example))
        terms = grid.left.shape[2]
        if stacks > 1:
            left = whole(grid.left, self.dtype)
            right = whole(grid.right.transpose(0, 2, 1), self.dtype)
            right = build.reshaped(right, (stacks, terms, _size(columns, element)))
        else:
            left = whole(grid.left[0, 0] if rows == 1 else grid.left[0], self.dtype)
            ids = grid.right[0, 0] if columns == 1 else grid.right[0].T
            right = whole(ids, self.dtype)
            if columns > 1 or element:
                right = build.reshaped(right, (terms, _size(columns, element)))
        out = build.call(np.matmul, left, right)
        if _filled(grid, len(self.numbers)) and np.array_equal(
            grid.place, np.arange(len(self.numbers))
        ):
            return build.reshaped(out, self.layout + element)
        out = build.reshaped(out, (stacks * rows * columns, *element))
        return build.call(getitem, out, index=grid.place.reshape(self.layout))


def _filled(grid: Grid, sums: int) -> bool:
    """Whether every entry of the product is one of the sums."""
    return len(set(grid.place.tolist())) == sums == grid.shape[0] * grid.shape[1] * grid.shape[2]


def _size(columns: int, element: Shape) -> int:
    size = columns
    for length in element:
        size *= length
    return size
