"""Inverses, determinants, norms."""

import numpy as np

from rules.case import Case, SpecialPoint, away_from, distinct, invertible, smooth
from tinygrad_lite.rules.linalg import cofactors, cofactors_pulled

a33, a233 = invertible(3, 3), invertible(2, 3, 3)
c33 = invertible(3, 3, dtype=complex)
gapped = away_from(0, shape=(3, 4))


def by_inverse(g, a):
    y = np.linalg.inv(a).swapaxes(-1, -2)
    along = np.sum(g * y, axis=(-2, -1), keepdims=True)
    return np.linalg.det(a)[..., None, None] * (along * y - y @ g.swapaxes(-1, -2) @ y)


def norm(x, **settings):
    return Case(np.linalg.norm, [x], settings, rtol=1e-5)


CASES = [
    Case(np.linalg.inv, [a33]),
    Case(np.linalg.inv, [a233]),
    Case(np.linalg.inv, [c33]),
    Case(np.linalg.inv, [smooth(0, 0)]),
    Case(np.linalg.solve, [a33, smooth(3)]),
    Case(np.linalg.solve, [a33, smooth(3, 2)]),
    Case(np.linalg.solve, [a233, smooth(3)]),
    Case(np.linalg.solve, [a233, smooth(3, 2)]),
    Case(np.linalg.solve, [a33, smooth(2, 3, 2)]),
    Case(np.linalg.solve, [c33, smooth(3)]),
    Case(np.linalg.tensorinv, [invertible(6, 6).reshape(2, 3, 6)]),
    Case(np.linalg.tensorinv, [invertible(6, 6).reshape(6, 3, 2)], {"ind": 1}),
    Case(np.linalg.tensorsolve, [invertible(6, 6).reshape(2, 3, 6), smooth(2, 3)]),
    Case(np.linalg.tensorsolve, [invertible(6, 6).reshape(6, 2, 3), smooth(2, 3)], {"axes": (0,)}),
    Case(np.linalg.matrix_power, [a33], {"n": 0}),
    Case(np.linalg.matrix_power, [a33], {"n": 1}),
    Case(np.linalg.matrix_power, [a233], {"n": 5}),
    Case(np.linalg.matrix_power, [a33], {"n": -3}),
    Case(np.linalg.det, [a33]),
    Case(np.linalg.det, [smooth(2, 3, 3)]),
    Case(np.linalg.det, [c33]),
    Case(np.linalg.det, [smooth(1, 1)]),
    Case(np.linalg.det, [smooth(0, 0)]),
    Case(
        cofactors,
        [a233],
        reference=lambda a: np.linalg.det(a)[..., None, None] * np.linalg.inv(a).swapaxes(-1, -2),
    ),
    Case(
        cofactors,
        [c33],
        reference=lambda a: np.linalg.det(a) * np.linalg.inv(a).T,
    ),
    Case(cofactors_pulled, [smooth(3, 3), a33], reference=by_inverse),
    Case(cofactors_pulled, [smooth(2, 3, 3), a233], reference=by_inverse),
    Case(cofactors_pulled, [smooth(3, 3, dtype=complex), c33], reference=by_inverse),
    Case(cofactors_pulled, [smooth(1, 1), smooth(1, 1, seed=1)]),
    Case(np.linalg.slogdet, [smooth(3, 3)]),
    Case(np.linalg.slogdet, [a233]),
    Case(np.linalg.slogdet, [c33]),
    Case(np.linalg.multi_dot, [[smooth(2, 3), smooth(3, 4), smooth(4, 2)]]),
    Case(np.linalg.multi_dot, [[smooth(3), smooth(3, 4), smooth(4, 2), smooth(2)]]),
    Case(np.linalg.multi_dot, [[smooth(3), smooth(3, 4)]]),
    Case(np.linalg.multi_dot, [[smooth(3, 4), smooth(4, 1), smooth(1)]]),
    norm(smooth(4)),
    norm(-1.5),
    norm(smooth(0, 3), axis=1),
    norm(smooth(2, 3)),
    norm(smooth(2, 3, 4)),
    norm(smooth(2, 3), keepdims=True),
    norm(smooth(2, 3, 4), axis=1),
    norm(smooth(2, 3, 4), axis=(0, -1), keepdims=True),
    norm(smooth(2, 3), ord="fro"),
    norm(smooth(4, dtype=complex)),
    norm(smooth(2, 3, dtype=complex), ord="fro"),
    norm(gapped, ord=2, axis=0),
    norm(gapped, ord=1, axis=0),
    norm(gapped, ord=3, axis=-1, keepdims=True),
    norm(gapped, ord=1.5, axis=0),
    norm(gapped, ord=0.5, axis=0),
    norm(gapped, ord=-1, axis=0),
    norm(gapped + 0.5j, ord=3, axis=0),
    norm(gapped + 0.5j, ord=1, axis=0),
    norm(distinct(3, 4), ord=np.inf, axis=1),
    norm(distinct(3, 4), ord=-np.inf, axis=0, keepdims=True),
    norm(distinct(5), ord=np.inf),
    norm(gapped, ord=1),
    norm(gapped, ord=-1),
    norm(gapped, ord=np.inf),
    norm(gapped, ord=-np.inf, keepdims=True),
    norm(away_from(0, shape=(3, 2, 4)), ord=1, axis=(0, 2)),
    norm(away_from(0, shape=(3, 2, 4)), ord=np.inf, axis=(2, 0)),
    norm(gapped, ord=2),
    norm(gapped, ord=-2),
    norm(gapped, ord="nuc"),
    norm(away_from(0, shape=(3, 2, 4)), ord="nuc", axis=(2, 0), keepdims=True),
    norm(away_from(0, shape=(3, 2, 4)), ord=2, axis=(0, 2)),
    norm(smooth(3, 2, dtype=complex), ord="nuc"),
    norm(smooth(3, 2, dtype=complex), ord=2),
    Case(np.linalg.matrix_norm, [smooth(2, 3, 4)]),
    Case(np.linalg.matrix_norm, [smooth(2, 3, 4)], {"ord": "nuc", "keepdims": True}),
    Case(np.linalg.vector_norm, [smooth(2, 3)]),
    Case(np.linalg.vector_norm, [smooth(2, 3)], {"keepdims": True}),
    Case(np.linalg.vector_norm, [gapped], {"ord": 1, "axis": 0}),
    Case(np.linalg.vector_norm, [smooth(2, 3, 4)], {"axis": (2, 0), "ord": 3}),
    Case(np.linalg.cond, [a233], rtol=1e-5),
    Case(np.linalg.cond, [smooth(4, 3)], rtol=1e-5),
    Case(np.linalg.cond, [a33], {"p": -2}, rtol=1e-5),
    Case(np.linalg.cond, [a33], {"p": "fro"}, rtol=1e-5),
    Case(np.linalg.cond, [away_from(0, shape=(3, 3))], {"p": 1}, rtol=1e-5),
]

