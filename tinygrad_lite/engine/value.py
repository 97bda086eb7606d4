"""Value: a number or an array that remembers which operation made it.

What a Value can do is set in three places, each a table or a short function: operators and
methods in `tinygrad_lite.rules.methods`, NumPy's protocols in `engine.protocol`, and `backward`
in `engine.backward`.
"""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from types import CodeType
from typing import TYPE_CHECKING, Any, final

import numpy as np

from tinygrad_lite.engine.errors import explained
from tinygrad_lite.engine.modes import ENTERED, MODE
from tinygrad_lite.engine.rulebook import Operation

_next_serial = count().__next__  # creation order is a topological order; atomic under the GIL
_new = object.__new__
_frame = sys._getframe
_float64 = np.float64
_ndarray = np.ndarray


class _Internal(dict[str, bool]):
    """Whether a source file belongs to this package; looked up for every operation."""

    _package = os.path.dirname(os.path.dirname(__file__)) + os.sep

    def __missing__(self, filename: str) -> bool:
        self[filename] = filename.startswith(self._package)
        return self[filename]


_internal = _Internal()


@final
class Value:
    """A scalar (Python float inside) or tensor (ndarray inside) to differentiate by.

    Args:
        data: a number, array or nested list of numbers. Floating arrays are kept as they are, not
            copied; integers and booleans become float64; a complex number becomes a 0-d array.
        name: shown by `repr`, error messages, programs and drawings.

    Attributes:
        data: the number (float) or array.
        grad: cotangent accumulated by `backward`, None before; for leaves, and for Values that
            asked for it with `retain_grad`.
        operation: the row of the rulebook that made it, None for a leaf.
        args: the arguments of that operation, Values and plain ones.
        metadata: its keyword settings, or None.
        serial: position in creation order.
        passes: how many backward passes are accumulated in `.grad`.

    Raises:
        TypeError: data is not numeric, or a list holds Values (use `np.stack`).

    >>> x = Value(3.0, name="x")
    >>> y = x**2 + 1
    >>> y.backward()
    >>> x.grad
    6.0
    """

    __slots__ = (
        "_grad", "_name", "_scope", "args", "data", "frame_code", "frame_offset", "metadata",
        "operation", "passes", "retained", "serial",
    )  # fmt: skip
    data: Any
    operation: Operation | None
    args: tuple[Any, ...]
    metadata: dict[str, Any] | None
    serial: int
    frame_code: CodeType | None
    frame_offset: int
    passes: int
    retained: bool
    _grad: Any
    _name: str
    _scope: str

    def __init__(self, data: Any, name: str = "") -> None:
        self.data = _leaf_data(data)
        self.operation = None
        self.args = ()
        self.metadata = None
        self.serial = _next_serial()
        self.retained = False
        self.frame_code = None
        self.frame_offset = 0
        self.passes = 0
        self._name = name

    if TYPE_CHECKING:  # attached elsewhere, see the module's docstring
        backward: Callable[..., None]
        abs: Callable[..., Any]
        all: Callable[..., Any]
        any: Callable[..., Any]
        argmax: Callable[..., Any]
        argmin: Callable[..., Any]
        argsort: Callable[..., Any]
        astype: Callable[..., Any]
        clip: Callable[..., Any]
        compress: Callable[..., Any]
        conj: Callable[..., Any]
        conjugate: Callable[..., Any]
        copy: Callable[..., Any]
        cos: Callable[..., Any]
        cumprod: Callable[..., Any]
        cumsum: Callable[..., Any]
        diagonal: Callable[..., Any]
        dot: Callable[..., Any]
        exp: Callable[..., Any]
        flatten: Callable[..., Any]
        log: Callable[..., Any]
        max: Callable[..., Any]
        mean: Callable[..., Any]
        min: Callable[..., Any]
        nonzero: Callable[..., Any]
        prod: Callable[..., Any]
        ptp: Callable[..., Any]
        ravel: Callable[..., Any]
        relu: Callable[..., Any]
        repeat: Callable[..., Any]
        reshape: Callable[..., Any]
        round: Callable[..., Any]
        searchsorted: Callable[..., Any]
        sigmoid: Callable[..., Any]
        sin: Callable[..., Any]
        sort: Callable[..., Any]
        sqrt: Callable[..., Any]
        squeeze: Callable[..., Any]
        std: Callable[..., Any]
        sum: Callable[..., Any]
        swapaxes: Callable[..., Any]
        take: Callable[..., Any]
        tanh: Callable[..., Any]
        trace: Callable[..., Any]
        transpose: Callable[..., Any]
        var: Callable[..., Any]
        __add__: Callable[..., Any]
        __radd__: Callable[..., Any]
        __sub__: Callable[..., Any]
        __rsub__: Callable[..., Any]
        __mul__: Callable[..., Any]
        __rmul__: Callable[..., Any]
        __truediv__: Callable[..., Any]
        __rtruediv__: Callable[..., Any]
        __floordiv__: Callable[..., Any]
        __rfloordiv__: Callable[..., Any]
        __mod__: Callable[..., Any]
        __rmod__: Callable[..., Any]
        __divmod__: Callable[..., Any]
        __rdivmod__: Callable[..., Any]
        __pow__: Callable[..., Any]
        __rpow__: Callable[..., Any]
        __matmul__: Callable[..., Any]
        __rmatmul__: Callable[..., Any]
        __neg__: Callable[..., Any]
        __pos__: Callable[..., Any]
        __abs__: Callable[..., Any]
        __round__: Callable[..., Any]
        __floor__: Callable[..., Any]
        __ceil__: Callable[..., Any]
        __trunc__: Callable[..., Any]
        __getitem__: Callable[..., Any]
        __array_ufunc__: Callable[..., Any]
        __array_function__: Callable[..., Any]
        T: Any
        real: Any
        imag: Any

    # -- what it holds ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data, () for a scalar."""
        return np.shape(self.data)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries; float64 for a scalar."""
        return self.data.dtype if type(self.data) is _ndarray else np.dtype(np.float64)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return np.ndim(self.data)

    @property
    def size(self) -> int:
        """Number of entries."""
        return np.size(self.data)

    @property
    def is_leaf(self) -> bool:
        """Whether it was given rather than computed; `backward` accumulates `.grad` here."""
        return self.operation is None

    # `record` leaves the next three slots unset, as each store costs 2 % of a scalar operation and
    # most Values of a graph never use them.

    @property
    def name(self) -> str:
        """Shown by `repr`, messages, programs and drawings; may be set at any time."""
        try:
            return self._name
        except AttributeError:
            return ""

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def scope(self) -> str:
        """The names of the `scope` contexts it was recorded in, joined by a slash."""
        try:
            return self._scope
        except AttributeError:
            return ""

    @property
    def grad(self) -> Any:
        """Cotangent accumulated so far, None before the first `backward`.

        Set it to None (or to a value of the same shape) to start over."""
        try:
            return self._grad
        except AttributeError:
            return None

    @grad.setter
    def grad(self, gradient: Any) -> None:
        if gradient is not None:
            shape = np.shape(data_of(gradient))
            if shape not in ((), self.shape):
                raise ValueError(
                    f"the gradient of {describe(self)} must have its shape {self.shape}, not "
                    f"{shape}"
                )
        self._grad = gradient
        self.passes = 0

    def retain_grad(self) -> Value:
        """Ask `backward` to keep the cotangent of this intermediate Value in `.grad`."""
        self.retained = True
        return self

    def item(self) -> float:
        """The only entry as a Python number.

        Raises:
            ValueError: there is more than one entry.
        """
        if self.size != 1:
            raise ValueError(f"item() wants a single entry; {describe(self)} has {self.size}")
        return self.data if type(self.data) is float else self.data.item()

    # -- as Python expects -----------------------------------------------------------------------

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError(f"a scalar has no len(): {describe(self)}")
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError(f"a scalar cannot be iterated over: {describe(self)}")
        return (self[index] for index in range(len(self.data)))

    def __contains__(self, entry: Any) -> bool:
        return bool(np.any(self.data == data_of(entry)))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __bool__(self) -> bool:
        return bool(self.data)  # NumPy refuses when there is more than one entry

    def __format__(self, specification: str) -> str:
        return format(self.item(), specification) if specification else str(self)

    def __repr__(self) -> str:
        data = repr(self.data) if type(self.data) is not _ndarray else _array_text(self.data)
        name = f", name={self.name!r}" if self.name else ""
        operation = f", operation={self.operation.name!r}" if self.operation is not None else ""
        return f"Value({data}{name}{operation})"

    def __setitem__(self, index: Any, entries: Any) -> None:
        raise TypeError(
            "entries of a Value cannot be assigned, as the record would no longer be true: use "
            "x = tinygrad_lite.set_at(x, index, entries), which returns a new Value"
        )

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            f"{describe(self)} was handed to code that wants a plain array, which would lose its "
            f"gradient: pass x.data if that is meant, or np.stack([...]) to join Values"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # History is not copied: a graph may be a million nodes deep, and its functions are code.
        return _restore, (self.data, self.name, self.grad)

    # Comparison gives plain booleans or arrays of them: it has no gradient. Values are hashed by
    # identity, so keep them in dicts and sets, never look for one with `in` a list.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return self.data == data_of(other)

    def __ne__(self, other: object) -> Any:
        return self.data != data_of(other)

    def __lt__(self, other: Any) -> Any:
        return self.data < data_of(other)

    def __le__(self, other: Any) -> Any:
        return self.data <= data_of(other)

    def __gt__(self, other: Any) -> Any:
        return self.data > data_of(other)

    def __ge__(self, other: Any) -> Any:
        return self.data >= data_of(other)


def describe(value: Value) -> str:
    """How messages speak of a Value: Value 'w1' of shape (784, 16), float32."""
    name = f" {value.name!r}" if value.name else ""
    made = f" made by {value.operation.name}" if value.operation is not None else ""
    scope = f" in {value.scope!r}" if value.scope else ""
    if type(value.data) is tuple:
        return f"results{made}{scope}"
    return f"Value{name} of shape {value.shape}, {value.dtype}{made}{scope}"


def source_of(value: Value) -> tuple[str, int] | None:
    """File and line of the user's code that recorded a Value, None for a leaf."""
    code = value.frame_code
    if code is None:
        return None
    for start, end, line in code.co_lines():
        if start <= value.frame_offset < end and line is not None:
            return code.co_filename, line
    return code.co_filename, code.co_firstlineno


