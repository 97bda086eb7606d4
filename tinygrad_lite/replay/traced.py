"""Traced: stands for a number or array while a function is captured, and records what meets it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from tinygrad_lite.engine.rulebook import name_of
from tinygrad_lite.engine.value import Value
from tinygrad_lite.replay.errors import CaptureError, place, told
from tinygrad_lite.replay.form import Instruction, Slot
from tinygrad_lite.replay.functions import ASKS, DYNAMIC, LIKE, METHODS

_ndarray = np.ndarray
_FLOAT64 = np.dtype(np.float64)


class Tape:
    """A list of instructions under way. Everything is also computed, as in an ordinary call."""

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.open = True
        self.failure: CaptureError | None = None
        self._slots = 0
        self._errors: dict[str, Any] = dict(np.geterr())
        self.quiet: dict[Any, str] = {}  # which warnings the program itself has switched off

    def new_slot(self, data: Any) -> Slot:
        index, self._slots = self._slots, self._slots + 1
        if type(data) is float:
            return Slot(index, (), _FLOAT64, True, data)
        return Slot(index, data.shape, data.dtype, False, data)

    def given(self, data: Any) -> Traced:
        """A traced number or array that no instruction defines."""
        return Traced(self, self.new_slot(data), data)

    def run(
        self, function: Any, args: Any, settings: Any, evaluate: Callable[..., Any] | None = None
    ) -> Any:
        """Call a function on arguments of which some are traced, and remember the call."""
        result = (evaluate or function)(*untraced(args), **untraced(settings))
        return self.emit(function, args, settings, result)

    # -- hooks of the engine, see engine.tracing -------------------------------------------------

    def call(self, function: Any, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """A primitive on plain arrays."""
        if has_traced(args) or has_traced(settings):
            return self.run(function, args, settings, function.raw)
        return function.raw(*args, **settings)

    def emit(self, function: Any, args: Any, settings: Any, result: Any, **more: Any) -> Any:
        """Remember a call that gave a result."""
        if not self.open:
            raise CaptureError(
                f"{_name(function)} of an array that was computed while a function was captured: "
                f"outside the function it has no value; return it from the function instead"
            )
        if type(result) is tuple or type(result) is list or hasattr(result, "_fields"):
            parts = [self._traced(part) for part in result]
            self._append(function, args, settings, tuple(part.slot for part in parts), more)
            return type(result)(parts) if type(result) in (tuple, list) else type(result)(*parts)
        traced = self._traced(result)
        self._append(function, args, settings, (traced.slot,), more)
        return traced

    def _append(self, function: Any, args: Any, settings: Any, targets: Any, more: Any) -> None:
        for kind, setting in np.geterr().items():
            if setting == "ignore" != self._errors[kind]:
                self.quiet[kind] = "ignore"
        self.steps.append(
            Instruction(
                targets, function, slotted(args), slotted(settings) if settings else {},
                source=place(), **more,
            )
        )  # fmt: skip

    def _traced(self, data: Any) -> Traced:
        if type(data) is not _ndarray and type(data) is not float:
            if not isinstance(data, (np.generic, _ndarray, int, float, complex)):
                raise CaptureError(
                    f"a function that returns {type(data).__name__} was called on an array that "
                    f"is being captured{told(place())}: only arrays and numbers can be replayed"
                )
            data = np.asarray(data)
        return Traced(self, self.new_slot(data), data)

    def write(self, target: Traced, function: Any, args: Any, settings: Any) -> Traced:
        """Remember that the result of a function is written over an array, and write it."""
        before = target.slot
        if before.is_number:
            raise CaptureError(f"a number cannot be written into in place{told(place())}")
        function(*untraced(args), **untraced(settings), out=target.data)
        args = slotted(args)
        target.slot = self.new_slot(target.data)
        self._append(function, args, settings, (target.slot,), {"into": before})
        return target

    def refuse(self, what: str, advice: str) -> NoReturn:
        """Stop the capture: the program would depend on what an array holds."""
        error = CaptureError(f"{what}{told(place())}. {advice}")
        if self.failure is None:
            self.failure = error
        raise error


class Traced:
    """An array, or a Python float, of a captured function. Quacks like an ndarray as far as shapes
    and computing go; refuses to tell what it holds, as that would be frozen into the plan."""

    __slots__ = ("data", "slot", "tape")

    def __init__(self, tape: Tape, slot: Slot, data: Any) -> None:
        self.tape = tape
        self.slot = slot
        self.data = data

    # -- what does not depend on the entries ----------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.slot.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.slot.dtype

    @property
    def ndim(self) -> int:
        return len(self.slot.shape)

    @property
    def size(self) -> int:
        return np.size(self.data)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def flags(self) -> Any:
        return self.data.flags

    @property
    def strides(self) -> Any:
        return self.data.strides

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self.data)))

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<traced {self.dtype}[{','.join(map(str, self.shape))}]>"

    # -- computing ------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        if any(type(x) is Value for x in inputs):
            return NotImplemented
        out = settings.pop("out", None)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "at":
            self.tape.refuse(
                f"{name_of(ufunc)}.at writes into an array that is being captured",
                "Use tinygrad_lite.add_at",
            )
        if out is None:
            return self.tape.run(function, inputs, settings)
        if len(out) != 1:
            self.tape.refuse(f"{name_of(ufunc)} with several out=", "Use the returned arrays")
        target = out[0]
        if not isinstance(target, Traced):
            self.tape.refuse(
                f"{name_of(ufunc)} writes a captured result into a plain array of shape "
                f"{target.shape} that the capture does not know",
                "Write out = out + ..., or keep the array as an attribute of a Module",
            )
        return self.tape.write(target, function, inputs, settings)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        if Value in types:
            return NotImplemented
        if function in ASKS:
            return function(*untraced(args), **untraced(settings))
        if function in LIKE:
            return _like(self.tape, function, *args, **settings)
        if function in DYNAMIC or (function is np.where and len(args) == 1):
            self.tape.refuse(
                f"the shape that {name_of(function)} returns depends on the data",
                "Multiply by a mask, or use np.where with three arguments",
            )
        if function is np.copyto:
            return _copyto(*args, **settings)
        if settings.get("out") is not None:
            out = settings.pop("out")
            if not isinstance(out, Traced):
                self.tape.refuse(
                    f"{name_of(function)} with out= writes a captured result into a plain array",
                    "Use the returned array",
                )
            return self.tape.write(out, function, args, settings)
        return self.tape.run(function, args, settings)

    def __getattr__(self, name: str) -> Any:
        function = METHODS.get(name)
        if function is None:
            raise AttributeError(
                f"an array that is being captured has no attribute {name!r}: use NumPy's functions"
            )
        return lambda *args, **settings: self.__array_function__(
            function, (), (self, *args), settings
        )

    @property
    def T(self) -> Any:
        return self.tape.run(np.transpose, (self,), {})

    @property
    def real(self) -> Any:
        return self.tape.run(np.real, (self,), {})

    @property
    def imag(self) -> Any:
        return self.tape.run(np.imag, (self,), {})

    def reshape(self, *shape: Any, **settings: Any) -> Any:
        wanted = shape[0] if len(shape) == 1 else shape
        return self.tape.run(np.reshape, (self, wanted), settings)

    def transpose(self, *axes: Any) -> Any:
        wanted = axes[0] if len(axes) == 1 else axes or None
        return self.tape.run(np.transpose, (self, wanted), {})

    def astype(self, dtype: Any, copy: bool = True, **_: Any) -> Any:
        if not copy and np.dtype(dtype) == self.dtype:
            return self
        return self.tape.run(astype, (self,), {"dtype": np.dtype(dtype)})

    def as_dtype(self, dtype: Any) -> Any:
        """Itself if it has that dtype; the engine's way to tell that something is traced."""
        if self.slot.is_number and dtype == np.float64:
            return self
        return self.astype(dtype, copy=False)

    def copy(self, *_: Any) -> Any:
        return self.tape.run(np.copy, (self,), {})

    def flatten(self) -> Any:
        return self.tape.run(np.reshape, (self.copy(), -1), {})

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(self.data, _ndarray):
            raise TypeError("a number cannot be indexed")
        for part in index if isinstance(index, tuple) else (index,):
            if isinstance(part, Traced) and part.dtype == bool:
                self.tape.refuse(
                    "indexing with a mask that depends on the data gives an array of another "
                    "shape each time",
                    "Multiply by the mask, or use np.where",
                )
        return self.tape.run(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, entries: Any) -> None:
        before = self.slot
        self.data[untraced(index)] = untraced(entries)
        arguments = (index, entries)
        args = slotted(arguments)
        self.slot = self.tape.new_slot(self.data)
        self.tape._append(setitem, (before, *args), {}, (self.slot,), {"into": before})

    # -- what would freeze the data -------------------------------------------------------------

    def _refuse(self, what: str) -> NoReturn:
        self.tape.refuse(
            f"{what} needs a number that is only known when the program runs, and would be frozen "
            f"into the plan",
            "Return it from the function and look at it outside, compute with NumPy functions "
            "(np.where instead of if), or do not capture this function",
        )

    def __bool__(self) -> bool:
        self._refuse("a decision (if, while, and, or, not, assert) on captured data")

    def __float__(self) -> float:
        self._refuse("float() of captured data")

    def __int__(self) -> int:
        self._refuse("int() of captured data")

    def __index__(self) -> int:
        self._refuse("an index or count taken from captured data")

    def __complex__(self) -> complex:
        self._refuse("complex() of captured data")

    def __format__(self, specification: str) -> str:
        self._refuse("printing captured data")

    def __str__(self) -> str:
        self._refuse("printing captured data")

    def __round__(self, *_: Any) -> Any:
        self._refuse("round() of captured data")

    def item(self, *_: Any) -> Any:
        self._refuse(".item() or float() of captured data")

    def tolist(self) -> Any:
        self._refuse(".tolist() of captured data")

    def __array__(self, *_: Any, **__: Any) -> Any:
        self.tape.refuse(
            "making a plain array of captured data (np.asarray, an index into a plain array, an "
            "assignment to one) would freeze it into the plan",
            "Join with np.concatenate, look rows up outside and pass them as an argument, or use "
            "nn.Embedding",
        )


