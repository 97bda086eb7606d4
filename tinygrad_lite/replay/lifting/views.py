"""Where the entries picked from an array lie: whether a view has them, or they must be gathered."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Positions = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class View:
    """Some entries of a flat array: ``flat[:stop].reshape(shape)[index].transpose(axes)``.

    An index of everything, and an order of axes that changes nothing, are ().
    """

    stop: int
    shape: tuple[int, ...]
    index: tuple[int | slice, ...]
    axes: tuple[int, ...]


def view_of(positions: Positions, size: int) -> View | None:
    """The view of an array of `size` entries that has those at `positions`, in their shape.

    None where there is none such: steps of any kind but nested ones, entries picked twice.

    >>> view_of(np.array([[0, 2, 4], [1, 3, 5]]), 6)
    View(stop=6, shape=(3, 2), index=(), axes=(1, 0))
    """
    if not positions.size:
        return None
    strides = _strides(positions)
    if strides is None:
        return None
    # Axes from the slowest to the quickest.
    order = sorted(range(positions.ndim), key=lambda axis: -strides[axis])
    steps = [strides[axis] for axis in order if positions.shape[axis] > 1]
    counts = [positions.shape[axis] for axis in order if positions.shape[axis] > 1]
    start = int(positions.flat[0])
    if not steps:
        return View(size, (size,), (start,), ())
    # Each step must divide the one before it.
    if min(steps) <= 0 or any(a % b for a, b in pairwise(steps)):
        return None
    stop = size - size % steps[0]
    shape: list[int] = []
    index: list[int | slice] = []
    rest = start
    for step, count, whole in zip(steps, counts, [stop, *steps[:-1]], strict=True):
        first, rest = divmod(rest, step)
        if first + count > whole // step:
            return None
        shape.append(whole // step)
        index.append(slice(first, first + count))
    if steps[-1] > 1:
        shape.append(steps[-1])
        index.append(rest)
    plain = all(
        isinstance(part, slice) and part == slice(0, length)
        for part, length in zip(index, shape, strict=True)
    )
    kept = [axis for axis in order if positions.shape[axis] > 1]
    axes = tuple(int(place) for place in np.argsort(kept))
    if axes == tuple(sorted(axes)):
        axes = ()
    return View(stop, tuple(shape), () if plain else tuple(index), axes)


def _strides(positions: Positions) -> list[int] | None:
    """The step along each axis, if it is the same everywhere."""
    start = positions.flat[0]
    strides = []
    expected: Any = start
    for axis, length in enumerate(positions.shape):
        second = tuple(1 if a == axis else 0 for a in range(positions.ndim))
        stride = int(positions[second] - start) if length > 1 else 0
        strides.append(stride)
        shape = [1] * positions.ndim
        shape[axis] = length
        expected = expected + stride * np.arange(length).reshape(shape)
    return (
        strides if np.array_equal(np.broadcast_to(expected, positions.shape), positions) else None
    )


def without_repeats(ids: Positions) -> Positions:
    """The same with axes along which nothing changes cut down to a length of 1."""
    for axis in range(ids.ndim):
        if ids.shape[axis] > 1:
            first = ids[(slice(None),) * axis + (slice(0, 1),)]
            if np.array_equal(np.broadcast_to(first, ids.shape), ids):
                ids = first
    return ids
