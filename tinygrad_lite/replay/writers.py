"""How a step is told where to write: the text of a call with a given output array."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import RULES, Operation
from tinygrad_lite.replay.form import Instruction, Slot
from tinygrad_lite.replay.traced import astype, setitem
from tinygrad_lite.rules.activations import relu, where_positive
from tinygrad_lite.rules.batch_norm import batch_norm_back

Text = Callable[[Any], str]
"""Gives the text of a constant, a slot, or a tuple of them."""


def constant(data: Any) -> Any:
    """Plain data, in a slot."""
    return data


def is_elementwise(step: Instruction) -> bool:
    """Whether it is a ufunc, entry by entry."""
    function = step.function
    return isinstance(function, np.ufunc) and function.signature is None and not step.settings


def may_overwrite(step: Instruction) -> bool:
    """Whether a step may write its result over an argument of the same layout."""
    return is_elementwise(step) or step.function in _OVERWRITING


def reduction_of(function: Any) -> np.ufunc | None:
    """The ufunc whose ``reduce`` a function is."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc) and function.__name__ == "reduce":
        return owner
    return None


def written(step: Instruction, out: str, text: Text) -> str | None:
    """The text of a call that leaves the result in `out`; None if the function cannot.

    Args:
        step: the step.
        out: the text of the array to write to.
        text: gives the text of arguments.
    """
    function = step.function
    writer = _WRITERS.get(function) if not isinstance(function, Operation) else None
    if writer is not None:
        return writer(step, out, text)
    args = argument_texts(step, text)
    settings = [f"{name}={text(setting)}" for name, setting in step.settings.items()]
    if isinstance(function, np.ufunc):
        if function.nout != 1 or "dtype" in step.settings:
            return None
        if settings or function in (np.maximum, np.minimum):  # which deprecate a third argument
            return _call(function, [*args, f"out={out}", *settings], text)
        return _call(function, [*args, out], text)
    if reduction_of(function) is not None:
        if step.settings.keys() <= {"axis", "keepdims"} and len(args) == 1:
            axis = text(step.settings.get("axis", 0))
            more = [text(True)] if step.settings.get("keepdims") else []
            return _call(function, [*args, axis, "None", out, *more], text)
        return _call(function, [*args, f"out={out}", *settings], text)
    if isinstance(function, Operation):
        if _takes_out(function.evaluate):
            return _call(function.evaluate, [*args, *settings, f"out={out}"], text)
        return None
    if function in _TAKE_OUT:
        return _call(function, [*args, f"out={out}", *settings], text)
    return None


@cache
def _takes_out(function: Callable[..., Any]) -> bool:
    """Whether an operation of this package can be told where to write, by ``out=``."""
    try:
        return "out" in inspect.signature(function).parameters
    except ValueError:
        return False


def argument_texts(step: Instruction, text: Text) -> list[str]:
    """Arguments of a call; Python numbers as arrays of the dtype that they will take on, which
    NumPy then need not find out in every call."""
    arguments = step.arguments
    if isinstance(step.function, np.ufunc):
        dtypes = {a.dtype for a in arguments if hasattr(a, "dtype") and np.ndim(a)}
        dtypes |= {a.dtype for a in arguments if type(a) is Slot and a.shape}
        if len(dtypes) == 1 and (dtype := dtypes.pop()).kind == "f":
            arguments = tuple(
                np.array(a, dtype) if type(a) in (int, float) else a for a in arguments
            )
    return [text(a) for a in arguments]


def _call(function: Any, parts: list[str], text: Text) -> str:
    return f"{text(function)}({', '.join(parts)})"


def _copy(step: Instruction, out: str, text: Text) -> str:
    return f"{text(np.copyto)}({out}, {text(step.arguments[0])})"


def _astype(step: Instruction, out: str, text: Text) -> str:
    return f"{text(np.copyto)}({out}, {text(step.arguments[0])}, 'unsafe')"


def _full(step: Instruction, out: str, text: Text) -> str:
    return f"{out}.fill({text(step.arguments[1])})"


def _where(step: Instruction, out: str, text: Text) -> str | None:
    if len(step.arguments) != 3 or step.settings:
        return None
    condition, x, y = map(text, step.arguments)
    if out in (condition, x):
        return None
    copyto = text(np.copyto)
    return f"{copyto}({out}, {y}, 'unsafe'); {copyto}({out}, {x}, 'unsafe', {condition})"


def _setitem(step: Instruction, out: str, text: Text) -> str:
    return f"{out}[{text(step.arguments[1])}] = {text(step.arguments[2])}"


_OVERWRITING = {RULES[relu], RULES[where_positive]}
_TAKE_OUT = {
    np.concatenate, np.stack, np.clip, np.cumsum, np.cumprod, np.dot, np.round, batch_norm_back,
}  # fmt: skip

_WRITERS: dict[Any, Callable[[Instruction, str, Text], str | None]] = {
    np.copy: _copy, constant: _copy, astype: _astype, np.full: _full, np.where: _where,
    setitem: _setitem,
}  # fmt: skip
