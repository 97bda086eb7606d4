"""Packs: the numbers of many scalar leaves in one vector, which a plan reads and writes at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value, describe

Vector = np.ndarray[Any, Any]


class Pack:
    """A vector in which many scalar leaves live: entry i is the data of ``values[i]``.

    The Values' own data and gradients are unset, until somebody looks at one or sets it: then the
    pack gives it back what is its own, and takes it in again when the vector is next asked for. So
    a replay does nothing for the Values that nobody touches.

    Args:
        values: leaves that hold Python floats.

    Attributes:
        values: the same.
    """

    def __init__(self, values: Iterable[Value]) -> None:
        self.values = tuple(values)
        self._place = {value: place for place, value in enumerate(self.values)}
        self._vector: Vector = np.empty(len(self.values))
        self._gradients: Sequence[Any] | Vector | None = None
        self._given_back: dict[Value, Any] = {}  # with what gradient
        self._holding = False

    @property
    def data(self) -> Vector:
        """The numbers of all leaves, as they are now; not a copy.

        Raises:
            TypeError: one of them has been set to something else than a number.
        """
        if not self._holding:
            self._take()
        if self._given_back:
            self._take_in()
        return self._vector

    @data.setter
    def data(self, vector: Vector) -> None:
        self._gather()
        self._vector = vector

    @property
    def _grad(self) -> Any:
        """The gradients of all leaves, None if they have none."""
        return self._gradients

    @_grad.setter
    def _grad(self, gradients: Vector | None) -> None:
        self._gather()
        self._gradients = gradients

    def give_back(self, value: Value) -> None:
        """Set the data and gradient of one of the leaves, which somebody wants to see or set."""
        place = self._place[value]
        value._data = float(self._vector[place])
        value._grad = self._given_back[value] = self._gradient(place)

    def release(self) -> None:
        """Give every leaf back, for good."""
        if not self._holding:
            return
        for value in self.values:
            if value not in self._given_back:
                self.give_back(value)
            value._within = ""
        self._given_back.clear()
        self._holding = False

    def _take_in(self) -> None:
        """Hold those again that were given back, with what they have by now."""
        numbers = {self._place[value]: _number(value) for value in self._given_back}
        self._vector[list(numbers)] = list(numbers.values())
        for value, gradient in self._given_back.items():
            now = getattr(value, "_grad", None)
            if now is not gradient:
                if type(self._gradients) is not list:
                    self._gradients = [self._gradient(n) for n in range(len(self.values))]
                self._gradients[self._place[value]] = now
            self._forget(value)
        self._given_back.clear()

    def _gather(self) -> None:
        """Hold all leaves, and forget what those that were given back have by now."""
        if not self._holding:
            self._take()
        for value in self._given_back:
            self._forget(value)
        self._given_back.clear()

    def _take(self) -> None:
        """Take in the leaves, from other packs if need be."""
        for value in self.values:
            holder = getattr(value, "_within", None)
            if type(holder) is Pack:
                holder.release()
        self._vector = np.array([_number(value) for value in self.values])
        gradients = [value.grad for value in self.values]
        self._gradients = None if all(g is None for g in gradients) else gradients
        for value in self.values:
            self._forget(value)
            value._within = self
        self._holding = True

    def _gradient(self, place: int) -> Any:
        if self._gradients is None:
            return None
        gradient = self._gradients[place]
        return float(gradient) if type(gradient) is np.float64 else gradient

    @staticmethod
    def _forget(value: Value) -> None:
        del value._data
        if hasattr(value, "_grad"):
            del value._grad


def _number(value: Value) -> float:
    number = value.data
    if type(number) is not float:
        if np.ndim(number) or not np.isrealobj(number):
            raise TypeError(
                f"{describe(value)} was a number when a function was captured that uses it"
            )
        number = float(number)
    return number
