"""Sliding windows over images: their settings, their count, and views of them without a copy.

Images have the public shape (N, C, H, W) and lie in memory batch-last, as (C, H, W, N): a window
then moves whole runs of N numbers, and every copy and product works on long contiguous runs.
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]


def pair(setting: Any, name: str, function: str, least: int = 1) -> Pair:
    """A setting for both axes, given as one integer or as (vertical, horizontal).

    Raises:
        TypeError: not an integer or a pair of them.
        ValueError: smaller than `least`.
    """
    both = tuple(setting) if isinstance(setting, (tuple, list)) else (setting, setting)
    try:
        both = tuple(index(size) for size in both)
    except TypeError:
        both = ()
    if len(both) != 2:
        raise TypeError(f"{function}: {name} must be an integer or a pair of them, not {setting!r}")
    if min(both) < least:
        raise ValueError(f"{function}: {name} must be at least {least}, not {setting!r}")
    return both[0], both[1]


def single(setting: Any, name: str, function: str, least: int = 1) -> int:
    """A setting for the only axis, given as an integer or as a tuple of one."""
    if isinstance(setting, (tuple, list)) and len(setting) == 1:
        setting = setting[0]
    if isinstance(setting, (tuple, list)):
        raise TypeError(f"{function}: {name} must be one integer, not {setting!r}")
    return pair(setting, name, function, least)[0]


def count(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """How many windows fit along an axis."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def batch_last(x: Array, padding: Pair = (0, 0), fill: float = 0.0) -> Array:
    """(N, C, H, W) as contiguous (C, H + 2p, W + 2p, N); no copy where it lies so already."""
    images = x.transpose(1, 2, 3, 0)
    if padding == (0, 0):
        return np.ascontiguousarray(images)
    channels, height, width, batch = images.shape
    up, left = padding
    padded = np.full((channels, height + 2 * up, width + 2 * left, batch), fill, x.dtype)
    padded[:, up : up + height, left : left + width] = images
    return padded


def batch_first(x: Array, padding: Pair = (0, 0)) -> Array:
    """(C, H + 2p, W + 2p, N) as a view of shape (N, C, H, W), the padding left out."""
    up, left = padding
    return x[:, up : x.shape[1] - up, left : x.shape[2] - left].transpose(3, 0, 1, 2)


def windows(x: Array, kernel: Pair, size: Pair, stride: Pair, dilation: Pair) -> Array:
    """A read-only view (C, kH, kW, H', W', N) of the windows over (C, H, W, N)."""
    channel, row, column, image = x.strides
    return as_strided(
        x,
        (x.shape[0], *kernel, *size, x.shape[3]),
        (
            channel, row * dilation[0], column * dilation[1],
            row * stride[0], column * stride[1], image,
        ),
        writeable=False,
    )  # fmt: skip


def offset(x: Array, i: int, j: int, size: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Array:
    """A view of entry (i, j) of every window; rows and columns are the last but two and last but
    one axes of `x`."""
    rows, columns = i * dilation[0], j * dilation[1]
    return x[
        ...,
        rows : rows + stride[0] * (size[0] - 1) + 1 : stride[0],
        columns : columns + stride[1] * (size[1] - 1) + 1 : stride[1],
        :,
    ]
