"""Gradients, and second derivatives along a direction, by PyTorch and by this library."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rules.case import distinct, invertible, smooth
from tinygrad_lite import add_at, grad, hvp, set_at

torch = pytest.importorskip("torch")

X = distinct(3, 4)
TALL, WIDE, SQUARE = smooth(5, 3), smooth(3, 5), invertible(3, 3)
STACK = smooth(2, 4, 3)
DEFINITE = SQUARE @ SQUARE.T
ROWS = np.array([0, 2, 0])


def gram(x):
    return x @ x.swapaxes(-1, -2) + 2 * np.eye(x.shape[-2])


def torch_gram(x):
    return x @ x.mT + 2 * torch.eye(x.shape[-2], dtype=x.dtype)


t = torch.linalg
CASES = {
    "take": (X, lambda x: np.take(x, ROWS, axis=0) ** 3, lambda x: x[ROWS] ** 3),
    "take_along_axis": (
        X,
        lambda x: np.take_along_axis(x, np.argsort(X, 1), 1) ** 2 * np.arange(4),
        lambda x: torch.take_along_dim(x, torch.tensor(np.argsort(X, 1)), 1) ** 2 * torch.arange(4),
    ),
    "add_at": (
        X,
        lambda x: add_at(x**2, ROWS, x) ** 3,
        lambda x: (x**2).index_add(0, torch.tensor(ROWS), x) ** 3,
    ),
    "set_at": (
        X,
        lambda x: set_at(x**2, ([0, 1], [1, 1]), x[2, :2]) ** 3,
        lambda x: (x**2).index_put((torch.tensor([0, 1]), torch.tensor([1, 1])), x[2, :2]) ** 3,
    ),
    "sort": (
        X,
        lambda x: np.sort(x, axis=0) ** 2 * X,
        lambda x: torch.sort(x, dim=0)[0] ** 2 * torch.tensor(X),
    ),
    "pad": (
        X,
        lambda x: np.pad(x, ((1, 1), (2, 3)), mode="reflect") ** 3,
        lambda x: torch.nn.functional.pad(x[None], (2, 3, 1, 1), mode="reflect") ** 3,
    ),
    "einsum": (
        X,
        lambda x: np.einsum("ij,kj,ij->ik", x, x, x**2),
        lambda x: torch.einsum("ij,kj,ij->ik", x, x, x**2),
    ),
    "kron": (X, lambda x: np.kron(x, x) ** 2, lambda x: torch.kron(x, x) ** 2),
    "cross": (
        X,
        lambda x: np.cross(x, x**2, axis=0) ** 2,
        lambda x: t.cross(x, x**2, dim=0) ** 2,
    ),
    "inv": (SQUARE, lambda x: np.linalg.inv(x) ** 2, lambda x: t.inv(x) ** 2),
    "det": (SQUARE, lambda x: np.linalg.det(x) ** 2, lambda x: t.det(x) ** 2),
    "slogdet": (SQUARE, lambda x: np.linalg.slogdet(x)[1] ** 2, lambda x: t.slogdet(x)[1] ** 2),
    "solve": (SQUARE, lambda x: np.linalg.solve(x, x**2), lambda x: t.solve(x, x**2)),
    "matrix_power": (
        SQUARE,
        lambda x: np.linalg.matrix_power(x, -2),
        lambda x: t.matrix_power(x, -2),
    ),
    "pinv": (STACK, lambda x: np.linalg.pinv(x) ** 2, lambda x: t.pinv(x) ** 2),
    "lstsq": (
        TALL,
        lambda x: np.linalg.lstsq(x, x[:, 0] ** 2)[0] ** 2,
        lambda x: (t.pinv(x) @ x[:, 0] ** 2) ** 2,
    ),
    "cholesky": (
        STACK,
        lambda x: np.linalg.cholesky(gram(x)) ** 3,
        lambda x: t.cholesky(torch_gram(x)) ** 3,
    ),
    "qr": (STACK, lambda x: np.linalg.qr(x)[0] ** 3, lambda x: t.qr(x)[0] ** 3),
    "r of qr": (TALL, lambda x: np.linalg.qr(x, "r") ** 3, lambda x: t.qr(x)[1] ** 3),
    "eigh": (
        STACK,
        lambda x: np.linalg.eigh(gram(x))[1] ** 4,
        lambda x: t.eigh(torch_gram(x))[1] ** 4,
    ),
    "eigvals": (
        SQUARE,
        lambda x: np.abs(np.linalg.eigvals(x)) ** 3,
        lambda x: t.eigvals(x).abs() ** 3,
    ),
    "svd": (
        STACK,
        lambda x: np.linalg.svd(x, full_matrices=False)[2] ** 4,
        lambda x: t.svd(x, full_matrices=False)[2] ** 4,
    ),
    "svdvals": (WIDE, lambda x: np.linalg.svdvals(x) ** 3, lambda x: t.svdvals(x) ** 3),
    "nuc": (WIDE, lambda x: np.linalg.norm(x, "nuc") ** 2, lambda x: t.norm(x, "nuc") ** 2),
    "spectral": (WIDE, lambda x: np.linalg.norm(x, 2) ** 2, lambda x: t.norm(x, 2) ** 2),
    "norm inf": (
        X,
        lambda x: np.linalg.norm(x, np.inf, axis=0) ** 2,
        lambda x: t.norm(x, float("inf"), dim=0) ** 2,
    ),
    "norm 3": (
        X,
        lambda x: np.linalg.norm(x, 3, axis=1) ** 2,
        lambda x: t.norm(x, 3, dim=1) ** 2,
    ),
    "rfft": (
        X,
        lambda x: np.abs(np.fft.rfft(x, n=7)) ** 3,
        lambda x: torch.fft.rfft(x, n=7).abs() ** 3,
    ),
    "irfft": (
        X,
        lambda x: np.fft.irfft(x * (1 + 2j), n=5, norm="ortho") ** 3,
        lambda x: torch.fft.irfft(x * (1 + 2j), n=5, norm="ortho") ** 3,
    ),
    "hfft": (
        X,
        lambda x: np.fft.hfft(x * (1 + 2j)) ** 3,
        lambda x: torch.fft.hfft(x * (1 + 2j)) ** 3,
    ),
    "fftn": (
        X,
        lambda x: np.abs(np.fft.fftn(x, s=(4, 3), axes=(0, 1))) ** 3,
        lambda x: torch.fft.fftn(x, s=(4, 3)).abs() ** 3,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_pytorch(name):
    x, ours, theirs = CASES[name]
    direction = smooth(*x.shape, seed=7)
    leaf = torch.tensor(x, requires_grad=True)
    (gradient,) = torch.autograd.grad(theirs(leaf).sum(), leaf, create_graph=True)
    assert_allclose(
        grad(lambda x: np.sum(ours(x)))(x), gradient.detach().numpy(), rtol=1e-8, atol=1e-10
    )
    (along,) = torch.autograd.grad((gradient * torch.tensor(direction)).sum(), leaf)
    (curvature,) = hvp(lambda x: np.sum(ours(x)), (x,), (direction,))
    assert_allclose(curvature, along.numpy(), rtol=1e-7, atol=1e-9)
