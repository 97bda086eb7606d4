"""Gradients of one piece of NumPy code by HIPS autograd and by this library."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rules.case import distinct, invertible, smooth
from tinygrad_lite import grad

autograd = pytest.importorskip("autograd")
anp = pytest.importorskip("autograd.numpy")

X = distinct(3, 4)
SQUARE = invertible(3, 3)
STACK = invertible(2, 3, 3)
OTHER = smooth(4, 2)

FUNCTIONS = {
    "reshape F": lambda np, x: np.reshape(x, (2, 6), order="F") ** 2,
    "transpose": lambda np, x: np.transpose(x)[1] ** 3,
    "moveaxis": lambda np, x: np.moveaxis(x[None], 0, 2) ** 2,
    "repeat": lambda np, x: np.repeat(x, 3, axis=1) ** 2 * np.arange(12),
    "tile": lambda np, x: np.tile(x, (2, 2)) ** 3,
    "roll": lambda np, x: np.roll(x, 2, axis=1) * x,
    "rot90": lambda np, x: np.rot90(x, 3) ** 2 @ OTHER[:3],
    "pad": lambda np, x: np.pad(x, ((1, 2), (0, 1)), "constant") ** 3,
    "concatenate": lambda np, x: np.concatenate([x, 2 * x, x**2], axis=1) ** 2,
    "stack": lambda np, x: np.stack([x, x**2], axis=1) ** 2,
    "vstack": lambda np, x: np.vstack([x[0], x]) ** 3,
    "split": lambda np, x: np.split(x, 2, axis=1)[0] * np.split(x, 2, axis=1)[1],
    "append": lambda np, x: np.append(x, x[0]) ** 3,
    "diag": lambda np, x: np.diag(x[:, :3], 1) ** 2,
    "trace": lambda np, x: np.trace(x, 1) ** 2,
    "tril": lambda np, x: np.tril(x, 1) ** 3,
    "sort": lambda np, x: np.sort(x[0]) * np.arange(4.0),
    "index": lambda np, x: x[[0, 2, 0], 1:] ** 3,
    "mask": lambda np, x: x[x > 0] ** 3,
    "matmul": lambda np, x: (x @ OTHER) ** 2,
    "dot": lambda np, x: np.dot(x[None], OTHER) ** 2,
    "inner": lambda np, x: np.inner(x, x) ** 2,
    "outer": lambda np, x: np.outer(x[:, 0], x[0]) ** 2,
    "tensordot": lambda np, x: np.tensordot(x, x, ([0], [0])) ** 2,
    "einsum": lambda np, x: np.einsum("ij,kj,...i->k...", x, x, x.T) ** 2,
    "kron": lambda np, x: np.kron(x, OTHER) ** 2,
    "cross": lambda np, x: np.cross(x[:, :3], x[:, 1:]) ** 2,
    "fro": lambda np, x: np.linalg.norm(x, "fro") ** 3,
    "nuc": lambda np, x: np.linalg.norm(x, "nuc") ** 2,
    "fft": lambda np, x: np.abs(np.fft.fft(x, axis=0)) ** 3,
    "ifft2": lambda np, x: np.abs(np.fft.ifft2(x)) ** 2 * np.arange(4),
    "rfft": lambda np, x: np.abs(np.fft.rfft(x)) ** 3,
    "irfft": lambda np, x: np.fft.irfft(x + 1j * x**2) ** 2,
    "fftshift": lambda np, x: np.fft.fftshift(x) * x,
}

OF_MATRICES = {
    "inv": lambda np, x: np.linalg.inv(x) ** 2,
    "solve": lambda np, x: np.linalg.solve(x, x**2) ** 2,
    "det": lambda np, x: np.linalg.det(x) ** 2,
    "slogdet": lambda np, x: np.linalg.slogdet(x)[1] ** 2,
    "pinv": lambda np, x: np.linalg.pinv(x) ** 2,
    "eigvalsh": lambda np, x: np.linalg.eigh(x + np.swapaxes(x, -1, -2))[0] ** 2,
    "eigh": lambda np, x: np.linalg.eigh(x + np.swapaxes(x, -1, -2))[1] ** 4,
    "cholesky": lambda np, x: np.linalg.cholesky(np.matmul(x, np.swapaxes(x, -1, -2))) ** 2,
    "svd": lambda np, x: np.linalg.svd(x, full_matrices=False)[0] ** 4,
    "singular values": lambda np, x: np.linalg.svd(x, compute_uv=False) ** 2 * np.arange(3.0),
    "3-norm": lambda np, x: np.linalg.norm(x, 3, axis=-1) ** 2,
}

CASES = [
    *(SimpleNamespace(name=n, function=f, x=X) for n, f in FUNCTIONS.items()),
    *(SimpleNamespace(name=n, function=f, x=SQUARE) for n, f in OF_MATRICES.items()),
    *(SimpleNamespace(name=f"{n}, stack", function=f, x=STACK) for n, f in OF_MATRICES.items()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gradient_is_that_of_autograd(case):
    ours = grad(lambda x: np.sum(case.function(np, x)))(case.x)
    theirs = autograd.grad(lambda x: anp.sum(case.function(anp, x)))(case.x)
    assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)
