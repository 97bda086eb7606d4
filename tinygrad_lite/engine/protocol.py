"""NumPy's two protocols: np.f(value) finds the rule of f, or refuses by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.errors import explained_call
from tinygrad_lite.engine.record import record
from tinygrad_lite.engine.rulebook import COMPOSED, CONSTANT, RULES, name_of, no_rule
from tinygrad_lite.engine.value import Value

# ufunc.reduce and ufunc.accumulate are functions with names of their own.
_REDUCE: dict[np.ufunc, Any] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
}  # fmt: skip
_ACCUMULATE: dict[np.ufunc, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}

# Settings that mean "as usual", which NumPy's own Python code passes along.
_DEFAULTS: dict[str, Any] = {
    "out": None, "dtype": None, "where": True, "initial": np._NoValue, "casting": "same_kind",
    "order": "K", "subok": True, "like": None,
}  # fmt: skip


def array_ufunc(self: Value, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """np.tanh(value), np.add(array, value), np.add.reduce(value) ..."""
    if kwargs:
        kwargs = _settings(ufunc, kwargs)
    if method == "__call__":
        if not kwargs:
            operation = RULES.get(ufunc)
            if operation is not None:
                if operation.unary is not None:
                    return operation.unary(self)
                if operation.reflected is not None and inputs[1] is self:  # array @ value
                    return operation.reflected(self, inputs[0])
                for a in inputs:
                    if type(a) is list or type(a) is tuple:
                        inputs = _as_arrays(inputs)
                        break
                return record(operation, inputs)
        return _call(ufunc, inputs, kwargs)
    if method == "reduce" and ufunc in _REDUCE:
        axis = kwargs.pop("axis", inputs[1] if len(inputs) > 1 else 0)
        return _call(_REDUCE[ufunc], inputs[:1], {"axis": axis, **kwargs})
    if method == "accumulate" and ufunc in _ACCUMULATE:
        axis = kwargs.pop("axis", inputs[1] if len(inputs) > 1 else 0)
        return _call(_ACCUMULATE[ufunc], inputs[:1], {"axis": axis, **kwargs})
    if method == "outer" and len(inputs) == 2:
        a, b = inputs
        return _call(ufunc, (np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b), kwargs)
    raise TypeError(
        f"{name_of(ufunc)}.{method} has no differentiation rule; call it on plain arrays (x.data) "
        f"if no gradient is wanted"
    )


def array_function(
    self: Value, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """np.sum(value, axis=0), np.concatenate([value, array]) ..."""
    if kwargs:
        kwargs = _settings(function, kwargs)
    return _call(function, args, kwargs)


def _call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    operation = RULES.get(function)
    if operation is not None:
        arrays, metadata = operation.bind(args, kwargs)
        if metadata:
            metadata = _settings(function, metadata)
            _check_settings(operation, metadata)
        return record(operation, _as_arrays(arrays), metadata)
    try:
        if function in COMPOSED:
            return COMPOSED[function](*args, **kwargs)
        if function in CONSTANT:
            return function(*_stripped(args), **_stripped(kwargs))
    except (TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        told = explained_call(error, name_of(function), args, kwargs)
        if told is None:
            raise
        raise told from None
    raise no_rule(function)


def _as_arrays(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.asarray(a) if isinstance(a, (list, tuple)) else a for a in arguments)


def _settings(function: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Keyword settings without those that say nothing."""
    if kwargs.get("out") is not None:
        raise TypeError(
            f"{name_of(function)} with out= would overwrite an array that the record of the "
            f"computation refers to, and is refused for Values: use the returned Value (array += "
            f"value asks for the same: write array = array + value)"
        )
    return {
        k: v
        for k, v in kwargs.items()
        if v is not np._NoValue and not (k in _DEFAULTS and v is _DEFAULTS[k])
    }


def _check_settings(operation: Any, metadata: dict[str, Any]) -> None:
    understood = operation.settings
    unknown = [] if understood is None else [k for k in metadata if k not in understood]
    if unknown:
        usual = {"dim": "axis", "keepdim": "keepdims"}.get(unknown[0])
        instead = f"NumPy calls it {usual}" if usual else "leave it out"
        raise TypeError(
            f"{name_of(operation.function)} has a differentiation rule, but not with the setting "
            f"{unknown[0]}={metadata[unknown[0]]!r}: {instead}, or call it on plain arrays "
            f"(x.data) if no gradient is wanted"
        )


def _stripped(argument: Any) -> Any:
    """Arguments with plain arrays in the place of Values."""
    if type(argument) is Value:
        return argument.data
    if type(argument) is tuple or type(argument) is list:
        return type(argument)(_stripped(a) for a in argument)
    if type(argument) is dict:
        return {k: _stripped(a) for k, a in argument.items()}
    return argument


Value.__array_ufunc__ = array_ufunc
Value.__array_function__ = array_function
