"""Activation functions as single operations, safe at any input: no overflow, no warning."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.rules.large import LARGE, elementwise, positive_part, times_positive

Axis = int | tuple[int, ...] | None

_ndarray = np.ndarray


@primitive
def relu(x: Any, *, out: Any = None) -> Any:
    """``max(x, 0)``, entry by entry; derivative 0 at 0.

    >>> relu(np.array([-2.0, 3.0]))
    array([0., 3.])
    """
    if type(x) is _ndarray and x.nbytes > LARGE and x.dtype.kind == "f":
        found = elementwise(positive_part, x, out=out)
        if found is not None:
            return found
    return np.maximum(x, 0, out=out)


@primitive
def where_positive(g: Any, x: Any, *, out: Any = None) -> Any:
    """``g`` where x is positive, else 0: what `relu` passes back."""
    if type(g) is type(x) is _ndarray and x.nbytes > LARGE and g.dtype is x.dtype:
        found = elementwise(times_positive, g, x, out=out)
        if found is not None:
            return found
    return np.multiply(g, x > 0, out=out)


@primitive
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``, entry by entry.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    # exp(x) / (1 + exp(x)), which is 1 long before exp overflows: no need for np.errstate, which
    # costs as much as a thousand entries.
    if type(x) is not _ndarray or x.ndim == 0 or x.dtype.kind != "f":
        x = _floating(x)
        exponential = np.exp(np.minimum(x, one_from(x)))
        return exponential / (exponential + 1)
    largest, one = _ONE_FROM[x.dtype]
    out = np.minimum(x, largest)
    np.exp(out, out)
    out /= out + one
    return out


def one_from(x: Any) -> int:
    """A number whose sigmoid is 1 to the last bit, and whose exponential is finite."""
    return 11 if x.dtype.itemsize == 2 else 40


class _OneFrom(dict[np.dtype[Any], tuple[Any, Any]]):
    """`one_from` and 1 as arrays, by dtype: half a microsecond quicker than Python's numbers."""

    def __missing__(self, dtype: np.dtype[Any]) -> tuple[Any, Any]:
        one = np.ones((), dtype)
        self[dtype] = one_from(one) * one, one
        return self[dtype]


_ONE_FROM = _OneFrom()


@primitive
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``, entry by entry: a smooth `relu`, whose derivative is `sigmoid`.

    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    x = _floating(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@primitive
def softmax(x: Any, *, axis: Axis = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along an axis: positive numbers that sum to 1.

    Entries that are infinite alike share equally.

    >>> softmax(np.array([1e308, -1e308]))
    array([1., 0.])
    """
    out = _shifted(x, axis)
    np.exp(out, out=out)
    out /= np.sum(out, axis=axis, keepdims=True)
    return out


@primitive
def logsumexp(x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(x)))`` along axes (all by default): a smooth maximum.

    -inf for no entries, or if all are -inf.

    >>> round(float(logsumexp(np.array([1000.0, 1000.0]))), 3)
    1000.693
    """
    x = _floating(x)
    highest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(highest), highest, 0)
    with np.errstate(all="ignore"):
        out = np.log(np.sum(np.exp(x - shift), axis=axis, keepdims=True)) + shift
    return out if keepdims else np.squeeze(out, axis=axis)[()]


@primitive
def log_softmax(x: Any, *, axis: Axis = -1) -> Any:
    """``log(softmax(x))``, without the loss of digits.

    >>> log_softmax(np.array([0.0, -1000.0]))
    array([    0., -1000.])
    """
    out = _shifted(x, axis)
    out -= np.log(np.sum(np.exp(out), axis=axis, keepdims=True))
    return out


def _floating(x: Any) -> Any:
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _shifted(x: Any, axis: Axis) -> Any:
    """A new array, x minus its maximum along an axis; exactly 0 at the maximum, infinite or not."""
    x = _floating(x)
    highest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    with np.errstate(all="ignore"):
        out = np.asarray(x - highest)
    if not np.isfinite(highest).all():
        out[x == highest] = 0
    return out


def _sigmoid_of_float(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -709 else math.exp(x)


def _softplus_of_float(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _sigmoid_vjp(g: Any, out: Any, x: Any) -> Any:
    if type(g) is _ndarray and type(out) is _ndarray and out.ndim:
        slope = np.subtract(_ONE_FROM[out.dtype][1], out)
        slope *= out
        slope *= g
        return slope
    return g * (out * (1 - out))


def _softmax_vjp(g: Any, out: Any, x: Any, axis: Axis = -1) -> Any:
    return out * (g - np.sum(g * out, axis=axis, keepdims=True))


def _logsumexp_vjp(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return g * softmax(x, axis=axis)


def _log_softmax_vjp(g: Any, out: Any, x: Any, axis: Axis = -1) -> Any:
    return g - np.exp(out) * np.sum(g, axis=axis, keepdims=True)


def _relu_vjp(g: Any, out: Any, x: Any) -> Any:
    if type(g) is Value or type(g) is float or g.nbytes <= LARGE:
        return g * (out > 0)
    return where_positive(g, out)


defvjp(
    relu,
    _relu_vjp,
    scalar=lambda x: x if x > 0 or x != x else 0.0,
    kink="0: derivative 0",
)
defvjp(where_positive, lambda h, out, g, x: where_positive(h, data_of(x)), None)
defvjp(sigmoid, _sigmoid_vjp, scalar=_sigmoid_of_float)
defvjp(softplus, lambda g, out, x: g * sigmoid(x), scalar=_softplus_of_float)
defvjp(softmax, _softmax_vjp)
defvjp(logsumexp, _logsumexp_vjp)
defvjp(log_softmax, _log_softmax_vjp)
