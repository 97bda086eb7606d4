"""Rules of diagonals and triangles: diag, diagonal, trace, tril, triu ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import composed, defvjp


@primitive
def on_diagonal(
    entries: Any, *, shape: tuple[int, ...], offset: int = 0, axis1: int = 0, axis2: int = 1
) -> Any:
    """Zeros of a shape with the last axis of `entries` on a diagonal; transpose of np.diagonal."""
    out = np.zeros(shape, dtype=getattr(entries, "dtype", np.float64))
    planes = np.moveaxis(out, (axis1, axis2), (-2, -1))
    rows = np.arange(np.shape(entries)[-1]) + max(-offset, 0)
    planes[..., rows, rows + offset] = entries
    return out


def _diagonal_vjp(g: Any, out: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return on_diagonal(g, shape=np.shape(x), offset=offset, axis1=axis1, axis2=axis2)


def _on_diagonal_vjp(
    g: Any, out: Any, entries: Any, shape: Any, offset: int = 0, axis1: int = 0, axis2: int = 1
) -> Any:
    return np.diagonal(g, offset, axis1, axis2)


defvjp(np.diagonal, _diagonal_vjp)
defvjp(on_diagonal, _on_diagonal_vjp)
defvjp(np.tril, lambda g, out, x, k=0: np.tril(g, k))
defvjp(np.triu, lambda g, out, x, k=0: np.triu(g, k))


@composed(np.diag)
def _diag(v: Any, k: int = 0) -> Any:
    if np.ndim(v) == 1:
        size = np.size(v) + abs(k)
        return on_diagonal(v, shape=(size, size), offset=k)
    if np.ndim(v) != 2:
        raise ValueError(f"np.diag takes a vector or a matrix, not an array of shape {np.shape(v)}")
    return np.diagonal(v, k)


@composed(np.diagflat)
def _diagflat(v: Any, k: int = 0) -> Any:
    return _diag(np.ravel(v), k)


@composed(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


@composed(np.linalg.diagonal)
def _linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, -2, -1)


@composed(np.linalg.trace)
def _linalg_trace(x: Any, /, *, offset: int = 0) -> Any:
    return _trace(x, offset, -2, -1)
