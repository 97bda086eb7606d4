"""What is passed back through operations that have a fast path for large arrays."""

import numpy as np

from rules.case import Case, away_from, positive, smooth
from tinygrad_lite.rules.activations import where_positive
from tinygrad_lite.rules.normalisation import normalise_back


def passed_by_hand(g, x):
    return np.where(x > 0, g, np.zeros((), g.dtype))


def back_by_hand(g, normal, variance, axis, eps):
    g_mean = g.mean(axis=axis, keepdims=True)
    along = (g * normal).mean(axis=axis, keepdims=True)
    return (g - g_mean - normal * along) / np.sqrt(variance + eps)


CASES = [
    Case(where_positive, [smooth(2, 3), away_from(0, shape=(2, 3))], fixed=(1,),
         reference=passed_by_hand),
    *(
        Case(
            normalise_back, [smooth(4, 3, 2), smooth(4, 3, 2), positive(*kept)],
            {"axis": axis, "eps": 1e-2}, reference=back_by_hand, id=f"normalise_back-{axis}",
        )
        for axis, kept in (((0, 2), (1, 3, 1)), ((-1,), (4, 3, 1)))
    ),
]  # fmt: skip
