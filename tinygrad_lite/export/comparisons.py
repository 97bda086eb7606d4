"""Which comparison made an array of booleans: ``x > 0`` records nothing, as it has no gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tinygrad_lite.engine.value import Value

_OPERATORS = {
    "__gt__": "greater",
    "__ge__": "greater_equal",
    "__lt__": "less",
    "__le__": "less_equal",
    "__eq__": "equal",
}


class Comparison(NamedTuple):
    """An operation, its operands, and its result, kept so that its id stays its own."""

    operation: str
    left: Any
    right: Any
    result: Any


@contextmanager
def noting_comparisons() -> Iterator[dict[int, Comparison]]:
    """Note every comparison of Values inside, by the id of the array it gave.

    The operators of `Value` are replaced for the while; they still do the same.
    """
    noted: dict[int, Comparison] = {}
    before = {name: getattr(Value, name) for name in _OPERATORS}
    for name, operation in _OPERATORS.items():
        setattr(Value, name, _noting(before[name], operation, noted))
    try:
        yield noted
    finally:
        for name, method in before.items():
            setattr(Value, name, method)


def _noting(
    method: Callable[[Any, Any], Any], operation: str, noted: dict[int, Comparison]
) -> Callable[[Any, Any], Any]:
    def compare(self: Value, other: Any) -> Any:
        result = method(self, other)
        noted[id(result)] = Comparison(operation, self, other, result)
        return result

    return compare
