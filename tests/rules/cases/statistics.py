"""Statistics, and the reductions that skip NaN."""

import numpy as np

from rules.case import Case, SpecialPoint, distinct, positive, smooth
from tinygrad_lite import Value

X = distinct(3, 4)
WITH_NAN = np.where(np.arange(12).reshape(3, 4) % 4 == 1, np.nan, distinct(3, 4))
WITH_NAN[:, 1] = [0.3, np.nan, -0.7]
SETTINGS = [{}, {"axis": 0}, {"axis": -1, "keepdims": True}]
LARGER = distinct(2, 3, 4)


def filled(x):
    """NaN at fixed places of a smooth array, so that the rest can be varied."""
    return [np.where(np.isnan(WITH_NAN), np.nan, x)]


CASES = [
    Case(np.average, [X]),
    Case(np.average, [X], {"axis": 1}),
    Case(np.average, [X, None, positive(3, 4)], id="average, weights"),
    Case(np.average, [X, 1, positive(4)], id="average, weights of an axis"),
    Case(np.average, [LARGER, (0, 2), positive(2, 4)], {"keepdims": True},
         id="average, weights of two axes"),
    Case(np.average, [X], {"axis": 0, "returned": True}, result=lambda both: both[0]),
    Case(np.cov, [X]),
    Case(np.cov, [X], {"rowvar": False, "bias": True}),
    Case(np.cov, [X, smooth(2, 4)]),
    Case(np.cov, [smooth(5)]),
    Case(np.cov, [X], {"ddof": 0, "fweights": np.array([1, 2, 1, 3])}, id="cov, counts"),
    Case(np.cov, [X], {"aweights": positive(4)}, id="cov, reliabilities"),
    Case(np.cov, [smooth(2, 4, dtype=complex)]),
    Case(np.corrcoef, [X]),
    Case(np.corrcoef, [smooth(5), smooth(5, seed=1)]),
    *(
        Case(f, [X], settings)
        for f in (np.ptp, np.median)
        for settings in [*SETTINGS, {"axis": (0, 1)}]
    ),
    Case(np.median, [distinct(5)]),
    Case(np.median, [LARGER], {"axis": (0, 2)}),
    *(
        Case(f, [X], {"q": scale * np.asarray(q), **settings}, id=f"{f.__name__} {q} {settings}")
        for f, scale in ((np.quantile, 1), (np.percentile, 100))
        for q in (0.3, [0.0, 0.45, 1.0], [[0.2, 0.7]])
        for settings in SETTINGS
    ),
    *(
        Case(f, [distinct(3, 4)], {"q": scale * 0.3, "axis": 0}, prepare=filled)
        for f, scale in ((np.nanquantile, 1), (np.nanpercentile, 100))
    ),
    *(
        Case(f, [distinct(3, 4)], settings, prepare=filled)
        for f in (np.nansum, np.nanprod, np.nanmean, np.nanstd, np.nanvar, np.nanmax, np.nanmin,
                  np.nanmedian)
        for settings in SETTINGS
    ),
    Case(np.nanvar, [distinct(3, 4)], {"axis": 1, "ddof": 1}, prepare=filled),
    Case(np.nanmean, [distinct(3, 4)], {"where": X > -1}, prepare=filled, id="nanmean where"),
    *(
        Case(f, [distinct(3, 4)], settings, prepare=filled)
        for f in (np.nancumsum, np.nancumprod)
        for settings in SETTINGS[:2]
    ),
    *(
        Case(f, [X], {"axis": 1, **more})
        for f in (np.cumulative_sum, np.cumulative_prod)
        for more in ({}, {"include_initial": True})
    ),
    Case(np.cumulative_sum, [smooth(4)]),
    Case(np.bincount, [np.array([0, 2, 2, 1]), smooth(4)]),
    Case(np.full_like, [0.7], prepare=lambda v: (Value(np.zeros((2, 3))), v),
         reference=lambda _, v: np.full((2, 3), v, float)),
]  # fmt: skip

SPECIAL_POINTS = [
    SpecialPoint(np.nansum, [np.array([np.nan, 2.0])], [[0.0, 1.0]]),
    SpecialPoint(np.nanmean, [np.array([np.nan, 2.0, 4.0])], [[0.0, 0.5, 0.5]]),
    SpecialPoint(np.nanmin, [np.array([np.nan, 2.0, 2.0])], [[0.0, 0.5, 0.5]]),
    SpecialPoint(np.nanstd, [np.array([np.nan, 0.1, 0.1, 0.1])], [0.0]),
    SpecialPoint(np.nanmedian, [np.array([2.0, np.nan, 2.0, 2.0])], [[0.0, 0.0, 1.0, 0.0]]),
    *(
        SpecialPoint(f, [np.array([2.0, 1.0, 2.0])], [[0.6, 0.4, 0.0]], {"q": q})
        for f, q in (
            (np.quantile, 0.3),
            (np.percentile, 30.0),
            (np.nanquantile, 0.3),
            (np.nanpercentile, 30.0),
        )
    ),
    SpecialPoint(np.nanmax, [np.array([np.nan, 2.0, 2.0])], [[0.0, 0.5, 0.5]]),
    SpecialPoint(np.median, [np.array([2.0, 1.0, 2.0])], [[1.0, 0.0, 0.0]]),
    SpecialPoint(np.ptp, [np.array([2.0, 1.0, 2.0])], [[0.5, -1.0, 0.5]]),
]
