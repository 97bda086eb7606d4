"""Rules of functions that reduce along axes or accumulate: sum, mean, prod, max, var, cumsum ..."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.rules.zero import product, quotient

Axis = int | tuple[int, ...] | None

_ndarray = np.ndarray
_add_reduce = np.add.reduce


def reduced_axes(x: Any, axis: Axis) -> tuple[int, ...]:
    """The axes that a reduction removes, counted from the front."""
    return tuple(a % np.ndim(x) for a in (range(np.ndim(x)) if axis is None else _listed(axis)))


def _listed(axis: int | tuple[int, ...]) -> tuple[int, ...]:
    return axis if isinstance(axis, tuple) else (axis,)


def restored(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """A reduced array with the reduced axes back at size 1, so that it broadcasts against `x`."""
    if keepdims or axis is None:
        return g
    shape = list(np.shape(x))
    for a in _listed(axis):
        shape[a] = 1
    return np.reshape(g, shape)


def _spread(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """A cotangent of a sum, broadcast to what was summed."""
    if axis is not None:
        g = restored(g, x, axis, keepdims)
    # np.broadcast_to costs as much as writing 10,000 numbers.
    if type(x) is not _ndarray or type(g) is Value or x.size > 10_000:
        return np.broadcast_to(g, np.shape(x))
    copies = np.empty(x.shape, x.dtype)
    copies[...] = g
    return copies


def _sum(x: Any, axis: Axis = None, **settings: Any) -> Any:
    return _add_reduce(x, axis, **settings)


def _mean(x: Any, axis: Axis = None, **settings: Any) -> Any:
    dtype = getattr(x, "dtype", None)
    if (dtype != np.float64 and dtype != np.float32) or not x.size or settings.keys() & _UNUSUAL:
        return np.mean(x, axis=axis, **settings)
    total = np.add.reduce(x, axis=axis, **settings)  # half the time of np.mean, the same result
    return total / (x.size // np.size(total))


_UNUSUAL = {"dtype", "where"}


def _count(x: Any, axis: Axis, where: Any) -> Any:
    """How many entries are reduced into one; an array of shape with axes kept, if they differ."""
    if where is True:
        if axis is None:
            return np.size(x) or 1
        shape = np.shape(x)
        return math.prod([shape[a] for a in _listed(axis)]) or 1
    counted = np.broadcast_to(where, np.shape(x))
    count = np.sum(counted, axis=axis, keepdims=True, dtype=data_of(x).dtype)
    return np.maximum(count, 1)


def _sum_vjp(
    g: Any, out: Any, x: Any,
    axis: Axis = None, dtype: Any = None, keepdims: bool = False,
    initial: Any = 0, where: Any = True,
) -> Any:  # fmt: skip
    spread = _spread(g, x, axis, keepdims)
    return spread if where is True else np.where(where, spread, 0)


def _mean_vjp(
    g: Any, out: Any, x: Any,
    axis: Axis = None, dtype: Any = None, keepdims: bool = False, where: Any = True,
) -> Any:  # fmt: skip
    count = _count(x, axis, where)
    if where is True:
        return _spread(g / count, x, axis, keepdims)
    return np.where(where, restored(g, x, axis, keepdims) / count, 0)


def _extremum_vjp(
    g: Any, out: Any, x: Any,
    axis: Axis = None, keepdims: bool = False, initial: Any = None, where: Any = True,
) -> Any:  # fmt: skip
    plain = data_of(x)
    highest = data_of(out)
    chosen = plain == restored(highest, x, axis, keepdims)
    g = restored(g, x, axis, keepdims)
    single = np.count_nonzero(chosen) == np.size(highest)  # ... unless some have none: for NaN
    if single and initial is None and where is True and np.all(highest == highest):
        return g * chosen
    chosen = chosen & where
    ties = np.add.reduce(chosen, axis=axis, keepdims=True, dtype=getattr(plain, "dtype", float))
    return (g / np.maximum(ties, 1)) * chosen


_TIES = "ties: equal shares"
for _function in (np.max, np.min, np.amax, np.amin):
    defvjp(_function, _extremum_vjp, kink=_TIES)
defvjp(np.sum, _sum_vjp, evaluate=_sum)
defvjp(np.mean, _mean_vjp, evaluate=_mean)


# -- variance ------------------------------------------------------------------------------------


def _deviation(x: Any, axis: Axis, where: Any, ddof: float) -> tuple[Any, Any]:
    """Distance from the mean, and what the sum of its squares is divided by."""
    mean = np.mean(x, axis=axis, keepdims=True, where=where)
    away = x - mean if where is True else np.where(where, x - mean, 0)
    return np.conjugate(away) if np.iscomplexobj(x) else away, _count(x, axis, where) - ddof


def _var_vjp(
    g: Any, out: Any, x: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0,
    keepdims: bool = False, where: Any = True, correction: float = 0,
) -> Any:  # fmt: skip
    away, count = _deviation(x, axis, where, ddof + correction)
    return restored(g, x, axis, keepdims) * (2 / count) * away


def _std_vjp(
    g: Any, out: Any, x: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0,
    keepdims: bool = False, where: Any = True, correction: float = 0,
) -> Any:  # fmt: skip
    away, count = _deviation(x, axis, where, ddof + correction)
    spread = restored(out, x, axis, keepdims)
    if np.any(data_of(spread) < 1e-6 * np.max(np.abs(data_of(x)), initial=0)):
        # The mean of equal entries may be off by a rounding, and the quotient be anything.
        plain = data_of(x) if where is True else np.where(where, data_of(x), np.nan)
        lowest = np.fmin.reduce(plain, axis=axis, keepdims=True)
        away = np.where(lowest == np.fmax.reduce(plain, axis=axis, keepdims=True), 0, away)
    return product(restored(g, x, axis, keepdims), quotient(away, spread * count))


defvjp(np.var, _var_vjp)
defvjp(np.std, _std_vjp, kink="all entries equal: derivatives 0")


# -- products and running sums and products ------------------------------------------------------


def _product_of_others(x: Any) -> Any:
    """For each entry along the first axis, the product of all others: no division, zeros are fine.

    In log2(n) steps: halves are multiplied, solved, and multiplied by the half left out.
    """
    count = np.shape(x)[0]
    if count < 2:
        return np.ones_like(data_of(x))
    odd = count % 2
    if odd:
        x = np.concatenate([x, np.ones_like(data_of(x)[:1])])
    half = (count + odd) // 2
    first, second = x[:half], x[half:]
    others = _product_of_others(first * second)
    return np.concatenate([others * second, others * first])[:count]


def _prod_vjp(
    g: Any, out: Any, x: Any,
    axis: Axis = None, dtype: Any = None, keepdims: bool = False,
    initial: Any = 1, where: Any = True,
) -> Any:  # fmt: skip
    if not np.ndim(x):
        return g * initial if where is True else np.where(where, g * initial, 0)
    factors = x if where is True else np.where(where, x, 1)
    reduced = reduced_axes(x, axis)
    kept = [a for a in range(np.ndim(x)) if a not in reduced]
    order = (*reduced, *kept)
    moved = np.transpose(factors, order)
    flat = np.reshape(moved, (-1, *[np.shape(x)[a] for a in kept])) if np.size(x) else moved
    others = np.reshape(_product_of_others(flat), np.shape(moved))
    local = (restored(g, x, axis, keepdims) * initial) * np.transpose(others, np.argsort(order))
    return local if where is True else np.where(where, local, 0)


def _reversed(x: Any, axis: int) -> Any:
    return x[(slice(None),) * (axis % np.ndim(x)) + (slice(None, None, -1),)]


def _reversed_sums(g: Any, axis: int) -> Any:
    return _reversed(np.cumsum(_reversed(g, axis), axis=axis), axis)


def _cumsum_vjp(g: Any, out: Any, x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    return np.reshape(_reversed_sums(g, 0 if axis is None else axis), np.shape(x))


def _cumprod_vjp(g: Any, out: Any, x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    flat = np.reshape(x, (-1,)) if axis is None else x
    along = 0 if axis is None else axis
    if np.all(data_of(x)):
        local = _reversed_sums(g * out, along) / flat
    else:
        local = _cumprod_vjp_of_zeros(g, flat, along)
    return np.reshape(local, np.shape(x))


def _cumprod_vjp_of_zeros(g: Any, x: Any, axis: int) -> Any:
    """Without division: (product of those before) * (g here + next * (g there + next * ...))."""
    g, x = np.swapaxes(g, 0, axis), np.swapaxes(x, 0, axis)
    count = np.shape(x)[0]
    behind = [g[count - 1]]
    for i in range(count - 2, -1, -1):
        behind.append(g[i] + x[i + 1] * behind[-1])
    before = np.concatenate([np.ones_like(data_of(x)[:1]), np.cumprod(x[:-1], axis=0)])
    return np.swapaxes(before * np.stack(behind[::-1]), 0, axis)


defvjp(np.prod, _prod_vjp)
defvjp(np.cumsum, _cumsum_vjp)
defvjp(np.cumprod, _cumprod_vjp)
