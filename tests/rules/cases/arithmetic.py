"""Operators and what NumPy calls them."""

import numpy as np

from rules.case import Case, SpecialPoint, away_from, between, positive, smooth

CASES = [
    Case(np.add, [smooth(2, 3), smooth(3)]),
    Case(np.subtract, [smooth(2, 1), smooth(3)]),
    Case(np.multiply, [smooth(2, 3), smooth(2, 1)]),
    Case(np.divide, [smooth(2, 3), away_from(0, shape=(3,), gap=0.3)]),
    Case(np.power, [positive(2, 3), smooth(3)]),
    Case(np.power, [smooth(3), 2.0], fixed=(1,), id="power(x, 2)"),
    Case(np.power, [smooth(3), 3], id="power(x, 3)"),
    Case(np.negative, [smooth(3)]),
    Case(np.positive, [smooth(3)]),
    Case(np.remainder, [between(5.2, 5.8, 3), between(1.5, 1.6, 3)]),
]

SPECIAL_POINTS = [
    SpecialPoint(np.power, [0.0, 2.0], [0.0, 0.0]),
    SpecialPoint(np.remainder, [6.0, 3.0], [1.0, -2.0]),
]
