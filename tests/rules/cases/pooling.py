"""Pooling, against windows written out one by one."""

import numpy as np

from rules.case import Case, SpecialPoint, distinct, smooth
from tinygrad_lite.rules.pooling import (
    at_largest,
    largest,
    largest_positive,
    share,
    share_positive,
    window_spread,
    window_sums,
)
from tinygrad_lite.rules.sliding_pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d


def pooled(reduce, border):
    """Pooling over the trailing axes by `reduce`, one window at a time."""

    def pool(x, kernel, stride=None, padding=None):
        kernel = np.broadcast_to(kernel, x.ndim - 2)
        stride = kernel if stride is None else np.broadcast_to(stride, x.ndim - 2)
        padding = np.broadcast_to(0 if padding is None else padding, x.ndim - 2)
        x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)], constant_values=border)
        counts = (np.array(x.shape[2:]) - kernel) // stride + 1
        out = np.empty((*x.shape[:2], *counts), x.dtype)
        for position in np.ndindex(*counts):
            corner = np.array(position) * stride
            window = tuple(slice(c, c + k) for c, k in zip(corner, kernel, strict=True))
            axes = tuple(range(2, x.ndim))
            out[(..., *position)] = reduce(x[(..., *window)], axis=axes)
        return out

    return pool


def public(reduce, border):
    pool = pooled(reduce, border)
    return lambda x, kernel_size, **settings: pool(x, kernel_size, **settings)


def places(size, kernel, stride, padding, dilation, ceil_mode):
    """The places of every window along an axis, those on the border included."""
    extent = dilation * (kernel - 1) + 1
    stop = size + padding if ceil_mode else size + 2 * padding - extent + 1 - padding
    starts = []
    for start in range(-padding, stop, stride):
        # In ceil mode the last window is the first that reaches the end of the border.
        if ceil_mode and starts and starts[-1] + extent >= size + padding:
            break
        starts.append(start)
    return [range(start, start + extent, dilation) for start in starts]


def with_all_settings(reduce):
    """Pooling by `reduce`, of the entries of a window and the number of its places that count."""

    def pool(x, kernel_size, stride, padding=0, dilation=1, ceil_mode=False, **settings):
        sizes = x.shape[2:]
        windows = [places(n, kernel_size, stride, padding, dilation, ceil_mode) for n in sizes]
        out = np.empty((*x.shape[:2], *map(len, windows)), x.dtype)
        for position in np.ndindex(*out.shape[2:]):
            window = [along[i] for along, i in zip(windows, position, strict=True)]
            inside = [[i for i in w if 0 <= i < n] for w, n in zip(window, sizes, strict=True)]
            bordered = [sum(i < n + padding for i in w) for w, n in zip(window, sizes, strict=True)]
            entries = x[(slice(None), slice(None), *np.ix_(*inside))]
            entries = entries.reshape(*x.shape[:2], -1)
            out[(..., *position)] = reduce(entries, np.prod(bordered), **settings)
        return out

    return pool


def largest_of(entries, bordered):
    return entries.max(axis=-1)


def mean_of(entries, bordered, count_include_pad=True, divisor_override=None):
    count = bordered if count_include_pad else entries.shape[-1]
    return entries.sum(axis=-1) / (divisor_override or count)


MAX, MEAN, SUM = pooled(np.max, -np.inf), pooled(np.mean, 0), pooled(np.sum, 0)
APART = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}
OVERLAPPING = {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 1)}
GAPS = {"kernel": (1, 2), "stride": (2, 3), "padding": (0, 1)}
IMAGES = distinct(2, 2, 4, 5)


def transposed(pool, x_shape):
    """The transpose of a linear pooling, entry by entry."""

    def spread(y, **settings):
        out = np.zeros(x_shape, y.dtype)
        for position in np.ndindex(*x_shape):
            unit = np.zeros(x_shape, y.dtype)
            unit[position] = 1
            out[position] = np.sum(y * pool(unit, **settings))
        return out

    return spread


def mean_at_largest(y, x, top, *, kernel, stride, padding):
    """Without ties: the entry of y where x is the largest."""
    border = [(0, 0), (0, 0), *((p, p) for p in padding)]
    x, y = np.pad(x, border, constant_values=-np.inf), np.pad(y, border)
    out = np.empty_like(top, dtype=y.dtype)
    for n, c, r, k in np.ndindex(*top.shape):
        rows = slice(r * stride[0], r * stride[0] + kernel[0])
        columns = slice(k * stride[1], k * stride[1] + kernel[1])
        best = np.argmax(x[n, c, rows, columns])
        out[n, c, r, k] = y[n, c, rows, columns].ravel()[best]
    return out