def data_of(x: Any) -> Any:
    """The plain number or array in a Value, anything else as it is."""
    return x.data if type(x) is Value else x


def _array_text(array: np.ndarray[Any, Any]) -> str:
    text = np.array2string(array, separator=", ", prefix="Value(array(", threshold=20, edgeitems=3)
    return f"array({text}, shape={array.shape}, dtype={array.dtype})"


def _restore(data: Any, name: str, grad: Any) -> Value:
    value = Value(data, name)
    if grad is not None:
        value.grad = grad
    return value


def _leaf_data(data: Any) -> Any:
    kind = type(data)
    if kind is float:
        return data
    if kind is Value:
        raise TypeError(
            f"Value(...) of {describe(data)}: it is one already. For a new leaf that forgets how "
            f"it was computed, use Value(x.data)"
        )
    if isinstance(data, (list, tuple)):
        data = np.array(data)
    array = np.asarray(data)
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    if array.dtype.kind not in "fc":
        raise TypeError(f"a Value holds numbers; got {kind.__name__} with dtype {array.dtype}")
    if array.ndim == 0 and array.dtype == np.float64:
        return float(array)
    # A subclass (np.matrix, masked arrays) has semantics of its own, which rules would not keep.
    return array.view(np.ndarray) if type(array) is not np.ndarray else array


