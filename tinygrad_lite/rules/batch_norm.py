"""Batch normalisation with what surrounds it: scale, shift, max-pooling and ReLU, in one pass.

Written as operations of their own, these pass memory some twenty times, forward and backward. Here
a few channels at a time stay in the cache; what is kept for the way back is the input, mean and
variance of every channel, and the result, a quarter as large as the input behind a pooling by 2.
Used by captured programs, see `tinygrad_lite.replay.stages`; only differentiable once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.rules.large import positive_part
from tinygrad_lite.rules.memory import keep_freed_memory
from tinygrad_lite.rules.normalisation import (
    by_channels,
    deviations,
    normalised,
    passed_back,
)
from tinygrad_lite.rules.rows import row_sums
from tinygrad_lite.rules.shards import scratch
from tinygrad_lite.rules.windows import Array

Pool = tuple[int, ...]

# Entries between two arrays to compute in, lest they compete for the same places of the cache.
_APART = 1040


def batch_norm(
    x: Array, weight: Array, bias: Array, *,
    eps: float, pool: Pool = (), rectify: bool = False, out: Array | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Channels of a mean of 0 and a variance of 1, times `weight`, plus `bias`.

    Args:
        x: shape (N, C, ...), floating-point.
        weight, bias: shape (C,).
        eps: added to the variance.
        pool: sizes of windows side by side, of which the largest entries are taken; () for none.
        rectify: whether negative entries become 0 in the end.
        out: where the result is written; batch-last in memory.

    Returns:
        The result, and of the input the mean and the variance, which divides by the count, in the
        shape (1, C, 1, ...).

    >>> image = np.array([1.0, 3.0, 5.0, 7.0]).reshape(1, 1, 2, 2)
    >>> out, mean, variance = batch_norm(image, np.ones(1), np.ones(1), eps=0.0, pool=(2, 2))
    >>> out.round(3), mean.item(), variance.item()
    (array([[[[2.342]]]]), 4.0, 5.0)
    """
    images, across = channels_first(x), (1, -1, *(1 for _ in x.shape[2:]))
    if out is None:
        keep_freed_memory()
        sizes = [n // k for n, k in zip(x.shape[2:], pool, strict=True)] if pool else x.shape[2:]
        out = np.moveaxis(np.empty((x.shape[1], *sizes, len(x)), x.dtype), -1, 0)
    result = np.moveaxis(out, 0, -1)
    mean, variance = np.empty((2, len(images)), x.dtype)

    def work(some: slice) -> None:
        entries, found = images[some], result[some]
        shape = (len(entries), entries[0].size)
        normal = _rooms(shape, x.dtype)[0] if pool else found.reshape(shape)
        mean[some], variance[some] = normalised(entries, eps, normal)
        normal *= weight[some, None]
        normal += bias[some, None]
        if pool:
            _largest(normal.reshape(entries.shape), pool, found)
        if rectify:
            positive_part(found.reshape(-1), found.reshape(-1))

    by_channels(work, images)
    return out, mean.reshape(across), variance.reshape(across)


def batch_norm_back(
    g: Array, x: Array, weight: Array, bias: Array, top: Array, mean: Array, variance: Array, *,
    eps: float, pool: Pool = (), rectify: bool = False, out: Array | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Cotangents of `x`, `weight` and `bias`, from that of the result, `top`.

    Source: S. Ioffe and C. Szegedy, Batch normalization, 2015, section 3, collected.
    """
    images, given, shown = channels_first(x), np.moveaxis(g, 0, -1), np.moveaxis(top, 0, -1)
    if out is None:
        out = np.moveaxis(np.empty_like(images), -1, 0)
    result = np.moveaxis(out, 0, -1)
    means = mean.reshape(-1, 1)
    inverse = deviations(variance.reshape(-1), eps)
    scale = weight[:, None] * inverse
    weights, biases = np.empty((2, len(images)), x.dtype)

    def work(some: slice) -> None:
        entries = images[some]
        shape = (len(entries), entries[0].size)
        normal, passed = _rooms(shape, x.dtype)
        np.subtract(entries.reshape(shape), means[some], out=normal)
        normal *= inverse[some]
        room = scratch("pooled", given[some].shape, x.dtype) if pool else passed
        local = room.reshape(given[some].shape)
        if rectify:
            np.copyto(local, shown[some] > 0)  # quicker than a product of numbers and booleans
            local *= given[some]
        else:
            np.copyto(local, given[some])
        biases[some] = row_sums(local)
        if pool:
            np.multiply(normal, weight[some, None], out=passed)
            passed += bias[some, None]
            _share(local, shown[some], passed.reshape(entries.shape), pool)
        target = result[some].reshape(shape)
        weights[some] = passed_back(passed, biases[some], normal, scale[some], target)

    by_channels(work, images)
    return out, weights, biases


def channels_first(x: Array) -> Array:
    """(N, C, ...) as contiguous (C, ..., N); no copy where it lies so."""
    return np.ascontiguousarray(np.moveaxis(x, 0, -1))


def _rooms(shape: tuple[int, int], dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Two arrays to compute in."""
    size = math.prod(shape)
    room = scratch("batch_norm", (2 * size + _APART,), dtype)
    return room[:size].reshape(shape), room[-size:].reshape(shape)


def _windows(images: Array, pool: Pool, counts: tuple[int, ...]) -> Array:
    """(C, H, W, N) as a view (C, H', kH, W', kW, N), what is left over left out."""
    for axis, (size, count) in enumerate(zip(pool, counts, strict=True), 1):
        before: Any = (slice(None),) * axis
        images = images[(*before, slice(size * count))]
    sizes = (part for pair in zip(counts, pool, strict=True) for part in pair)
    return images.reshape(len(images), *sizes, images.shape[-1])


def _largest(images: Array, pool: Pool, out: Array) -> None:
    """The largest entries of windows side by side, along one axis and then along the other."""
    windows = _windows(images, pool, out.shape[1:-1])
    for axis in range(2, 2 + len(pool)):  # as the ones before are gone
        before: Any = (slice(None),) * axis
        found = windows[(*before, 0)]
        for place in range(1, windows.shape[axis]):
            target = out if found.ndim == out.ndim else found
            found = np.maximum(found, windows[(*before, place)], out=target)
        windows = found
    if windows is not out:
        np.copyto(out, windows)


def _share(local: Array, top: Array, images: Array, pool: Pool) -> None:
    """Overwrite images by `local`, divided among the entries of its window that equal the largest,
    `top`; zero elsewhere. Where that is not the entry of any (0, by ReLU), `local` is 0."""
    windows = _windows(images, pool, top.shape[1:-1])
    places = tuple(range(2, 2 + 2 * len(pool), 2))
    hold = scratch("hold", windows.shape, np.bool_)
    np.equal(windows, np.expand_dims(top, places), out=hold)
    shares: Array = hold.view(np.uint8)
    if math.prod(pool) > 255:
        shares = shares.astype(np.int64)
    for axis in range(2, 2 + len(pool)):
        before: Any = (slice(None),) * axis
        found = shares[(*before, 0)]
        for place in range(1, shares.shape[axis]):
            found = found + shares[(*before, place)]
        shares = found
    if shares.max(initial=0) > 1:
        local = local / np.maximum(shares, 1)
    if windows.size != images.size:
        images.fill(0)
    np.copyto(windows, hold)
    windows *= np.expand_dims(local, places)
