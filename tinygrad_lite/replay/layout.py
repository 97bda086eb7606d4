"""Layout: how an array lies in memory, kept when the array itself is not."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np


class Layout:
    """Shape, dtype and strides of an array, and which memory it is a view of.

    Attributes:
        owner: a number for each piece of memory.
        whole: whether it covers that memory.
    """

    __slots__ = ("dtype", "nbytes", "ndim", "owner", "shape", "size", "strides", "whole")

    def __init__(self, array: np.ndarray[Any, Any], owner: int, owner_nbytes: int) -> None:
        self.shape, self.dtype, self.strides = array.shape, array.dtype, array.strides
        self.nbytes, self.size, self.ndim = array.nbytes, array.size, array.ndim
        self.owner = owner
        self.whole = self.nbytes == owner_nbytes

    def contiguous(self, order: tuple[int, ...] | None = None) -> bool:
        """Whether it is C-contiguous, with its axes in an order."""
        expected = self.dtype.itemsize
        for axis in reversed(range(self.ndim) if order is None else order):
            if self.shape[axis] != 1 and self.strides[axis] != expected:
                return False
            expected *= self.shape[axis]
        return True

    def by_stride(self) -> tuple[int, ...]:
        """The axes from the outermost in memory to the innermost."""
        return tuple(sorted(range(self.ndim), key=lambda axis: -self.strides[axis]))

    def is_dense(self) -> bool:
        """Whether it fills its memory without gaps, in any order of axes."""
        return self.contiguous(self.by_stride())


class Owners:
    """Numbers pieces of memory, also after others have come to lie in their place."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[np.ndarray[Any, Any]], int]] = {}
        self._count = 0

    def layout(self, array: np.ndarray[Any, Any]) -> Layout:
        """The layout of an array."""
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        known = self._known.get(id(owner))
        if known is None or known[0]() is not owner:
            self._count += 1
            known = self._known[id(owner)] = weakref.ref(owner), self._count
        return Layout(array, known[1], owner.nbytes)
