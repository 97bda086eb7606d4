"""Statistics composed of sums, sorting and selection: average, median, quantile, cov, nan..."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import composed
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.rules.binding import as_array
from tinygrad_lite.rules.reductions import Axis, reduced_axes

NONE: Any = np._NoValue

# -- sums ----------------------------------------------------------------------------------------


@composed(np.average)
def _average(
    a: Any, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    a = as_array(a)
    keepdims = keepdims is True
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        return (mean, np.full(np.shape(mean), np.size(a) / np.size(mean))) if returned else mean
    weights = as_array(weights)
    if np.shape(weights) != np.shape(a):
        if axis is None:
            raise TypeError(
                f"np.average: weights of shape {np.shape(weights)} for an array of shape "
                f"{np.shape(a)} need an axis"
            )
        along = reduced_axes(a, axis)
        if np.shape(weights) != tuple(np.shape(a)[i] for i in along):
            raise ValueError(
                f"np.average: weights of shape {np.shape(weights)} do not fit an array of shape "
                f"{np.shape(a)} along axis {axis}"
            )
        weights = np.transpose(weights, np.argsort(along))
        weights = np.reshape(weights, [n if i in along else 1 for i, n in enumerate(np.shape(a))])
        weights = np.broadcast_to(weights, np.shape(a))
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    average = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (average, total) if returned else average


@composed(np.cov)
def _cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    rows = _as_rows(m, rowvar)
    if y is not None:
        rows = np.concatenate([rows, _as_rows(y, rowvar)])
    rows = rows.astype(np.result_type(rows.dtype, np.float64) if dtype is None else dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    if fweights is None and aweights is None:
        away = rows - np.mean(rows, axis=1, keepdims=True)
        return np.squeeze(away @ np.conjugate(away.T) / (np.shape(rows)[1] - ddof))
    weights = (1.0 if fweights is None else fweights) * (1.0 if aweights is None else aweights)
    total = np.sum(weights)
    # NumPy's correction for weights that are reliabilities, not counts
    lost = 1.0 if aweights is None else np.sum(weights * aweights) / total
    away = rows - np.sum(rows * weights, axis=1, keepdims=True) / total
    return np.squeeze((away * weights) @ np.conjugate(away.T) / (total - ddof * lost))


def _as_rows(x: Any, rowvar: bool) -> Any:
    x = as_array(x)
    if np.ndim(x) > 2:
        raise ValueError(f"np.cov and np.corrcoef take at most 2 axes, got shape {np.shape(x)}")
    if np.ndim(x) < 2:
        return np.reshape(x, (1, -1))
    return x if rowvar or np.shape(x)[0] == 1 else x.T


@composed(np.corrcoef)
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    covariance = _cov(x, y, rowvar, dtype=dtype)
    if np.ndim(covariance) == 0:
        return covariance / covariance
    spread = np.sqrt(np.real(np.diagonal(covariance)))
    return covariance / spread[:, None] / spread[None, :]


def _cumulative(running: Callable[..., Any], start: int) -> Callable[..., Any]:
    def cumulative(
        x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
    ) -> Any:
        if axis is None and np.ndim(x) != 1:
            raise ValueError(f"an axis is needed for an array of shape {np.shape(x)}")
        axis = axis or 0
        out = running(x, axis=axis)
        if include_initial:
            shape = list(np.shape(x))
            shape[axis] = 1
            out = np.concatenate([np.full(shape, start, x.dtype), out], axis=axis)
        return out

    return cumulative


if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    composed(np.cumulative_sum)(_cumulative(np.cumsum, 0))
    composed(np.cumulative_prod)(_cumulative(np.cumprod, 1))


# -- order statistics ----------------------------------------------------------------------------

_TIES = "ties: equal shares"
_RANKS = "equal entries: ranked in the order in which they stand"


@composed(np.ptp, kink=_TIES)
def _ptp(a: Any, axis: Axis = None, *, keepdims: Any = False) -> Any:
    keepdims = keepdims is True
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def _quantile(
    a: Any, q: Any, axis: Axis = None, keepdims: Any = False, skip_nan: bool = False
) -> Any:
    """Between the two entries whose ranks surround q; equal entries are ranked as they come."""
    a, q = as_array(a), data_of(q)
    kind = np.result_type(a.dtype, q if np.ndim(q) == 0 else np.asarray(q))
    q = np.asarray(q, dtype=np.float64)
    if np.any(q < 0) or np.any(q > 1):
        raise ValueError("quantiles must lie between 0 and 1, percentiles between 0 and 100")
    reduced = reduced_axes(a, axis)
    kept = [i for i in range(np.ndim(a)) if i not in reduced]
    shape = [np.shape(a)[i] for i in kept]
    rows = np.reshape(np.transpose(a, (*reduced, *kept)), (-1, *shape))
    missing = np.isnan(data_of(rows))
    # NaN is sorted to the end
    count = np.sum(~missing, axis=0) if skip_nan else np.full(shape, np.shape(rows)[0])
    order = np.argsort(data_of(rows), axis=0, kind="stable")
    rank = np.reshape(q, (-1,) + (1,) * len(kept)) * np.maximum(count - 1, 0)
    low = np.floor(rank).astype(int)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    below = np.take_along_axis(rows, np.take_along_axis(order, low, axis=0), axis=0)
    above = np.take_along_axis(rows, np.take_along_axis(order, high, axis=0), axis=0)
    found = below + (rank - low).astype(kind) * (above - below)
    undefined = count == 0 if skip_nan else missing.any(axis=0)
    if np.any(undefined):
        found = np.where(undefined, np.nan, found)
    if keepdims is True:
        shape = [1 if i in reduced else n for i, n in enumerate(np.shape(a))]
    return np.reshape(found, (*q.shape, *shape))


def _plain(q: Any) -> Any:
    return np.asarray(q) if isinstance(q, (list, tuple)) else data_of(q)


def _linear_only(q_scale: float, skip_nan: bool) -> Callable[..., Any]:
    def quantile(
        a: Any, q: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False,
        method: str = "linear", keepdims: Any = False, *, weights: Any = None,
    ) -> Any:  # fmt: skip
        if method != "linear" or weights is not None:
            what = f"method={method!r}" if weights is None else "weights="
            raise TypeError(
                f"quantiles of a Value have no {what}: only the linear method has a "
                f"differentiation rule. Call it on plain arrays (x.data) if no gradient is wanted"
            )
        return _quantile(a, _plain(q) / q_scale, axis, keepdims, skip_nan)

    return quantile


def _middle(skip_nan: bool) -> Callable[..., Any]:
    def median(
        a: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False,
        keepdims: Any = False,
    ) -> Any:  # fmt: skip
        return _quantile(a, 0.5, axis, keepdims, skip_nan)

    return median


composed(np.quantile, kink=_RANKS)(_linear_only(1, skip_nan=False))
composed(np.nanquantile, kink=_RANKS)(_linear_only(1, skip_nan=True))
composed(np.percentile, kink=_RANKS)(_linear_only(100, skip_nan=False))
composed(np.nanpercentile, kink=_RANKS)(_linear_only(100, skip_nan=True))
composed(np.median, kink=_RANKS)(_middle(skip_nan=False))
composed(np.nanmedian, kink=_RANKS)(_middle(skip_nan=True))


# -- the same without NaN ------------------------------------------------------------------------
# NaN is replaced by what does not matter to the function, and has no gradient.


def _without_nan(function: Callable[..., Any], filler: float) -> Callable[..., Any]:
    def reduced(
        a: Any, axis: Any = None, dtype: Any = None, out: None = None, **settings: Any
    ) -> Any:
        if dtype is not None:
            settings["dtype"] = dtype
        return function(np.where(np.isnan(data_of(a)), filler, a), axis=axis, **settings)

    return reduced


for _nan_function, _function, _filler in (
    (np.nansum, np.sum, 0), (np.nanprod, np.prod, 1),
    (np.nancumsum, np.cumsum, 0), (np.nancumprod, np.cumprod, 1),
):  # fmt: skip
    composed(_nan_function)(_without_nan(_function, _filler))


def _nan_extremum(function: Callable[..., Any], filler: float) -> Callable[..., Any]:
    def extremum(
        a: Any, axis: Axis = None, out: None = None, keepdims: Any = False, **settings: Any
    ) -> Any:
        keepdims = keepdims is True
        missing = np.isnan(data_of(a))
        found = function(np.where(missing, filler, a), axis=axis, keepdims=keepdims, **settings)
        nothing = np.all(missing, axis=axis, keepdims=keepdims)
        if np.any(nothing):
            warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=2)
            found = np.where(nothing, np.nan, found)
        return found

    return extremum


composed(np.nanmax, kink=_TIES)(_nan_extremum(np.max, -np.inf))
composed(np.nanmin, kink=_TIES)(_nan_extremum(np.min, np.inf))


def _present(a: Any, where: Any) -> tuple[Any, Any]:
    """The array with 0 for NaN, and where to look."""
    present = ~np.isnan(data_of(a))
    return np.where(present, a, 0), present if where is NONE else present & where


@composed(np.nanmean)
def _nanmean(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: Any = False,
    *, where: Any = NONE,
) -> Any:  # fmt: skip
    filled, where = _present(a, where)
    return np.mean(filled, axis=axis, keepdims=keepdims is True, where=where)


def _nan_spread(function: Callable[..., Any]) -> Callable[..., Any]:
    def spread(
        a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: float = 0,
        keepdims: Any = False, *, where: Any = NONE, correction: float = 0,
    ) -> Any:  # fmt: skip
        filled, where = _present(a, where)
        return function(
            filled, axis=axis, ddof=ddof + correction, keepdims=keepdims is True, where=where
        )

    return spread


composed(np.nanvar)(_nan_spread(np.var))
composed(np.nanstd, kink="all entries equal: derivatives 0")(_nan_spread(np.std))
