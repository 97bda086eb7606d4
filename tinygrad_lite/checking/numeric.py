"""Numerical derivatives along a direction, with a bound on their own error.

Central differences at a falling sequence of steps, extrapolated to step zero (Richardson), the
best entry of the tableau chosen as Ridders does: Ridders, "Accurate computation of F'(x) and
F'(x) F''(x)", Advances in Engineering Software 4 (1982).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LEVELS = 7
RATIO = 4.0  # steps from 1e-1 to 2e-5 of the scale of x: past kinks and poles that are near
SAFETY = 10.0  # the spread of the tableau is an estimate, not a bound


@dataclass(frozen=True)
class Estimate:
    """A derivative along a direction, entry by entry of the function's output.

    value, error
        the derivative, and how far it may be off
    left, right
        one-sided derivatives; equal to `value` where there is no kink
    kink
        where the one-sided derivatives differ by more than their errors
    evaluations
        how many times the function was run
    method
        "central" or "complex step"
    """

    value: Array
    error: Array
    left: Array
    right: Array
    kink: Array
    evaluations: int
    method: str = "central"

    def agrees(self, claimed: Any, rtol: float) -> Array:
        """Where a claimed derivative is this one within its error, or lies inside a kink."""
        claimed = np.asarray(claimed)
        size = np.maximum(np.abs(self.value), np.abs(claimed))
        with np.errstate(invalid="ignore"):
            close = np.abs(claimed - self.value) <= self.error + rtol * size
        if self.kink.any():
            low, high = np.minimum(self.left, self.right), np.maximum(self.left, self.right)
            slack = self.error + 1e-4 * (high - low)
            inside = (claimed >= low - slack) & (claimed <= high + slack)
            close = np.where(self.kink, inside, close)
        return np.asarray(close)


def derivative_along(function: Callable[[float], Any], step: float = 0.1) -> Estimate:
    """The derivative of ``function(t)`` at t = 0, entry by entry.

    Args:
        function: of a step along the direction, to a real number or array.
        step: the largest step to take.

    >>> estimate = derivative_along(lambda t: np.exp(1 + t))
    >>> bool(abs(estimate.value - np.e) <= estimate.error <= 1e-8)
    True
    """
    middle = np.asarray(function(0.0), dtype=np.float64)
    steps = step / RATIO ** np.arange(LEVELS)
    with np.errstate(all="ignore"):
        above = [np.asarray(function(float(h)), dtype=np.float64) for h in steps]
        below = [np.asarray(function(-float(h)), dtype=np.float64) for h in steps]
        size = np.maximum(np.abs(middle), np.maximum(np.abs(above[-1]), np.abs(below[-1])))
        noise = [4 * np.finfo(np.float64).eps * size / h for h in steps]
        central = [(a - b) / (2 * h) for a, b, h in zip(above, below, steps, strict=True)]
        value, error = _extrapolated(central, RATIO**2, RATIO**2, noise)
        right, right_error = _extrapolated(
            [(a - middle) / h for a, h in zip(above, steps, strict=True)], RATIO, RATIO, noise
        )
        left, left_error = _extrapolated(
            [(middle - b) / h for b, h in zip(below, steps, strict=True)], RATIO, RATIO, noise
        )
        kink = _kinked(left, left_error, right, right_error)
        # At the edge of the domain one side is all there is.
        for side, side_error in ((left, left_error), (right, right_error)):
            alone = ~np.isfinite(value) & np.isfinite(side)
            value, error = np.where(alone, side, value), np.where(alone, side_error, error)
    error = np.where(kink, np.maximum(left_error, right_error), error)
    return Estimate(value, SAFETY * error, left, right, kink, 2 * LEVELS + 1)


def refined_by_complex_step(estimate: Estimate, function: Callable[[complex], Any]) -> Estimate:
    """The same derivative to rounding, where a function continues analytically to complex numbers.

    ``Im f(x + ih) / h`` has no cancellation (Squire and Trapp 1998). A function that is not
    analytic (abs, comparisons, real parts) gives something else, or raises; so the result is taken
    only where the central difference, without that weakness, confirms it.
    """
    tiny = 1e-30
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            exact = np.imag(np.asarray(function(1j * tiny))) / tiny
    except (TypeError, ValueError, ArithmeticError, NotImplementedError):
        return estimate
    if exact.shape != estimate.value.shape or estimate.kink.any():
        return estimate
    size = np.maximum(np.abs(estimate.value), np.abs(exact))
    confirmed = np.abs(exact - estimate.value) <= estimate.error
    if not (confirmed & (estimate.error <= 1e-4 * size)).all():
        return estimate
    return Estimate(
        exact, 1e-12 * size, estimate.left, estimate.right, estimate.kink,
        estimate.evaluations + 1, "complex step",
    )  # fmt: skip


def scales_of(point: Any) -> Array:
    """How far each entry of a point may be moved: a tenth of its size, of the largest if it is 0.

    Entries of very different sizes (1e-5 beside 1e3) each need steps of their own.
    """
    size = np.abs(np.asarray(point))
    largest = float(np.max(size, initial=0.0))
    if not np.isfinite(largest) or largest == 0:
        return np.full(size.shape, 0.1)
    return 0.1 * np.where(size == 0, largest, np.maximum(size, 1e-6 * largest))


def _extrapolated(
    column: list[Array], factor: float, growth: float, noise: list[Array]
) -> tuple[Array, Array]:
    """Richardson's tableau over a column of differences; per entry the value of least error."""
    best = column[-1]
    error = np.full(best.shape, np.inf)
    before = [column[0]]
    for level in range(1, len(column)):
        row = [column[level]]
        power = factor
        for previous in before:
            row.append((power * row[-1] - previous) / (power - 1))
            power *= growth
            spread = np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - previous))
            spread = spread + noise[level]
            better = spread < error  # False for NaN
            best, error = np.where(better, row[-1], best), np.where(better, spread, error)
        before = row
    return best, error


def _kinked(left: Array, left_error: Array, right: Array, right_error: Array) -> Array:
    gap = np.abs(right - left)
    size = np.maximum(np.abs(left), np.abs(right))
    sure = (left_error < 1e-2 * size) | (left == 0)
    sure &= (right_error < 1e-2 * size) | (right == 0)
    return np.asarray(
        np.isfinite(gap) & sure & (gap > SAFETY * (left_error + right_error)) & (gap > 1e-3 * size)
    )
