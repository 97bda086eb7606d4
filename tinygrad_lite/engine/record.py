"""Recording: run an operation, and make the Value that remembers it."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_lite.engine.errors import explained
from tinygrad_lite.engine.modes import ENTERED, MODE
from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.engine.value import IN_TUPLE, NO_SECOND, Value, data_of, next_serial

_new = object.__new__
_frame = sys._getframe
_float64 = np.float64
_float32 = np.float32
_asarray = np.asarray
_ndarray = np.ndarray


class _Internal(dict[str, bool]):
    """Whether a source file belongs to this package."""

    _package = os.path.dirname(os.path.dirname(__file__)) + os.sep

    def __missing__(self, filename: str) -> bool:
        self[filename] = filename.startswith(self._package)
        return self[filename]


_internal = _Internal()
_users_file = [""]
"""Where the last operation was asked for. A frame of that file needs no look at what called it,
which takes a tenth off the recording of scalars."""


def _users(frame: FrameType) -> FrameType:
    """The frame of the user's that asked for an operation: the nearest outside of this package."""
    while _internal[frame.f_code.co_filename]:
        if frame.f_back is None:
            return frame
        frame = frame.f_back
    _users_file[0] = frame.f_code.co_filename
    return frame


def record(operation: Operation, args: tuple[Any, ...], metadata: Any = None) -> Any:
    """Run an operation on arguments of which at least one is a Value, and remember it.

    Returns:
        A Value; for an operation with several results a tuple of Values.

    Raises:
        TypeError, ValueError, IndexError, LinAlgError: what NumPy raised, told with shapes and
            names.
    """
    if ENTERED.count and (trace := MODE.get().trace) is not None:
        return trace.record(operation, args, metadata)
    try:
        if len(args) == 1:
            raw: list[Any] = [args[0]._data]
        else:
            raw = [a._data if type(a) is Value else a for a in args]
    except AttributeError:  # a leaf whose number is in a pack
        raw = [data_of(a) for a in args]
    try:
        if type(raw[0]) is not _ndarray or metadata:
            data = computed(operation, raw, metadata)
        else:  # the usual case, without a call more
            data = operation.evaluate(*raw)
            if type(data) is not _ndarray and type(data) is not float:
                data = _normal(data)
    except (TypeError, ValueError, IndexError) as error:
        raise explained(error, operation, args, metadata) from None
    return remember(operation, args, metadata, data)


def computed(operation: Operation, raw: Sequence[Any], metadata: Any = None) -> Any:
    """The result of an operation on plain numbers and arrays: what a Value's `data` would be."""
    if (
        type(raw[0]) is not _ndarray
        and operation.scalar is not None
        and not metadata
        and all(type(a) in _NUMBERS for a in raw)
    ):
        try:
            return operation.scalar(*raw)
        except (ArithmeticError, ValueError):
            pass  # outside the domain: NumPy gives inf or nan, and its warning
    data = operation.evaluate(*raw, **metadata) if metadata else operation.evaluate(*raw)
    return data if type(data) is _ndarray or type(data) is float else _normal(data)


def remember(operation: Operation, args: tuple[Any, ...], metadata: Any, data: Any) -> Any:
    """A Value (a tuple of them for several results) that knows how `data` was computed."""
    kind = type(data)
    node = _new(Value)
    if kind is _ndarray or kind is float:
        several = False
        node._data = data
    else:
        several = isinstance(data, tuple)
        node._data = tuple(data) if several else data
    node.operation = operation
    if metadata or not 1 <= len(args) <= 2:
        node._first, node._second = args, IN_TUPLE
        node._metadata = metadata or None
        node._retained = False
    elif len(args) == 1:
        node._first, node._second = args[0], NO_SECOND
    else:
        node._first, node._second = args
    node.serial = next_serial()
    frame = _frame(2)
    code = frame.f_code
    if code.co_filename is not _users_file[0]:
        frame = _users(frame)
        code = frame.f_code
    node.frame_code = code
    node.frame_offset = frame.f_lasti
    if ENTERED.count:
        _obey_mode(node)
    if several:
        picks = tuple(record(PICK, (node,), {"index": index}) for index in range(len(data)))
        return picks if kind is tuple else kind(*picks)  # np.linalg's results have field names
    return node


_NUMBERS = (float, int, _float64)


def _normal(data: Any) -> Any:
    """float64 scalars as Python floats, other scalars as 0-d arrays, several results as a tuple."""
    if type(data) is _ndarray or type(data) is _float32:
        return _asarray(data)
    if isinstance(data, tuple):
        parts = [d if type(d) is _ndarray else _normal(d) for d in data]
        return tuple(parts) if type(data) is tuple else type(data)(*parts)
    if isinstance(data, float):
        return float(data)
    return _asarray(data)


def _obey_mode(node: Value) -> None:
    mode = MODE.get()
    if mode.trace is not None:
        mode.trace.adopt(node)
    if not mode.recording:
        node.operation = None
        node.args = ()
        node.metadata = None
        return
    if mode.scope:
        node._within = mode.scope
    if mode.watch is not None:
        mode.watch.forward(node)


