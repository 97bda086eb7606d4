"""How calls that mix arrays and settings are taken apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.engine.record import PICK, record
from tinygrad_lite.engine.rulebook import Bind
from tinygrad_lite.engine.value import Value


def like(signature: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]) -> Bind:
    """A `bind` from a function that has NumPy's parameters and returns (arrays, settings)."""

    def bind(
        args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return signature(*args, **kwargs)

    return bind


def results(out: Any) -> tuple[Any, ...]:
    """The several results of an operation, for rules: plain ones are a tuple already."""
    if type(out) is Value:
        return tuple(record(PICK, (out,), {"index": i}) for i in range(len(out.data)))
    return tuple(out)


def all_zero(g: Any) -> bool:
    """Whether a cotangent is zero for certain, as it is for a result that nothing uses.

    A Value may be zero by chance, and its derivative something else; a traced array another time.
    """
    return type(g) is not Value and not hasattr(g, "as_dtype") and not np.any(g)


def as_array(x: Any) -> Any:
    """Anything but a Value as an array."""
    return x if type(x) is Value else np.asarray(x)
