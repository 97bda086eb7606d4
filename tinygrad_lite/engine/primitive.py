"""primitive: a function of arrays that the engine treats as one operation."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from tinygrad_lite.engine.modes import ENTERED, MODE
from tinygrad_lite.engine.record import record
from tinygrad_lite.engine.rulebook import RULES, no_rule
from tinygrad_lite.engine.value import Value


class primitive:
    """Make a function of plain arrays one recorded operation, to be given a rule by `defvjp`.

    Called without Values it is the function itself. Arrays are passed positionally, settings by
    keyword.

    Raises (when called with a Value):
        TypeError: it has no rule yet.

    >>> import numpy as np
    >>> from tinygrad_lite import Value
    >>> from tinygrad_lite.engine.rulebook import defvjp
    >>> @primitive
    ... def cube(x):
    ...     return x**3
    >>> _ = defvjp(cube, lambda g, out, x: 3 * g * x**2)
    >>> x = Value(2.0)
    >>> cube(x).backward()
    >>> x.grad
    12.0
    """

    __name__: str
    __qualname__: str

    def __init__(self, function: Callable[..., Any]) -> None:
        self.raw = function
        update_wrapper(self, function)

    def __call__(self, *args: Any, **metadata: Any) -> Any:
        for a in args:
            if type(a) is Value:
                try:
                    operation = RULES[self]
                except KeyError:
                    raise no_rule(self) from None
                if operation.unary is not None and len(args) == 1 and not metadata:
                    return operation.unary(a)
                return record(operation, args, metadata)
        if metadata and any(type(setting) is Value for setting in metadata.values()):
            names = [key for key, setting in metadata.items() if type(setting) is Value]
            raise TypeError(
                f"{self.__name__}: the setting {names[0]}= cannot be a Value, as settings have no "
                f"gradient; pass {names[0]}=x.data, or the array positionally"
            )
        if ENTERED.count and (trace := MODE.get().trace) is not None:
            return trace.call(self, args, metadata)
        return self.raw(*args, **metadata)

    def __repr__(self) -> str:
        return f"<primitive {self.__name__}>"

    def __reduce__(self) -> str:
        # As with any function, a copy is itself: another one would have no rule.
        return self.__qualname__
