"""A gradient to be explained, and whether a supposed one is the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from tinygrad_lite.checking.changes import Array
from tinygrad_lite.engine.value import Value


@dataclass(frozen=True, eq=False)
class Target:
    """One hand-derived gradient.

    hand
        as float64, in the shape it was given
    single
        whether float32 took part in it
    tolerance
        relative to the largest entry, up to which another gradient is the same
    rounding
        size below which an entry is rounding beside the other gradients
    """

    key: Value
    hand: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    single: bool
    tolerance: float
    rounding: float = 0.0

    @property
    def fitting(self) -> bool:
        """Whether it has the shape of its Value."""
        return self.hand.shape == self.key.shape

    def distance(self, supposed: Array) -> float:
        """Largest difference relative to the largest entry; infinite for another shape."""
        supposed = np.asarray(supposed)
        if supposed.shape != self.hand.shape:
            return np.inf
        if supposed.size == 0:
            return 0.0
        if supposed.ndim == 0:
            one, other = float(supposed), float(self.hand)
            largest = max(abs(one), abs(other))
            if not isfinite(largest):
                return inf
            return abs(one - other) / largest if largest else 0.0
        with np.errstate(all="ignore"):
            scale = max(float(np.max(np.abs(self.hand))), float(np.max(np.abs(supposed))))
            apart = float(np.max(np.abs(supposed - self.hand)))
        if not np.isfinite(scale) or not np.isfinite(apart):
            return np.inf
        return apart / scale if scale else 0.0

    def equals(self, supposed: Array) -> bool:
        """Whether the supposed gradient is this one up to rounding."""
        return self.distance(supposed) <= self.tolerance

    def keeps(self, supposed: Array) -> bool:
        """Whether a right gradient is still right; one that is nothing but rounding, such as that
        of a bias before a normalisation, may become other rounding."""
        if self.distance(supposed) <= 10 * self.tolerance:
            return True
        supposed = np.asarray(supposed)
        return bool(supposed.shape == self.hand.shape and np.max(np.abs(supposed)) <= self.rounding)
