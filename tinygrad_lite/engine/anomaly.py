"""detect_anomaly: stop at the first NaN or infinity, and at arrays changed behind our back."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.engine.modes import change_mode
from tinygrad_lite.engine.value import Value, describe, source_of


class AnomalyError(ArithmeticError):
    """A NaN or infinity appeared, or a recorded array was changed in place."""


def detect_anomaly() -> change_mode:
    """Report the first NaN or infinity, forward or backward, with operation, inputs and line.

    Also reports an array changed in place between recording and `backward`. Slow; for debugging.

    Raises (inside):
        AnomalyError: at the first anomaly.

    >>> import numpy as np
    >>> from tinygrad_lite import Value, detect_anomaly
    >>> with detect_anomaly():
    ...     np.log(Value([1.0, 2.0], name="x")).sum().backward()
    """
    return change_mode(lambda mode: replace(mode, watch=Watch()))


class Watch:
    """Looks at every result while `detect_anomaly` is on."""

    def __init__(self) -> None:
        self.fingerprints: dict[tuple[int, int], int] = {}

    def forward(self, node: Value) -> None:
        """Check an operation's result and remember what its arrays looked like."""
        assert node.operation is not None
        for position, data in _arrays(node):
            self.fingerprints[node.serial, position] = _fingerprint(data)
        if not _finite(node.data):
            raise AnomalyError(
                f"{node.operation.name} gave {_what(node.data)} in the forward pass{_line(node)}. "
                f"Its inputs: {_inputs(node)}"
            )

    def backward(self, node: Value, argument: Value, cotangent: Any) -> None:
        """Check that a node's arrays are as recorded, and the cotangent of one argument."""
        assert node.operation is not None
        for position, data in _arrays(node):
            before = self.fingerprints.get((node.serial, position))
            if before is not None and before != _fingerprint(data):
                what = "its result" if position < 0 else f"its argument {position}"
                raise AnomalyError(
                    f"{node.operation.name}: {what}, an array of shape {data.shape}, was changed "
                    f"in place after it was recorded{_line(node)}, so the gradient would be of "
                    f"something else. Change a copy, or change it after backward()"
                )
        plain = cotangent.data if type(cotangent) is Value else cotangent
        if not _finite(plain):
            raise AnomalyError(
                f"the pull-back of {node.operation.name} gave {_what(plain)} as gradient of "
                f"{describe(argument)}{_line(node)}. Inputs of the operation: {_inputs(node)}"
            )


def _arrays(node: Value) -> list[tuple[int, np.ndarray[Any, Any]]]:
    """The arrays of a node by argument position; its result is at -1."""
    plain = [a.data if type(a) is Value else a for a in node.args]
    found = [(i, a) for i, a in enumerate(plain) if isinstance(a, np.ndarray)]
    return [*found, (-1, node.data)] if isinstance(node.data, np.ndarray) else found


def _fingerprint(array: np.ndarray[Any, Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")


def _finite(data: Any) -> bool:
    parts = data if isinstance(data, tuple) else (data,)
    return all(bool(np.isfinite(part).all()) for part in parts)


def _what(data: Any) -> str:
    parts = data if isinstance(data, tuple) else (data,)
    nan = sum(int(np.isnan(part).sum()) for part in parts)
    total = sum(np.size(part) for part in parts)
    infinite = sum(int(np.isinf(part).sum()) for part in parts)
    counts = [f"{n} {what}" for n, what in ((nan, "NaN"), (infinite, "infinite")) if n]
    return f"{' and '.join(counts)} of {total} entries"


def _inputs(node: Value) -> str:
    texts = []
    for a in node.args:
        data = a.data if type(a) is Value else a
        label = describe(a) if type(a) is Value else f"constant of shape {np.shape(data)}"
        if isinstance(data, (float, int)):
            texts.append(f"{label} = {data}")
        elif isinstance(data, np.ndarray) and data.size and data.dtype.kind in "fiub":
            texts.append(f"{label} from {np.min(data):.6g} to {np.max(data):.6g}")
        else:
            texts.append(label)
    return "; ".join(texts)


def _line(node: Value) -> str:
    source = source_of(node)
    return f" ({source[0]}:{source[1]})" if source else ""
