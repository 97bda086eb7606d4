"""Convolutions with a horizontal stride of 1 as products of rows of images, which BLAS adds up.

The images (C, H, W, N) are copied once, as rows first: (H, C, W, N). The rows that a kernel sees
then are one matrix, of entries (i, c), for each place of its columns a little further to the right.
So a row of the result is the sum of as many products as the kernel has columns, and each is added
where it belongs by BLAS itself: nothing is copied for each entry of the kernel, nothing is padded.

NumPy's products cannot add to their result; so BLAS is called directly, where `blas.product` finds
it. Some rows of the result go to each of our threads, as those of BLAS keep a core busy for 0.1 s
after each product; unless they are busy anyway, with long products of others.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.rules import blas
from tinygrad_lite.rules.columns import Layout, split
from tinygrad_lite.rules.shards import in_shards, scratch, threads
from tinygrad_lite.rules.windows import Array

# Bytes of rows copied at a time, within what `scratch` keeps.
_COPIED = 1 << 22
# Multiplications in a product for which a call from Python pays: 3 microseconds.
_WORTHWHILE = 1 << 17
# Rows of a matrix, (i, c), below which columns are better: there would be too many products.
_DEEP = 24
# Columns of a kernel above which, and channels below which, columns are better: BLAS copies the
# rows anew for each product.
_NARROW, _MANY = 3, 32


def is_by_rows(layout: Layout, outputs: int, *arrays: Array) -> bool:
    """Whether these functions can do a convolution of arrays, and are quicker than `columns`."""
    inputs, (height, width) = layout.images[1], layout.kernel
    depth, run = height * inputs, layout.size[1] * layout.images[4]
    return (
        layout.stride[1] == layout.dilation[0] == 1
        and (width <= _NARROW or min(inputs, outputs) >= _MANY)
        and depth >= _DEEP
        and min(outputs, 64) * depth * run >= _WORTHWHILE
        and all(array.dtype == arrays[0].dtype for array in arrays)
        and blas.product(arrays[0].dtype) is not None
    )


def correlate_rows(result: Array, images: Array, kernels: Array, layout: Layout) -> None:
    """Add to `result` (groups, O, H', W', N) the products of kernels (groups, O, C, kH, kW) with
    windows of images (groups, C, H, W, N)."""
    _, outputs, inputs, height, _ = kernels.shape
    product, size = blas.product(result.dtype), result.itemsize
    assert product is not None
    # (groups, kW, O, kH, C): a matrix for each column of the kernels.
    matrices = np.ascontiguousarray(kernels.transpose(0, 4, 1, 3, 2))
    batch, depth = layout.images[4], height * inputs

    def work(part: tuple[int, range]) -> None:
        group, chosen = part
        into = result[group]
        start, matrix = into.ctypes.data, matrices[group].ctypes.data
        rows, steps = _rows_of(images[group], layout, chosen)
        row = rows.strides[0] // size // inputs  # entries from a channel to the next
        given = rows.ctypes.data
        for h, first, count, above in steps:
            for j, left, right, columns in _places(layout):
                product(
                    False, outputs, columns * batch, count * inputs,
                    matrix + (j * outputs * depth + first * inputs) * size, depth,
                    given + (above * inputs * row + right * batch) * size, row,
                    start + h * into.strides[1] + left * batch * size,
                    into.strides[0] // size,
                )  # fmt: skip

    in_shards(work, _parts(layout, size), _crew())


def gather_rows(entries: Array, images: Array, layout: Layout) -> Array:
    """Kernels (groups, O, C, kH, kW): products of entries (groups, O, H', W', N) with windows of
    images (groups, C, H, W, N), summed."""
    groups, inputs, _, _, batch = layout.images
    outputs, (height, width) = entries.shape[1], layout.kernel
    product, size = blas.product(entries.dtype), entries.itemsize
    assert product is not None
    parts = _parts(layout, size)
    # A sum for each part, whatever the number of threads: it is the same on all.
    sums = np.zeros((len(parts), width, height, inputs, outputs), entries.dtype)

    def work(number: int) -> None:
        group, chosen = parts[number]
        given, found = entries[group], sums[number].ctypes.data
        start = given.ctypes.data
        rows, steps = _rows_of(images[group], layout, chosen)
        row = rows.strides[0] // size // inputs
        seen = rows.ctypes.data
        for h, first, count, above in steps:
            for j, left, right, columns in _places(layout):
                product(
                    True, count * inputs, outputs, columns * batch,
                    seen + (above * inputs * row + right * batch) * size, row,
                    start + h * given.strides[1] + left * batch * size,
                    given.strides[0] // size,
                    found + (j * height + first) * inputs * outputs * size, outputs,
                )  # fmt: skip

    in_shards(work, range(len(parts)), _crew())
    total: Array = np.add.reduce(sums.reshape(groups, -1, *sums.shape[1:]), axis=1)
    return total.transpose(0, 4, 3, 2, 1)


def row_sums(entries: Array) -> Array:
    """The sum of each channel of (C, ..., N), as products with ones: of parts, then of their sums,
    which is quicker than np.sum and as exact."""
    parts = entries.reshape(*entries.shape[:2], -1)
    total: Array = np.sum(parts @ np.ones(parts.shape[2], parts.dtype), axis=1)
    return total


def _crew() -> int:
    """How many of our threads convolve; those of BLAS better sleep then."""
    crew = threads(not blas.is_awake())
    if crew > 1:
        blas.let_sleep()
    return crew


def _parts(layout: Layout, itemsize: int) -> list[tuple[int, range]]:
    """Rows of the result whose images are copied at a time, in each group."""
    groups, inputs, _, width, batch = layout.images
    row = inputs * width * batch * itemsize
    most = max(1, (_COPIED // max(row, 1) - layout.kernel[0]) // layout.stride[0] + 1)
    return [(group, some) for group in range(groups) for some in split(range(layout.size[0]), most)]


def _rows_of(
    images: Array, layout: Layout, chosen: range
) -> tuple[Array, list[tuple[int, int, int, int]]]:
    """Rows of images (C, H, W, N) that rows of the result see, as (rows, C, W, N); and for each of
    the result its number, the first row of the kernel that meets one, how many do, and the place of
    the first of these rows."""
    inputs, height, width, batch = images.shape
    kernel, stride, padding = layout.kernel[0], layout.stride[0], layout.padding[0]
    top = min(max(0, chosen[0] * stride - padding), height)
    end = max(top, min(height, chosen[-1] * stride - padding + kernel))
    rows = scratch("rows", (end - top, inputs, width, batch), images.dtype)
    np.copyto(rows, images[:, top:end].swapaxes(0, 1))
    steps = []
    for h in chosen:
        above = h * stride - padding
        first, last = max(0, -above), min(kernel, height - above)
        if first < last:
            steps.append((h, first, last - first, above + first - top))
    return rows, steps


def _places(layout: Layout) -> list[tuple[int, int, int, int]]:
    """For each column of the kernel that meets one of the images: its number, the first column of
    the result that sees one through it, that column of the images, and how many follow."""
    found = []
    for j in range(layout.kernel[1]):
        shift = j * layout.dilation[1] - layout.padding[1]
        first, last = max(0, -shift), min(layout.size[1], layout.images[3] - shift)
        if first < last:
            found.append((j, first, first + shift, last - first))
    return found