def share_in_loops(y, x, top, **settings):
    pool = lambda unit, **s: mean_at_largest(unit, x, top, **s)  # noqa: E731
    return transposed(pool, x.shape)(y, **settings)


CASES = [
    Case(max_pool2d, [IMAGES], {"kernel_size": 2}, reference=public(np.max, -np.inf)),
    Case(
        max_pool2d,
        [IMAGES],
        {"kernel_size": (3, 2), "stride": 1, "padding": 1},
        reference=public(np.max, -np.inf),
    ),
    Case(
        max_pool1d,
        [distinct(2, 2, 7)],
        {"kernel_size": 3, "stride": 2, "padding": 1},
        reference=public(np.max, -np.inf),
    ),
    Case(avg_pool2d, [IMAGES], {"kernel_size": 2}, reference=public(np.mean, 0)),
    Case(
        avg_pool2d,
        [IMAGES],
        {"kernel_size": (3, 2), "stride": (2, 1), "padding": 1},
        reference=public(np.mean, 0),
    ),
    Case(avg_pool1d, [smooth(2, 2, 7)], {"kernel_size": 3}, reference=public(np.mean, 0)),
]
CASES += [
    Case(function, [x], settings, reference=with_all_settings(reduce))
    for function, x, reduce, settings in (
        (max_pool2d, IMAGES, largest_of, {"kernel_size": 2, "stride": 1, "dilation": 2}),
        (max_pool2d, IMAGES, largest_of, {"kernel_size": 2, "stride": 2, "ceil_mode": True}),
        (
            max_pool1d,
            distinct(2, 2, 7),
            largest_of,
            {"kernel_size": 3, "stride": 3, "padding": 1, "dilation": 2, "ceil_mode": True},
        ),
        (
            avg_pool2d,
            IMAGES,
            mean_of,
            {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        ),
        (
            avg_pool2d,
            IMAGES,
            mean_of,
            {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
        ),
        (avg_pool2d, IMAGES, mean_of, {"kernel_size": 2, "stride": 2, "divisor_override": 3}),
        (
            avg_pool1d,
            smooth(2, 2, 7),
            mean_of,
            {"kernel_size": 3, "stride": 3, "ceil_mode": True, "count_include_pad": False},
        ),
    )
]
for settings in (APART, OVERLAPPING, GAPS):
    top = MAX(IMAGES, **settings)
    CASES += [
        Case(largest, [IMAGES], settings, reference=MAX),
        Case(
            largest_positive,
            [IMAGES],
            settings,
            reference=lambda x, **settings: np.maximum(MAX(x, **settings), 0),
        ),
        Case(
            share_positive,
            [smooth(*top.shape), IMAGES, top],
            settings,
            fixed=(1, 2),
            reference=lambda y, x, top, **s: share_in_loops(y * (top > 0), x, top, **s),
        ),
        Case(window_sums, [IMAGES], settings, reference=SUM),
        Case(
            window_spread,
            [smooth(*top.shape)],
            {"size": (4, 5), **settings},
            reference=lambda y, size, **s: transposed(SUM, IMAGES.shape)(y, **s),
        ),
        Case(
            share,
            [smooth(*top.shape), IMAGES, top],
            settings,
            fixed=(1, 2),
            reference=share_in_loops,
        ),
        Case(
            at_largest,
            [smooth(*IMAGES.shape), IMAGES, top],
            settings,
            fixed=(1, 2),
            reference=mean_at_largest,
        ),
    ]

SPECIAL_POINTS = [
    SpecialPoint(
        largest,
        [np.array([[[[1.0, 3.0], [3.0, 2.0]]]])],
        [np.array([[[[0.0, 0.5], [0.5, 0.0]]]])],
        APART,
        id="max_pool of a tie",
    ),
    SpecialPoint(
        largest_positive,
        [np.array([[[[3.0, 3.0, -1.0, -1.0, 0.0, -2.0]]]])],
        [np.array([[[[0.5, 0.5, 0.0, 0.0, 0.0, 0.0]]]])],
        {"kernel": (1, 2), "stride": (1, 2), "padding": (0, 0)},
        id="max_pool_relu of ties above, below and at zero",
    ),
    SpecialPoint(
        largest,
        [np.ones((1, 1, 1, 3))],
        [np.array([[[[0.5, 1.0, 0.5]]]])],
        {"kernel": (1, 2), "stride": (1, 1), "padding": (0, 0)},
        id="max_pool of overlapping ties",
    ),
]