SPECIAL_POINTS = [
    SpecialPoint(np.linalg.norm, [np.zeros(3)], [0.0]),
    SpecialPoint(np.linalg.norm, [np.zeros((2, 2))], [0.0], {"ord": "fro"}),
    SpecialPoint(np.linalg.norm, [np.zeros((2, 3))], [0.0], {"ord": "nuc"}),
    SpecialPoint(np.linalg.norm, [np.ones((2, 2))], [0.5], {"ord": "nuc"}),
    SpecialPoint(np.linalg.norm, [np.zeros(3)], [0.0], {"ord": 1}),
    SpecialPoint(np.linalg.norm, [np.zeros(3)], [0.0], {"ord": 3}),
    SpecialPoint(np.linalg.norm, [np.array([0.0, 4.0])], [[0.0, 1.0]], {"ord": 3}),
    SpecialPoint(np.linalg.norm, [np.array([3.0, -3.0, 1.0])], [[0.5, -0.5, 0]], {"ord": np.inf}),
    SpecialPoint(np.linalg.norm, [np.eye(2)], [np.eye(2) / 2], {"ord": 2}),
    SpecialPoint(np.linalg.matrix_norm, [np.zeros((2, 2))], [0.0]),
    SpecialPoint(np.linalg.matrix_norm, [np.eye(2)], [np.eye(2) / 2], {"ord": 2}),
    SpecialPoint(np.linalg.vector_norm, [np.zeros((2, 2))], [0.0]),
    SpecialPoint(np.linalg.vector_norm, [np.array([2.0, -2.0])], [[0.5, -0.5]], {"ord": np.inf}),
    SpecialPoint(np.linalg.cond, [np.eye(2)], [0.0]),
    SpecialPoint(
        np.linalg.cond, [np.diag([2.0, 2.0, 1.0])], [np.diag([0.5, 0.5, -2.0])], id="cond of ties"
    ),
    SpecialPoint(np.linalg.cond, [np.eye(2)], [0.0], {"p": 1}),
    SpecialPoint(np.linalg.det, [np.zeros((2, 2))], [0.0]),
    SpecialPoint(np.linalg.det, [np.diag([2.0, 3.0, 0.0])], [np.diag([0.0, 0.0, 6.0])]),
]
