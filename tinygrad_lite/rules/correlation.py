"""The operations behind convolution, closed under differentiation.

``sum(g * conv(x, w))`` is linear in each of g, x and w: `correlate` is its derivative by g,
`spread` by x, and `gather_kernel` by w. Each is a matrix product with the windows of the images
laid out as columns, a block of rows at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.rules.windows import (
    Array,
    Pair,
    batch_first,
    batch_last,
    count,
    offset,
    windows,
)

# Entries of a block of windows: with float32 half a megabyte, which stays in the second-level
# cache until the product has read it. Measured: 1.2 to 1.8 times faster than all windows at once.
_BLOCK = 1 << 17


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
) -> Array:
    """`conv2d` with every setting given in full."""
    images, kernels = batch_last(np.asarray(x), padding), _grouped(np.asarray(weight), groups)
    _, outputs, _, *kernel = kernels.shape
    size = _counts(x, weight, stride, padding, dilation)
    batch = len(x)
    dtype = (
        np.result_type(images, kernels) if bias is None else np.result_type(images, kernels, bias)
    )
    out = np.empty((groups, outputs, size[0], size[1] * batch), dtype)
    matrices = kernels.reshape(groups, outputs, -1)
    for rows, columns in _blocks(images, (kernel[0], kernel[1]), size, stride, dilation, groups):
        part = out[:, :, rows].reshape(groups, outputs, columns.shape[2])  # a view
        np.matmul(matrices, columns, out=part)
        if bias is not None:
            part += np.reshape(bias, (groups, outputs, 1))
    return batch_first(out.reshape(groups * outputs, *size, batch))


@primitive
def spread(
    y: Any, weight: Any, *, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Images of a size, to which every entry of `y` adds the kernels scaled by it."""
    entries, kernels = batch_last(np.asarray(y)), _grouped(np.asarray(weight), groups)
    _, outputs, inputs, height, width = kernels.shape
    _, rows, columns, batch = entries.shape
    entries = entries.reshape(groups, outputs, rows, columns * batch)
    dtype = np.result_type(entries, kernels)
    out = np.zeros(
        (groups, inputs, size[0] + 2 * padding[0], size[1] + 2 * padding[1], batch), dtype
    )
    # One row of the kernel at a time, and as many rows of entries as make a block.
    matrices = np.ascontiguousarray(kernels.transpose(3, 0, 4, 2, 1))
    matrices = matrices.reshape(height, groups, width * inputs, outputs)
    step = max(1, min(rows, 2 * _BLOCK // max(1, groups * width * inputs * columns * batch)))
    buffer = np.empty((groups, width * inputs, step * columns * batch), dtype)
    for start in range(0, rows, step):
        block = min(step, rows - start)
        part = entries[:, :, start : start + block].reshape(groups, outputs, -1 if batch else 0)
        for i in range(height):
            spreads = buffer[:, :, : part.shape[2]]
            np.matmul(matrices[i], part, out=spreads)
            shares = spreads.reshape(groups, width, inputs, block, columns, batch)
            below = out[:, :, start * stride[0] :]
            for j in range(width):
                target = offset(below, i, j, (block, columns), stride, dilation)
                target += shares[:, j]
    return batch_first(out.reshape(groups * inputs, *out.shape[2:]), padding)


@primitive
def gather_kernel(
    y: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Kernels whose entries are products of `y` with the windows of `x`, summed over them all."""
    images, entries = batch_last(np.asarray(x), padding), batch_last(np.asarray(y))
    outputs, *size, batch = entries.shape
    entries = entries.reshape(groups, outputs // groups, size[0], size[1] * batch)
    inputs = images.shape[0] // groups
    shape = (groups, outputs // groups, inputs * kernel[0] * kernel[1])
    out = np.zeros(shape, np.result_type(images, entries))
    for rows, columns in _blocks(images, kernel, (size[0], size[1]), stride, dilation, groups):
        part = entries[:, :, rows].reshape(*shape[:2], columns.shape[2])
        out += part @ columns.swapaxes(1, 2)
    return out.reshape(outputs, inputs, *kernel)


def _blocks(
    images: Array, kernel: Pair, size: Pair, stride: Pair, dilation: Pair, groups: int
) -> Any:
    """Windows as matrices (groups, C / groups * kH * kW, rows * W' * N), some rows at a time.

    Every block is written into the same memory.
    """
    channels, _, _, batch = images.shape
    view = windows(images, kernel, size, stride, dilation)
    depth = channels * kernel[0] * kernel[1]
    step = max(1, min(size[0], _BLOCK // max(1, depth * size[1] * batch)))
    buffer = np.empty(depth * step * size[1] * batch, images.dtype)
    for start in range(0, size[0], step):
        block = min(step, size[0] - start)
        columns = buffer[: depth * block * size[1] * batch]
        copy = columns.reshape(channels, *kernel, block, size[1], batch)
        np.copyto(copy, view[:, :, :, start : start + block])
        matrix = columns.reshape(groups, depth // groups, block * size[1] * batch)
        yield slice(start, start + block), matrix


def _grouped(weight: Array, groups: int) -> Array:
    return weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])


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
