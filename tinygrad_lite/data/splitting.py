"""Setting rows aside for validation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_lite.data.batches import common_length

Array = NDArray[Any]


def split(
    *arrays: Array,
    validation: float | int = 0.1,
    seed: int | np.random.Generator | None = 0,
    stratify: Array | None = None,
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Rows to train with, and rows to validate with.

    Args:
        *arrays: one or more arrays with first dimensions equal.
        validation: how many rows to set aside; below 1, which share of them.
        seed: an integer or a Generator to draw them with; None takes the last ones, and both
            parts are then views instead of copies.
        stratify: labels, shape (rows,): each keeps its share among the rows set aside, up
            to one row. Needs a seed.

    Returns:
        Two tuples, each with the rows of every array, in the order they had.

    Raises:
        TypeError: something other than a NumPy array is given.
        ValueError: the lengths differ, or `validation` leaves either part empty.

    >>> x, y = np.arange(10), np.arange(10) % 2
    >>> (x_train, y_train), (x_validation, y_validation) = split(x, y, validation=0.3)
    >>> len(x_train), len(x_validation)
    (7, 3)
    """
    rows = common_length("split", arrays)
    count = round(validation * rows) if 0 < validation < 1 else int(validation)
    if not 0 < count < rows or (validation >= 1 and count != validation):
        raise ValueError(
            f"split: validation={validation} of {rows} rows sets {count} aside, and both parts "
            f"need some"
        )
    if seed is None:
        if stratify is not None:
            raise ValueError("split: stratify draws at random, so give a seed with it")
        return tuple(a[: rows - count] for a in arrays), tuple(a[rows - count :] for a in arrays)
    order = np.random.default_rng(seed).permutation(rows)
    if stratify is not None:
        order = _in_proportion(order, stratify, count)
    aside = np.zeros(rows, bool)
    aside[order[:count]] = True
    return tuple(array[~aside] for array in arrays), tuple(array[aside] for array in arrays)


def _in_proportion(order: Array, labels: Array, count: int) -> Array:
    """The first rows of each label, as many as its share of `count`; the largest remainders up."""
    if np.shape(labels) != order.shape:
        raise ValueError(
            f"split: stratify has shape {np.shape(labels)}, and needs a label for each of the "
            f"{len(order)} rows"
        )
    own = [order[labels[order] == label] for label in np.unique(labels)]
    exact = np.array([len(rows) for rows in own]) * count / len(order)
    whole = np.floor(exact).astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: count - whole.sum()]] += 1
    return np.concatenate([rows[:some] for rows, some in zip(own, whole, strict=True)])
