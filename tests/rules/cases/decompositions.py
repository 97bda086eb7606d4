"""Decompositions, compared in what the matrix determines: vectors up to sign or phase."""

import numpy as np

from rules.case import Case, invertible, smooth
from tinygrad_lite.rules.decompositions import least_squares


def symmetric(a):
    return [(a + np.swapaxes(np.conj(a), -1, -2)) / 2]


def definite(a):
    return [a @ np.swapaxes(np.conj(a), -1, -2)]


def phase_free(vectors):
    """Columns times the conjugate of their first entries."""
    return vectors * np.conj(vectors[..., :1, :])


def of_svd(result):
    u, s, vh = result
    first = u[..., :1, :]
    return u * np.conj(first), s, np.swapaxes(first, -1, -2) * vh


def of_eigh(result):
    values, vectors = result
    return values, phase_free(vectors)


c33 = smooth(3, 3, dtype=complex)
separated = smooth(3, 3) + np.diag([0.0, 3.0, 7.0])
stacked = smooth(2, 3, 3) + np.diag([0.0, 3.0, 7.0])
turning = np.array([[1.0, 3.0, 0.2], [-2.0, 1.5, 0.3], [0.1, -0.4, 4.0]])  # complex eigenvalues

CASES = [
    Case(np.linalg.cholesky, [invertible(3, 3)], prepare=definite),
    Case(np.linalg.cholesky, [invertible(2, 3, 3)], prepare=definite),
    Case(np.linalg.cholesky, [invertible(3, 3, dtype=complex)], prepare=definite),
    Case(np.linalg.cholesky, [definite(invertible(3, 3))[0]], id="cholesky of one triangle"),
    Case(np.linalg.qr, [smooth(3, 3)]),
    Case(np.linalg.qr, [smooth(5, 3)]),
    Case(np.linalg.qr, [smooth(2, 5, 3)]),
    Case(np.linalg.qr, [smooth(2, 4)]),
    Case(np.linalg.qr, [smooth(2, 2, 4)]),
    Case(np.linalg.qr, [smooth(4, 3, dtype=complex)]),
    Case(np.linalg.qr, [smooth(5, 3)], {"mode": "r"}),
    Case(np.linalg.qr, [smooth(2, 4)], {"mode": "r"}),
    Case(np.linalg.qr, [smooth(3, 4)], {"mode": "complete"}),
    Case(np.linalg.eigh, [separated], prepare=symmetric, result=of_eigh),
    Case(np.linalg.eigh, [stacked], {"UPLO": "U"}, prepare=symmetric, result=of_eigh),
    Case(np.linalg.eigh, [separated + 1j * smooth(3, 3)], prepare=symmetric, result=of_eigh),
    Case(np.linalg.eigh, [separated], result=of_eigh, id="eigh of one triangle"),
    Case(np.linalg.eigh, [separated], {"UPLO": "U"}, result=of_eigh, id="eigh of the other"),
    Case(np.linalg.eigvalsh, [stacked]),
    Case(np.linalg.eigvalsh, [separated], {"UPLO": "U"}),
    Case(np.linalg.eigvalsh, [separated + 1j * smooth(3, 3)], prepare=symmetric),
    Case(np.linalg.eig, [separated], result=of_eigh),
    Case(np.linalg.eig, [stacked], result=of_eigh),
    Case(np.linalg.eig, [turning], result=of_eigh, id="eig with complex results"),
    Case(np.linalg.eig, [c33], result=of_eigh),
    Case(np.linalg.eigvals, [stacked]),
    Case(np.linalg.eigvals, [turning], id="eigvals with complex results"),
    Case(np.linalg.eigvals, [c33]),
    Case(np.linalg.svd, [smooth(3, 3)], result=of_svd),
    Case(np.linalg.svd, [smooth(4, 3)], {"full_matrices": False}, result=of_svd),
    Case(np.linalg.svd, [smooth(2, 4)], {"full_matrices": False}, result=of_svd),
    Case(np.linalg.svd, [smooth(2, 4, 3)], {"full_matrices": False}, result=of_svd),
    Case(
        np.linalg.svd,
        [smooth(4, 3, dtype=complex)],
        {"full_matrices": False},
        result=of_svd,
    ),
    Case(
        np.linalg.svd,
        [smooth(2, 3, dtype=complex)],
        {"full_matrices": False},
        result=of_svd,
    ),
    Case(np.linalg.svd, [smooth(4, 3)], {"compute_uv": False}),
    Case(np.linalg.svd, [smooth(2, 3, dtype=complex)], {"compute_uv": False}),
    Case(np.linalg.svdvals, [smooth(2, 3, 4)]),
    Case(np.linalg.pinv, [smooth(4, 3)]),
    Case(np.linalg.pinv, [smooth(2, 2, 3)]),
    Case(np.linalg.pinv, [invertible(3, 3)], {"rcond": 1e-10}),
    Case(np.linalg.pinv, [smooth(3, 2, dtype=complex)]),
    Case(np.linalg.lstsq, [smooth(5, 3), smooth(5)], result=lambda out: (out[0], out[1], out[3])),
    Case(np.linalg.lstsq, [smooth(5, 3), smooth(5, 2)], result=lambda out: (out[0], out[1])),
    Case(np.linalg.lstsq, [smooth(2, 4), smooth(2)], result=lambda out: out[0]),
    Case(np.linalg.lstsq, [smooth(4, 2, dtype=complex), smooth(4)], result=lambda out: out[0]),
    Case(least_squares, [smooth(4, 2), smooth(4, 3)]),
]
