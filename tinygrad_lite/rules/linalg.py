"""Rules of np.linalg that need no decomposition: inv, solve, det, norm, matrix_power ...

Stacks of matrices throughout. Formulas: M. Giles, "Collected matrix derivative results for forward
and reverse mode algorithmic differentiation" (2008).
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import composed, defvjp
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.rules.binding import all_zero, as_array, like, results
from tinygrad_lite.rules.zero import product, quotient


def transposed(x: Any) -> Any:
    """Matrices with rows and columns exchanged."""
    return np.swapaxes(x, -1, -2)


def adjoint(x: Any) -> Any:
    """Transposed, and conjugated if complex."""
    return transposed(conj(x))


def conj(x: Any) -> Any:
    """Conjugated if complex; no copy if not."""
    return np.conj(x) if type(x) is not float and x.dtype.kind == "c" else x


def on_matrices(g: Any) -> Any:
    """A number for each matrix, with two axes to broadcast against the matrices."""
    return np.reshape(g, (*np.shape(g), 1, 1))


# -- inverse and linear systems --------------------------------------------------------------------


def _solve_vjp_first(g: Any, out: Any, a: Any, b: Any) -> Any:
    pulled = _solve_vjp_second(g, out, a, b)
    if np.ndim(b) == 1:
        return -np.expand_dims(pulled, -1) * np.expand_dims(out, -2)
    return -pulled @ transposed(out)


def _solve_vjp_second(g: Any, out: Any, a: Any, b: Any) -> Any:
    if np.ndim(b) == 1:
        return np.linalg.solve(transposed(a), np.expand_dims(g, -1))[..., 0]
    return np.linalg.solve(transposed(a), g)


def _inv_vjp(g: Any, out: Any, a: Any) -> Any:
    return -transposed(out) @ g @ transposed(out)


defvjp(np.linalg.inv, _inv_vjp)
defvjp(np.linalg.solve, _solve_vjp_first, _solve_vjp_second)


@composed(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Any:
    if ind <= 0:
        raise ValueError(f"np.linalg.tensorinv: ind must be positive, not {ind}")
    shape = np.shape(a)
    rows = int(np.prod(shape[ind:]))
    return np.reshape(np.linalg.inv(np.reshape(a, (rows, -1))), shape[ind:] + shape[:ind])


@composed(np.linalg.tensorsolve)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    if axes is not None:
        last = [axis % np.ndim(a) for axis in axes]
        a = np.transpose(a, [k for k in range(np.ndim(a)) if k not in last] + last)
    unknown = np.shape(a)[np.ndim(b) :]
    size = int(np.prod(unknown))
    return np.reshape(np.linalg.solve(np.reshape(a, (-1, size)), np.ravel(b)), unknown)


@composed(np.linalg.matrix_power)
def _matrix_power(a: Any, n: int) -> Any:
    n = operator.index(n)
    if n == 0:
        return a * 0 + np.eye(np.shape(a)[-1], dtype=a.dtype)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    power = None
    while n:
        n, odd = divmod(n, 2)
        if odd:
            power = a if power is None else power @ a
        a = a @ a if n else a
    return power


# -- determinants ----------------------------------------------------------------------------------


@primitive
def cofactors(a: Any) -> Any:
    """Derivatives of the determinant by the entries: ``det(a) * inv(a).T``, also if a is singular.

    From the singular value decomposition ``a = u s v``: cofactors of s are products of the other
    singular values, and ``cofactors(a) = det(u) det(v) * conj(u) cofactors(s) conj(v)``.
    """
    u, s, v = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(axis=-1)
    sign = on_matrices(np.linalg.det(u) * np.linalg.det(v))
    return (sign * np.conj((u * others[..., None, :]) @ v)).astype(a.dtype, copy=False)


@primitive
def cofactors_pulled(g: Any, a: Any) -> Any:
    """Second derivatives of the determinant, times a cotangent `g`; also if a is singular.

    For diagonal s they are products of the singular values but two; ``cofactors`` tells the rest.
    """
    u, s, v = np.linalg.svd(a)
    n = s.shape[-1]
    one = np.eye(n, dtype=bool)
    # but_two[i, j] is the product of all but s[i] and s[j]
    others = np.where(one[:, None] | one[None, :], 1, s[..., None, None, :]).prod(axis=-1)
    but_two = np.where(one, 0, others)
    sign = on_matrices(np.linalg.det(u) * np.linalg.det(v))
    inner = adjoint(u) @ g @ adjoint(v)
    diagonal = np.diagonal(inner, 0, -2, -1)
    kept = np.where(one, (but_two @ diagonal[..., None])[..., :, 0][..., None, :], 0)
    pulled = kept - but_two * transposed(inner)
    return (sign * np.conj(u) @ pulled @ np.conj(v)).astype(np.result_type(g, a), copy=False)


def _cofactors_pulled_vjp(c: Any, out: Any, g: Any, a: Any) -> Any:
    """Third derivatives, for regular matrices, from ``det(a) * (<g, y> y - y g.T y)``, where y is
    ``inv(a).T``."""
    y = transposed(np.linalg.inv(a))
    gy, cy = (np.sum(x * y, axis=(-2, -1), keepdims=True) for x in (g, c))
    both = transposed(c) @ y @ transposed(g)
    pair = np.sum(both * transposed(y), axis=(-2, -1), keepdims=True)
    by_y = g * cy + c * gy - c @ transposed(y) @ g - g @ transposed(y) @ c
    determinant = on_matrices(np.linalg.det(a))
    return determinant * ((gy * cy - pair) * y - y @ transposed(by_y) @ y)


defvjp(cofactors, lambda g, out, a: cofactors_pulled(g, a))
defvjp(
    cofactors_pulled,
    lambda c, out, g, a: cofactors_pulled(c, a),
    _cofactors_pulled_vjp,
)
defvjp(np.linalg.det, lambda g, out, a: on_matrices(g) * cofactors(a))


def _slogdet_vjp(g: Any, out: Any, a: Any) -> Any:
    g_sign, g_log = g
    if a.dtype.kind == "c" and not all_zero(g_sign):
        # the sign of a complex determinant turns by the imaginary part of trace(inv(a) da)
        g_log = g_log + 1j * np.imag(g_sign * results(out)[0])
    return on_matrices(g_log) * transposed(np.linalg.inv(a))


defvjp(np.linalg.slogdet, _slogdet_vjp)

# -- products of several ---------------------------------------------------------------------------


def _multi_dot_vjp(argnum: int, g: Any, out: Any, *arrays: Any) -> Any:
    x = arrays[argnum]
    matrices = list(arrays)
    if np.ndim(arrays[0]) == 1:
        matrices[0] = np.reshape(arrays[0], (1, -1))
    if np.ndim(arrays[-1]) == 1:
        matrices[-1] = np.reshape(arrays[-1], (-1, 1))
    g = np.reshape(g, (np.shape(matrices[0])[0], np.shape(matrices[-1])[1]))
    left = [transposed(m) for m in reversed(matrices[:argnum])]
    right = [transposed(m) for m in reversed(matrices[argnum + 1 :])]
    return np.reshape(np.linalg.multi_dot([*left, g, *right]), np.shape(x))


defvjp(
    np.linalg.multi_dot,
    variadic=_multi_dot_vjp,
    evaluate=lambda *arrays: np.linalg.multi_dot(arrays),
    bind=like(lambda arrays, *, out=None: (tuple(arrays), {})),
)

# -- norms -----------------------------------------------------------------------------------------


def _bind_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord is not None and not isinstance(ord, str) and ord == 0:
        raise TypeError(
            "np.linalg.norm with ord=0 counts the entries that are not zero: it is piecewise "
            "constant and has no gradient; call it on plain arrays (x.data)"
        )
    settings = {"ord": ord, "axis": axis, "keepdims": keepdims}
    return (as_array(x),), {k: v for k, v in settings.items() if v is not None and v is not False}


def _norm_vjp(
    g: Any, out: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False
) -> Any:
    ndim = np.ndim(x)
    axes = tuple(range(ndim)) if axis is None else (axis,) if np.ndim(axis) == 0 else tuple(axis)
    axes = tuple(int(a) % ndim for a in axes)
    if not keepdims:
        kept = [1 if a in axes else size for a, size in enumerate(np.shape(x))]
        g, out = np.reshape(g, kept), np.reshape(out, kept)
    if ord is None or ord in ("fro", "f") or (ord == 2 and len(axes) == 1):
        # 0 at the zero vector: the smallest of its subgradients
        return g * quotient(conj(x), out)
    if len(axes) == 1:
        return _vector_norm_vjp(g, out, x, ord, axes)
    return _matrix_norm_vjp(g, out, x, ord, axes)


def _vector_norm_vjp(g: Any, out: Any, x: Any, ord: float, axes: tuple[int, ...]) -> Any:
    size = np.abs(x)
    direction = _direction(x, size)
    if np.isinf(ord):
        return g * direction * _shared(size, axes, ord > 0)
    if ord == 1:
        return g * direction
    # size / out does not overflow where a power of the size alone would
    ratio = quotient(size, out)
    if ord > 1:
        return g * direction * ratio ** (ord - 1)
    with np.errstate(divide="ignore"):
        return product(g * direction, ratio ** (ord - 1))


def _direction(x: Any, size: Any) -> Any:
    """x / abs(x), and 0 at 0."""
    return quotient(conj(x), size) if x.dtype.kind == "c" else np.sign(x)


def _shared(size: Any, axes: tuple[int, ...], largest: bool) -> Any:
    """Weights of the entries that attain the largest or the smallest; several share it equally."""
    plain = np.asarray(data_of(size))
    extreme = (plain.max if largest else plain.min)(axis=axes, keepdims=True)
    attained = (plain == extreme).astype(plain.dtype)
    return attained / attained.sum(axis=axes, keepdims=True)


def _matrix_norm_vjp(g: Any, out: Any, x: Any, ord: Any, axes: tuple[int, ...]) -> Any:
    if ord in ("nuc", 2, -2):
        last = np.moveaxis(x, axes, (-2, -1))
        u, s, v = np.linalg.svd(last, full_matrices=False)
        weights = _not_zero(data_of(s)) if ord == "nuc" else _shared(s, (-1,), ord > 0)
        pulled = (u * weights[..., None, :]) @ v
        return g * np.moveaxis(conj(pulled), (-2, -1), axes)
    over, along = axes if abs(ord) == 1 else axes[::-1]
    size = np.abs(x)
    sums = np.sum(size, axis=over, keepdims=True)
    return g * _direction(x, size) * _shared(sums, (along,), ord > 0)


def _not_zero(s: Any) -> Any:
    """1 for each singular value, 0 for those that are 0 but for rounding."""
    tiny = np.finfo(s.dtype).eps * max(s.shape[-1], 1) * s.max(axis=-1, keepdims=True, initial=0)
    return (s > tiny).astype(s.dtype)


_NORM_KINKS = (
    "0, with ord='nuc' a singular value of 0: derivative 0; "
    "ord=1: sign(0) is 0; ord=inf, -inf, 2, -2: equal extremes share equally"
)
defvjp(np.linalg.norm, _norm_vjp, bind=like(_bind_norm), kink=_NORM_KINKS)


@composed(np.linalg.matrix_norm, kink=_NORM_KINKS)
def _matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


@composed(
    np.linalg.vector_norm, kink="0: derivative 0; ord=inf, -inf: equal extremes share equally"
)
def _vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    ndim = np.ndim(x)
    axes = range(ndim) if axis is None else (axis,) if np.ndim(axis) == 0 else axis
    over = [a % ndim for a in axes]
    kept = [a for a in range(ndim) if a not in over]
    shape = [np.shape(x)[a] for a in kept]
    flat = np.reshape(np.transpose(x, kept + over), [*shape, -1])
    norm = np.linalg.norm(flat, ord, -1)
    if keepdims:
        norm = np.reshape(norm, [1 if a in over else n for a, n in enumerate(np.shape(x))])
    return norm


@composed(
    np.linalg.cond,
    kink="p=None, 2, -2: equal extreme singular values share equally; other p: as norm",
)
def _cond(x: Any, p: Any = None) -> Any:
    if p is None or p == 2 or p == -2:
        s = np.linalg.svd(x, compute_uv=False)
        largest, smallest = np.max(s, axis=-1), np.min(s, axis=-1)  # so that ties share
        with np.errstate(divide="ignore", invalid="ignore"):  # infinite for singular matrices
            ratio = smallest / largest if p == -2 else largest / smallest
        return np.where(data_of(largest) == 0, np.inf, ratio)
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, (-2, -1))
