"""Functions that choose between their arguments."""

import numpy as np

from rules.case import Case, SpecialPoint, distinct, smooth

CONDITION = np.array([[True, False, True], [False, False, True]])
X = distinct(2, 3)
KNOTS = np.array([-1.5, -0.4, 0.3, 1.1])
HEIGHTS = np.array([0.5, -1.0, 2.0, 0.7])
POINTS = np.array([-1.9, -1.2, -0.5, 0.1, 0.9, 1.9])
WITH_NAN = np.array([1.0, np.nan, -2.0, np.inf, -np.inf])


def split_in_three(x):
    return np.piecewise(x, [x < -0.5, x > 0.5], [np.exp, lambda part: part**2, 3.0])


CASES = [
    *(
        Case(f, [distinct(2, 3), distinct(3, seed=1)])
        for f in (np.maximum, np.minimum, np.fmax, np.fmin)
    ),
    *(Case(f, [0.5, -1.5]) for f in (np.maximum, np.minimum, np.fmax, np.fmin)),
    Case(np.where, [CONDITION, smooth(2, 3), smooth(3)]),
    Case(np.where, [CONDITION, smooth(3), 1.5]),
    Case(np.where, [True, 0.5, -1.5]),
    Case(np.clip, [X, -0.6, 0.6], fixed=(1, 2)),
    Case(np.clip, [X, distinct(3, seed=1) / 2 - 1.1, np.array([[0.5], [1.4]])]),
    Case(np.clip, [X, None, 0.6], id="clip from above"),
    Case(np.clip, [X, 0.6, None], id="clip from below"),
    Case(np.clip, [X], {"a_min": -0.61, "a_max": 0.61}),
    Case(np.clip, [X], {"min": -0.61}),
    Case(np.clip, [X, 0.8, 0.2], id="clip with bounds crossed"),
    Case(np.clip, [0.5, -1.0, 1.0], fixed=(1, 2), id="clip of a float"),
    Case(np.nan_to_num, [smooth(3)]),
    Case(np.nan_to_num, [np.array([1.0, -2.0])], {"nan": 5.0, "posinf": 1.0}),
    Case(np.unwrap, [np.array([0.1, 3.0, -3.0, 0.2])]),
    Case(np.unwrap, [np.array([[0.1, 3.0, -3.0]])], {"axis": 1, "period": 5.0}),
    Case(
        np.select,
        [[X < -0.5, X > 0.5], [smooth(2, 3), smooth(2, 3, seed=1)]],
        prepare=lambda conditions, choices: (conditions, choices, choices[0] ** 2),
    ),
    Case(np.select, [[X < -0.5], [smooth(2, 3)]]),
    Case(np.piecewise, [X], {"condlist": [X < 0, X >= 0], "funclist": [np.exp, np.square]}),
    Case(np.piecewise, [X], {"condlist": [X < 0], "funclist": [np.exp, 1.0]}, id="piecewise, else"),
    Case(np.interp, [POINTS, KNOTS, HEIGHTS]),
    Case(np.interp, [POINTS, KNOTS, HEIGHTS], {"left": -3.0, "right": 4.0}),
    Case(np.interp, [POINTS[:4].reshape(2, 2), KNOTS, HEIGHTS]),
    Case(np.interp, [0.5, KNOTS, HEIGHTS]),
    Case(np.interp, [0.5, KNOTS[:1], HEIGHTS[:1]], id="interp, one knot", order=0, float32=False),
]

SPECIAL_POINTS = [
    *(SpecialPoint(f, [1.0, 1.0], [0.5, 0.5]) for f in (np.maximum, np.minimum, np.fmax, np.fmin)),
    SpecialPoint(np.fmax, [np.nan, 1.0], [0.0, 1.0]),
    SpecialPoint(np.fmin, [1.0, np.nan], [1.0, 0.0]),
    SpecialPoint(np.maximum, [np.inf, np.inf], [0.5, 0.5]),
    SpecialPoint(np.clip, [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]),
    SpecialPoint(np.clip, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]),
    SpecialPoint(np.clip, [2.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
    SpecialPoint(np.clip, [-2.0, 0.0, 1.0], [0.0, 1.0, 0.0]),
    SpecialPoint(np.clip, [-2.0, 0.0, 0.0], [0.0, 0.0, 1.0]),
    SpecialPoint(np.nan_to_num, [WITH_NAN], [[1.0, 0.0, 1.0, 0.0, 0.0]]),
    SpecialPoint(np.nan_to_num, [np.nan], [0.0]),
    SpecialPoint(np.interp, [0.3, KNOTS, HEIGHTS], [-1.625, None, None]),
    SpecialPoint(np.where, [True, np.inf, np.nan], [None, 1.0, 0.0]),
]
