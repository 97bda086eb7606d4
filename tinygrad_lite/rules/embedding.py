"""Rows of a table by number, as one operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.rules.indexing import scatter


@primitive
def embedding(indices: Any, weight: Any, *, padding_idx: int | None = None) -> Any:
    """``weight[indices]``; the row `padding_idx` gets no gradient.

    Args:
        indices: integers of any shape.
        weight: the table, shape (rows, width).
        padding_idx: number of a row that stands for nothing, or None.

    Returns:
        Shape (*indices.shape, width).

    Raises:
        TypeError: the indices are not integers.
        IndexError: an index is not among the rows.

    >>> embedding(np.array([[1, 0]]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[[3., 4.], [1., 2.]]])
    """
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"an embedding takes integers, not {indices.dtype}")
    rows = len(weight)
    if indices.size and not (indices.min() >= 0 and indices.max() < rows):
        raise IndexError(
            f"an embedding of {rows} rows was asked for rows {indices.min()} to {indices.max()}; "
            f"they are numbered from 0 to {rows - 1}"
        )
    return np.asarray(weight)[indices]


def _embedding_vjp(
    g: Any, out: Any, indices: Any, weight: Any, padding_idx: int | None = None
) -> Any:
    indices = np.asarray(indices)
    if padding_idx is not None:
        g = g * (indices != padding_idx)[..., None]
    return scatter(g, index=indices, shape=np.shape(weight))


defvjp(embedding, None, _embedding_vjp)
