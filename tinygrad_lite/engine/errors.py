"""What to say when an operation cannot be done: the request, the shapes, the names, the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tinygrad_lite.engine.rulebook import Operation

_BROADCAST = (
    "shapes broadcast when, aligned from the right, every pair of sizes is equal or one of them "
    "is 1: insert an axis with x[:, None] or reshape"
)
_HINTS = {
    "matmul": "the last axis of the first must be as long as the last but one of the second: "
    "transpose one of them, or swap the arguments",
    "dot": "the last axis of the first must be as long as the last but one of the second",
    "reshape": "the sizes of the new shape must multiply to the number of entries; one may be -1",
    "concatenate": "all shapes must agree except along the joined axis",
    "stack": "all shapes must be equal",
}


def explained(
    error: Exception, operation: Operation, args: tuple[Any, ...], metadata: dict[str, Any] | None
) -> Exception:
    """The same kind of error, saying what was asked of which Values and what to do."""
    message = str(error)
    hint = _HINTS.get(operation.name)
    if hint is None and "broadcast" in message:
        hint = _BROADCAST
    arguments = "; ".join(_argument(a) for a in args)
    settings = "".join(f", {key}={_setting(value)}" for key, value in (metadata or {}).items())
    scope = next((a.scope for a in args if getattr(a, "scope", "")), "")
    place = f" (in {scope!r})" if scope else ""
    text = f"{operation.name}{place} of {arguments}{settings}: {message}"
    kind = type(error) if type(error) in (TypeError, IndexError) else ValueError
    if isinstance(error, np.linalg.LinAlgError):
        kind = np.linalg.LinAlgError
    return kind(f"{text}. To mend it: {hint}" if hint else text)


def _argument(argument: Any) -> str:
    name = getattr(argument, "name", "")
    data = getattr(argument, "data", argument) if hasattr(argument, "operation") else argument
    dtype = getattr(data, "dtype", type(data).__name__)
    label = f"{name!r} " if isinstance(name, str) and name else ""
    return f"{label}{np.shape(data)} {dtype}"


def _setting(value: Any) -> str:
    return f"<array {value.shape}>" if isinstance(value, np.ndarray) else repr(value)
