"""Normalisation to mean 0 and variance 1 as one operation: faster than its composition, forward and
backward together, by 1.3 to 1.7 in float32 at the sizes of a batch or layer normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.rules.binding import all_zero, results
from tinygrad_lite.rules.columns import split
from tinygrad_lite.rules.large import LARGE
from tinygrad_lite.rules.rows import row_sums
from tinygrad_lite.rules.shards import WORTHWHILE, in_shards, threads
from tinygrad_lite.rules.windows import Array

Axes = tuple[int, ...]


@primitive
def normalise(x: Any, *, axis: Axes, eps: float = 1e-5) -> Any:
    """``(x - mean) / sqrt(variance + eps)`` along axes, the mean and the variance.

    The variance divides by the count; mean and variance keep the axes, with size 1.

    >>> out, mean, variance = normalise(np.array([[1.0, 3.0]]), axis=(1,), eps=0.0)
    >>> out, mean, variance
    (array([[-1.,  1.]]), array([[2.]]), array([[1.]]))
    """
    if type(x) is np.ndarray and is_batch(x, axis):
        return _normalise_channels(x, eps)
    mean = np.mean(x, axis=axis, keepdims=True)
    out = np.subtract(x, mean)
    variance = np.mean(out * out, axis=axis, keepdims=True)
    out *= 1 / np.sqrt(variance + eps)
    return out, mean, variance


@primitive
def normalise_back(g: Any, normal: Any, variance: Any, *, axis: Axes, eps: float) -> Any:
    """What normalisation to `normal` passes back: `g` less its mean and its part along `normal`,
    divided by the deviation.

    Source: S. Ioffe and C. Szegedy, Batch normalization, 2015, section 3, collected.
    """
    if type(g) is type(normal) is np.ndarray and g.dtype == normal.dtype and is_batch(normal, axis):
        return _back_channels(g, normal, variance, eps)
    along = np.mean(g * normal, axis=axis, keepdims=True)
    local = g - np.mean(g, axis=axis, keepdims=True)
    return (local - normal * along) * (1 / np.sqrt(variance + eps))


def _normalise_vjp(g: Any, out: Any, x: Any, axis: Axes, eps: float = 1e-5) -> Any:
    normal, mean, variance = results(out)
    g, g_mean, g_variance = results(g)
    local = normalise_back(g, normal, variance, axis=axis, eps=eps)
    count = math.prod(np.shape(x)[a] for a in axis)
    if not all_zero(g_mean):
        local = local + g_mean / count
    if not all_zero(g_variance):
        local = local + g_variance * (2 / count) * (x - mean)
    return local


def _back_vjp_normal(
    h: Any, out: Any, g: Any, normal: Any, variance: Any, axis: Axes, eps: float
) -> Any:
    along = np.mean(g * normal, axis=axis, keepdims=True)
    back = np.mean(h * normal, axis=axis, keepdims=True)
    return -(h * along + g * back) * (1 / np.sqrt(variance + eps))


def _back_vjp_variance(
    h: Any, out: Any, g: Any, normal: Any, variance: Any, axis: Axes, eps: float
) -> Any:
    return np.sum(h * out, axis=axis, keepdims=True) * (-0.5 / (variance + eps))


# -- channels of a batch, a few at a time while they are in the cache ------------------------------

# Entries worked on at a time. Half of that would stay in a second-level cache, but each call of
# NumPy then waits for the GIL about as long as it works.
_ENTRIES = 1 << 18


def is_batch(x: Any, axis: Axes) -> bool:
    """Whether x is large, all its axes but that of the channels are normalised, and each channel
    lies in one piece of memory."""
    return (
        x.nbytes > LARGE
        and x.dtype in (np.float32, np.float64)
        and {a % x.ndim for a in axis} == set(range(x.ndim)) - {1}
        and bool(np.moveaxis(x, 0, -1).flags.c_contiguous)
    )


def by_channels(work: Callable[[slice], None], images: Array) -> None:
    """Call ``work(some)`` for the channels of images (C, ..., N), some at a time, on all cores."""
    channels = len(images)
    crew = threads(images.nbytes > WORTHWHILE)
    most = max(1, min(_ENTRIES * channels // images.size, math.ceil(channels / crew)))
    parts = split(range(channels), most)
    in_shards(work, [slice(part.start, part.stop) for part in parts], crew)


def normalised(entries: Array, eps: float, out: Array) -> tuple[Array, Array]:
    """Write channels (C, ..., N), normalised, to `out` (C, size of a channel).

    Returns:
        Mean and variance of each channel.
    """
    rows = entries.reshape(out.shape)
    count = rows.dtype.type(rows.shape[1])
    mean = row_sums(entries) / count
    np.subtract(rows, mean[:, None], out=out)
    variance = np.vecdot(out, out) / count
    out *= deviations(variance, eps)
    return mean, variance


def passed_back(given: Array, total: Array, normal: Array, scale: Array, out: Array) -> Array:
    """Write what normalisation passes back of `given` to `out`, times a scale for each channel; all
    of shape (C, size of a channel).

    Args:
        total: the sums of `given`.

    Returns:
        The sums of ``given * normal``.
    """
    count = given.dtype.type(given.shape[1])
    along: Array = np.vecdot(given, normal)
    np.multiply(normal, (-along / count)[:, None], out=out)
    out -= (total / count)[:, None]
    out += given
    out *= scale
    return along


def deviations(variance: Array, eps: float) -> Array:
    """What to multiply by for a variance of 1, shape (C, 1)."""
    found: Array = 1 / np.sqrt(variance + variance.dtype.type(eps))
    return found[:, None]


def _normalise_channels(x: Array, eps: float) -> Any:
    out = np.empty_like(x)
    images, result = np.moveaxis(x, 0, -1), np.moveaxis(out, 0, -1)
    mean, variance = np.empty((2, len(images)), x.dtype)

    def work(some: slice) -> None:
        target = result[some].reshape(-1, result[0].size)
        mean[some], variance[some] = normalised(images[some], eps, target)

    by_channels(work, images)
    across = (1, -1, *(1 for _ in x.shape[2:]))
    return out, mean.reshape(across), variance.reshape(across)


def _back_channels(g: Array, normal: Array, variance: Array, eps: float) -> Array:
    out = np.empty_like(normal)
    images, given, result = (np.moveaxis(a, 0, -1) for a in (normal, g, out))
    scale = deviations(variance.reshape(-1), eps)

    def work(some: slice) -> None:
        local = given[some]
        if not local.flags.c_contiguous:
            local = np.ascontiguousarray(local)
        shape = (len(local), -1)
        passed_back(
            local.reshape(shape), row_sums(local), images[some].reshape(shape), scale[some],
            result[some].reshape(shape),
        )  # fmt: skip

    by_channels(work, images)
    return out


defvjp(normalise, _normalise_vjp)
defvjp(
    normalise_back,
    lambda h, out, g, normal, variance, axis, eps: normalise_back(
        h, normal, variance, axis=axis, eps=eps
    ),
    _back_vjp_normal,
    _back_vjp_variance,
)
