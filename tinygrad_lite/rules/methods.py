"""Operators and methods of Value, set from tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import RULES
from tinygrad_lite.engine.value import (
    ASTYPE,
    Value,
    binary_operator,
    describe,
    record,
    unary_operator,
)  # fmt: skip
from tinygrad_lite.rules.activations import relu, sigmoid
from tinygrad_lite.rules.indexing import getitem

_BINARY: dict[str, np.ufunc] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide,
    "pow": np.power, "mod": np.remainder, "matmul": np.matmul,
}  # fmt: skip

# Methods without settings: one operation, quick for scalars.
_UNARY: dict[str, Callable[..., Any]] = {
    "__neg__": np.negative, "__pos__": np.positive,
    "relu": relu, "sigmoid": sigmoid, "tanh": np.tanh, "exp": np.exp, "log": np.log,
    "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos,
}  # fmt: skip

_REDUCTIONS: dict[str, Callable[..., Any]] = {"sum": np.sum, "mean": np.mean}


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    operation = RULES[function]

    def method(self: Value, axis: Any = None, keepdims: bool = False) -> Any:
        metadata = {} if axis is None else {"axis": axis}
        if keepdims:
            metadata["keepdims"] = True
        return record(operation, (self,), metadata)

    return method


def _reshape(self: Value, *shape: Any) -> Any:
    """x.reshape(2, 3) or x.reshape((2, 3)), as NumPy's method."""
    wanted = shape[0] if len(shape) == 1 else shape
    return record(RULES[np.reshape], (self,), {"shape": wanted})


def _transpose(self: Value, *axes: Any) -> Any:
    """x.transpose(), x.transpose(1, 0) or x.transpose((1, 0)), as NumPy's method."""
    wanted = axes[0] if len(axes) == 1 else axes
    return record(RULES[np.transpose], (self,), {"axes": wanted} if wanted else None)


def _getitem(self: Value, index: Any) -> Any:
    if type(self.data) is float:
        raise TypeError(f"a scalar cannot be indexed: {describe(self)}")
    return record(RULES[getitem], (self,), {"index": index})


def _astype(self: Value, dtype: Any) -> Any:
    return record(ASTYPE, (self,), {"dtype": np.dtype(dtype)})


def attach() -> None:
    """Give Value its operators and methods."""
    for name, ufunc in _BINARY.items():
        setattr(Value, f"__{name}__", binary_operator(RULES[ufunc]))
        setattr(Value, f"__r{name}__", binary_operator(RULES[ufunc], reflected=True))
    for name, function in _UNARY.items():
        setattr(Value, name, unary_operator(RULES[function]))
    for name, function in _REDUCTIONS.items():
        setattr(Value, name, _reduction(function))
    Value.reshape = _reshape
    Value.transpose = _transpose
    Value.astype = _astype
    Value.__getitem__ = _getitem
    Value.T = property(_transpose)


attach()
