"""The linear layer as one operation."""

import numpy as np

from rules.case import Case, smooth
from tinygrad_lite.rules.linear import linear


def reference(x, weight, bias=0):
    return np.einsum("...i,oi->...o", x, weight) + bias


CASES = [
    Case(linear, [smooth(4, 3), smooth(2, 3), smooth(2)], reference=reference),
    Case(linear, [smooth(4, 3), smooth(2, 3)], reference=reference),
    Case(linear, [smooth(3), smooth(2, 3), smooth(2)], reference=reference),
    Case(linear, [smooth(2, 1, 3), smooth(2, 3), smooth(2)], reference=reference),
]
