"""The operations behind pooling: the maximum or the sum of every window, and their transposes.

None makes an array of indices. Each is computed offset by offset: entry (i, j) of all windows at
once is a strided view of the image. The layout in memory is kept, whatever it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.rules.activations import where_positive
from tinygrad_lite.rules.columns import split
from tinygrad_lite.rules.shards import WORTHWHILE, in_shards, threads
from tinygrad_lite.rules.windows import Array, Pair

# Bytes of images for which it pays to share out their pull-back: it passes over them several times.
_SHARED = WORTHWHILE // 4


@primitive
def largest(
    x: Any, *, kernel: Pair, stride: Pair, padding: Pair, out: Array | None = None
) -> Array:
    """The largest entry of every window."""
    return _reduced(np.maximum, _padded(x, padding, -np.inf), kernel, stride, out)


@primitive
def largest_positive(
    x: Any, *, kernel: Pair, stride: Pair, padding: Pair, out: Array | None = None
) -> Array:
    """`relu` of the `largest`, while that is in the cache; a plan has it in the place of both."""
    x = _padded(x, padding, -np.inf)
    return _reduced(np.maximum, x, kernel, stride, out, positive=True)


@primitive
def window_sums(
    x: Any, *, kernel: Pair, stride: Pair, padding: Pair, out: Array | None = None
) -> Array:
    """The sum of every window."""
    return _reduced(np.add, _padded(x, padding, 0), kernel, stride, out)


@primitive
def window_spread(
    y: Any, *, size: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair
) -> Array:
    """Images of a size, to which every entry of `y` is added throughout its window; the transpose
    of `window_sums`."""
    out = _padded_zeros(y, size, padding)
    for target in _offsets(out, kernel, stride):
        target += y
    return _cropped(out, padding)


@primitive
def share(
    y: Any, x: Any, top: Any, *, kernel: Pair, stride: Pair, padding: Pair, out: Array | None = None
) -> Array:
    """Zeros like `x`, with every entry of `y` divided among the entries of its window that equal
    the largest, `top`."""
    if kernel == stride and not any(padding):
        return _share_apart(y, x, top, kernel, out)
    holds, shares = _ties(x, top, kernel, stride, padding)
    portions = y / shares
    framed = _padded_zeros(y, np.shape(x)[2:], padding, like=x)
    for target, hold in zip(_offsets(framed, kernel, stride), holds, strict=True):
        target += portions * hold
    found = _cropped(framed, padding)
    if out is None:
        return found
    np.copyto(out, found)
    return out


@primitive
def share_positive(
    y: Any, x: Any, top: Any, *, kernel: Pair, stride: Pair, padding: Pair, out: Array | None = None
) -> Array:
    """`share` of the entries of `y` where `top` is positive."""
    if kernel == stride and not any(padding):
        return _share_apart(y, x, top, kernel, out, positive=True)
    settings = {"kernel": kernel, "stride": stride, "padding": padding}
    found: Array = share(where_positive(y, top), x, top, **settings, out=out)
    return found


@primitive
def at_largest(y: Any, x: Any, top: Any, *, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    """The mean of `y` over the entries of every window of `x` that equal the largest; the
    transpose of `share`."""
    holds, shares = _ties(x, top, kernel, stride, padding)
    out = np.zeros_like(top, dtype=np.result_type(y))
    for entries, hold in zip(_offsets(_padded(y, padding, 0), kernel, stride), holds, strict=True):
        out += entries * hold
    return out / shares


# -- on all cores ----------------------------------------------------------------------------------


def _blocks(x: Array, rows: int, crew: int) -> list[tuple[slice, slice]]:
    """Channels and rows of a result, a block for each thread.

    Smaller blocks would stay in the cache, but cost more in waiting for the GIL than they save.
    """
    channels = x.shape[1]
    if channels >= rows or channels % crew == 0:
        parts = split(range(channels), math.ceil(channels / crew))
        return [(slice(part.start, part.stop), slice(0, rows)) for part in parts]
    parts = split(range(rows), math.ceil(rows / crew))
    return [(slice(None), slice(part.start, part.stop)) for part in parts]


def _reduced(
    reduce: np.ufunc,
    x: Array,
    kernel: Pair,
    stride: Pair,
    out: Array | None = None,
    positive: bool = False,
) -> Array:
    """A reduction over every window: along one axis, then along the other; or 0 if that is more."""
    counts = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, stride, strict=True)]
    if out is None:
        out = np.empty_like(x, shape=(*x.shape[:2], *counts))
    result = out
    # A row of them, as np.maximum with a number has no vector instructions.
    zeros = np.zeros_like(result[:, :1, :1]) if positive else None

    def work(block: tuple[slice, slice]) -> None:
        channels, rows = block
        start = rows.start * stride[0]
        entries = x[:, channels, start : (rows.stop - 1) * stride[0] + kernel[0]]
        target = result[:, channels, rows]
        for axis, (size, step) in enumerate(zip(kernel, stride, strict=True), 2):
            last = axis == len(kernel) + 1
            before, *others = _along(entries, axis, size, step)
            if not others and last:
                np.copyto(target, before)
            elif not others:
                entries = before
            else:
                entries = reduce(before, others[0], out=target if last else None)
                for other in others[1:]:
                    reduce(entries, other, out=entries)
        if zeros is not None:
            np.maximum(target, zeros, out=target)

    crew = threads(x.nbytes > WORTHWHILE)
    in_shards(work, _blocks(x, counts[0], crew), crew)
    return result


def _along(x: Array, axis: int, size: int, step: int) -> list[Array]:
    """Views of the entries at each place of windows along one axis."""
    before: Any = (slice(None),) * axis
    stop = (x.shape[axis] - size) // step * step + 1
    return [x[(*before, slice(start, start + stop, step))] for start in range(size)]


def _share_apart(
    y: Any, x: Array, top: Array, kernel: Pair, out: Array | None, positive: bool = False
) -> Array:
    """`share` for windows side by side, or `share_positive`."""
    y = np.asarray(y)
    result = np.empty_like(x, y.dtype) if out is None else out
    if y.strides != top.strides:  # from a linear layer; a mixture of orders is slow
        y, given = np.empty_like(top, y.dtype), y
        np.copyto(y, given)
    counts = top.shape[2:]
    covered = tuple(n * k for n, k in zip(counts, kernel, strict=True))
    for axis, size in enumerate(covered, 2):
        result[(slice(None),) * axis + (slice(size, None),)] = 0
    kind = np.uint8 if math.prod(kernel) < 256 else np.int64
    places = range(3, 3 + 2 * len(kernel), 2)

    def windows(images: Array, channels: slice, rows: slice) -> Array:
        """(N, C, H', kH, W', kW), a view."""
        whole: Any = tuple(slice(size) for size in covered[1:])
        part = images[
            (slice(None), channels, slice(rows.start * kernel[0], rows.stop * kernel[0]), *whole)
        ]
        sizes = (rows.stop - rows.start, *counts[1:])
        return part.reshape(
            *part.shape[:2], *(n for pair in zip(sizes, kernel, strict=True) for n in pair)
        )

    def work(block: tuple[slice, slice]) -> None:
        channels, rows = block
        hold = windows(x, channels, rows) == np.expand_dims(top[:, channels, rows], tuple(places))
        shares = hold.view(np.uint8).astype(kind, copy=False)
        for axis, size in enumerate(kernel, 3):  # rows first: they are longer
            shares, *others = (shares[(slice(None),) * axis + (place,)] for place in range(size))
            for other in others:
                shares = shares + other
        if shares.size and not shares.min():  # which is vectorised, unlike all()
            # A NaN equals nothing: it has no share, and its window no gradient.
            shares = np.maximum(shares, 1)
        # NumPy is slow at calls of two dtypes.
        portions = y[:, channels, rows] / shares.astype(y.dtype)
        if positive:
            portions *= (top[:, channels, rows] > 0).astype(y.dtype)
        target = windows(result, channels, rows)
        np.copyto(target, hold)  # quicker than a product of numbers and booleans
        target *= np.expand_dims(portions, tuple(places))

    crew = threads(x.nbytes > _SHARED)
    in_shards(work, _blocks(x, counts[0], crew), crew)
    return result


def _ties(
    x: Array, top: Array, kernel: Pair, stride: Pair, padding: Pair
) -> tuple[list[Array], Array]:
    """Which entries equal the largest of their window, offset by offset, and how many do."""
    holds = [e == top for e in _offsets(_padded(x, padding, -np.inf), kernel, stride)]
    kind = np.uint8 if len(holds) < 256 else np.int64
    shares = holds[0].astype(kind)
    for hold in holds[1:]:
        shares += hold
    # A NaN equals nothing: it has no share, and its window no gradient.
    return holds, np.maximum(shares, 1, out=shares)


def _offsets(x: Array, kernel: Pair, stride: Pair) -> Iterator[Array]:
    """Views of every entry of all windows at once; the windows are over the trailing axes."""
    trailing = x.shape[x.ndim - len(kernel) :]
    stops = [
        (n - k) // step * step + 1 for n, k, step in zip(trailing, kernel, stride, strict=True)
    ]
    for position in np.ndindex(*kernel):
        entries: Any = [
            slice(start, start + stop, step)
            for start, stop, step in zip(position, stops, stride, strict=True)
        ]
        yield x[(..., *entries)]


def _padded(x: Array, padding: Pair, fill: float) -> Array:
    x = np.asarray(x)
    if not any(padding):
        return x
    out = _framed(x, x.shape[2:], padding, fill, x.dtype)
    _cropped(out, padding)[...] = x
    return out


def _padded_zeros(y: Array, size: tuple[int, ...], padding: Pair, like: Any = None) -> Array:
    model = np.asarray(y if like is None else like)
    return _framed(model, size, padding, 0, np.result_type(y))


def _framed(
    like: Array, size: tuple[int, ...], padding: Pair, fill: float, dtype: np.dtype[Any]
) -> Array:
    """Room for images of a size and a border, in the memory order of `like`."""
    shape = (*like.shape[:2], *(n + 2 * p for n, p in zip(size, padding, strict=True)))
    return np.full_like(like, fill, dtype=dtype, shape=shape)


def _cropped(x: Array, padding: Pair) -> Array:
    if not any(padding):
        return x
    inside: Any = [slice(p, n - p) for p, n in zip(padding, x.shape[2:], strict=True)]
    return x[(..., *inside)]


# -- their rules ---------------------------------------------------------------------------------

defvjp(
    largest,
    lambda g, out, x, **settings: share(g, data_of(x), data_of(out), **settings),
    name="max_pool",
    kink="ties: entries that tie share equally",
)
defvjp(
    largest_positive,
    lambda g, out, x, **settings: share_positive(g, data_of(x), data_of(out), **settings),
    name="max_pool_relu",
    kink="ties: entries that tie share equally; 0: derivative 0",
)
defvjp(
    share_positive,
    lambda g, out, y, x, top, **settings: where_positive(at_largest(g, x, top, **settings), top),
    None,
    None,
    name="max_pool_relu_share",
)
defvjp(
    share,
    lambda g, out, y, x, top, **settings: at_largest(g, x, top, **settings),
    None,
    None,
    name="max_pool_share",
)
defvjp(
    at_largest,
    lambda g, out, y, x, top, **settings: share(g, x, top, **settings),
    None,
    None,
    name="max_pool_mean",
)
defvjp(
    window_sums,
    lambda g, out, x, **settings: window_spread(g, size=np.shape(x)[2:], **settings),
    name="window_sums",
)
defvjp(window_spread, lambda g, out, y, size, **settings: window_sums(g, **settings))
