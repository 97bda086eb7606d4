"""Differences and integrals along an axis: diff, gradient, trapezoid."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import composed
from tinygrad_lite.rules.binding import as_array


def _at(x: Any, axis: int, part: Any) -> Any:
    """``x[part]``, along an axis."""
    return x[(slice(None),) * (axis % np.ndim(x)) + (part,)]


def _steps(x: Any, axis: int) -> Any:
    return _at(x, axis, slice(1, None)) - _at(x, axis, slice(None, -1))


@composed(np.diff)
def _diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue
) -> Any:
    if n < 0:
        raise ValueError(f"np.diff: the order n must not be negative, got {n}")
    parts = [a]
    for place, edge in ((0, prepend), (2, append)):
        if edge is not np._NoValue:
            edge = as_array(edge)
            if np.ndim(edge) == 0:
                shape = list(np.shape(a))
                shape[axis] = 1
                edge = np.broadcast_to(edge, shape)
            parts.insert(place, edge)
    out = np.concatenate(parts, axis=axis) if len(parts) > 1 else a
    for _ in range(n):
        out = _steps(out, axis)
    return out


@composed(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    parts = [to_begin, _steps(np.ravel(ary), 0), to_end]
    given = [np.ravel(as_array(part)) for part in parts if part is not None]
    return np.concatenate(given) if len(given) > 1 else given[0]


@composed(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = as_array(y)
    if x is not None:
        x = as_array(x)
        dx = _steps(x, axis if np.ndim(x) > 1 else 0)
        if np.ndim(x) == 1:
            dx = np.reshape(dx, (-1,) + (1,) * (np.ndim(y) - 1 - axis % np.ndim(y)))
    means = (_at(y, axis, slice(1, None)) + _at(y, axis, slice(None, -1))) / 2
    return np.sum(dx * means, axis=axis)


@composed(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Second-order central differences, as NumPy's; distances or coordinates may be Values."""
    axes = range(np.ndim(f)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    spacings = list(varargs) * len(axes) if len(varargs) == 1 else list(varargs)
    spacings = spacings or [1.0] * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"np.gradient: {len(spacings)} spacings for {len(axes)} axes")
    if edge_order not in (1, 2):
        raise ValueError(f"np.gradient: edge_order is 1 or 2, got {edge_order}")
    slopes = tuple(
        _slope(f, as_array(spacing) if np.ndim(spacing) else spacing, along, edge_order)
        for spacing, along in zip(spacings, axes, strict=True)
    )
    return slopes if len(slopes) > 1 else slopes[0]


def _slope(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    count = np.shape(f)[axis]
    if count < edge_order + 1:
        raise ValueError(
            f"np.gradient: {count} entries along axis {axis} are too few, edge_order {edge_order} "
            f"needs {edge_order + 1}"
        )
    trailing = (1,) * (np.ndim(f) - 1 - axis % np.ndim(f))
    if np.ndim(spacing):
        if np.shape(spacing) != (count,):
            raise ValueError(
                f"np.gradient: coordinates of shape {np.shape(spacing)} for {count} entries along "
                f"axis {axis}"
            )
        steps = np.reshape(_steps(spacing, 0), (-1, *trailing))
    else:
        steps = spacing * np.ones((count - 1, *trailing), f.dtype)
    # Along the axis: each inner slope is the mean of its neighbours, weighted by the other step.
    rates = _steps(f, axis) / steps
    before, after = steps[:-1], steps[1:]
    inner = (
        _at(rates, axis, slice(None, -1)) * after + _at(rates, axis, slice(1, None)) * before
    ) / (before + after)
    first, last = _at(rates, axis, slice(None, 1)), _at(rates, axis, slice(-1, None))
    if edge_order == 2:
        # The parabola through three points has the inner slope in the middle, and is as steep on
        # one side of it as on the other.
        first = 2 * first - _at(inner, axis, slice(None, 1))
        last = 2 * last - _at(inner, axis, slice(-1, None))
    return np.concatenate([first, inner, last], axis=axis)
