"""Writes the instructions of the lifted recording, running each on the examples as it goes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np

from tinygrad_lite.engine.record import ASTYPE, computed
from tinygrad_lite.engine.rulebook import RULES, Operation
from tinygrad_lite.replay.form import Instruction, Slot, Step

_FLOAT64 = np.dtype(np.float64)


class Builder:
    """Steps written so far, and the next free number of a slot."""

    def __init__(self, first: int) -> None:
        self.steps: list[Step] = []
        self._numbers = count(first)

    def slot(self, example: Any) -> Slot:
        """A new slot for what looks like the example."""
        if type(example) is not np.ndarray:
            if isinstance(example, float):
                return Slot(next(self._numbers), (), _FLOAT64, True, float(example))
            example = np.asarray(example)
        return Slot(next(self._numbers), example.shape, example.dtype, False, example)

    def call(self, function: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
        """Call a function of the rulebook as users do; a Slot, or a constant if all else are."""
        operation = RULES[function]
        arrays, settings = operation.bind(arguments, settings)
        return self.run(operation, tuple(arrays), settings)

    def run(
        self, function: Operation | Callable[..., Any], arguments: tuple[Any, ...],
        settings: dict[str, Any], pulled: tuple[int, ...] | None = None,
        source: tuple[str, int] | None = None,
    ) -> Any:  # fmt: skip
        """Write an instruction; what does not depend on any Slot is computed now.

        Args:
            pulled: see `Instruction`; every Slot by default.
        """
        raw = [a.example if type(a) is Slot else a for a in arguments]
        with np.errstate(all="ignore"):
            if isinstance(function, Operation):
                example = computed(function, raw, settings)
            else:
                example = function(*raw, **settings)
        if not any(type(a) is Slot for a in arguments):
            return example
        if pulled is None:
            pulled = tuple(n for n, argument in enumerate(arguments) if type(argument) is Slot)
        target = self.slot(example)
        self.steps.append(
            Instruction((target,), function, arguments, settings, pulled, source=source)
        )
        return target

    def reshaped(self, array: Any, shape: tuple[int, ...]) -> Any:
        """An array in another shape; itself if it has that."""
        return array if np.shape(plain(array)) == shape else self.call(np.reshape, array, shape)

    def as_dtype(self, array: Any, dtype: np.dtype[Any]) -> Any:
        """An array in another floating dtype; itself if it has that."""
        if getattr(array, "dtype", dtype) == dtype:
            return array
        return self.run(ASTYPE, (array,), {"dtype": dtype})


def plain(array: Any) -> Any:
    """The example of a slot, a constant as it is."""
    return array.example if type(array) is Slot else array
