"""Rules of matrix decompositions: cholesky, qr, eigh, eig, svd, and what is made from them.

A decomposition holds together by equations, such as ``q.T @ q = 1``; their differentials give the
pull-backs. Sources: M. Giles, "Collected matrix derivative results" (2008); I. Murray,
"Differentiation of the Cholesky decomposition" (2016); M. Seeger et al., "Auto-differentiating
linear algebra" (2017); Z.-Q. Wan and S.-X. Zhang, "Automatic differentiation for complex valued
SVD" (2019).

Cotangents pair with changes as ``Re(sum(g * change))``, while those sources have the conjugate of
it; so complex cotangents are conjugated on the way in and out.

NumPy's cholesky, eigh and eigvalsh read one triangle of their matrix, and so only that triangle has
a gradient; through ``a @ a.T`` it is the same as with the symmetric gradient of other libraries.

Eigenvectors of equal eigenvalues, and singular vectors of equal singular values, are not functions
of the matrix. Where their cotangent has exactly no component in such a pair (they are not used,
or only the values are), the pair adds nothing; where it has one, the gradient is infinite or NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import composed, defvjp
from tinygrad_lite.rules.binding import all_zero, as_array, like, results
from tinygrad_lite.rules.linalg import adjoint, conj, transposed
from tinygrad_lite.rules.zero import quotient

# -- triangles -------------------------------------------------------------------------------------


def _cholesky_vjp(g: Any, out: Any, a: Any, upper: bool = False) -> Any:
    factor, g = (adjoint(out), transposed(g)) if upper else (out, conj(g))
    inner = np.tril(adjoint(factor) @ g)
    inner = inner - np.tril(np.triu(inner)) / 2
    # inv(factor^H) @ inner @ inv(factor)
    half = np.linalg.solve(adjoint(factor), inner)
    local = adjoint(np.linalg.solve(adjoint(factor), adjoint(half)))
    return conj(_onto_triangle(local, "U" if upper else "L"))


def _onto_triangle(g: Any, triangle: str) -> Any:
    """The cotangent of a Hermitian matrix of which only one triangle is read."""
    g = (g + adjoint(g)) / 2
    diagonal = np.tril(np.triu(g))
    return 2 * (np.tril(g) if triangle.upper() == "L" else np.triu(g)) - diagonal


defvjp(np.linalg.cholesky, _cholesky_vjp)


def _bind_qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete", "r"):
        raise TypeError(
            f"np.linalg.qr has a differentiation rule for the modes 'reduced' and 'r', but not for "
            f"mode={mode!r}"
        )
    if mode == "complete" and np.shape(a)[-2] > np.shape(a)[-1]:
        raise TypeError(
            "np.linalg.qr with mode='complete' of a matrix with more rows than columns has columns "
            "of q that are not determined by the matrix: use mode='reduced'"
        )
    return (a,), {} if mode == "reduced" else {"mode": mode}


def _qr_vjp(g: Any, out: Any, a: Any, mode: str = "reduced") -> Any:
    if mode == "r":
        q, r = np.linalg.qr(a)
        return _qr_vjp((np.zeros_like(q), g), (q, r), a)
    g_q, g_r = (conj(part) for part in g)
    q, r = results(out)
    rows, columns = np.shape(a)[-2:]
    if rows < columns:
        # a = q [r1 r2]: q and r1 are functions of the first columns, and r2 = q^H a2
        g_rest = g_r[..., rows:]
        g_q = g_q + a[..., rows:] @ adjoint(g_rest)
        first = _qr_pulled(g_q, g_r[..., :rows], q, r[..., :rows])
        return conj(np.concatenate([first, q @ g_rest], axis=-1))
    return conj(_qr_pulled(g_q, g_r, q, r))


def _qr_pulled(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    """Of a matrix with at least as many rows as columns."""
    inner = r @ adjoint(g_r) - adjoint(g_q) @ q
    lower = np.tril(inner, -1)
    hermitian = lower + adjoint(lower) + np.real(np.tril(np.triu(inner)))
    local = g_q + q @ hermitian
    return adjoint(np.linalg.solve(r, adjoint(local)))


defvjp(np.linalg.qr, _qr_vjp, bind=like(_bind_qr))

# -- eigenvalues -----------------------------------------------------------------------------------


def _differences(values: Any) -> Any:
    """Of column minus row; infinite on the diagonal, so that its inverse is 0 there."""
    gaps = values[..., None, :] - values[..., :, None]
    return np.where(np.eye(np.shape(values)[-1], dtype=bool), np.inf, gaps)


def _diagonal(entries: Any) -> Any:
    """Diagonal matrices."""
    return np.where(np.eye(np.shape(entries)[-1], dtype=bool), entries[..., None, :], 0)


def _eigh_vjp(g: Any, out: Any, a: Any, UPLO: str = "L") -> Any:
    g_values, g_vectors = g
    values, vectors = results(out)
    inner = _diagonal(g_values)
    if not all_zero(g_vectors):
        inner = inner + quotient(adjoint(vectors) @ conj(g_vectors), _differences(values))
    return conj(_onto_triangle(vectors @ inner @ adjoint(vectors), UPLO))


def _eigvalsh_vjp(g: Any, out: Any, a: Any, UPLO: str = "L") -> Any:
    _, vectors = np.linalg.eigh(a, UPLO)  # type: ignore[call-overload]
    local = (vectors * g[..., None, :]) @ adjoint(vectors)
    return conj(_onto_triangle(local, UPLO))


defvjp(np.linalg.eigh, _eigh_vjp)
defvjp(np.linalg.eigvalsh, _eigvalsh_vjp)


def _eig_vjp(g: Any, out: Any, a: Any) -> Any:
    g_values, g_vectors = g
    values, vectors = results(out)
    inner = _diagonal(conj(g_values))
    if not all_zero(g_vectors):
        # columns of unit length, so that a change along themselves does not count
        turned = adjoint(vectors) @ conj(g_vectors)
        lengths = np.real(np.diagonal(turned, 0, -2, -1))
        turned = turned - (adjoint(vectors) @ vectors) * lengths[..., None, :]
        inner = inner + quotient(turned, conj(_differences(values)))
    return conj(np.linalg.solve(adjoint(vectors), inner @ adjoint(vectors)))


def _eigvals_vjp(g: Any, out: Any, a: Any) -> Any:
    _, vectors = np.linalg.eig(a)
    return np.linalg.solve(transposed(vectors), g[..., :, None] * transposed(vectors))


defvjp(np.linalg.eig, _eig_vjp)
defvjp(np.linalg.eigvals, _eigvals_vjp)

# -- singular values -------------------------------------------------------------------------------


def _bind_svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    if hermitian:
        raise TypeError("np.linalg.svd has no rule with hermitian=True: leave it out")
    if not compute_uv:
        return (a,), {"compute_uv": False}
    rows, columns = np.shape(a)[-2:]
    if full_matrices and rows != columns:
        raise TypeError(
            f"np.linalg.svd of matrices that are not square, of shape {np.shape(a)}, has columns "
            f"of u or rows of vh that the matrix does not determine: use full_matrices=False"
        )
    return (a,), {}


def _svd(a: Any, compute_uv: bool = True) -> Any:
    return np.linalg.svd(a, False, compute_uv)  # type: ignore[call-overload]


def _svd_vjp(g: Any, out: Any, a: Any, compute_uv: bool = True) -> Any:
    if not compute_uv:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        return conj((u * g[..., None, :]) @ vh)
    g_u, g_s, g_vh = g
    u, s, vh = results(out)
    inner = _diagonal(g_s)
    if all_zero(g_u) and all_zero(g_vh):
        return conj(u @ inner @ vh)
    g_u, g_v, v = conj(g_u), transposed(g_vh), adjoint(vh)
    row, column = s[..., None, :], s[..., :, None]
    left, right = adjoint(u) @ g_u, adjoint(v) @ g_v
    # differences of squares, without the loss of digits in squaring
    gaps = _differences(s)
    sums = row + column
    skew_left, skew_right = (left - adjoint(left)) / 2, (right - adjoint(right)) / 2
    inner = (
        inner
        + (
            quotient(quotient(skew_left, gaps), sums) * row
            + column * quotient(quotient(skew_right, gaps), sums)
        )
        * 2
    )
    if u.dtype.kind == "c":
        inner = inner + quotient(_diagonal(np.diagonal(skew_left, 0, -2, -1)), row)
    local = u @ inner @ vh
    rows, columns = np.shape(a)[-2:]
    if rows > columns:  # what of the change of u leaves the space of its columns
        local = local + quotient(g_u - u @ left, row) @ vh
    if rows < columns:
        local = local + u @ adjoint(quotient(g_v - v @ right, row))
    return conj(local)


defvjp(np.linalg.svd, _svd_vjp, evaluate=_svd, bind=like(_bind_svd))


@composed(np.linalg.svdvals)
def _svdvals(x: Any, /) -> Any:
    return np.linalg.svd(x, compute_uv=False)


# -- least squares ---------------------------------------------------------------------------------


def _bind_pinv(a: Any, rcond: Any = None, hermitian: bool = False, **tolerance: Any) -> Any:
    if hermitian:
        raise TypeError("np.linalg.pinv has no rule with hermitian=True: leave it out")
    return (a,), tolerance if rcond is None else {"rcond": rcond, **tolerance}


def _pinv_vjp(g: Any, out: Any, a: Any, rcond: Any = None, rtol: Any = None) -> Any:
    """Where the rank does not change (Golub and Pereyra, 1973)."""
    left, spread = adjoint(out), transposed(g)
    local = left @ conj(g) @ left
    outside = (spread - a @ (out @ spread)) @ out @ left
    inside = left @ out @ (spread - (spread @ out) @ a)
    return conj(outside + inside - local)


defvjp(np.linalg.pinv, _pinv_vjp, bind=like(_bind_pinv))


@primitive
def least_squares(a: Any, b: Any, *, rcond: Any = None) -> Any:
    """The x of least length among those of least ``norm(a @ x - b)``; `a` of full rank.

    Raises:
        LinAlgError: `a` has not full rank, so that the solution jumps.
    """
    x, _, rank, _ = np.linalg.lstsq(a, b, rcond)
    if rank < min(np.shape(a)):
        raise np.linalg.LinAlgError(
            f"a matrix of shape {np.shape(a)} and rank {rank}: the solution is not a "
            f"differentiable function of it; add a regulariser, or solve with a.data"
        )
    return x


def _least_squares_vjp_first(g: Any, out: Any, a: Any, b: Any, rcond: Any = None) -> Any:
    inverse = np.linalg.pinv(a)
    if np.ndim(b) == 1:
        g, out, b = g[:, None], out[:, None], b[:, None]
    pulled = adjoint(inverse) @ conj(g)
    local = -pulled @ adjoint(out)
    local = local + (b - a @ out) @ adjoint(inverse @ pulled)
    rest = conj(g) - inverse @ (a @ conj(g))
    return conj(local + adjoint(inverse) @ out @ adjoint(rest))


def _least_squares_vjp_second(g: Any, out: Any, a: Any, b: Any, rcond: Any = None) -> Any:
    return transposed(np.linalg.pinv(a)) @ g


defvjp(least_squares, _least_squares_vjp_first, _least_squares_vjp_second)


@composed(np.linalg.lstsq)
def _lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    a, b = as_array(a), as_array(b)
    x = least_squares(a, b, rcond=rcond)
    rows, columns = np.shape(a)
    rest = b - a @ x
    residuals = np.sum(np.real(rest * conj(rest)), axis=0, keepdims=np.ndim(b) == 1)
    return x, residuals if rows > columns else np.zeros(0), min(rows, columns), _svdvals(a)