def astype(x: Any, dtype: Any) -> Any:
    """``x.astype(dtype)``."""
    return np.asarray(x).astype(dtype)


def setitem(x: Any, index: Any, entries: Any) -> Any:
    """``x[index] = entries``."""
    x[index] = entries
    return x


def untraced(tree: Any) -> Any:
    """Traced arrays replaced by what they are, within tuples, lists, dicts and slices.

    A container without any is returned itself: others may hold on to it, as an optimiser to its
    groups.
    """
    kind = type(tree)
    if kind is Traced:
        return tree.data
    if isinstance(tree, tuple) or kind is list:
        branches = [untraced(branch) for branch in tree]
        if all(map(operator.is_, branches, tree)):
            return tree
        return branches if kind is list else tuple(branches)
    if kind is dict:
        entries = {key: untraced(branch) for key, branch in tree.items()}
        return tree if all(map(operator.is_, entries.values(), tree.values())) else entries
    return tree


def slotted(tree: Any) -> Any:
    """Traced arrays replaced by their slots."""
    kind = type(tree)
    if kind is Traced:
        return tree.slot
    if isinstance(tree, tuple):
        return tuple([slotted(branch) for branch in tree])
    if kind is list:
        return [slotted(branch) for branch in tree]
    if kind is dict:
        return {key: slotted(branch) for key, branch in tree.items()}
    return tree


def has_traced(tree: Any) -> bool:
    """Whether there is a traced array within tuples, lists and dicts."""
    kind = type(tree)
    if kind is Traced:
        return True
    if isinstance(tree, tuple) or kind is list:
        return any(map(has_traced, tree))
    return kind is dict and any(map(has_traced, tree.values()))


def _copyto(target: Any, entries: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(target, Traced):
        entries._refuse("np.copyto of captured data into a plain array")
    target.__setitem__(Ellipsis if where is True else where, entries)


def _like(
    tape: Tape, function: Any, prototype: Any, *args: Any, dtype: Any = None,
    shape: Any = None, **settings: Any,
) -> Any:  # fmt: skip
    """np.zeros_like and kin: an array made anew in each call, as it may be written into."""
    plain = function(untraced(prototype), *untraced(args), dtype=dtype, shape=shape)
    fill = args[0] if args else settings.get("fill_value", 1 if function is np.ones_like else 0)
    if function is np.full_like and settings:
        plain = np.full_like(untraced(prototype), untraced(fill), dtype=dtype, shape=shape)
    return tape.emit(np.full, (plain.shape, fill, plain.dtype), {}, np.asarray(plain))


def _name(function: Any) -> str:
    return getattr(function, "name", None) or name_of(function)
