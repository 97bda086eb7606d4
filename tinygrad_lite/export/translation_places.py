"""How functions that put entries in other places are written in the vocabulary of graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.export.graph import Batch, Size, Tensor
from tinygrad_lite.export.translation import (
    TRANSLATIONS,
    Settings,
    Translation,
    Writer,
    axes_of,
    translates,
)
from tinygrad_lite.rules import indexing


@translates(np.reshape, np.ravel, np.expand_dims, np.squeeze)
def _reshape(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    if settings.get("order", "C") != "C":
        raise ValueError("reshape with order='F' has no place in a graph: transpose first")
    return w.emit("reshape", args[0], shape=out.shape)


@translates(np.broadcast_to)
def _broadcast_to(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("broadcast_to", args[0], shape=out.shape)


def _permutation(order: Callable[..., Any]) -> Translation:
    """A translation of a function that reorders axes, found out by reordering a small array."""

    def transpose(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
        ndim = len(w.shape(args[0]))
        numbered = np.broadcast_to(0.0, range(ndim))  # axis k has size k
        return w.emit("transpose", args[0], axes=order(numbered, **settings).shape)

    return transpose


for _function in (
    np.transpose, np.swapaxes, np.moveaxis, np.matrix_transpose, np.linalg.matrix_transpose,
):  # fmt: skip
    TRANSLATIONS[_function] = _permutation(_function)


@translates(np.concatenate)
def _concatenate(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    axis = settings.get("axis", 0)
    if axis is None:
        args = [w.emit("reshape", x, shape=_flat(w.shape(x))) for x in args]
        axis = 0
    return w.emit("concatenate", *args, axis=axis % len(out.shape))


def _flat(shape: tuple[Size, ...]) -> tuple[Size]:
    times = int(np.prod([s.times if isinstance(s, Batch) else s for s in shape], dtype=np.int64))
    return (Batch(times) if any(isinstance(s, Batch) for s in shape) else times,)


@translates(np.stack)
def _stack(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    axis = settings.get("axis", 0) % len(out.shape)
    single = (*out.shape[:axis], 1, *out.shape[axis + 1 :])
    return w.emit("concatenate", *[w.emit("reshape", x, shape=single) for x in args], axis=axis)


@translates(np.take)
def _take(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x, axis = args[0], settings.get("axis")
    if settings.get("mode", "raise") != "raise":
        raise ValueError("np.take with mode= has no place in a graph")
    if axis is None:
        x, axis = w.emit("reshape", x, shape=_flat(w.shape(x))), 0
    return w.emit("take", x, settings["indices"], axis=axis % len(w.shape(x)))


@translates(np.repeat)
def _repeat(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x, axis = args[0], settings.get("axis")
    size = None if axis is None else w.shape(x)[axis]
    if axis is None or not isinstance(size, int):
        raise ValueError("np.repeat has a place in a graph along an axis other than the batch")
    chosen = np.repeat(np.arange(size), settings["repeats"])
    return w.emit("take", x, chosen, axis=axis % len(out.shape))


@translates(np.flip)
def _flip(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("flip", args[0], axes=axes_of(w, args[0], settings.get("axis")))


@translates(np.flipud)
def _flipud(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("flip", args[0], axes=(0,))


@translates(np.fliplr)
def _fliplr(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("flip", args[0], axes=(1,))


@translates(np.roll)
def _roll(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x, axis, shift = args[0], settings.get("axis"), settings["shift"]
    size = None if not isinstance(axis, int) else w.shape(x)[axis]
    if not isinstance(axis, int) or not isinstance(size, int) or np.ndim(shift):
        raise ValueError("np.roll has a place in a graph along one axis other than the batch")
    axis %= len(out.shape)
    return w.emit("take", x, np.roll(np.arange(size), shift), axis=axis)


@translates(np.tile)
def _tile(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x, counts = args[0], settings["reps"]
    counts = (counts,) if np.ndim(counts) == 0 else tuple(counts)
    ndim = len(out.shape)
    if len(w.shape(x)) < ndim:
        x = w.emit("reshape", x, shape=(*(1,) * (ndim - len(w.shape(x))), *w.shape(x)))
    for axis, count in enumerate((*(1,) * (ndim - len(counts)), *counts)):
        x = x if count == 1 else w.emit("concatenate", *[x] * count, axis=axis)
    return x


def _triangular(function: Any) -> Translation:
    def triangle(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
        if any(isinstance(size, Batch) for size in out.shape[-2:]):
            raise ValueError(f"np.{function.__name__} has a place in a graph beyond the batch")
        sizes: Any = out.shape[-2:]
        kept = function(np.ones(sizes, dtype=np.bool_), settings.get("k", 0))
        return w.emit("where", kept, args[0], 0)

    return triangle


TRANSLATIONS[np.tril] = _triangular(np.tril)
TRANSLATIONS[np.triu] = _triangular(np.triu)


@translates(np.pad)
def _pad(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    if settings.get("mode", "constant") != "constant":
        raise ValueError(f"np.pad with mode={settings['mode']!r} has no place in a graph")
    widths = np.broadcast_to(settings["pad_width"], (len(out.shape), 2))
    before, after = (tuple(int(width) for width in side) for side in widths.T)
    fill = settings.get("constant_values", 0)
    if np.ndim(fill):
        raise ValueError("np.pad with several constant_values has no place in a graph")
    return w.emit("pad", args[0], before=before, after=after, fill=float(fill))


@translates(indexing.getitem)
def _getitem(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    """Slices, then at most one array of indices, then the axes that numbers and None change."""
    x, index = args[0], settings["index"]
    parts = list(index) if isinstance(index, tuple) else [index]
    ndim = len(w.shape(x))
    given = sum(part is not None and part is not Ellipsis for part in parts)
    dots = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[dots : dots + 1] = [slice(None)] * (ndim - given)
    arrays = [part for part in parts if not _is_basic(part)]
    mixed = arrays and any(part is None or _is_number(part) for part in parts)
    if len(arrays) > 1 or mixed or any(getattr(a, "dtype", None) == np.bool_ for a in arrays):
        raise ValueError(
            "x[index] with masks, several arrays, or an array beside numbers has no place in a "
            "graph: take entries in steps"
        )
    axis = 0
    for part in parts:
        if part is None:
            continue
        if not _is_basic(part):
            return w.emit("take", _rest(w, x, parts, axis), part, axis=axis)
        x = _sliced(w, x, part, axis)
        axis += 1
    return x if w.shape(x) == out.shape else w.emit("reshape", x, shape=out.shape)


def _rest(w: Writer, x: Any, parts: list[Any], axis: int) -> Any:
    for later in range(axis + 1, len(parts)):
        x = _sliced(w, x, parts[later], later)
    return x


def _is_number(part: Any) -> bool:
    return isinstance(part, (int, np.integer)) and not isinstance(part, bool)


def _is_basic(part: Any) -> bool:
    return part is None or isinstance(part, slice) or _is_number(part)


def _sliced(w: Writer, x: Any, part: Any, axis: int) -> Any:
    size = w.shape(x)[axis]
    if isinstance(size, Batch):
        if part == slice(None):
            return x
        raise ValueError("x[index] that takes some of the batch has no place in a graph")
    if _is_number(part):
        start = int(part) % size
        return w.emit("slice", x, axis=axis, start=start, stop=start + 1, step=1)
    start, stop, step = part.indices(size)
    if (start, stop, step) == (0, size, 1):
        return x
    return w.emit("slice", x, axis=axis, start=start, stop=None if stop < 0 else stop, step=step)
