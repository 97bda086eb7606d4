"""How operations of the rulebook are written in the vocabulary of graphs.

A translation takes a `Writer`, the instruction's arguments (tensors, arrays, numbers), its settings
and what it computes, and returns the name of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index as as_index
from typing import Any, Protocol

import numpy as np

from tinygrad_lite.engine.record import ASTYPE, IDENTITY, PICK
from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.export.graph import Batch, Size, Tensor
from tinygrad_lite.rules import activations, correlation, indexing, linear, pooling, zero

Settings = dict[str, Any]
Translation = Callable[["Writer", Sequence[Any], Settings, Tensor], Any]


class Writer(Protocol):
    """What a translation writes to."""

    def emit(self, operation: str, *inputs: Any, **settings: Any) -> Any:
        """Append a step and return a stand-in for its result."""

    def shape(self, argument: Any) -> tuple[Size, ...]:
        """Shape of an argument."""


def translation_of(operation: Operation) -> Translation | None:
    """How to write an operation, None if it has no place in a graph."""
    function: Any = operation if operation in (IDENTITY, ASTYPE, PICK) else operation.function
    return _TRANSLATIONS.get(function)


_TRANSLATIONS: dict[Any, Translation] = {}


def same(function: Any, name: str) -> None:
    """Enter an operation that a graph has too, with the same settings."""
    _TRANSLATIONS[function] = lambda w, args, settings, out: w.emit(name, *args, **settings)


def translates(*functions: Any) -> Callable[[Translation], Translation]:
    def enter(translation: Translation) -> Translation:
        for function in functions:
            _TRANSLATIONS[function] = translation
        return translation

    return enter


_function: Any
for _function in (
    np.negative, np.absolute, np.exp, np.expm1, np.log, np.log1p, np.sqrt, np.sin, np.cos, np.tan,
    np.arctan, np.sinh, np.cosh, np.tanh, np.add, np.subtract, np.multiply, np.divide, np.power,
    np.maximum, np.minimum, np.matmul, np.einsum, np.where,
):  # fmt: skip
    same(_function, _function.__name__)
for _primitive in (activations.relu, activations.sigmoid, activations.softplus, linear.linear):
    same(_primitive, _primitive.__name__)
same(np.fabs, "absolute")
same(correlation.correlate, "conv2d")
same(correlation.spread, "conv_transpose2d")
same(pooling.largest, "max_pool")
same(pooling.window_sums, "window_sums")
same(pooling.window_spread, "window_spread")
same(zero.product, "multiply")
same(zero.quotient, "divide")


# -- entry by entry ----------------------------------------------------------------------------


@translates(IDENTITY, np.positive, np.conjugate, np.real)
def _unchanged(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return args[0]


@translates(np.square)
def _square(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("multiply", args[0], args[0])


@translates(np.reciprocal)
def _reciprocal(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("divide", 1, args[0])


@translates(np.clip)
def _clip(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x, low, high = args
    x = x if low is None else w.emit("maximum", x, low)
    return x if high is None else w.emit("minimum", x, high)


@translates(ASTYPE)
def _astype(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("astype", args[0], dtype=str(np.dtype(settings["dtype"])))


# -- along axes ----------------------------------------------------------------------------------


def _axes(w: Writer, x: Any, axis: Any) -> tuple[int, ...]:
    ndim = len(w.shape(x))
    listed = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(as_index(a) % ndim for a in listed)


def _reduction(function: Any, name: str) -> None:
    @translates(function)
    def reduction(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
        rest = {k: v for k, v in settings.items() if k not in ("axis", "keepdims")}
        axes = _axes(w, args[0], settings.get("axis"))
        keepdims = bool(settings.get("keepdims", False))
        return w.emit(name, args[0], axes=axes, keepdims=keepdims, **rest)


for _function in (np.sum, np.mean, np.max, np.min, np.prod):
    _reduction(_function, _function.__name__)
_reduction(np.amax, "max")
_reduction(np.amin, "min")
_reduction(activations.logsumexp, "logsumexp")


def _spread_of(root: bool) -> Translation:
    def variance(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
        rest = dict(settings)
        axes = _axes(w, args[0], rest.pop("axis", None))
        keepdims = bool(rest.pop("keepdims", False))
        ddof = rest.pop("ddof", 0) or rest.pop("correction", 0)
        centred = w.emit(
            "subtract", args[0], w.emit("mean", args[0], axes=axes, keepdims=True), **rest
        )
        squares = w.emit("multiply", centred, centred)
        if ddof:
            sizes = [w.shape(args[0])[axis] for axis in axes]
            if any(isinstance(size, Batch) for size in sizes):
                raise ValueError("np.var with ddof over the batch has no place in a graph")
            count = int(np.prod(np.array(sizes, dtype=np.int64)))
            total = w.emit("sum", squares, axes=axes, keepdims=keepdims)
            variance = w.emit("divide", total, count - ddof)
        else:
            variance = w.emit("mean", squares, axes=axes, keepdims=keepdims)
        return w.emit("sqrt", variance) if root else variance

    return variance


_TRANSLATIONS[np.var] = _spread_of(root=False)
_TRANSLATIONS[np.std] = _spread_of(root=True)


def _softmax_like(function: Any, name: str) -> None:
    @translates(function)
    def along(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
        axes = _axes(w, args[0], settings.get("axis", -1))
        if len(axes) != 1:
            raise ValueError(f"{name} over several axes has no place in a graph")
        return w.emit(name, args[0], axis=axes[0])


_softmax_like(activations.softmax, "softmax")
_softmax_like(activations.log_softmax, "log_softmax")


@translates(np.cumsum)
def _cumsum(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x = args[0]
    if settings.get("axis") is None:
        x = w.emit("reshape", x, shape=out.shape)
    return w.emit("cumsum", x, axis=(settings.get("axis") or 0) % len(out.shape))


# -- products ----------------------------------------------------------------------------------


@translates(np.dot, np.inner)
def _dot(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x, y = args
    if 0 in (len(w.shape(x)), len(w.shape(y))):
        return w.emit("multiply", x, y)
    raise ValueError("np.dot and np.inner of arrays have no place in a graph: write x @ y")


@translates(np.tensordot)
def _tensordot(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x, y = args
    n, m = len(w.shape(x)), len(w.shape(y))
    axes = settings.get("axes", 2)
    if isinstance(axes, int):
        over_x, over_y = list(range(n - axes, n)), list(range(axes))
    else:
        over_x, over_y = (
            [a % k for a in _listed(part)] for part, k in zip(axes, (n, m), strict=True)
        )
    letters = [chr(ord("a") + i) for i in range(n + m)]
    first, second = letters[:n], letters[n:]
    for a, b in zip(over_x, over_y, strict=True):
        second[b] = first[a]
    kept = [first[a] for a in range(n) if a not in over_x]
    kept += [second[b] for b in range(m) if b not in over_y]
    subscripts = f"{''.join(first)},{''.join(second)}->{''.join(kept)}"
    return w.emit("einsum", x, y, subscripts=subscripts)


def _listed(axes: Any) -> list[int]:
    return [axes] if isinstance(axes, int) else list(axes)


# -- entries in other places -------------------------------------------------------------------


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
    _TRANSLATIONS[_function] = _permutation(_function)


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


@translates(np.flip, np.flipud, np.fliplr)
def _flip(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("flip", args[0], axes=_axes(w, args[0], settings.get("axis")))


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
