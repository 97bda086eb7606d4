"""Functions that reduce along axes or accumulate."""

import numpy as np

from rules.case import Case, SpecialPoint, away_from, distinct, smooth

X = distinct(2, 3, 4)
SETTINGS = [
    {}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": (-1, 1)}, {"keepdims": True},
    {"axis": 1, "keepdims": True}, {"axis": (0, 2), "keepdims": True}, {"axis": ()},
]  # fmt: skip
MASK = np.arange(24).reshape(2, 3, 4) % 5 != 0
ROW = np.array([True, False, True, True])
SOME_ZEROS = np.array([[0.0, 1.5, 0.5, -1.0], [2.0, 0.0, 0.0, 1.0], [1.0, 2.0, 0.5, 1.5]])

CASES = [
    *(
        Case(f, [X], settings)
        for f in (np.sum, np.mean, np.prod, np.max, np.min)
        for settings in SETTINGS
    ),
    *(
        Case(f, [X], settings)
        for f in (np.std, np.var)
        for settings in [*SETTINGS[:-1], {"ddof": 1}, {"axis": 1, "correction": 1}]
    ),
    *(Case(f, [X], {"axis": 1}) for f in (np.amax, np.amin)),
    *(Case(f, [0.7]) for f in (np.sum, np.mean, np.prod, np.max, np.min)),
    *(Case(f, [np.array(0.7)]) for f in (np.sum, np.mean, np.prod, np.max, np.min)),
    *(Case(f, [smooth(2, 3, dtype=complex)], {"axis": 0}) for f in (np.sum, np.mean, np.prod)),
    *(Case(f, [smooth(2, 3, dtype=complex)], {"axis": 0}) for f in (np.var, np.std)),
    *(
        Case(f, [X], {"axis": axis, "where": where}, id=f"{f.__name__} where, axis {axis}")
        for f in (np.sum, np.mean, np.prod, np.std, np.var)
        for axis, where in ((None, MASK), (1, MASK), ((0, 2), ROW))
    ),
    *(
        Case(f, [X], {"axis": 1, "initial": 0.5, "where": MASK}, id=f"{f.__name__} where, initial")
        for f in (np.sum, np.prod, np.max, np.min)
    ),
    *(Case(f, [X], {"initial": 0.5}) for f in (np.sum, np.prod, np.max)),
    *(Case(f, [X], {"dtype": np.float32}, order=0) for f in (np.sum, np.mean, np.prod, np.var)),
    *(Case(np.prod, [SOME_ZEROS], settings, id=f"prod with zeros, {settings}")
      for settings in ({}, {"axis": 0}, {"axis": 1}, {"axis": (0, 1), "keepdims": True})),
    *(Case(np.prod, [distinct(n)], id=f"prod of {n}") for n in (1, 2, 3, 5, 8)),
    *(
        Case(f, [away_from(0, shape=(2, 3))], settings)
        for f in (np.cumsum, np.cumprod)
        for settings in ({}, {"axis": 0}, {"axis": -1})
    ),
    *(Case(np.cumprod, [SOME_ZEROS], settings, id=f"cumprod with zeros, {settings}")
      for settings in ({}, {"axis": 0}, {"axis": 1})),
    *(Case(f, [0.7]) for f in (np.cumsum, np.cumprod)),
]  # fmt: skip

TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])

SPECIAL_POINTS = [
    *(SpecialPoint(f, [TIED], [[[0.0, 0.5, 0.5], [0.0, 0.0, 0.0]]]) for f in (np.max, np.amax)),
    *(SpecialPoint(f, [TIED], [[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]) for f in (np.min, np.amin)),
    SpecialPoint(np.max, [TIED], [[[0.0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]], {"axis": 1}),
    SpecialPoint(np.max, [TIED], [[[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]], {"axis": 0}),
    SpecialPoint(np.std, [np.full(3, 0.5)], [0.0]),
    SpecialPoint(np.std, [np.full((2, 3), 0.1)], [0.0], {"axis": 1}),
    SpecialPoint(np.var, [np.full(3, 0.5)], [0.0]),
    SpecialPoint(np.prod, [np.array([0.0, 2.0, 3.0])], [[6.0, 0.0, 0.0]]),
    SpecialPoint(np.prod, [np.array([0.0, 0.0, 3.0])], [[0.0, 0.0, 0.0]]),
    SpecialPoint(np.cumprod, [np.array([2.0, 0.0, 3.0])], [[1.0, 8.0, 0.0]]),
]
