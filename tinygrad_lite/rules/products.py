"""Rules of products of arrays: matmul, dot, inner, outer, tensordot, einsum, kron, cross."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import defvjp


def _transposed(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _matmul_vjp_first(g: Any, out: Any, x: Any, y: Any) -> Any:
    if np.ndim(x) == 1 or np.ndim(y) == 1:
        return _matmul_vjp_vector(0, g, x, y)
    return g @ _transposed(y)


def _matmul_vjp_second(g: Any, out: Any, x: Any, y: Any) -> Any:
    if np.ndim(x) == 1 or np.ndim(y) == 1:
        return _matmul_vjp_vector(1, g, x, y)
    return _transposed(x) @ g


def _matmul_vjp_vector(argnum: int, g: Any, x: Any, y: Any) -> Any:
    """A vector takes part as a matrix of one row or column; the result lost that axis."""
    rows = x[None, :] if np.ndim(x) == 1 else x
    columns = y[:, None] if np.ndim(y) == 1 else y
    if np.ndim(x) == 1:
        g = np.expand_dims(g, -1 if np.ndim(y) == 1 else -2)
    if np.ndim(y) == 1:
        g = np.expand_dims(g, -1)
    if argnum == 0:
        local = g @ _transposed(columns)
        return np.sum(local, axis=tuple(range(local.ndim - 1))) if np.ndim(x) == 1 else local
    local = _transposed(rows) @ g
    return np.sum(local[..., 0], axis=tuple(range(local.ndim - 2))) if np.ndim(y) == 1 else local


defvjp(np.matmul, _matmul_vjp_first, _matmul_vjp_second)
