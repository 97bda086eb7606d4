"""Operators of traced arrays, set from tables."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.replay.traced import Traced

_ndarray = np.ndarray

_BINARY: dict[str, tuple[np.ufunc, Callable[..., Any]]] = {
    "add": (np.add, operator.add), "sub": (np.subtract, operator.sub),
    "mul": (np.multiply, operator.mul), "truediv": (np.divide, operator.truediv),
    "pow": (np.power, operator.pow), "mod": (np.remainder, operator.mod),
    "floordiv": (np.floor_divide, operator.floordiv), "matmul": (np.matmul, operator.matmul),
    "and": (np.bitwise_and, operator.and_), "or": (np.bitwise_or, operator.or_),
    "xor": (np.bitwise_xor, operator.xor),
}  # fmt: skip
_COMPARISONS: dict[str, tuple[np.ufunc, Callable[..., Any]]] = {
    "eq": (np.equal, operator.eq), "ne": (np.not_equal, operator.ne), "lt": (np.less, operator.lt),
    "le": (np.less_equal, operator.le), "gt": (np.greater, operator.gt),
    "ge": (np.greater_equal, operator.ge),
}  # fmt: skip
_UNARY: dict[str, tuple[np.ufunc, Callable[..., Any]]] = {
    "neg": (np.negative, operator.neg), "pos": (np.positive, operator.pos),
    "abs": (np.absolute, operator.abs), "invert": (np.invert, operator.invert),
}  # fmt: skip


def _is_number(x: Any) -> bool:
    return x.slot.is_number if type(x) is Traced else type(x) is float or type(x) is int


def _operator(
    ufunc: np.ufunc, plain: Callable[..., Any], reflected: bool = False
) -> Callable[..., Any]:
    # Powers of arrays go through the operator, which has fast paths that np.power lacks.
    for_arrays = plain if ufunc is np.power else ufunc

    def method(self: Traced, *others: Any) -> Any:
        args = (*others, self) if reflected else (self, *others)
        if others and not isinstance(others[0], _OPERANDS):
            return NotImplemented
        numbers = all(map(_is_number, args))
        return self.tape.run(plain if numbers else for_arrays, args, {})

    return method


def _in_place(ufunc: np.ufunc, plain: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Traced, other: Any) -> Any:
        if self.slot.is_number or type(self.data) is not _ndarray:
            return self.tape.run(plain if _is_number(other) else ufunc, (self, other), {})
        return self.tape.write(self, ufunc, (self, other), {})

    return method


_OPERANDS = (Traced, _ndarray, np.generic, int, float, complex, list, tuple)

for _name_of_operator, (_ufunc, _plain) in _BINARY.items():
    setattr(Traced, f"__{_name_of_operator}__", _operator(_ufunc, _plain))
    setattr(Traced, f"__r{_name_of_operator}__", _operator(_ufunc, _plain, reflected=True))
    setattr(Traced, f"__i{_name_of_operator}__", _in_place(_ufunc, _plain))
for _name_of_operator, (_ufunc, _plain) in (_COMPARISONS | _UNARY).items():
    setattr(Traced, f"__{_name_of_operator}__", _operator(_ufunc, _plain))
