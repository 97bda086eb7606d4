"""What a captured function returns: numbers, arrays, and Values that nobody can pull back."""

from __future__ import annotations

from typing import Any, NoReturn

from tinygrad_lite.engine.record import remember
from tinygrad_lite.engine.rulebook import Operation, VariadicVjp
from tinygrad_lite.engine.value import Value
from tinygrad_lite.replay.errors import CaptureError
from tinygrad_lite.replay.traced import Traced
from tinygrad_lite.replay.trees import mapped


def _refused(*_: Any, **__: Any) -> NoReturn:
    raise CaptureError(
        "this Value was returned by a captured function, which keeps no record to pull back: "
        "capture the whole step, backward() or grad included (capture(grad(f)) and not "
        "grad(capture(f))), or call what was captured as it is (`step.function`)"
    )


REPLAYED = Operation(_refused, VariadicVjp(_refused), name="captured function")


def replayed(data: Any, origins: tuple[Value, ...]) -> Value:
    """A returned Value.

    Args:
        data: its number or array.
        origins: the leaves that it may have been computed from, so that whoever asks for their
            gradients is told rather than given none; empty if nothing was recorded.
    """
    if not origins:
        return Value(data)
    result: Value = remember(REPLAYED, origins, None, data)
    return result


def plain_result(tree: Any, origins: tuple[Value, ...]) -> Any:
    """What a replay would return, in the place of what the function did: no traced numbers, and
    no Values with a history."""

    def plain(leaf: Any) -> Any:
        if type(leaf) is Traced:
            return leaf.data
        if type(leaf) is Value and leaf.operation is not None:
            return replayed(leaf.data, origins)
        return leaf

    return mapped(tree, plain)
