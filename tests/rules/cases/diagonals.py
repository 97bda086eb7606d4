"""Diagonals and triangles."""

import numpy as np

from rules.case import Case, smooth
from tinygrad_lite.rules.diagonals import on_diagonal

CASES = [
    Case(np.diag, [smooth(3)]),
    Case(np.diag, [smooth(3)], {"k": -2}),
    Case(np.diag, [smooth(3, 4)], {"k": 1}),
    Case(np.diagflat, [smooth(2, 2)], {"k": 1}),
    Case(np.diagonal, [smooth(3, 4)]),
    Case(np.diagonal, [smooth(3, 4)], {"offset": -1}),
    Case(np.diagonal, [smooth(3, 4, 2)], {"offset": 1, "axis1": 2, "axis2": 0}),
    Case(np.diagonal, [smooth(3, 4)], {"offset": 7}),
    Case(np.linalg.diagonal, [smooth(2, 3, 4)], {"offset": 1}, id="linalg.diagonal"),
    Case(on_diagonal, [smooth(2)], {"shape": (3, 2)}),
    Case(on_diagonal, [smooth(4, 2)], {"shape": (2, 4, 3), "offset": 1, "axis1": 0, "axis2": 2}),
    Case(np.trace, [smooth(3, 4)]),
    Case(np.trace, [smooth(3, 4, 2)], {"offset": 1, "axis1": 1, "axis2": 0}),
    Case(np.linalg.trace, [smooth(2, 3, 3)], {"offset": -1}, id="linalg.trace"),
    Case(np.tril, [smooth(3, 4)]),
    Case(np.tril, [smooth(2, 3, 4)], {"k": 1}),
    Case(np.triu, [smooth(4, 3)], {"k": -1}),
    Case(np.triu, [smooth(3, 3, dtype=complex)]),
]
