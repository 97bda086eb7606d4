"""Differences and integrals."""

import numpy as np

from rules.case import Case, positive, smooth

TIMES = np.cumsum(positive(5))

CASES = [
    Case(np.diff, [smooth(2, 5)]),
    Case(np.diff, [smooth(4, 3)], {"n": 2, "axis": 0}),
    Case(np.diff, [smooth(3)], {"n": 0}),
    Case(np.diff, [smooth(2, 3)], {"prepend": 1.5, "append": np.ones((2, 2))}, id="diff with ends"),
    Case(np.ediff1d, [smooth(2, 3)]),
    Case(np.ediff1d, [smooth(4), smooth(2), 0.5]),
    Case(np.trapezoid, [smooth(2, 5)]),
    Case(np.trapezoid, [smooth(2, 5), TIMES]),
    Case(np.trapezoid, [smooth(5, 2), TIMES], {"axis": 0}),
    Case(np.trapezoid, [smooth(2, 5), np.cumsum(positive(2, 5), axis=1)]),
    Case(np.trapezoid, [smooth(2, 5)], {"dx": 0.5, "axis": 0}),
    Case(np.gradient, [smooth(5)]),
    Case(np.gradient, [smooth(2)]),
    Case(np.gradient, [smooth(3, 4)]),
    Case(np.gradient, [smooth(3, 4), 0.5], {"axis": 1}),
    Case(np.gradient, [smooth(3, 4), 0.5, 2.0], {"edge_order": 2}),
    Case(np.gradient, [smooth(5), TIMES]),
    Case(np.gradient, [smooth(5, 2), TIMES], {"axis": 0, "edge_order": 2}),
]
