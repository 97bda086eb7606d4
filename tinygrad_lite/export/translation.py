"""How operations of the rulebook are written in the vocabulary of graphs.

A translation takes a `Writer`, the instruction's arguments (tensors, arrays, numbers), its settings
and what it computes, and returns the name of the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import index as as_index
from typing import Any, Protocol

import numpy as np

from tinygrad_lite.engine.record import ASTYPE, IDENTITY, PICK
from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.export.graph import Batch, Size, Tensor
from tinygrad_lite.rules import activations, correlation, linear, pooling, zero

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
    return TRANSLATIONS.get(function)


TRANSLATIONS: dict[Any, Translation] = {}


def same(function: Any, name: str) -> None:
    """Enter an operation that a graph has too, with the same settings."""
    TRANSLATIONS[function] = lambda w, args, settings, out: w.emit(name, *args, **settings)


def translates(*functions: Any) -> Callable[[Translation], Translation]:
    def enter(translation: Translation) -> Translation:
        for function in functions:
            TRANSLATIONS[function] = translation
        return translation

    return enter


_function: Any
for _function in (
    np.negative, np.absolute, np.exp, np.expm1, np.log, np.log1p, np.sqrt, np.sin, np.cos, np.tan,
    np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh,
    np.add, np.subtract, np.multiply, np.divide, np.power,
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


@translates(np.exp2)
def _exp2(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("exp", w.emit("multiply", args[0], math.log(2)))


def _logarithm(function: Any, base: float) -> None:
    @translates(function)
    def logarithm(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
        return w.emit("divide", w.emit("log", args[0]), math.log(base))


_logarithm(np.log2, 2)
_logarithm(np.log10, 10)


@translates(np.hypot)
def _hypot(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    squares = [w.emit("multiply", x, x) for x in args]
    return w.emit("sqrt", w.emit("add", *squares))


@translates(np.logaddexp)
def _logaddexp(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    apart = w.emit("absolute", w.emit("subtract", *args))
    share = w.emit("log1p", w.emit("exp", w.emit("negative", apart)))
    return w.emit("add", w.emit("maximum", *args), share)


@translates(np.clip)
def _clip(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x, low, high = args
    x = x if low is None else w.emit("maximum", x, low)
    return x if high is None else w.emit("minimum", x, high)


@translates(ASTYPE)
def _astype(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("astype", args[0], dtype=str(np.dtype(settings["dtype"])))


# -- along axes ----------------------------------------------------------------------------------


def axes_of(w: Writer, x: Any, axis: Any) -> tuple[int, ...]:
    ndim = len(w.shape(x))
    listed = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(as_index(a) % ndim for a in listed)


def _reduction(function: Any, name: str) -> None:
    @translates(function)
    def reduction(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
        rest = {k: v for k, v in settings.items() if k not in ("axis", "keepdims")}
        axes = axes_of(w, args[0], settings.get("axis"))
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
        axes = axes_of(w, args[0], rest.pop("axis", None))
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


TRANSLATIONS[np.var] = _spread_of(root=False)
TRANSLATIONS[np.std] = _spread_of(root=True)


def _softmax_like(function: Any, name: str) -> None:
    @translates(function)
    def along(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
        axes = axes_of(w, args[0], settings.get("axis", -1))
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


@translates(np.dot)
def _dot(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x, y = args
    axes = len(w.shape(x)), len(w.shape(y))
    if 0 in axes:
        return w.emit("multiply", x, y)
    if axes[1] == 1 or (axes == (2, 2)):
        return w.emit("matmul", x, y)
    raise ValueError("np.dot of arrays with more than two axes has no place in a graph: use x @ y")


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
