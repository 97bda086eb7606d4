"""Pooling into as many windows as asked, composed of products and maxima."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value, data_of, describe
from tinygrad_lite.rules.sliding_pooling import avg_pool2d, max_pool2d
from tinygrad_lite.rules.windows import Array, Pair, pair


def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
    """The mean of every window, of as many windows as asked.

    Window i of n covers the rows from floor(i H / n) to below ceil((i + 1) H / n).

    Args:
        x: images, shape (N, C, H, W).
        output_size: an integer or (vertical, horizontal); None keeps the size of an axis.

    Returns:
        Shape (N, C, *output_size).

    Raises:
        TypeError, ValueError: x are no images, or the size is no size.

    >>> adaptive_avg_pool2d(np.arange(15.0).reshape(1, 1, 3, 5), (1, 3))[0, 0]
    array([[5.5, 7. , 8.5]])
    """
    shape, size = _checked("adaptive_avg_pool2d", x, output_size)
    if all(n % m == 0 for n, m in zip(shape[2:], size, strict=True)):
        return avg_pool2d(x, tuple(n // m for n, m in zip(shape[2:], size, strict=True)))
    # The mean over a rectangle is the mean over columns of the mean over rows.
    dtype = data_of(x).dtype
    rows, columns = (_averages(n, m, dtype) for n, m in zip(shape[2:], size, strict=True))
    return rows @ x @ columns.T


def adaptive_max_pool2d(x: Any, output_size: Any) -> Any:
    """The largest entry of each window, otherwise as `adaptive_avg_pool2d`.

    Entries that tie share the gradient, by rows first where the windows are not of one size.

    >>> adaptive_max_pool2d(np.arange(15.0).reshape(1, 1, 3, 5), (1, 3))[0, 0]
    array([[11., 13., 14.]])
    """
    shape, size = _checked("adaptive_max_pool2d", x, output_size)
    if all(n % m == 0 for n, m in zip(shape[2:], size, strict=True)):
        return max_pool2d(x, tuple(n // m for n, m in zip(shape[2:], size, strict=True)))
    for axis, (n, m) in enumerate(zip(shape[2:], size, strict=True), 2):
        parts = []
        for start, stop in _bounds(n, m):
            window = x[(slice(None),) * axis + (slice(start, stop),)]
            parts.append(np.max(window, axis=axis))
        x = np.stack(parts, axis=axis)
    return x


def _averages(n: int, m: int, dtype: Any) -> Array:
    """The matrix (m, n) that averages n entries into m."""
    matrix = np.zeros((m, n), dtype)
    for row, (start, stop) in zip(matrix, _bounds(n, m), strict=True):
        row[start:stop] = 1 / (stop - start)
    return matrix


def _bounds(n: int, m: int) -> list[Pair]:
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def _checked(function: str, x: Any, output_size: Any) -> tuple[tuple[int, ...], Pair]:
    shape = np.shape(x)
    if len(shape) != 4 or min(shape[2:]) < 1:
        told = describe(x) if type(x) is Value else f"an array of shape {shape}"
        raise ValueError(f"{function} of {told}: the input must have the shape (N, C, H, W)")
    both = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    if len(both) == 2:
        both = tuple(n if m is None else m for n, m in zip(shape[2:], both, strict=True))
    return shape, pair(both, "output_size", function)
