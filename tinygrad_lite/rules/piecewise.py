"""Rules of functions that choose between arguments: maximum, where, clip, interp ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import composed, defvjp
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.rules.binding import as_array, like
from tinygrad_lite.rules.indexing import scatter


def _chosen(argnum: int) -> Callable[..., Any]:
    """The pull-back of maximum and its kin: to the argument that the output equals."""

    def vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
        plain = data_of(out)
        own = (data_of(y) if argnum else data_of(x)) == plain
        tied = own & ((data_of(x) if argnum else data_of(y)) == plain)
        return g * own - 0.5 * g * tied if np.any(tied) else g * own

    return vjp


def _max_of_floats(x: float, y: float) -> float:
    return float(x if x >= y or x != x else y)


def _min_of_floats(x: float, y: float) -> float:
    return float(x if x <= y or x != x else y)


_HALVES = "ties: half to each"
defvjp(np.maximum, _chosen(0), _chosen(1), scalar=_max_of_floats, kink=_HALVES)
defvjp(np.minimum, _chosen(0), _chosen(1), scalar=_min_of_floats, kink=_HALVES)
defvjp(np.fmax, _chosen(0), _chosen(1), kink=_HALVES)
defvjp(np.fmin, _chosen(0), _chosen(1), kink=_HALVES)


def _bind_where(condition: Any, *alternatives: Any) -> tuple[Any, Any]:
    if len(alternatives) != 2:
        raise TypeError(
            f"np.where of a Value takes a condition and two alternatives, not "
            f"{1 + len(alternatives)} argument(s); for the indices where a condition holds use "
            f"np.nonzero(x.data)"
        )
    return (data_of(condition), *alternatives), {}


def _where(condition: Any, x: Any, y: Any) -> Any:
    chosen: Any = np.where(condition, x, y)
    return chosen[()]  # a number if it has no axes


defvjp(
    np.where,
    None,
    lambda g, out, condition, x, y: np.where(condition, g, 0),
    lambda g, out, condition, x, y: np.where(condition, 0, g),
    evaluate=_where,
    bind=like(_bind_where),
)


def _bind_clip(a: Any, a_min: Any = None, a_max: Any = None, **settings: Any) -> tuple[Any, Any]:
    low, high = settings.pop("min", None), settings.pop("max", None)
    return (a, low if a_min is None else a_min, high if a_max is None else a_max), settings


def _clip_vjp_low(g: Any, out: Any, x: Any, low: Any, high: Any) -> Any:
    below = data_of(out) != data_of(x)
    return g * (below if high is None else below & (data_of(out) != data_of(high)))


defvjp(
    np.clip,
    lambda g, out, x, low, high: g * (data_of(out) == data_of(x)),
    _clip_vjp_low,
    lambda g, out, x, low, high: (
        g * ((data_of(out) != data_of(x)) & (data_of(out) == data_of(high)))
    ),
    bind=like(_bind_clip),
    kink="x at a bound: derivative 1 by x, 0 by the bound",
)
defvjp(
    np.nan_to_num,
    lambda g, out, x, **settings: g * np.isfinite(data_of(x)),
    kink="NaN and infinities: derivative 0",
)
defvjp(np.unwrap, lambda g, out, p, discont=None, axis=-1, period=None: g)


@composed(np.select)
def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"np.select needs as many choices as conditions, got {len(choicelist)} for "
            f"{len(condlist)}"
        )
    out = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        out = np.where(condition, choice, out)
    return out


@composed(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    conditions = [np.asarray(data_of(c), dtype=bool) for c in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(funclist) != len(conditions):
        raise ValueError(
            f"np.piecewise needs a function for each of the {len(conditions)} conditions, and at "
            f"most one more; got {len(funclist)}"
        )
    out: Any = np.zeros_like(data_of(x))
    for condition, function in zip(conditions, funclist, strict=True):
        piece = function(x[condition], *args, **kwargs) if callable(function) else function
        if np.ndim(piece):  # of the chosen entries: back to their places
            piece = scatter(piece, index=condition, shape=np.shape(x))
        out = np.where(condition, piece, out)
    return out


@composed(np.interp, kink="knots: the slope to the right")
def _interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: None = None
) -> Any:
    """Linear interpolation, differentiable by x, xp and fp; at a knot, the slope to its right.

    In float64, as NumPy's is."""
    if period is not None:
        raise TypeError("np.interp of a Value has no period=: wrap x and the knots beforehand")
    x, xp, fp = (as_array(given).astype(np.float64) for given in (x, xp, fp))
    knots, points = data_of(xp), data_of(x)
    left = fp[0] if left is None else left
    right = fp[-1] if right is None else right
    if len(knots) == 1:
        inner = fp[0]
    else:
        at = np.clip(np.searchsorted(knots, points, side="right") - 1, 0, len(knots) - 2)
        slope = (fp[at + 1] - fp[at]) / (xp[at + 1] - xp[at])
        inner = fp[at] + slope * (x - xp[at])
    return np.where(points < knots[0], left, np.where(points > knots[-1], right, inner))