def binary_operator(
    operation: Operation, apply: Callable[[Any, Any], Any], reflected: bool = False
) -> Callable[..., Any]:
    """An operator method such as __add__ or __radd__: `record` unrolled for two numbers or arrays,
    where a program spends its time.

    Args:
        operation: what it records.
        apply: Python's operator.
        reflected: whether the Value stands on the right.
    """
    if reflected:
        operation.reflected = _binary(operation, apply, reflected, depth=2)
    return _binary(operation, apply, reflected, depth=1)


def _binary(
    operation: Operation, apply: Callable[[Any, Any], Any], reflected: bool, depth: int
) -> Callable[..., Any]:
    scalar = operation.scalar
    evaluate = operation.evaluate

    def method(self: Value, other: Any) -> Any:
        try:
            a = self._data
            b = other._data if type(other) is Value else other
        except AttributeError:  # a leaf whose number is in a pack
            a, b = self.data, data_of(other)
        try:
            if type(a) is float and (type(b) is float or type(b) is int) and scalar is not None:
                data = scalar(b, a) if reflected else scalar(a, b)
            elif type(a) is _ndarray and (type(b) is _ndarray or type(b) in _NUMBERS):
                if scalar is apply and type(b) is not _ndarray and not a.ndim:
                    # A loss, say. NumPy computes with its scalars in a fifth of the time.
                    a = a[()]
                data = apply(b, a) if reflected else apply(a, b)
                if type(data) is not _ndarray:
                    data = _normal(data)
            elif type(b) is _ndarray and type(a) is float:
                data = _normal(evaluate(b, a) if reflected else evaluate(a, b))
            elif isinstance(other, (Value, int, float, complex, np.generic, _ndarray)):
                return record(operation, (other, self) if reflected else (self, other))
            elif isinstance(other, (list, tuple)):
                return method(self, np.asarray(other))
            elif hasattr(other, "as_dtype"):  # traced
                return record(operation, (other, self) if reflected else (self, other))
            else:
                return NotImplemented
        except (ArithmeticError, ValueError, TypeError):
            # `record` says what is wrong, or gives inf or nan
            return record(operation, (other, self) if reflected else (self, other))
        node = _new(Value)
        node._data = data
        node.operation = operation
        if reflected:
            node._first = other
            node._second = self
        else:
            node._first = self
            node._second = other
        node.serial = next_serial()
        frame = _frame(depth)
        code = frame.f_code
        if code.co_filename is not _users_file[0]:
            frame = _users(frame)
            code = frame.f_code
        node.frame_code = code
        node.frame_offset = frame.f_lasti
        if ENTERED.count:
            _obey_mode(node)
        return node

    return method


def unary_operator(operation: Operation) -> Callable[[Value], Any]:
    """A method without arguments such as __neg__ or relu: `record` unrolled for a number or an
    array."""
    operation.unary = _unary(operation, depth=2)
    return _unary(operation, depth=1)


def _unary(operation: Operation, depth: int) -> Callable[[Value], Any]:
    scalar = operation.scalar
    evaluate = operation.evaluate

    def method(self: Value) -> Any:
        try:
            a = self._data
        except AttributeError:  # a leaf whose number is in a pack
            a = self.data
        try:
            if type(a) is _ndarray:
                data = evaluate(a)
                if type(data) is not _ndarray:
                    data = _normal(data)
            elif type(a) is float and scalar is not None:
                data = scalar(a)
            else:
                return record(operation, (self,))
        except (ArithmeticError, ValueError, TypeError):
            return record(operation, (self,))  # which says what is wrong, or gives inf or nan
        node = _new(Value)
        node._data = data
        node.operation = operation
        node._first = self
        node._second = NO_SECOND
        node.serial = next_serial()
        frame = _frame(depth)
        code = frame.f_code
        if code.co_filename is not _users_file[0]:
            frame = _users(frame)
            code = frame.f_code
        node.frame_code = code
        node.frame_offset = frame.f_lasti
        if ENTERED.count:
            _obey_mode(node)
        return node

    return method


# -- the operations that the engine itself needs -------------------------------------------------


def _one_of(results: tuple[Any, ...], index: int) -> Any:
    return results[index]


class Cotangents(tuple[Any, ...]):
    """The cotangent of several results: one for each, added entry by entry."""

    def __add__(self, other: tuple[Any, ...]) -> Cotangents:
        return Cotangents(a + b for a, b in zip(self, other, strict=True))


def _one_of_vjp(g: Any, out: Any, results: Any, index: int) -> Cotangents:
    parts = data_of(results)
    return Cotangents(
        g if i == index else np.zeros(np.shape(part), getattr(part, "dtype", np.float64))
        for i, part in enumerate(parts)
    )


PICK = Operation(_one_of, (_one_of_vjp,), name="pick")
"""One result of an operation with several, such as the singular values of an SVD."""

IDENTITY = Operation(operator.pos, (lambda g, out, x: g,), name="identity")
"""A new handle on a Value, so that `grad` can tell its argument from other uses of it."""


def _astype_vjp(g: Any, out: Any, x: Any, dtype: Any) -> Any:
    return g  # the engine returns it to the dtype of x


ASTYPE = Operation(
    lambda x, dtype: np.asarray(x).astype(dtype, copy=False), (_astype_vjp,), name="astype"
)
"""Conversion to another floating or complex dtype."""
