"""How far to go along a direction: a length that satisfies the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Evaluate = Callable[[float], tuple[float, Array]]

_DECREASE = 1e-4  # share of the slope's promise that the cost must keep
_CURVATURE = 0.9  # share of the slope that may be left at the end


class _Point(NamedTuple):
    """Where the line was looked at: the cost there, its slope along the line, the gradient."""

    length: float
    loss: float
    slope: float
    gradient: Array


def strong_wolfe(
    evaluate: Evaluate,
    direction: Array,
    length: float,
    loss: float,
    gradient: Array,
    slope: float,
    tolerance: float = 1e-9,
    most: int = 25,
) -> tuple[float, float, Array, int]:
    """A length along a direction at which the cost has fallen and its slope has flattened.

    Source: J. Nocedal and S. Wright, Numerical optimization, 2006, algorithms 3.5 and 3.6, with
    cubic interpolation.

    Args:
        evaluate: cost and gradient at a length.
        direction: downhill.
        length: the first to try.
        loss, gradient, slope: at length 0; the slope is the gradient along the direction.
        tolerance: brackets shorter than this, in any entry of the step, are not divided further.
        most: evaluations.

    Returns:
        The length, cost and gradient there, and the number of evaluations. If none satisfies the
        conditions, the one with the least cost.
    """
    start = _Point(0.0, loss, slope, gradient)
    reach = float(np.abs(direction).max())

    def look(at: float) -> _Point:
        loss, gradient = evaluate(at)
        return _Point(at, loss, float(gradient @ direction), gradient)

    def fallen(point: _Point) -> bool:
        return point.loss <= start.loss + _DECREASE * point.length * start.slope

    def flat(point: _Point) -> bool:
        return abs(point.slope) <= -_CURVATURE * start.slope

    low, count = start, 0
    high: _Point | None = None
    while count < most and high is None:  # walk on until a good length is behind
        point = look(length)
        count += 1
        if not fallen(point) or (count > 1 and point.loss >= low.loss):
            high = point
        elif flat(point):
            return point.length, point.loss, point.gradient, count
        elif point.slope >= 0:
            low, high = point, low
        else:
            longest = 10 * point.length
            length = _lowest(low, point, point.length + 0.01 * (point.length - low.length), longest)
            low = point
    while count < most and high is not None:  # between low, the best so far, and high
        width = high.length - low.length
        if abs(width) * reach <= tolerance:  # 0 as well: rounding leaves nothing to divide
            break
        # Not too near an end, or the bracket would hardly shrink.
        bounds = sorted((low.length + 0.1 * width, low.length + 0.9 * width))
        point = look(_lowest(low, high, *bounds))
        count += 1
        if not fallen(point) or point.loss >= low.loss:
            high = point
        else:
            if flat(point):
                return point.length, point.loss, point.gradient, count
            if point.slope * width >= 0:
                high = low
            low = point
    return low.length, low.loss, low.gradient, count


def _lowest(a: _Point, b: _Point, least: float, most: float) -> float:
    """Where the cubic through two points with their slopes is lowest, within bounds.

    Nocedal and Wright, equation 3.59; the middle of the bounds where there is no such place.
    """
    if a.length > b.length:
        a, b = b, a
    if not np.isfinite([a.loss, b.loss, a.slope, b.slope]).all():
        return (least + most) / 2
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return (least + most) / 2
    d2 = float(np.sqrt(square))
    below = b.slope - a.slope + 2 * d2
    if below == 0:
        return (least + most) / 2
    place = b.length - (b.length - a.length) * (b.slope + d2 - d1) / below
    return min(max(place, least), most)
