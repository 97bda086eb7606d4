"""The operations behind convolution, closed under differentiation.

``sum(g * conv(x, w))`` is linear in each of g, x and w: `correlate` is its derivative by g,
`spread` by x, and `gather_kernel` by w. Each is a sum of matrix products with rows of the images
(`rows`); or where that is not possible, or there are few channels, a product with the windows of
the images as columns, a tile at a time, the tiles on all cores (`columns`, `spreading`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import RULES, JointVjp, Operation, defvjp
from tinygrad_lite.rules import blas
from tinygrad_lite.rules.columns import Layout, Tile, split, tiles
from tinygrad_lite.rules.memory import keep_freed_memory
from tinygrad_lite.rules.rows import correlate_rows, gather_rows, is_by_rows, row_sums
from tinygrad_lite.rules.shards import in_shards, threads
from tinygrad_lite.rules.spreading import spread_rows
from tinygrad_lite.rules.windows import Array, Pair, batch_first, batch_last, count

# Multiplications for which it pays to wake other threads: those that take 300 microseconds.
WORTHWHILE = 1 << 23
# Rows of a tile's matrix for a row of the image from which BLAS's own threads are quicker than
# ours where these would wait for them.
_BROAD = 24


def _crew(multiplications: int, layout: Layout) -> int:
    """How many of our threads convolve; those of BLAS better sleep then."""
    crew = threads(multiplications > WORTHWHILE and (layout.block < _BROAD or not blas.is_awake()))
    if crew > 1:
        blas.let_sleep()
    return crew


@primitive
def correlate(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    out: Array | None = None,
) -> Array:
    """`conv2d` with every setting given in full."""
    images, kernels = _grouped_images(x, groups), _grouped_kernels(weight, groups)
    outputs, ones = kernels.shape[1], int(bias is not None)
    layout = Layout(
        images.shape, kernels.shape[3:], _counts(x, weight, stride, padding, dilation),
        stride, padding, dilation, ones,
    )  # fmt: skip
    dtype = (
        np.result_type(images, kernels) if bias is None else np.result_type(images, kernels, bias)
    )
    result = _room(out, (groups, outputs, *layout.size, len(x)), dtype)
    if is_by_rows(layout, outputs, images, kernels, result):
        result[...] = 0 if bias is None else np.reshape(bias, (*result.shape[:2], 1, 1, 1))
        correlate_rows(result, images, kernels, layout)
        return batch_first(result.reshape(groups * outputs, *result.shape[2:]))
    crew = _crew(result.size * layout.depth, layout)
    # Entries of a window lie in the order (i, c, j), see `columns`.
    matrices = np.zeros((groups, 1, outputs, layout.kernel[0], layout.block), dtype)
    entries = matrices[:, 0, :, :, : layout.block - ones]
    entries.reshape(kernels.swapaxes(2, 3).shape)[...] = kernels.swapaxes(2, 3)
    if ones:
        matrices[:, 0, :, 0, -1] = np.reshape(bias, (groups, outputs))
    matrices = matrices.reshape(groups, 1, outputs, layout.depth)

    def work(tile: Tile) -> None:
        columns, target = tile.columns(images), tile.of(result)
        width = blas.uncopied(outputs, layout.depth, columns.shape[3])
        if width is None:
            np.matmul(matrices, columns, out=target)
        else:
            sliced = _sliced(columns, width), _sliced(target, width)
            np.matmul(matrices[:, :, None], sliced[0], out=sliced[1])

    in_shards(work, tiles(layout, images.itemsize, crew), crew)
    return batch_first(result.reshape(groups * outputs, *result.shape[2:]))


def _sliced(matrices: Array, width: int) -> Array:
    """Matrices (groups, rows, i, j) as (groups, rows, slices, i, width), a view."""
    groups, rows, height, _ = matrices.shape
    return matrices.reshape(groups, rows, height, -1, width).swapaxes(2, 3)


@primitive
def spread(
    y: Any, weight: Any, *, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Images of a size, to which every entry of `y` adds the kernels scaled by it."""
    entries, kernels = _grouped_images(y, groups), _grouped_kernels(weight, groups)
    inputs = kernels.shape[2]
    dtype = np.result_type(entries, kernels)
    result = _room(out, (groups, inputs, *size, len(y)), dtype)
    turned = _turned(entries, kernels, size, stride, padding, dilation)
    if stride == (1, 1) and is_by_rows(turned, inputs, entries, kernels, result):
        result[...] = 0
        correlate_rows(result, entries, kernels[:, :, :, ::-1, ::-1].swapaxes(1, 2), turned)
        return batch_first(result.reshape(groups * inputs, *result.shape[2:]))
    layout = Layout(result.shape, kernels.shape[3:], entries.shape[2:4], stride, padding, dilation)
    crew = _crew(entries.size * math.prod(kernels.shape[2:]), layout)
    spread_rows(result, entries, kernels, layout, crew)
    return batch_first(result.reshape(groups * inputs, *result.shape[2:]))