# -- recording -----------------------------------------------------------------------------------


def record(operation: Operation, args: tuple[Any, ...], metadata: Any = None) -> Any:
    """Run an operation on arguments of which at least one is a Value, and remember it.

    Returns:
        A Value; for an operation with several results a tuple of Values.

    Raises:
        TypeError, ValueError, IndexError, LinAlgError: what NumPy raised, told with shapes and
            names.
    """
    raw = [a.data if type(a) is Value else a for a in args] if len(args) > 1 else [args[0].data]
    data: Any = None
    if (
        type(raw[0]) is not _ndarray
        and operation.scalar is not None
        and not metadata
        and all(type(a) in _NUMBERS for a in raw)
    ):
        try:
            data = operation.scalar(*raw)
        except (ArithmeticError, ValueError):
            data = None  # outside the domain: NumPy gives inf or nan, and its warning
    if data is None:
        try:
            data = operation.evaluate(*raw, **metadata) if metadata else operation.evaluate(*raw)
        except (TypeError, ValueError, IndexError) as error:
            raise explained(error, operation, args, metadata) from None
    return remember(operation, args, metadata, data)


def remember(operation: Operation, args: tuple[Any, ...], metadata: Any, data: Any) -> Any:
    """A Value (a tuple of them for several results) that knows how `data` was computed."""
    kind = type(data)
    if kind is not _ndarray and kind is not float:
        data = _normal(data)
    node = _new(Value)
    node.data = data
    node.operation = operation
    node.args = args
    node.metadata = metadata or None
    node.serial = _next_serial()
    node.retained = False
    frame = _frame(2)
    while _internal[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back  # to the line of the user's that asked for it
    node.frame_code = frame.f_code
    node.frame_offset = frame.f_lasti
    if ENTERED.count:
        _obey_mode(node)
    if type(data) is tuple:
        picks = tuple(record(PICK, (node,), {"index": index}) for index in range(len(data)))
        return picks if kind is tuple else kind(*picks)  # np.linalg's results have field names
    return node


_NUMBERS = (float, int, _float64)


def _normal(data: Any) -> Any:
    """float64 scalars as Python floats, other scalars as 0-d arrays, several results as a tuple."""
    if isinstance(data, tuple):
        return tuple(d if type(d) is _ndarray else _normal(d) for d in data)
    if isinstance(data, float):
        return float(data)
    return np.asarray(data)


def _obey_mode(node: Value) -> None:
    mode = MODE.get()
    if not mode.recording:
        node.operation = None
        node.args = ()
        node.metadata = None
        return
    if mode.scope:
        node._scope = mode.scope
    if mode.watch is not None:
        mode.watch.forward(node)


def binary_operator(operation: Operation, reflected: bool = False) -> Callable[..., Any]:
    """An operator method such as __add__ or __radd__: `record` unrolled for two numbers or arrays,
    where a program spends its time."""
    scalar = operation.scalar
    evaluate = operation.evaluate

    def method(self: Value, other: Any) -> Any:
        args = (other, self) if reflected else (self, other)
        a = self.data
        b = other.data if type(other) is Value else other
        try:
            if type(a) is float and (type(b) is float or type(b) is int) and scalar is not None:
                data = scalar(b, a) if reflected else scalar(a, b)
            elif type(b) is _ndarray or (type(b) in _NUMBERS and type(a) is _ndarray):
                data = evaluate(b, a) if reflected else evaluate(a, b)
                if type(data) is not _ndarray:
                    data = _normal(data)
            elif isinstance(other, (Value, int, float, complex, np.generic, _ndarray)):
                return record(operation, args)
            elif isinstance(other, (list, tuple)):
                return method(self, np.asarray(other))
            else:
                return NotImplemented
        except (ArithmeticError, ValueError, TypeError):
            return record(operation, args)  # which says what is wrong, or gives inf or nan
        node = _new(Value)
        node.data = data
        node.operation = operation
        node.args = args
        node.metadata = None
        node.serial = _next_serial()
        node.retained = False
        frame = _frame(1)
        while _internal[frame.f_code.co_filename] and frame.f_back is not None:
            frame = frame.f_back
        node.frame_code = frame.f_code
        node.frame_offset = frame.f_lasti
        if ENTERED.count:
            _obey_mode(node)
        return node

    return method


def unary_operator(operation: Operation) -> Callable[[Value], Any]:
    """A method without arguments such as __neg__ or relu, quick for a Python float."""
    scalar = operation.scalar

    def method(self: Value) -> Any:
        if type(self.data) is float and scalar is not None:
            try:
                return remember(operation, (self,), None, scalar(self.data))
            except (ArithmeticError, ValueError):
                pass  # outside the domain: NumPy gives inf or nan, and its warning
        return record(operation, (self,))

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
    return Cotangents(g if i == index else np.zeros_like(part) for i, part in enumerate(parts))


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
