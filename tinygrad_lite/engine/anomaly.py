"""detect_anomaly: stop at the first NaN or infinity, and at arrays changed behind our back."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.engine.modes import Mode, change_mode
from tinygrad_lite.engine.value import Value, describe, source_of


class AnomalyError(ArithmeticError):
    """A NaN or infinity appeared, or a recorded array was changed in place."""


def detect_anomaly() -> change_mode:
    """Report the first NaN or infinity, forward or backward, with operation, inputs and line.

    Also reports an array changed in place between recording and `backward`. NumPy's own warnings,
    which know neither names nor inputs, are silent inside. Slow; for debugging.

    Raises (inside):
        AnomalyError: at the first anomaly.

    >>> import numpy as np
    >>> from tinygrad_lite import Value, detect_anomaly
    >>> with detect_anomaly():
    ...     np.log(Value([1.0, 2.0], name="x")).sum().backward()
    """
    return _Detecting(lambda mode: replace(mode, watch=Watch()))


class _Detecting(change_mode):
    """The mode, and NumPy's warnings off: as errors they would come before the report."""

    def __init__(self, change: Callable[[Mode], Mode]) -> None:
        super().__init__(change)
        self._silences: list[np.errstate] = []

    def __enter__(self) -> Mode:
        self._silences.append(np.errstate(all="ignore"))
        self._silences[-1].__enter__()
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self._silences.pop().__exit__(*exception)


class Watch:
    """Looks at every result while `detect_anomaly` is on."""

    def __init__(self) -> None:
        self.fingerprints: dict[tuple[int, str], int] = {}

    def forward(self, node: Value) -> None:
        """Check an operation's result and remember what its arrays looked like."""
        assert node.operation is not None
        for what, data in _arrays(node):
            self.fingerprints[node.serial, what] = _fingerprint(data)
        if not _finite(node.data):
            raise AnomalyError(
                f"{node.operation.name} gave {_what(node.data)} in the forward pass{_line(node)}. "
                f"Its inputs: {_inputs(node)}"
            )

    def backward(self, node: Value, argument: Value, cotangent: Any) -> None:
        """Check that a node's arrays are as recorded, and the cotangent of one argument."""
        assert node.operation is not None
        for what, data in _arrays(node):
            before = self.fingerprints.get((node.serial, what))
            if before is not None and before != _fingerprint(data):
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


def _arrays(node: Value) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """What a node computed with and what came out, each with what to call it."""
    for position, argument in enumerate(node.args):
        plain = argument.data if type(argument) is Value else argument
        if isinstance(plain, np.ndarray):
            yield f"its argument {position}", plain
    for name, setting in (node.metadata or {}).items():
        # An index may be a tuple of arrays.
        for position, part in enumerate(setting if isinstance(setting, tuple) else (setting,)):
            if isinstance(part, np.ndarray):
                yield f"its setting {name}" + (f"[{position}]" if part is not setting else ""), part
    if isinstance(node.data, np.ndarray):
        yield "its result", node.data


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
