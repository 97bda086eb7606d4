"""Rules of products of arrays: matmul, dot, inner, outer, tensordot, kron, cross, convolve ...

A product is linear in each factor, so its pull-back is a product of the cotangent with the other
factor, over the axes that the first product left standing. Complex factors are not conjugated, as
the pairing of cotangent and change is ``Re(sum(g * change))``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import composed, defvjp
from tinygrad_lite.rules.binding import as_array, like

_ndarray = np.ndarray

# -- matmul and dot --------------------------------------------------------------------------------

# Of matrices both are the same product; NumPy begins `dot` in half the time.


def _matmul_vjp_first(g: Any, out: Any, x: Any, y: Any) -> Any:
    if y.ndim == 2 and x.ndim > 1:
        return g.dot(y.T) if type(g) is _ndarray is type(y) and x.ndim == 2 else g @ y.T
    if y.ndim == 1:
        # out[..., i] = sum_j x[..., i, j] y[j]
        return np.expand_dims(g, -1) * y
    if x.ndim == 1:
        # out[..., k] = sum_j x[j] y[..., j, k], for every matrix of a stack
        return (y @ np.expand_dims(g, -1))[..., 0]
    return g @ np.swapaxes(y, -1, -2)


def _matmul_vjp_second(g: Any, out: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 and y.ndim == 2:
        return x.T.dot(g) if type(g) is _ndarray is type(x) else x.T @ g
    if x.ndim == 1:
        column = np.expand_dims(x, -1)
        return column[:, 0] * g if y.ndim == 1 else column * np.expand_dims(g, -2)
    if y.ndim == 1:
        return np.reshape(g, (-1,)) @ np.reshape(x, (-1, np.shape(x)[-1]))
    if y.ndim == 2:  # one matrix for a whole stack: sum over the stack in one product
        rows = np.reshape(x, (-1, np.shape(x)[-1]))
        return rows.T @ np.reshape(g, (-1, np.shape(g)[-1]))
    return np.swapaxes(x, -1, -2) @ g


def _dot_vjp_first(g: Any, out: Any, x: Any, y: Any) -> Any:
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        return g * y
    if np.ndim(x) <= 2 and np.ndim(y) <= 2:
        return _matmul_vjp_first(g, out, x, y)
    return _tensordot_vjp_first(g, out, x, y, _dot_axes(y))


def _dot_vjp_second(g: Any, out: Any, x: Any, y: Any) -> Any:
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        return g * x
    if np.ndim(x) <= 2 and np.ndim(y) <= 2:
        return _matmul_vjp_second(g, out, x, y)
    return _tensordot_vjp_second(g, out, x, y, _dot_axes(y))


def _bind_dot(a: Any, b: Any, out: Any = None) -> Any:
    return (a, b), {} if out is None else {"out": out}


def _dot_axes(y: Any) -> tuple[int, int]:
    return -1, -min(np.ndim(y), 2)


defvjp(np.matmul, _matmul_vjp_first, _matmul_vjp_second)


# -- tensordot and inner ---------------------------------------------------------------------------


def _contracted(x: Any, y: Any, axes: Any) -> tuple[list[int], list[int], list[int], list[int]]:
    """The contracted axes of x and of y, pair by pair, and the free axes of each."""
    if np.ndim(axes) == 0 and not isinstance(axes, (tuple, list)):
        over_x, over_y = list(range(np.ndim(x) - axes, np.ndim(x))), list(range(axes))
    else:
        over_x, over_y = (np.atleast_1d(a).astype(int).tolist() for a in axes)
    over_x = [a % np.ndim(x) for a in over_x]
    over_y = [a % np.ndim(y) for a in over_y]
    free_x = [a for a in range(np.ndim(x)) if a not in over_x]
    free_y = [a for a in range(np.ndim(y)) if a not in over_y]
    return over_x, over_y, free_x, free_y


def _tensordot_vjp_first(g: Any, out: Any, x: Any, y: Any, axes: Any = 2) -> Any:
    over_x, over_y, free_x, free_y = _contracted(x, y, axes)
    local = np.tensordot(g, y, (list(range(len(free_x), np.ndim(g))), free_y))
    have = free_x + [a for _, a in sorted(zip(over_y, over_x, strict=True))]
    return np.transpose(local, tuple(np.argsort(have)))


def _tensordot_vjp_second(g: Any, out: Any, x: Any, y: Any, axes: Any = 2) -> Any:
    over_x, over_y, free_x, free_y = _contracted(x, y, axes)
    local = np.tensordot(x, g, (free_x, list(range(len(free_x)))))
    have = [a for _, a in sorted(zip(over_x, over_y, strict=True))] + free_y
    return np.transpose(local, tuple(np.argsort(have)))


def _inner_vjp_first(g: Any, out: Any, x: Any, y: Any) -> Any:
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        return g * y
    return _tensordot_vjp_first(g, out, x, y, (-1, -1))


def _inner_vjp_second(g: Any, out: Any, x: Any, y: Any) -> Any:
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        return g * x
    return _tensordot_vjp_second(g, out, x, y, (-1, -1))


defvjp(np.dot, _dot_vjp_first, _dot_vjp_second, bind=like(_bind_dot))
defvjp(np.tensordot, _tensordot_vjp_first, _tensordot_vjp_second)
defvjp(np.inner, _inner_vjp_first, _inner_vjp_second)
defvjp(
    np.vdot,
    lambda g, out, x, y: np.reshape(np.conj(g * np.ravel(y)), np.shape(x)),
    lambda g, out, x, y: np.reshape(g * np.conj(np.ravel(x)), np.shape(y)),
)
defvjp(
    np.outer,
    lambda g, out, x, y: np.reshape(g @ np.ravel(y), np.shape(x)),
    lambda g, out, x, y: np.reshape(np.ravel(x) @ g, np.shape(y)),
)


@composed(np.linalg.tensordot)
def _linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return np.tensordot(x1, x2, axes)


@composed(np.linalg.matmul)
def _linalg_matmul(x1: Any, x2: Any, /) -> Any:
    return np.matmul(x1, x2)


@composed(np.linalg.outer)
def _linalg_outer(x1: Any, x2: Any, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(
            f"np.linalg.outer takes two vectors, not arrays of shapes {np.shape(x1)} and "
            f"{np.shape(x2)}: use np.outer, which flattens"
        )
    return np.outer(x1, x2)


@composed(np.kron)
def _kron(a: Any, b: Any) -> Any:
    ndim = max(np.ndim(a), np.ndim(b))
    rows = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    columns = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    x = np.reshape(a, [size for n in rows for size in (n, 1)])
    y = np.reshape(b, [size for n in columns for size in (1, n)])
    return np.reshape(x * y, [n * m for n, m in zip(rows, columns, strict=True)])


# -- products of vectors, in stacks ----------------------------------------------------------------


@composed(np.vecdot)
def _vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    x1, x2 = as_array(x1), as_array(x2)
    if axis != -1:
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    return (_conj(x1)[..., None, :] @ x2[..., :, None])[..., 0, 0]


@composed(np.linalg.vecdot)
def _linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return _vecdot(x1, x2, axis=axis)


if hasattr(np, "matvec"):  # NumPy 2.2

    @composed(np.matvec)
    def _matvec(x1: Any, x2: Any, /) -> Any:
        return (as_array(x1) @ as_array(x2)[..., :, None])[..., 0]

    @composed(np.vecmat)
    def _vecmat(x1: Any, x2: Any, /) -> Any:
        return (_conj(as_array(x1))[..., None, :] @ as_array(x2))[..., 0, :]


def _conj(x: Any) -> Any:
    return np.conj(x) if x.dtype.kind == "c" else x


@composed(np.cross)
def _cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    if np.shape(x)[-1] != 3 or np.shape(y)[-1] != 3:
        raise ValueError(
            f"np.cross on Values takes vectors of 3 entries along the axis, not arrays of shapes "
            f"{np.shape(a)} and {np.shape(b)}; in the plane write x[0] * y[1] - x[1] * y[0]"
        )
    up, down = [1, 2, 0], [2, 0, 1]
    product = x[..., up] * y[..., down] - x[..., down] * y[..., up]
    return np.moveaxis(product, -1, axisc)


@composed(np.linalg.cross)
def _linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return _cross(x1, x2, axis=axis)


# -- polynomials and convolution of sequences ------------------------------------------------------


def _whole(g: Any, x: Any, y: Any, mode: Any) -> Any:
    """The cotangent of the full convolution, of which the other modes keep a middle part."""
    n, m = max(np.size(x), np.size(y)), min(np.size(x), np.size(y))
    before = {"full": 0, "same": m - 1 - m // 2, "valid": m - 1}[_mode(mode)]
    after = n + m - 1 - before - np.size(g)
    return np.pad(g, (before, after)) if before or after else g


def _mode(mode: Any) -> str:
    """NumPy also knows the modes by number, and by their first letters."""
    if isinstance(mode, int):
        return ("valid", "same", "full")[mode]
    return {"v": "valid", "s": "same", "f": "full"}[mode[0].lower()]


def _convolve_vjp_first(g: Any, out: Any, x: Any, y: Any, mode: Any = "full") -> Any:
    return np.convolve(_whole(g, x, y, mode), np.flip(y), "valid")


def _convolve_vjp_second(g: Any, out: Any, x: Any, y: Any, mode: Any = "full") -> Any:
    return np.convolve(_whole(g, x, y, mode), np.flip(x), "valid")


defvjp(np.convolve, _convolve_vjp_first, _convolve_vjp_second)


@composed(np.correlate)
def _correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    a, v = as_array(a), as_array(v)
    if np.size(a) < np.size(v):  # as NumPy: which entry is the middle one depends on the longer
        return np.flip(np.convolve(_conj(v), np.flip(a), mode))
    return np.convolve(a, np.flip(_conj(v)), mode)


@composed(np.polyval)
def _polyval(p: Any, x: Any) -> Any:
    p, x = p if isinstance(p, (list, tuple)) else as_array(p), as_array(x)
    y = x * 0
    for coefficient in p:
        y = y * x + coefficient
    return y


@composed(np.vander)
def _vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    powers = np.arange(np.size(x) if N is None else N)
    columns = x[:, None] ** powers
    return columns if increasing else np.flip(columns, 1)
