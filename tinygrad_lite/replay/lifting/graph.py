"""A Recording in numbers: every slot and constant an integer, which arrays of them can hold."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.replay.form import (
    Constant,
    Instruction,
    LeafData,
    PullBack,
    Recording,
    Slot,
    Step,
    slots_in,
    taken_by,
)
from tinygrad_lite.rules.indexing import getitem

_NUMBERS = (float, int, np.float64)

_OF_ARRAYS: dict[Any, Callable[..., Any]] = {
    operator.add: np.add, operator.sub: np.subtract, operator.mul: np.multiply,
    operator.truediv: np.divide, operator.neg: np.negative, operator.pow: np.power,
    operator.getitem: getitem,
}  # fmt: skip
"""Python's operators, as plain numbers meet them, by what they are on arrays."""


class Graph:
    """The slots and constants of a recording by number: slots from 0 on, constants from -1 down.

    Attributes:
        slots: every slot.
        constants: constant ``-1 - n`` at n.
        made: for each slot the instruction that makes it, None for others.
        arguments: for each slot the numbers of what that instruction takes; None where it is not
            among those that lifting may rewrite.
        cut: for each slot the positions of arguments to which no gradient is passed although they
            depend on leaves.
        uses: how often each slot is taken.
        pinned: slots that must remain on their own.
        segments: the steps, cut at those whose place among the others matters.
    """

    def __init__(self, recording: Recording) -> None:
        self.slots: list[Slot] = []
        self.constants: list[Any] = []
        self.made: list[Instruction | None] = []
        self.arguments: list[tuple[int, ...] | None] = []
        self.cut: list[tuple[int, ...]] = []
        self.number: dict[Slot, int] = {}
        self.pinned: set[int] = set()
        self.segments: list[list[Step]] = [[]]
        self._constant_numbers: dict[Any, int] = {}
        self._varies: set[int] = set()
        counts = Counter(_taken(recording))
        asked = {
            slot for step in recording.steps if isinstance(step, PullBack)
            for slot, target in zip(step.wrt, step.targets, strict=True) if target in counts
        }  # fmt: skip
        for slot, source in recording.sources.items():
            if isinstance(source, Constant) and slot not in asked:
                self.number[slot] = self.constant(source.data)
            else:
                self._add(slot)
                if isinstance(source, LeafData | Constant):
                    self._varies.add(self.number[slot])
        for step in recording.steps:
            self._read(step)
        self.uses = [counts.get(slot, 0) for slot in self.slots]

    def _add(
        self, slot: Slot, made: Instruction | None = None, arguments: tuple[int, ...] | None = None
    ) -> None:
        self.number[slot] = number = len(self.slots)
        self.slots.append(slot)
        self.made.append(made)
        self.arguments.append(arguments)
        self.cut.append(() if made is None else self._cut(number, made))

    def _cut(self, number: int, made: Instruction) -> tuple[int, ...]:
        cut = []
        varies, pulled = self._varies, made.pulled
        for position, argument in enumerate(made.arguments):
            if type(argument) is Slot:
                touched = self.number[argument] in varies
            else:
                touched = any(self.number[slot] in varies for slot in slots_in(argument))
            if touched and position in pulled:
                varies.add(number)
            elif touched:
                cut.append(position)
        return tuple(cut)

    def _read(self, step: Step) -> None:
        """Enter the slots a step makes."""
        fixed = not isinstance(step, Instruction) or step.into is not None or step.repeats
        if fixed:
            self.segments += [[step], []]
        else:
            self.segments[-1].append(step)
        if isinstance(step, PullBack):
            # Nothing is pulled back through the boundary, so it must not share an array.
            apart = [*step.boundary, *(slot for slot in step.wrt if self._made(slot))]
            self.pinned.update(self.number[slot] for slot in apart)
        elif isinstance(step, Instruction) and step.into is not None:
            self.pinned.add(self.number[step.into])
        for target in step.targets:
            if isinstance(step, Instruction) and not fixed and len(step.targets) == 1:
                self._add(target, step, self._numbers(step.arguments))
            else:
                self._add(target)

    def _made(self, slot: Slot) -> bool:
        number = self.number[slot]
        return number >= 0 and self.made[number] is not None

    def _numbers(self, arguments: tuple[Any, ...]) -> tuple[int, ...] | None:
        """The arguments as numbers, None where slots lie within lists."""
        numbers = []
        for argument in arguments:
            if type(argument) is Slot:
                numbers.append(self.number[argument])
            elif type(argument) in _NUMBERS or type(argument) is np.ndarray:
                numbers.append(self.constant(argument))
            else:
                return None
        return tuple(numbers)

    def constant(self, constant: Any) -> int:
        """The number of a constant; numbers that are equal share it."""
        # 0.0 and -0.0 are equal, but not the same.
        plain = type(constant) is not np.ndarray
        key = (type(constant), constant or repr(constant)) if plain else id(constant)
        number = self._constant_numbers.get(key)
        if number is None:
            self.constants.append(constant)
            number = self._constant_numbers[key] = -len(self.constants)
        return number

    def shape(self, number: int) -> tuple[int, ...]:
        """Shape of a slot or constant."""
        if number >= 0:
            return self.slots[number].shape
        return np.shape(self.constants[~number])

    def function(self, number: int) -> Callable[..., Any] | None:
        """The NumPy function that makes a slot; None for a slot that is given."""
        made = self.made[number]
        if made is None:
            return None
        if isinstance(made.function, Operation):
            return made.function.function
        function: Callable[..., Any] = made.function
        found: Callable[..., Any] = _OF_ARRAYS.get(function, function)
        return found


def _taken(recording: Recording) -> Iterator[Slot]:
    """Every use of a slot."""
    for step in recording.steps:
        if isinstance(step, Instruction) and not step.settings:
            for argument in step.arguments:
                if type(argument) is Slot:
                    yield argument
                else:
                    yield from slots_in(argument)
        else:
            yield from (slot for slot in taken_by(step) if slot is not None)
    yield from recording.stores.values()
    yield from (slot for slot in recording.gradients.values() if slot is not None)
    yield from slots_in(recording.result)