def _turned(
    entries: Array, kernels: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Layout:
    """The convolution with kernels turned around that `spread` with a stride of 1 is."""
    up, left = (
        d * (k - 1) - p for p, d, k in zip(padding, dilation, kernels.shape[3:], strict=True)
    )
    return Layout(entries.shape, kernels.shape[3:], size, stride, (up, left), dilation)


@primitive
def gather_kernel(
    y: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Kernels whose entries are products of `y` with the windows of `x`, summed over them all."""
    layout = _gathered_layout(y, x, kernel, stride, padding, dilation, groups)
    found = _gathered_by_rows(y, x, layout, out)
    return _kernels(gather(y, x, layout), layout, out) if found is None else found


def gather_with_bias(
    y: Array, x: Array, *, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int,
) -> tuple[Array, Array]:  # fmt: skip
    """`gather_kernel`, and the sum of `y` over all but its channels; in one pass by columns."""
    layout = _gathered_layout(y, x, kernel, stride, padding, dilation, groups)
    kernels = _gathered_by_rows(y, x, layout, None)
    if kernels is not None:
        return kernels, row_sums(batch_last(y))
    layout = replace(layout, ones=1)
    found = gather(y, x, layout)
    return _kernels(found, layout, None), found[:, layout.block - 1].reshape(-1)


def _gathered_layout(
    y: Any, x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Layout:
    batch, channels, height, width = np.shape(x)
    images = (groups, channels // groups, height, width, batch)
    return Layout(images, kernel, np.shape(y)[2:], stride, padding, dilation)


def _gathered_by_rows(y: Any, x: Any, layout: Layout, out: Array | None) -> Array | None:
    """Kernels that `gather_rows` finds, None where it is not for these sizes."""
    groups, inputs, *_ = layout.images
    images, entries = _grouped_images(x, groups), _grouped_images(y, groups)
    if not is_by_rows(layout, entries.shape[1], images, entries):
        return None
    found = gather_rows(entries, images, layout)
    result = np.empty((groups * found.shape[1], inputs, *layout.kernel), found.dtype)
    result = result if out is None else out
    np.copyto(result.reshape(found.shape), found)
    return result


def gather(y: Any, x: Any, layout: Layout) -> Array:
    """Products of `y` with the columns of `x`, summed: (groups, depth, channels of `y`)."""
    groups = layout.images[0]
    images, entries = _grouped_images(x, groups), _grouped_images(y, groups)
    crew = _crew(entries.size * layout.depth, layout)
    parts = tiles(layout, images.itemsize, crew)
    # A sum for each of a few chunks, whatever the number of threads: it is the same on all.
    chunks = split(range(len(parts)), math.ceil(len(parts) / _CHUNKS)) if parts else []
    sums = np.zeros(
        (len(chunks), groups, layout.depth, entries.shape[1]), np.result_type(images, entries)
    )

    def work(chunk: int) -> None:
        total = sums[chunk]
        for tile in chunks[chunk]:
            windows = parts[tile].columns(images)
            total += np.add.reduce(windows @ parts[tile].of(entries).swapaxes(2, 3), axis=1)

    in_shards(work, range(len(chunks)), crew)
    total: Array = np.add.reduce(sums, axis=0)
    return total


def _kernels(found: Array, layout: Layout, out: Array | None) -> Array:
    """What `gather` found, as kernels (O, C / groups, kH, kW)."""
    groups, inputs, *_ = layout.images
    height, width = layout.kernel
    outputs = found.shape[2]
    result = (
        np.empty((groups * outputs, inputs, height, width), found.dtype) if out is None else out
    )
    blocks = found.reshape(groups, height, layout.block, outputs)[:, :, : inputs * width]
    entries = blocks.reshape(groups, height, inputs, width, outputs).transpose(0, 4, 2, 1, 3)
    np.copyto(result.reshape(entries.shape), entries)
    return result


# How many partial sums a gradient of kernels is made of: enough for threads to share, few enough to
# be added in no time.
_CHUNKS = 8


def _room(out: Array | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Memory for images of shape (groups, C / groups, H, W, N): `out`, or new."""
    if out is None:
        keep_freed_memory()
        return np.empty(shape, dtype)
    images = out.transpose(1, 2, 3, 0)
    if not images.flags.c_contiguous or out.dtype != dtype or out.size != math.prod(shape):
        raise ValueError(
            f"out must hold {dtype} batch-last in memory, as np.empty_like of an earlier result "
            f"does; it has shape {out.shape}, strides {out.strides} and dtype {out.dtype}"
        )
    return images.reshape(shape)


def _grouped_images(x: Any, groups: int) -> Array:
    """(N, C, H, W) as contiguous (groups, C / groups, H, W, N)."""
    images = batch_last(np.asarray(x))
    return images.reshape(groups, images.shape[0] // groups, *images.shape[1:])


def _grouped_kernels(weight: Any, groups: int) -> Array:
    kernels: Array = np.asarray(weight)
    return kernels.reshape(groups, kernels.shape[0] // groups, *kernels.shape[1:])


def _counts(x: Any, weight: Any, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    sizes, kernel = np.shape(x)[2:], np.shape(weight)[2:]
    rows, columns = map(count, sizes, kernel, stride, padding, dilation)
    return rows, columns


# -- their rules ---------------------------------------------------------------------------------


class _Cotangents:
    """Cotangents of images, kernels and bias, each computed when first asked for: the images are
    often constants. Those of kernels and bias are computed together."""

    def __init__(self, g: Any, x: Any, weight: Any, bias: bool, settings: dict[str, Any]) -> None:
        self.g, self.x, self.weight, self.bias, self.settings = g, x, weight, bias, settings
        self.found: Any = None

    def __getitem__(self, argnum: int) -> Any:
        if argnum == 0:
            return spread(self.g, self.weight, size=np.shape(self.x)[2:], **self.settings)
        if self.found is None:
            self.found = self._of_parameters()
        return self.found[argnum - 1]

    def _of_parameters(self) -> Any:
        settings = {"kernel": np.shape(self.weight)[2:], **self.settings}
        if self.bias and type(self.g) is type(self.x) is np.ndarray:
            return gather_with_bias(self.g, self.x, **settings)
        kernels = gather_kernel(self.g, self.x, **settings)
        return kernels, np.sum(self.g, axis=(0, 2, 3)) if self.bias else None


def _correlate_vjp(g: Any, out: Any, x: Any, weight: Any, *bias: Any, **settings: Any) -> Any:
    return _Cotangents(g, x, weight, bool(bias) and bias[0] is not None, settings)


def _spread_vjp_y(g: Any, out: Any, y: Any, weight: Any, size: Pair, **settings: Any) -> Any:
    return correlate(g, weight, **settings)


def _spread_vjp_weight(g: Any, out: Any, y: Any, weight: Any, size: Pair, **settings: Any) -> Any:
    return gather_kernel(y, g, kernel=np.shape(weight)[2:], **settings)


def _gather_vjp_y(g: Any, out: Any, y: Any, x: Any, kernel: Pair, **settings: Any) -> Any:
    return correlate(x, g, **settings)


def _gather_vjp_x(g: Any, out: Any, y: Any, x: Any, kernel: Pair, **settings: Any) -> Any:
    return spread(y, g, size=np.shape(x)[2:], **settings)


RULES[correlate] = Operation(correlate, JointVjp(_correlate_vjp), name="conv2d")
defvjp(spread, _spread_vjp_y, _spread_vjp_weight, name="conv_transpose2d")
defvjp(gather_kernel, _gather_vjp_y, _gather_vjp_x, name="conv2d_kernel")
