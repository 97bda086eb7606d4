"""What to say when an operation cannot be done: the request, the shapes, the names, the way out."""

from __future__ import annotations

import os
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
    scope = next((a.scope for a in args if getattr(a, "scope", "")), "")
    place = f" (in {scope!r})" if scope else ""
    text = f"{operation.name}{place} of {_call(args, metadata)}: {message}"
    return _kind(error)(f"{text}. To mend it: {hint}" if hint else text)


def explained_call(
    error: Exception, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Exception | None:
    """The same for a function without a row, None if the message names it already or the error is
    one of the user's own functions."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    raised_in = "" if traceback is None else traceback.tb_frame.f_code.co_filename
    if name in str(error) or not raised_in.startswith(_HOMES):
        return None
    return _kind(error)(f"{name} of {_call(args, kwargs)}: {error}")


_HOMES = (os.path.dirname(os.path.dirname(__file__)), os.path.dirname(np.__file__))


def _kind(error: Exception) -> type[Exception]:
    if isinstance(error, np.linalg.LinAlgError):
        return np.linalg.LinAlgError
    return type(error) if type(error) in (TypeError, IndexError) else ValueError


def _call(args: tuple[Any, ...], settings: dict[str, Any] | None) -> str:
    told = "; ".join(_argument(a) for a in args)
    return told + "".join(f", {key}={_setting(value)}" for key, value in (settings or {}).items())


def _argument(argument: Any) -> str:
    if isinstance(argument, (list, tuple)):
        return f"[{'; '.join(_argument(a) for a in argument[:4])}{' ...' * (len(argument) > 4)}]"
    if argument is None or isinstance(argument, (str, int)):
        return repr(argument)
    name = getattr(argument, "name", "")
    data = getattr(argument, "data", argument) if hasattr(argument, "operation") else argument
    dtype = getattr(data, "dtype", type(data).__name__)
    label = f"{name!r} " if isinstance(name, str) and name else ""
    return f"{label}{np.shape(data)} {dtype}"


def _setting(value: Any) -> str:
    return f"<array {value.shape}>" if isinstance(value, np.ndarray) else repr(value)
