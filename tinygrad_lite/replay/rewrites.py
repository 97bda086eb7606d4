"""Rewrites of single steps into quicker ones that give the same, to the bit or to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.replay.form import Instruction, Slot
from tinygrad_lite.replay.storage import Step, Storage, owner_of
from tinygrad_lite.replay.writers import is_elementwise, reduction_of

# Above this size the sum of rows takes as long as reading them, whoever does it.
_BLAS_SUM = 1 << 18


class Rewriter:
    """Rewrites steps in place.

    Args:
        steps: in order.
        storages: of every slot.
        outside: the memory of arrays that the caller may change between calls, by id.
    """

    def __init__(self, steps: list[Step], storages: dict[Slot, Storage], outside: set[int]) -> None:
        self.storages = storages
        self.outside = outside
        self.maker: dict[Slot, Instruction] = {}
        for step in steps:
            if isinstance(step, Instruction):
                self._uniform_constants(step)
                self._doubled_factor(step)
                self._sum_of_squares(step)
                self._sum_of_rows(step)
                self._sum_of_channels(step)
                for target in step.targets:
                    self.maker[target] = step

    def _made_by(self, slot: Any, function: Any) -> Instruction | None:
        """The step that made a slot, if it called this function and still holds what it made."""
        step = self.maker.get(slot) if type(slot) is Slot else None
        if step is None or step.function is not function or step.into or step.settings:
            return None
        for read in (*step.arguments, slot):
            storage = self.storages.get(read) if type(read) is Slot else None
            if storage is not None and storage.written:
                return None
        return step

    def _uniform_constants(self, step: Instruction) -> None:
        """An array of equal entries as one entry, where the other argument has the full shape."""
        if not is_elementwise(step) or len(step.arguments) != 2:
            return
        shape = step.targets[0].shape
        for position, argument in enumerate(step.arguments):
            other = step.arguments[1 - position]
            if (
                isinstance(argument, np.ndarray)
                and argument.ndim
                and argument.size
                and type(other) is Slot
                and other.shape == shape
                and id(owner_of(argument)) not in self.outside
                and (argument == argument.flat[0]).all()
            ):
                arguments = list(step.arguments)
                arguments[position] = np.array(argument.flat[0])
                step.arguments = tuple(arguments)

    def _doubled_factor(self, step: Instruction) -> None:
        """c * (x + x) as (2 c) * x, which is the same to the bit."""
        if step.function is not np.multiply or len(step.arguments) != 2 or step.settings:
            return
        for position, factor in enumerate(step.arguments):
            double = self._made_by(step.arguments[1 - position], np.add)
            if (
                double is not None
                and isinstance(factor, np.ndarray)
                and not factor.ndim
                and factor.dtype.kind == "f"
                and id(owner_of(factor)) not in self.outside
                and double.arguments[0] is double.arguments[1]
                and 1e-30 < abs(factor) < 1e30
            ):
                step.arguments = (np.array(factor + factor), double.arguments[0])
                return

    def _sum_of_squares(self, step: Instruction) -> None:
        """sum(x * x) over everything as a product of vectors."""
        if reduction_of(step.function) is not np.add or step.settings.get("axis", 0) is not None:
            return
        if len(step.settings) > 1:
            return
        square = self._made_by(step.arguments[0], np.square)
        if square is None:
            square = self._made_by(step.arguments[0], np.multiply)
            if square is None or square.arguments[0] is not square.arguments[1]:
                return
        x = square.arguments[0]
        if type(x) is Slot and _is_floating(x) and x.example.contiguous():
            step.function, step.arguments, step.settings = np.vdot, (x, x), {}

    def _sum_of_channels(self, step: Instruction) -> None:
        """The sum over all axes but the one that is outermost in memory, as a product."""
        if reduction_of(step.function) is not np.add or step.settings.keys() != {"axis"}:
            return
        x, axes = step.arguments[0], step.settings["axis"]
        if type(x) is not Slot or type(axes) is not tuple or len(axes) != len(x.shape) - 1:
            return
        (kept,) = set(range(len(x.shape))) - {axis % len(x.shape) for axis in axes}
        if not _is_floating(x):
            return
        order = x.example.by_stride()
        if order[0] != kept or not x.example.contiguous(order):
            return
        length = x.example.size // x.shape[kept]
        step.function, step.settings = _rows_times, {}
        step.arguments = (x, order, np.ones(length, x.dtype))

    def _sum_of_rows(self, step: Instruction) -> None:
        """The sum of a matrix over its rows as a product with a vector of ones."""
        if reduction_of(step.function) is not np.add or step.settings != {"axis": 0}:
            return
        x = step.arguments[0]
        if (
            type(x) is Slot
            and len(x.shape) == 2
            and _is_floating(x)
            and x.example.contiguous()
            and x.shape[0] > 1
            and x.example.nbytes <= _BLAS_SUM
        ):
            step.function, step.settings = np.dot, {}
            step.arguments = (np.ones(x.shape[0], x.dtype), x)


def _rows_times(x: Any, order: tuple[int, ...], ones: Any) -> Any:
    """The sums of an array over all axes but the first in an order in which it is contiguous."""
    lying = x.transpose(order)
    if not lying.flags.c_contiguous:
        return np.add.reduce(lying, axis=tuple(range(1, x.ndim)))
    return lying.reshape(len(lying), -1) @ ones


def _is_floating(slot: Slot) -> bool:
    """Whether a slot holds an array with axes and entries, in a precision that BLAS knows."""
    return slot.dtype in (np.float32, np.float64) and bool(slot.shape) and slot.example.size > 0
