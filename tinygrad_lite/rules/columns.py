"""Windows of images as columns of matrices, tile by tile, each small enough for the cache.

A tile is some rows of the result, some columns, and perhaps some images. Its matrix has a block for
each row of the image: the channels' entries at each offset (c, j), side by side for the columns of
the result and the images. The window at row h of the result then is the blocks h * stride to
h * stride + kH, which lie one after another: they are one matrix, of entries (i, c, j), without
having been copied kH times.

With dilation d, the rows of an image fall into d classes, each a problem without dilation.

Where there is a bias, each block ends with a row of ones, which the bias multiplies.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tinygrad_lite.rules.shards import scratch
from tinygrad_lite.rules.windows import Array, Pair

# Bytes of a tile's columns: a second-level cache. Measured from a quarter of that to twice as much.
TILE = 1 << 20
# Entries in a row of a tile's matrix, if there are as many: long enough for BLAS and for copies.
RUN = 1024

Index = tuple[Any, ...]


@dataclass(frozen=True)
class Layout:
    """Sizes of a convolution: of images (groups, channels of each, H, W, N), kernels (kH, kW) and
    results (H', W')."""

    images: tuple[int, int, int, int, int]
    kernel: Pair
    size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    ones: int = 0  # 1 if there is a bias

    @property
    def depth(self) -> int:
        """Entries of a window in one group, with the ones: rows of a tile's matrix."""
        return self.kernel[0] * self.block

    @property
    def block(self) -> int:
        """Rows of a tile's matrix for one row of the image."""
        return self.images[1] * self.kernel[1] + self.ones

    @property
    def apart(self) -> tuple[int, int]:
        """Between windows that share rows of the image: rows of the result, and rows shared."""
        common = math.gcd(self.stride[0], self.dilation[0])
        return self.dilation[0] // common, self.stride[0] // common


class Tile:
    """Part of a result, and how to collect its columns."""

    def __init__(self, layout: Layout, rows: range, columns: range, batch: range) -> None:
        groups, channels, height, width, _ = layout.images
        kernel, across = layout.kernel
        step = layout.apart[1]
        blocks = (len(rows) - 1) * step + kernel
        self.part: Index = (..., as_slice(rows), as_slice(columns), as_slice(batch))
        self.shape = (groups, blocks, channels, across, len(columns), len(batch))
        self.room = (groups, blocks, layout.block, len(columns), len(batch))
        run = len(columns) * len(batch)
        block = layout.block * run
        self.windows = (groups, len(rows), layout.depth, run)
        self.strides = (blocks * block, step * block, run, 1)
        # From images to columns: where zeros go, and copies of entries from where to where.
        self.blank: list[Index] = []
        self.copies: list[tuple[Index, Index]] = []
        whole, some = slice(None), as_slice(batch)
        top = rows.start * layout.stride[0] - layout.padding[0]
        down, above = inside(top, layout.dilation[0], blocks, height)
        self.blank += [(whole, outside) for outside in _outside(down, blocks)]
        for j in range(across):
            left = columns.start * layout.stride[1] + j * layout.dilation[1] - layout.padding[1]
            along, source = inside(left, layout.stride[1], len(columns), width)
            self.blank += [
                (whole, down, whole, j, outside) for outside in _outside(along, len(columns))
            ]
            if along.start < along.stop and down.start < down.stop:
                self.copies.append(
                    ((whole, down, whole, j, along), (whole, above, whole, source, some))
                )
        left = columns.start * layout.stride[1] - layout.padding[1]
        self.start = None if self.blank else (top, left, batch.start)
        self.steps = (layout.dilation[0], layout.dilation[1], layout.stride[1])

    def columns(self, images: Array) -> Array:
        """The windows of images (groups, C, H, W, N), contiguous, as (groups, rows, kH * C * kW,
        columns * N), in memory that the next call in this thread uses again."""
        whole = scratch("columns", self.room, images.dtype)
        room = whole
        if self.room[2] != self.shape[2] * self.shape[3]:
            room, ones = whole[:, :, :-1], whole[:, :, -1]
            ones[...] = 1
        room = room.reshape(self.shape)  # a view
        if self.start is None:
            for index in self.blank:
                room[index] = 0
            rows_first = images.swapaxes(1, 2)
            for target, source in self.copies:
                room[target] = rows_first[source]
        else:  # one copy, of all offsets: other threads want the GIL in between
            group, channel, row, column, entry = images.strides
            top, left, first = self.start
            down, across, along = self.steps
            windows = np.ndarray(
                self.shape, images.dtype, images, top * row + left * column + first * entry,
                (group, down * row, channel, across * column, along * column, entry),
            )  # fmt: skip
            np.copyto(room, windows)
        size = images.itemsize
        return np.ndarray(self.windows, images.dtype, whole, 0, [s * size for s in self.strides])

    def of(self, result: Array) -> Array:
        """This part of (groups, channels, H', W', N), as (groups, rows, channels, columns * N)."""
        part = result[self.part]
        # A view, as a tile has all images or a single column.
        return part.reshape(*part.shape[:3], self.windows[3]).swapaxes(1, 2)


@lru_cache(maxsize=256)
def tiles(layout: Layout, itemsize: int, crew: int) -> list[Tile]:
    """The parts of a result, about equally large, and enough of them for a crew of threads."""
    groups, *_, batch = layout.images
    rows, columns = layout.size
    if not batch:
        return []
    images = math.ceil(batch / math.ceil(batch / RUN))
    width = min(columns, max(1, RUN // images)) if images == batch else 1
    depth = groups * layout.block * itemsize

    def height() -> int:
        blocks = TILE // (depth * width * images)
        return max(1, (blocks - layout.kernel[0]) // layout.stride[0] + 1)

    while height() < min(rows, 4) and width > 1 and width * images > RUN // 4:
        width = math.ceil(width / 2)
    across = math.ceil(columns / width)
    if across % crew and columns >= crew:
        across += crew - across % crew  # so that in the last round all threads have one
    width = math.ceil(columns / min(across, columns))
    step = layout.apart[0]
    return [
        Tile(layout, part, column, some)
        for first in range(min(rows, step))
        for part in split(range(first, rows, step), height())
        for column in split(range(columns), width)
        for some in split(range(batch), images)
    ]


def split(whole: range, most: int) -> list[range]:
    """A range in parts of about the same length, none longer than `most`."""
    size = math.ceil(len(whole) / math.ceil(len(whole) / most))
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def as_slice(indices: range) -> slice:
    """The slice that takes these indices of an axis."""
    return slice(indices.start, indices.stop, indices.step)


def inside(start: int, step: int, count: int, size: int) -> tuple[slice, slice]:
    """Which of the positions start, start + step, ... lie in an axis of a size; and these."""
    first = min(count, max(0, -(start // step)))
    last = max(first, min(count, -((start - size) // step)))
    return slice(first, last), slice(start + first * step, start + last * step, step)


def _outside(part: slice, count: int) -> Iterator[slice]:
    """What a part leaves of an axis."""
    if part.start:
        yield slice(0, part.start)
    if part.stop < count:
        yield slice(part.stop, count)
