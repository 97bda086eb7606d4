"""The operations behind convolution, closed under differentiation.

``sum(g * conv(x, w))`` is linear in each of g, x and w: `correlate` is its derivative by g,
`spread` by x, and `gather_kernel` by w. Each is a matrix product with the windows of the images as
columns, a tile at a time, the tiles on all cores.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.rules.columns import Layout, Tile, split, tiles
from tinygrad_lite.rules.memory import keep_freed_memory
from tinygrad_lite.rules.shards import in_shards, scratch, threads
from tinygrad_lite.rules.spreading import spread_rows
from tinygrad_lite.rules.windows import Array, Pair, batch_first, batch_last, count

# Multiplications for which it pays to wake other threads: those that take 300 microseconds.
_WORTHWHILE = 1 << 23


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
    outputs, depth = kernels.shape[1], math.prod(kernels.shape[2:])
    layout = Layout(
        images.shape, kernels.shape[3:], _counts(x, weight, stride, padding, dilation),
        stride, padding, dilation,
    )  # fmt: skip
    shape = (groups, outputs, *layout.size, len(x))
    operands = (images, kernels) if bias is None else (images, kernels, bias)
    result = _room(out, shape, np.result_type(*operands))
    # Entries of a window lie in the order (i, c, j), see `columns`.
    matrices = kernels.swapaxes(2, 3).reshape(groups, 1, outputs, depth)
    shifts = None if bias is None else np.reshape(bias, (groups, 1, outputs, 1, 1))

    def work(tile: Tile) -> None:
        windows = tile.columns(images)
        # Not straight into the result, whose channels may lie a power of two apart: they would
        # drive each other out of the cache.
        product = scratch("product", (*windows.shape[:2], outputs, windows.shape[3]), result.dtype)
        np.matmul(matrices, windows, out=product)
        part = tile.of(result)
        product = product.reshape(part.shape)
        if shifts is None:
            np.copyto(part, product)
        else:
            np.add(product, shifts, out=part)

    crew = threads(result.size * depth > _WORTHWHILE)
    in_shards(work, tiles(layout, images.itemsize, crew), crew)
    return batch_first(result.reshape(groups * outputs, *result.shape[2:]))


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
    layout = Layout(result.shape, kernels.shape[3:], entries.shape[2:4], stride, padding, dilation)
    crew = threads(entries.size * math.prod(kernels.shape[2:]) > _WORTHWHILE)
    spread_rows(result, entries, kernels, layout, crew)
    return batch_first(result.reshape(groups * inputs, *result.shape[2:]))


@primitive
def gather_kernel(
    y: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Kernels whose entries are products of `y` with the windows of `x`, summed over them all."""
    images, entries = _grouped_images(x, groups), _grouped_images(y, groups)
    outputs, inputs = entries.shape[1], images.shape[1]
    layout = Layout(images.shape, kernel, entries.shape[2:4], stride, padding, dilation)
    crew = threads(entries.size * layout.depth > _WORTHWHILE)
    parts = tiles(layout, images.itemsize, crew)
    # A sum for each of a few chunks, whatever the number of threads: it is the same on all.
    chunks = split(range(len(parts)), math.ceil(len(parts) / _CHUNKS)) if parts else []
    sums = np.zeros((len(chunks), groups, layout.depth, outputs), np.result_type(images, entries))

    def work(chunk: int) -> None:
        total = sums[chunk]
        for tile in chunks[chunk]:
            windows = parts[tile].columns(images)
            given = parts[tile].of(entries)
            given = given.reshape(*given.shape[:3], windows.shape[3])
            total += np.add.reduce(windows @ given.swapaxes(2, 3), axis=1)

    in_shards(work, range(len(chunks)), crew)
    found = np.add.reduce(sums, axis=0).reshape(groups, kernel[0], inputs, kernel[1], outputs)
    shape = (groups * outputs, inputs, *kernel)
    result = np.empty(shape, found.dtype) if out is None else out
    np.copyto(result.reshape(groups, outputs, inputs, *kernel), found.transpose(0, 4, 2, 1, 3))
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


def _correlate_vjp_x(g: Any, out: Any, x: Any, weight: Any, *bias: Any, **settings: Any) -> Any:
    return spread(g, weight, size=np.shape(x)[2:], **settings)


def _correlate_vjp_weight(
    g: Any, out: Any, x: Any, weight: Any, *bias: Any, **settings: Any
) -> Any:
    return gather_kernel(g, x, kernel=np.shape(weight)[2:], **settings)


def _correlate_vjp_bias(g: Any, out: Any, *args: Any, **settings: Any) -> Any:
    return np.sum(g, axis=(0, 2, 3))


def _spread_vjp_y(g: Any, out: Any, y: Any, weight: Any, size: Pair, **settings: Any) -> Any:
    return correlate(g, weight, **settings)


def _spread_vjp_weight(g: Any, out: Any, y: Any, weight: Any, size: Pair, **settings: Any) -> Any:
    return gather_kernel(y, g, kernel=np.shape(weight)[2:], **settings)


def _gather_vjp_y(g: Any, out: Any, y: Any, x: Any, kernel: Pair, **settings: Any) -> Any:
    return correlate(x, g, **settings)


def _gather_vjp_x(g: Any, out: Any, y: Any, x: Any, kernel: Pair, **settings: Any) -> Any:
    return spread(y, g, size=np.shape(x)[2:], **settings)


defvjp(correlate, _correlate_vjp_x, _correlate_vjp_weight, _correlate_vjp_bias, name="conv2d")
defvjp(spread, _spread_vjp_y, _spread_vjp_weight, name="conv_transpose2d")
defvjp(gather_kernel, _gather_vjp_y, _gather_vjp_x, name="conv2d_kernel")
