"""Linear algebra against closed formulas, SciPy, and complex steps, far closer than finite
differences come; and at points where the usual formulas break down."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

from rules.case import invertible, smooth
from tinygrad_lite import Value, grad, hessian, jacobian, vjp

A = invertible(4, 4)
B = smooth(4, 4, seed=1)
TALL = smooth(5, 3)


def complex_step(function, x):
    """Gradient of a real function that extends to complex arguments, without cancellation."""
    step = 1e-30
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[i] += 1j * step
        gradient[i] = np.imag(function(moved)) / step
    return gradient


SMOOTH = {
    "inv": lambda a: np.sum(np.linalg.inv(a) * B),
    "solve": lambda a: np.sum(np.linalg.solve(a, B) ** 2),
    "det": lambda a: np.linalg.det(a) ** 2,
    "matrix_power": lambda a: np.sum(np.linalg.matrix_power(a, -3) * B),
    "einsum": lambda a: np.einsum("ij,jk,kl,li->", a, B, a, a),
    "tensordot": lambda a: np.sum(np.tensordot(a, a, ([0], [1])) * B),
    "kron": lambda a: np.sum(np.kron(a, B) ** 3),
    "trace": lambda a: np.trace(a @ B @ a, 1),
    "multi_dot": lambda a: np.sum(np.linalg.multi_dot([a, B, a, B[0]]) ** 2),
    "convolve": lambda a: np.sum(np.convolve(a[0], a[1], "same") ** 3),
    "pad": lambda a: np.sum(np.pad(a, 2, mode="reflect") ** 3),
}


@pytest.mark.parametrize("function", SMOOTH.values(), ids=SMOOTH.keys())
def test_gradient_is_that_of_a_complex_step(function):
    assert_allclose(grad(function)(A), complex_step(function, A), rtol=1e-11, atol=1e-11)


def test_logdet_is_the_inverse_transposed():
    def logdet(a):
        return np.linalg.slogdet(a)[1]

    inverse = np.linalg.inv(A)
    assert_allclose(grad(logdet)(A), inverse.T, rtol=1e-12)
    # d inv(A).T / dA = - inv(A).T (dA).T inv(A).T
    expected = -np.einsum("li,jk->ijkl", inverse, inverse)
    assert_allclose(hessian(logdet)(A), expected, rtol=1e-10, atol=1e-14)


def test_eigenvalues_change_by_the_outer_products_of_eigenvectors():
    symmetric = A + A.T
    values, vectors = np.linalg.eigh(symmetric)
    found = jacobian(lambda b: np.linalg.eigvalsh(b + b.T))(A)
    assert_allclose(found, 2 * np.einsum("ik,jk->kij", vectors, vectors), rtol=1e-9, atol=1e-12)
    assert_allclose(values, np.linalg.eigh(Value(symmetric)).eigenvalues.data)


def test_function_of_a_symmetric_matrix():
    """The exponential by eigh has the derivative that SciPy computes otherwise."""

    def exponential(b):
        values, vectors = np.linalg.eigh(b @ b.T)
        return (vectors * np.exp(-values / 20)) @ vectors.T

    direction = smooth(4, 4, seed=2)
    inner = -(A @ direction.T + direction @ A.T) / 20
    expected = scipy.linalg.expm_frechet(-A @ A.T / 20, inner, compute_expm=False)
    _, pull = vjp(exponential, A)
    assert_allclose(np.sum(pull(B)[0] * direction), np.sum(B * expected), rtol=1e-9)


def test_cholesky_solves_a_lyapunov_like_equation():
    """dL fulfils dL @ L.T + L @ dL.T = dA, for every direction dA."""
    definite = A @ A.T
    lower = np.linalg.cholesky(definite)
    slopes = jacobian(lambda a: np.linalg.cholesky((a + a.T) / 2))(definite)
    change = B + B.T
    moved = np.einsum("ijkl,kl->ij", slopes, change)
    assert_allclose(np.triu(moved, 1), 0, atol=1e-14)
    assert_allclose(moved @ lower.T + lower @ moved.T, change, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_qr_stays_a_decomposition(shape):
    a, change = smooth(*shape), smooth(*shape, seed=3)
    q, r = np.linalg.qr(a)
    dq = np.einsum("ijkl,kl->ij", jacobian(lambda a: np.linalg.qr(a)[0])(a), change)
    dr = np.einsum("ijkl,kl->ij", jacobian(lambda a: np.linalg.qr(a)[1])(a), change)
    assert_allclose(dq @ r + q @ dr, change, rtol=1e-10, atol=1e-12)
    assert_allclose(dq.T @ q + q.T @ dq, 0, atol=1e-12)
    assert_allclose(np.tril(dr, -1), 0, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_svd_stays_a_decomposition(shape):
    a, change = smooth(*shape), smooth(*shape, seed=3)
    u, s, vh = np.linalg.svd(a, full_matrices=False)

    def along(part):
        slopes = jacobian(lambda a: np.linalg.svd(a, full_matrices=False)[part])(a)
        return np.einsum("...kl,kl->...", slopes, change)

    du, ds, dvh = along(0), along(1), along(2)
    assert_allclose((du * s) @ vh + (u * ds) @ vh + (u * s) @ dvh, change, atol=1e-11)
    assert_allclose(du.T @ u + u.T @ du, 0, atol=1e-11)
    assert_allclose(dvh @ vh.T + vh @ dvh.T, 0, atol=1e-11)


def test_least_squares_is_the_solution_of_the_normal_equations():
    b = smooth(5)

    def by_normal(a, b):
        return np.linalg.solve(a.T @ a, a.T @ b)

    def by_lstsq(a, b):
        return np.linalg.lstsq(a, b)[0]

    for argnum in (0, 1):
        expected = jacobian(by_normal, argnum)(TALL, b)
        assert_allclose(jacobian(by_lstsq, argnum)(TALL, b), expected, rtol=1e-9, atol=1e-12)
        by_pinv = jacobian(lambda a, b: np.linalg.pinv(a) @ b, argnum)(TALL, b)
        assert_allclose(by_pinv, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_norms_of_huge_and_tiny_vectors(scale):
    x = scale * np.array([1.0, -2.0, 2.0])
    assert_allclose(grad(np.linalg.norm)(x), [1 / 3, -2 / 3, 2 / 3], rtol=1e-14)
    cubic = grad(lambda x: np.linalg.norm(x, 3))(x)
    assert_allclose(cubic, np.array([1, -4, 4]) / 17 ** (2 / 3), rtol=1e-12)


def test_circular_convolution_by_transforms_is_a_circulant_matrix():
    x, kernel = smooth(7), smooth(7, seed=1)

    def circular(x):
        return np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(kernel), 7)

    assert_allclose(jacobian(circular)(x), scipy.linalg.circulant(kernel), atol=1e-14)

    def energy(x):
        return np.sum(np.abs(np.fft.fft(x)) ** 2)  # Parseval: 7 times that of x

    assert_allclose(grad(energy)(x), 14 * x, rtol=1e-13)
    assert_allclose(hessian(energy)(x), 14 * np.eye(7), atol=1e-12)


# -- where the usual formulas break down ----------------------------------------------------------


def test_determinant_of_a_singular_matrix_has_cofactors_for_gradient():
    rank_two = np.outer([1.0, 2, 3], [1.0, 0, 1]) + np.outer([0.0, 1, 1], [2.0, 1, 0])
    cofactors = np.empty((3, 3))
    for i, j in np.ndindex(3, 3):
        minor = np.delete(np.delete(rank_two, i, 0), j, 1)
        cofactors[i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    assert_allclose(grad(np.linalg.det)(rank_two), cofactors, atol=1e-12)
    assert_allclose(grad(np.linalg.det)(np.outer([1.0, 2, 3], [1.0, 1, 1])), 0, atol=1e-14)


def test_second_derivatives_of_the_determinant_of_a_singular_matrix():
    """det(a + e + f) has the mixed part e00 f11 + e11 f00 - e01 f10 - e10 f01 for 2 x 2."""
    expected = np.zeros((2, 2, 2, 2))
    expected[0, 0, 1, 1] = expected[1, 1, 0, 0] = 1
    expected[0, 1, 1, 0] = expected[1, 0, 0, 1] = -1
    for matrix in (np.zeros((2, 2)), np.ones((2, 2)), np.diag([2.0, 0.0]), np.eye(2)):
        assert_allclose(hessian(np.linalg.det)(matrix), expected, atol=1e-15)


@pytest.mark.parametrize("eigenvalues", [np.linalg.eigvalsh, lambda a: np.linalg.eigh(a)[0]])
def test_equal_eigenvalues_do_not_matter_where_only_eigenvalues_are_used(eigenvalues):
    gradient = grad(lambda a: np.sum(eigenvalues(a) ** 2))(3 * np.eye(3))
    assert_allclose(gradient, 6 * np.eye(3), atol=1e-12)


def test_equal_eigenvalues_do_not_matter_to_the_eigenvector_of_another():
    matrix = np.diag([1.0, 1.0, 4.0])
    along = np.array([0.5, 2.0, 0.0])  # d v3 = sum over i of v_i (v_i.T dA v3) / (4 - 1)

    def vector(a):
        return np.linalg.eigh((a + a.T) / 2)[1][:, 2]

    sign = vector(matrix)[2]
    gradient = grad(lambda a: vector(a) @ along)(matrix)
    expected = np.zeros((3, 3))
    expected[2, :2] = expected[:2, 2] = sign * along[:2] / 3 / 2
    assert_allclose(gradient, expected, atol=1e-12)


@pytest.mark.parametrize("values", [np.linalg.svdvals, lambda a: np.linalg.svd(a)[1]])
def test_equal_singular_values_do_not_matter_where_only_singular_values_are_used(values):
    gradient = grad(lambda a: np.sum(values(a)))(2 * np.eye(3))
    assert_allclose(gradient, np.eye(3), atol=1e-12)


def test_eigenvectors_of_equal_eigenvalues_have_no_gradient_and_say_so():
    with np.errstate(invalid="ignore"):
        gradient = grad(lambda a: np.linalg.eigh(a)[1][:, 0] @ np.array([1.0, 2.0, 3.0]))(np.eye(3))
    assert not np.isfinite(gradient).all()


def test_norm_at_zero_has_gradient_zero_and_keeps_others():
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert_allclose(
        grad(lambda x: np.sum(np.linalg.norm(x, axis=1)))(x), [[0, 0], [0.6, 0.8]], rtol=1e-15
    )
    second = hessian(lambda x: np.sum(np.where(x[0] > 0, np.linalg.norm(x), 0.0)))(np.zeros(2))
    assert_allclose(second, 0)


def test_results_keep_the_names_that_numpy_gives_them():
    a = Value(A @ A.T)
    assert np.linalg.eigh(a).eigenvectors.shape == (4, 4)
    assert np.linalg.eig(a).eigenvalues.shape == (4,)
    assert np.linalg.svd(a).S.shape == (4,)
    assert np.linalg.qr(a).R.shape == (4, 4)
    assert np.linalg.slogdet(a).logabsdet.shape == ()


# -- what is refused -------------------------------------------------------------------------------

REFUSED = [
    (lambda a: np.linalg.svd(a[:, :2]), "full_matrices=False"),
    (lambda a: np.linalg.svd(a, hermitian=True), "hermitian"),
    (lambda a: np.linalg.pinv(a, hermitian=True), "hermitian"),
    (lambda a: np.linalg.qr(a[:, :2], "complete"), "reduced"),
    (lambda a: np.linalg.qr(a, "raw"), "'raw'"),
    (lambda a: np.linalg.norm(a[0], 0), "counts the entries"),
    (lambda a: np.cross(a[:2, 0], a[:2, 1]), "3 entries"),
    (lambda a: np.matmul(a, a, axes=[(0, 1)] * 3), "axes"),
    (lambda a: np.einsum("ij", a, dtype=np.float32), "dtype"),
]


@pytest.mark.parametrize("call, word", REFUSED)
def test_refused_with_the_reason(call, word):
    with pytest.raises((TypeError, ValueError), match=word):
        call(Value(A))


def test_rank_deficient_least_squares_is_refused():
    with pytest.raises(np.linalg.LinAlgError, match="rank 1"):
        np.linalg.lstsq(Value(np.ones((3, 2))), np.ones(3))


@pytest.mark.parametrize("p", [None, 2, -2])
@pytest.mark.parametrize("a", [np.zeros((2, 2)), np.diag([1.0, 0.0]), np.stack([A, 0 * A])])
def test_the_condition_of_singular_matrices_is_that_of_numpy_without_a_warning(a, p):
    assert_allclose(np.linalg.cond(Value(a), p).data, np.linalg.cond(a, p), rtol=1e-13)
