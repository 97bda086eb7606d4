"""Operators and methods of Value, set from tables."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.engine.protocol import array_function, array_ufunc
from tinygrad_lite.engine.record import ASTYPE, binary_operator, record, unary_operator
from tinygrad_lite.engine.rulebook import RULES
from tinygrad_lite.engine.value import Value, describe
from tinygrad_lite.rules.activations import relu, sigmoid
from tinygrad_lite.rules.indexing import getitem

_BINARY: dict[str, tuple[np.ufunc, Callable[[Any, Any], Any]]] = {
    "add": (np.add, operator.add), "sub": (np.subtract, operator.sub),
    "mul": (np.multiply, operator.mul), "truediv": (np.divide, operator.truediv),
    "pow": (np.power, operator.pow), "mod": (np.remainder, operator.mod),
    "matmul": (np.matmul, operator.matmul),
}  # fmt: skip

# Methods without settings: one operation, quick for scalars.
_UNARY: dict[str, Callable[..., Any]] = {
    "__neg__": np.negative, "__pos__": np.positive, "__abs__": np.absolute, "abs": np.absolute,
    "relu": relu, "sigmoid": sigmoid, "tanh": np.tanh, "exp": np.exp, "log": np.log,
    "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos,
}  # fmt: skip

_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min,
}  # fmt: skip

# Methods with the parameters of the NumPy function, the Value being the first.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "std": np.std, "var": np.var, "ptp": np.ptp, "cumsum": np.cumsum, "cumprod": np.cumprod,
    "clip": np.clip, "dot": np.dot, "trace": np.trace, "diagonal": np.diagonal,
    "swapaxes": np.swapaxes, "squeeze": np.squeeze, "ravel": np.ravel, "flatten": np.ravel,
    "repeat": np.repeat, "take": np.take, "sort": np.sort,
    "conj": np.conjugate, "conjugate": np.conjugate, "copy": np.copy,
    # these return plain arrays
    "round": np.round, "argmax": np.argmax, "argmin": np.argmin, "argsort": np.argsort,
    "any": np.any, "all": np.all, "nonzero": np.nonzero, "searchsorted": np.searchsorted,
}  # fmt: skip

# Python's functions that round, which return plain numbers and arrays.
_ROUNDING: dict[str, Callable[..., Any]] = {
    "round": np.round, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
}  # fmt: skip


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    operation = RULES[function]
    unary_operator(operation)
    of_all: Any = operation.unary

    def method(
        self: Value, axis: Any = None, dtype: Any = None, out: None = None,
        keepdims: bool = False, **settings: Any,
    ) -> Any:  # fmt: skip
        if settings or dtype is not None or out is not None:
            if dtype is not None:
                settings["dtype"] = dtype
            return _dispatch(function, self, axis=axis, out=out, keepdims=keepdims, **settings)
        if axis is None and not keepdims:
            return of_all(self)
        metadata: dict[str, Any] = {"axis": axis}
        if keepdims:
            metadata["keepdims"] = True
        return record(operation, (self,), metadata)

    method.__doc__ = f"np.{function.__name__} of this Value."
    return method


def _dispatch(function: Callable[..., Any], *args: Any, **settings: Any) -> Any:
    """``function(*args)``, past NumPy's search for somebody who implements it."""
    if isinstance(function, np.ufunc):
        return array_ufunc(args[0], function, "__call__", *args, **settings)
    return array_function(args[0], function, (), args, settings)


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Value, *args: Any, **settings: Any) -> Any:
        return _dispatch(function, self, *args, **settings)

    method.__doc__ = f"np.{function.__name__} of this Value."
    return method


def _reshape(self: Value, *shape: Any) -> Any:
    """x.reshape(2, 3) or x.reshape((2, 3)), as NumPy's method."""
    wanted = shape[0] if len(shape) == 1 else shape
    return record(RULES[np.reshape], (self,), {"shape": wanted})


def _transpose(self: Value, *axes: Any) -> Any:
    """x.transpose(), x.transpose(1, 0) or x.transpose((1, 0)), as NumPy's method."""
    wanted = axes[0] if len(axes) == 1 else axes
    return record(RULES[np.transpose], (self,), {"axes": wanted} if wanted else None)


def _compress(self: Value, condition: Any, axis: int | None = None) -> Any:
    return np.compress(condition, self, axis=axis)


def _getitem(self: Value, index: Any) -> Any:
    if type(self.data) is float:
        raise TypeError(f"a scalar cannot be indexed: {describe(self)}")
    return record(RULES[getitem], (self,), {"index": index})


def _astype(self: Value, dtype: Any) -> Any:
    """Conversion to another floating or complex dtype.

    Raises:
        TypeError: an integer or boolean dtype, which would lose the gradient.
    """
    wanted = np.dtype(dtype)
    if wanted.kind not in "fc":
        raise TypeError(
            f"{describe(self)} cannot become {wanted}, as that has no gradient; convert the plain "
            f"array: x.data.astype(...)"
        )
    return record(ASTYPE, (self,), {"dtype": wanted})


def _rounding(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Value, *digits: int) -> Any:
        rounded = function(self.data, *(d for d in digits if d is not None))
        if self.ndim:
            return rounded
        return float(rounded) if digits else int(rounded)

    return method


def _floordiv(self: Value, other: Any) -> Any:
    return np.floor_divide(self, other)


def _rfloordiv(self: Value, other: Any) -> Any:
    return np.floor_divide(other, self)


def _divmod(self: Value, other: Any) -> Any:
    return self // other, self % other


def _rdivmod(self: Value, other: Any) -> Any:
    return other // self, other % self


def attach() -> None:
    """Give Value its operators and methods."""
    for name, (ufunc, apply) in _BINARY.items():
        setattr(Value, f"__{name}__", binary_operator(RULES[ufunc], apply))
        setattr(Value, f"__r{name}__", binary_operator(RULES[ufunc], apply, reflected=True))
    for name, function in _UNARY.items():
        setattr(Value, name, unary_operator(RULES[function]))
    for name, function in _REDUCTIONS.items():
        setattr(Value, name, _reduction(function))
    for name, function in _FUNCTIONS.items():
        setattr(Value, name, _method(function))
    for name, function in _ROUNDING.items():
        setattr(Value, f"__{name}__", _rounding(function))
    for method in (_floordiv, _rfloordiv, _divmod, _rdivmod, _getitem):
        setattr(Value, f"_{method.__name__}__", method)  # _divmod as __divmod__
    Value.reshape = _reshape
    Value.transpose = _transpose
    Value.compress = _compress
    Value.astype = _astype
    Value.T = property(_transpose)
    Value.mT = property(_method(np.matrix_transpose))
    Value.real = property(_method(np.real))
    Value.imag = property(_method(np.imag))


attach()
