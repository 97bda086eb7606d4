"""Value: a number or an array that remembers which operation made it.

What a Value can do is set in three places, each a table or a short function: operators and
methods in `tinygrad_lite.rules.methods`, NumPy's protocols in `engine.protocol`, and `backward`
in `engine.backward`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from types import CodeType
from typing import TYPE_CHECKING, Any, final

import numpy as np

from tinygrad_lite.engine.modes import ENTERED, MODE
from tinygrad_lite.engine.rulebook import Operation

next_serial = count().__next__  # creation order is a topological order; atomic under the GIL
_ndarray = np.ndarray
_FLOAT64 = np.dtype(np.float64)

NO_SECOND = object()
"""In the place of a Value's second argument: it has only one."""
IN_TUPLE = object()
"""In the place of a Value's second argument: the first is a tuple of all."""


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
        "_data", "_first", "_grad", "_metadata", "_name", "_retained", "_second", "_within",
        "frame_code", "frame_offset", "operation", "passes", "serial",
    )  # fmt: skip
    operation: Operation | None
    serial: int
    frame_code: CodeType | None
    frame_offset: int
    passes: int
    _data: Any
    _first: Any
    _grad: Any
    _metadata: dict[str, Any] | None
    _name: str
    _retained: bool
    _second: Any
    _within: Any

    def __init__(self, data: Any, name: str = "") -> None:
        self._data = _leaf_data(data)
        self.operation = None
        self._first = ()
        self._second = IN_TUPLE
        self._metadata = None
        self._retained = False
        self.serial = next_serial()
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
        mT: Any
        real: Any
        imag: Any

    # -- what it holds ---------------------------------------------------------------------------

    # The engine itself reads and writes `_data`, as a property costs 50 ns. A leaf may be one of
    # many numbers in a pack (see replay.packs); then `_data` and `_grad` are unset, and the pack
    # sets them when somebody wants to know. `_within` is the scope of a computed Value, and the
    # pack of a leaf: with a slot for each, eager scalars would be 7 % slower.

    @property
    def data(self) -> Any:
        """The number (float) or array."""
        try:
            return self._data
        except AttributeError:
            self._within.give_back(self)
            return self._data

    @data.setter
    def data(self, data: Any) -> None:
        try:
            self._data  # noqa: B018 (whether it is set)
        except AttributeError:
            self._within.give_back(self)
        self._data = data

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data, () for a scalar."""
        return np.shape(self.data)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries; float64 for a scalar."""
        dtype: np.dtype[Any] = getattr(self.data, "dtype", _FLOAT64)
        return dtype

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

    # One or two arguments without settings lie in slots of their own, and then the slots of the
    # settings and of `retained` are unset. A tuple would be a second object of each node for the
    # garbage collector, which walks over a growing graph time and again: steps of scalars took
    # 1.5 times as long.

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments of the operation, Values and plain ones."""
        second = self._second
        if second is IN_TUPLE:
            args: tuple[Any, ...] = self._first
            return args
        return (self._first,) if second is NO_SECOND else (self._first, second)

    @args.setter
    def args(self, args: tuple[Any, ...]) -> None:
        self._spell_out()
        self._first = args

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The keyword settings of the operation, or None."""
        return self._metadata if self._second is IN_TUPLE else None

    @metadata.setter
    def metadata(self, metadata: dict[str, Any] | None) -> None:
        self._spell_out()
        self._metadata = metadata

    @property
    def retained(self) -> bool:
        """Whether `backward` keeps the cotangent, as `retain_grad` asks."""
        return self._retained if self._second is IN_TUPLE else False

    def _spell_out(self) -> None:
        """Put the arguments in a tuple, so that settings and `retained` can be set."""
        if self._second is not IN_TUPLE:
            self._first, self._second = self.args, IN_TUPLE
            self._metadata = None
            self._retained = False

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
            within = self._within
        except AttributeError:
            return ""
        return within if type(within) is str else ""

    @property
    def grad(self) -> Any:
        """Cotangent accumulated so far, None before the first `backward`.

        Set it to None (or to a value of the same shape) to start over."""
        if ENTERED.count:
            _tell_trace(self, setting=False)
        try:
            return self._grad
        except AttributeError:
            if not hasattr(self, "_data"):
                self._within.give_back(self)
            return getattr(self, "_grad", None)

    @grad.setter
    def grad(self, gradient: Any) -> None:
        try:
            self._data  # noqa: B018 (whether it is set)
        except AttributeError:
            self._within.give_back(self)
        if gradient is not None:
            shape = np.shape(data_of(gradient))
            if shape not in ((), self.shape):
                raise ValueError(
                    f"the gradient of {describe(self)} must have its shape {self.shape}, not "
                    f"{shape}"
                )
        if ENTERED.count:
            _tell_trace(self, setting=True)
        self._grad = gradient
        self.passes = 0

    def retain_grad(self) -> Value:
        """Ask `backward` to keep the cotangent of this intermediate Value in `.grad`."""
        self._spell_out()
        self._retained = True
        return self

    def item(self) -> float:
        """The only entry as a Python number.

        Raises:
            ValueError: there is more than one entry.
        """
        if self.size != 1:
            raise ValueError(f"item() wants a single entry; {describe(self)} has {self.size}")
        return self.data if type(self.data) is float else self.data.item()

    def tolist(self) -> Any:
        """The entries as nested lists of Python numbers, a number if there are no axes."""
        return self.data if type(self.data) is float else self.data.tolist()

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


def zeros_of(value: Value) -> Any:
    """A zero cotangent of the shape and dtype of a Value; a Python float if it holds one."""
    return 0.0 if type(value.data) is float else np.zeros_like(value.data)


def _array_text(array: np.ndarray[Any, Any]) -> str:
    text = np.array2string(array, separator=", ", prefix="Value(array(", threshold=20, edgeitems=3)
    return f"array({text}, shape={array.shape}, dtype={array.dtype})"


def _tell_trace(value: Value, setting: bool) -> None:
    trace = MODE.get().trace
    if trace is not None:
        trace.touch_gradient(value, setting)


def _restore(data: Any, name: str, grad: Any) -> Value:
    value = Value(data, name)
    if grad is not None:
        value.grad = grad
    return value


def _leaf_data(data: Any) -> Any:
    kind = type(data)
    if kind is float or hasattr(kind, "as_dtype"):  # or traced
        return data
    if kind is Value:
        raise TypeError(
            f"Value(...) of {describe(data)}: it is one already. For a new leaf that forgets how "
            f"it was computed, use Value(x.data)"
        )
    try:
        array = np.array(data) if isinstance(data, (list, tuple)) else np.asarray(data)
    except ValueError as error:
        raise ValueError(
            f"a Value holds one array; the {kind.__name__} given does not make one: {error}"
        ) from None
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    if array.dtype.kind not in "fc":
        raise TypeError(f"a Value holds numbers; got {kind.__name__} with dtype {array.dtype}")
    if array.ndim == 0 and array.dtype == np.float64:
        return float(array)
    # A subclass (np.matrix, masked arrays) has semantics of its own, which rules would not keep.
    return array.view(np.ndarray) if type(array) is not np.ndarray else array
