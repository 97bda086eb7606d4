"""Rules of functions that reduce along axes: sum, mean, prod, max, var, cumsum ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.engine.value import data_of

Axis = int | tuple[int, ...] | None


def restored(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """A reduced array with the reduced axes back at size 1, so that it broadcasts against `x`."""
    if keepdims or (axis is None and np.ndim(g) == np.ndim(x)):
        return g
    listed = range(np.ndim(x)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    reduced = {a % np.ndim(x) for a in listed}
    shape = tuple(1 if a in reduced else size for a, size in enumerate(np.shape(x)))
    return np.reshape(g, shape)


def _sum_vjp(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return np.broadcast_to(restored(g, x, axis, keepdims), np.shape(x))


def _mean_vjp(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    count = np.size(x) // max(np.size(data_of(out)), 1)
    return np.broadcast_to(restored(g / count, x, axis, keepdims), np.shape(x))


defvjp(np.sum, _sum_vjp)
defvjp(np.mean, _mean_vjp)
