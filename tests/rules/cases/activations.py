"""Activation functions, and the products that keep zero."""

import numpy as np
import scipy.special

from rules.case import Case, SpecialPoint, away_from, smooth
from tinygrad_lite.rules.activations import (
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
)  # fmt: skip
from tinygrad_lite.rules.zero import product, quotient

X = smooth(2, 3, 4)


def logsumexp_of_scipy(x, **settings):
    return scipy.special.logsumexp(x, **settings).astype(x.dtype)


HUGE = np.array([1e308, -1e308, -np.inf])

CASES = [
    Case(relu, [away_from(0, shape=(2, 3))], reference=lambda x: np.where(x > 0, x, 0)),
    Case(relu, [-0.5]),
    Case(sigmoid, [4 * smooth(2, 3)], reference=scipy.special.expit),
    Case(sigmoid, [0.7], reference=scipy.special.expit),
    Case(softplus, [4 * smooth(2, 3)], reference=lambda x: np.logaddexp(x, 0)),
    Case(softplus, [0.7], reference=lambda x: np.logaddexp(x, 0)),
    *(
        Case(softmax, [X], settings, reference=scipy.special.softmax)
        for settings in ({"axis": -1}, {"axis": 0}, {"axis": (0, 2)}, {"axis": None})
    ),
    *(
        Case(log_softmax, [X], settings, reference=scipy.special.log_softmax)
        for settings in ({"axis": -1}, {"axis": 0}, {"axis": (0, 2)}, {"axis": None})
    ),
    *(
        Case(logsumexp, [X], settings, reference=logsumexp_of_scipy)
        for settings in (
            {}, {"axis": 0}, {"axis": (0, -1)}, {"axis": 1, "keepdims": True}, {"keepdims": True},
        )
    ),
    Case(product, [smooth(2, 3), smooth(3)], reference=np.multiply),
    Case(quotient, [smooth(2, 3), away_from(0, shape=(3,), gap=0.3)], reference=np.divide),
]  # fmt: skip

SPECIAL_POINTS = [
    SpecialPoint(relu, [0.0], [0.0]),
    SpecialPoint(relu, [np.inf], [1.0]),
    SpecialPoint(sigmoid, [-1000.0], [0.0]),
    SpecialPoint(sigmoid, [1000.0], [0.0]),
    SpecialPoint(sigmoid, [0.0], [0.25]),
    SpecialPoint(softplus, [-1000.0], [0.0]),
    SpecialPoint(softplus, [1000.0], [1.0]),
    SpecialPoint(softplus, [0.0], [0.5]),
    SpecialPoint(logsumexp, [np.array([1000.0, 1000.0])], [0.5]),
    SpecialPoint(logsumexp, [np.array([3e38, -3e38, -np.inf])], [[1.0, 0.0, 0.0]]),
    SpecialPoint(logsumexp, [np.full(4, -np.inf)], [0.25]),
    SpecialPoint(logsumexp, [np.array([np.inf, 1.0])], [[1.0, 0.0]]),
    SpecialPoint(softmax, [np.array([3e38, -3e38, -np.inf])], [0.0]),
    SpecialPoint(log_softmax, [np.array([3e38, -np.inf])], [[-1.0, 1.0]]),
    SpecialPoint(product, [0.0, np.inf], [np.inf, 0.0], id="product of zero and infinity"),
    SpecialPoint(product, [0.0, np.inf], [0.0, 0.0], cotangent=0.0),
    SpecialPoint(quotient, [0.0, 0.0], [0.0, 0.0], cotangent=0.0),
    SpecialPoint(quotient, [0.0, 0.0], [np.inf, 0.0], id="quotient(0, 0)"),
]
