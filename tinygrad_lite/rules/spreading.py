"""The transpose of looking at windows: entries add kernels, scaled, to the rows of an image.

A row of the image receives from several rows of entries. Laid one after another these are one
matrix, so that a single product sums over them, and gives what each column of the kernel adds; that
is then added column by column.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from tinygrad_lite.rules.columns import RUN, Index, Layout, as_slice, inside, split
from tinygrad_lite.rules.shards import in_shards, scratch
from tinygrad_lite.rules.windows import Array

TILE = 1 << 20  # bytes of entries and of what is added: a second-level cache


def spread_rows(images: Array, entries: Array, kernels: Array, layout: Layout, crew: int) -> None:
    """Fill images (groups, C, H, W, N) with what entries (groups, O, H', W', N) add to them through
    kernels (groups, O, C, kH, kW)."""
    groups, outputs, inputs, height, width = kernels.shape
    # For each distance from the row above at which entries start, modulo their stride: the rows of
    # the kernels that add there, the last first, as (groups, kW * C, rows * O).
    turned, stride = kernels.transpose(3, 0, 4, 2, 1), layout.apart[1]
    matrices = [
        turned[phase::stride][::-1].transpose(1, 2, 3, 0, 4).reshape(groups, width * inputs, -1)
        for phase in range(min(stride, height))
    ]
    rows_first = entries.swapaxes(1, 2)

    def work(part: _Part) -> None:
        target = images[part.target]
        target[...] = 0
        for chosen, columns, adds in part.steps:
            given = scratch(
                "entries", (groups, part.above, outputs, columns, part.images), entries.dtype
            )
            given[...] = rows_first[chosen]
            run = columns * part.images
            stacked = given.reshape(groups, part.above * outputs, run)
            sums = scratch("sums", (groups, part.rows, width * inputs, run), images.dtype)
            for row, (phase, matrix, start, stop) in enumerate(part.received):
                if start == stop:
                    sums[:, row] = 0
                    continue
                rows = stacked[:, start * outputs : stop * outputs]
                first, last = matrix * outputs, (matrix + stop - start) * outputs
                np.matmul(matrices[phase][:, :, first:last], rows, out=sums[:, row])
            shares = sums.reshape(groups, part.rows, width, inputs, columns, part.images)
            shares = shares.swapaxes(1, 3)  # (groups, C, kW, rows, columns, N)
            for source, places in adds:
                there = target[places]
                there += shares[source]

    in_shards(work, _parts(layout, outputs, images.itemsize, crew), crew)


class _Part:
    """Rows of the image that receive from the same class of rows of entries, and some images.

    target: index of the rows and images
    rows, images, above: how many rows, images, and rows of entries there are
    received: for each row, which matrix's product it takes, from which of its columns, in rows of
        entries, with which of those, from and to
    steps: which entries, how many columns of them, and for each column of the kernel where what it
        makes of them is added
    """

    def __init__(self, layout: Layout, rows: range, batch: range) -> None:
        dilation, padding = layout.dilation[0], layout.padding[0]
        apart, stride = layout.apart
        self.target: Index = (..., as_slice(rows), slice(None), as_slice(batch))
        self.rows, self.images = len(rows), len(batch)
        phase = (rows.start + padding) % dilation
        # The first row of entries whose windows look at rows of this class, if there is one.
        top = next((h for h in range(apart) if h * layout.stride[0] % dilation == phase), None)
        entries = range(0) if top is None else range(top, layout.size[0], apart)
        first = 0 if top is None else (top * layout.stride[0] - phase) // dilation
        found = []
        for row in rows:
            down = (row + padding) // dilation - first
            phase, last = down % stride, down // stride
            start = last + 1 - len(range(phase, layout.kernel[0], stride))
            stop = max(0, start, min(len(entries), last + 1))
            found.append((phase, max(0, -start), max(0, min(start, stop)), stop))
        used = [(start, stop) for _, _, start, stop in found if start < stop]
        first, last = (used[0][0], used[-1][1]) if used else (0, 0)
        self.above = last - first
        self.received = [
            (phase, matrix, start - first, stop - first) for phase, matrix, start, stop in found
        ]
        whole = slice(None)
        self.steps: list[tuple[Index, int, list[tuple[Index, Index]]]] = []
        for columns in split(range(layout.size[1]), max(1, RUN // len(batch))) if used else ():
            adds: list[tuple[Index, Index]] = []
            for j in range(layout.kernel[1]):
                left = columns.start * layout.stride[1] + j * layout.dilation[1] - layout.padding[1]
                some, places = inside(left, layout.stride[1], len(columns), layout.images[3])
                if some.start < some.stop:
                    adds.append(((..., j, whole, some, whole), (..., places, whole)))
            rows_above = as_slice(entries[first:last])
            chosen = (whole, rows_above, whole, as_slice(columns), as_slice(batch))
            self.steps.append((chosen, len(columns), adds))


@lru_cache(maxsize=256)
def _parts(layout: Layout, outputs: int, itemsize: int, crew: int) -> list[_Part]:
    """The rows of the image in parts of about the same size, enough of them for a crew."""
    groups, inputs, height, _, batch = layout.images
    if not batch:
        return []
    dilation, images = layout.dilation[0], batch
    run = min(batch, RUN) * max(1, min(layout.size[1], RUN // batch))
    depth = groups * (inputs * layout.kernel[1] + outputs) * run * itemsize
    most = max(1, TILE // depth)
    blocks = math.ceil(height / most)
    if blocks % crew and height >= crew * dilation:
        most = math.ceil(height / (blocks + crew - blocks % crew))
    elif height < crew * dilation:
        images = math.ceil(batch / crew)
    return [
        _Part(layout, block, some)
        for start in range(min(height, dilation))
        for block in split(range(start, height, dilation), most)
        for some in split(range(batch), images)
    ]
