"""Rules of indexing: x[...], its transpose, and functional assignment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.record import ASTYPE, record
from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.engine.value import Value, data_of

# -- x[index] and its transpose --------------------------------------------------------------------


@primitive
def getitem(x: Any, *, index: Any) -> Any:
    """``x[index]``."""
    try:
        return x[index]
    except (IndexError, TypeError):
        plain_index(index)
        raise


@primitive
def scatter(entries: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape with `entries` added at an index; the transpose of ``x[index]``."""
    if _at_most_once(index):
        out = np.zeros(shape, dtype=getattr(entries, "dtype", np.float64))
        out[index] = entries
        return out
    # By position in the flattened array, NumPy adds about four times as fast as by rows.
    positions = _positions(index, shape)
    entries = np.broadcast_to(entries, positions.shape).ravel()
    size = math.prod(shape)
    if entries.dtype == np.float64:
        return np.bincount(positions.ravel(), entries, size).reshape(shape)
    out = np.zeros(size, dtype=entries.dtype)
    np.add.at(out, positions.ravel(), entries)
    return out.reshape(shape)


def _positions(index: Any, shape: tuple[int, ...]) -> Any:
    """Where in the flattened array the selected entries are, in the shape of the selection."""
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(part, np.ndarray) and part.dtype.kind in "iu" for part in parts):
        # Rows of a table, or an entry of each row: no need to number the whole array.
        rows: Any = 0
        for part, size in zip(parts, shape, strict=False):
            rows = rows * size + part % size
        rest = shape[len(parts) :]
        return np.expand_dims(rows * math.prod(rest), tuple(range(-len(rest), 0))) + np.arange(
            math.prod(rest)
        ).reshape(rest)
    return np.arange(math.prod(shape)).reshape(shape)[index]


def _at_most_once(index: Any) -> bool:
    """Whether an index certainly selects no entry twice: there are no integer arrays in it."""
    if type(index) is int or type(index) is slice:
        return True
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, (int, np.integer, slice))
        or (isinstance(part, np.ndarray) and part.dtype == bool)
        for part in (index if isinstance(index, tuple) else (index,))
    )


defvjp(getitem, lambda g, out, x, index: scatter(g, index=index, shape=np.shape(x)))
defvjp(scatter, lambda g, out, entries, index, shape: getitem(g, index=index))


def labels(x: Any, start: int = 0) -> Any:
    """Consecutive integers in the shape of an array, to be rearranged in its stead."""
    return np.arange(start, start + np.size(x)).reshape(np.shape(x))


def rearranged(where: Any, *arrays: Any, dtype: Any = None) -> Any:
    """The entries that have these labels, the arrays being numbered one after another."""
    if len(arrays) == 1:
        return np.ravel(arrays[0])[where]
    dtype = np.result_type(*(data_of(x) for x in arrays)) if dtype is None else dtype
    return np.concatenate([as_dtype(np.ravel(x), dtype) for x in arrays])[where]


def as_dtype(x: Any, dtype: Any) -> Any:
    """An array or Value in a dtype; itself if it has that already."""
    if type(x) is not Value:
        return np.asarray(x, dtype)
    return x if x.dtype == dtype else record(ASTYPE, (x,), {"dtype": dtype})


def gathered_back(g: Any, where: Any, x: Any) -> Any:
    """The transpose of `rearranged` for a single array."""
    return np.reshape(scatter(g, index=where, shape=(np.size(x),)), np.shape(x))


# -- functional assignment -------------------------------------------------------------------------


def set_at(x: Any, index: Any, entries: Any) -> Any:
    """A copy of `x` with ``x[index] = entries``; differentiable in `x` and `entries`.

    Args:
        x: array or Value.
        index: whatever NumPy accepts between the brackets, but no Value. Where it selects an entry
            more than once, the last assignment counts, and has the gradient.
        entries: broadcast to the shape of ``x[index]``, converted to the dtype of `x`.

    Raises:
        TypeError, IndexError, ValueError: as ``x[index] = entries`` does.

    >>> from tinygrad_lite import Value
    >>> x = Value([1.0, 2.0, 3.0])
    >>> set_at(x, 0, 5.0).sum().backward()
    >>> x.grad
    array([0., 1., 1.])
    """
    return _set_at(x, entries, index=plain_index(index))


def add_at(x: Any, index: Any, entries: Any) -> Any:
    """A copy of `x` with `entries` added at an index; differentiable in `x` and `entries`.

    Args:
        x: array or Value.
        index: whatever NumPy accepts between the brackets, but no Value. Where it selects an entry
            more than once, everything is added, as by ``np.add.at``.
        entries: broadcast to the shape of ``x[index]``, converted to the dtype of `x`.

    Raises:
        TypeError, IndexError, ValueError: as ``x[index] += entries`` does.

    >>> add_at(np.zeros(3), [0, 0, 2], 1.0)
    array([2., 0., 1.])
    """
    return _add_at(x, entries, index=plain_index(index))


def plain_index(index: Any) -> Any:
    for part in index if isinstance(index, tuple) else (index,):
        if type(part) is Value:
            raise TypeError(
                "an index cannot be a Value, as it has no gradient: use a plain integer, slice or "
                "array, such as i.data"
            ) from None
    return index


def _copy_for(x: Any, entries: Any) -> Any:
    """A copy of x that can hold the entries: integers become floats, floats keep their width."""
    kind, new = np.asarray(x).dtype, np.asarray(entries).dtype
    if kind.kind in "biu" and new.kind in "fc":
        kind = new
    elif kind.kind == "f" and new.kind == "c":
        kind = np.result_type(kind, np.complex64)
    return np.array(x, dtype=kind)


@primitive
def _set_at(x: Any, entries: Any, *, index: Any) -> Any:
    out = _copy_for(x, entries)
    out[index] = entries
    return out


@primitive
def _add_at(x: Any, entries: Any, *, index: Any) -> Any:
    out = _copy_for(x, entries)
    if _at_most_once(index):
        out[index] += entries
    else:
        np.add.at(out, index, entries)
    return out


def _set_at_vjp_entries(g: Any, out: Any, x: Any, entries: Any, index: Any) -> Any:
    if _at_most_once(index):
        return _like_entries(g[index], entries)
    # Number the assignments, make them, and see which of them lasted.
    holder = np.empty(np.shape(x), dtype=np.intp)
    number = labels(holder[index])
    holder[index] = number
    return _like_entries(g[index] * (holder[index] == number), entries)


def _like_entries(g: Any, entries: Any) -> Any:
    """With the leading axes of size 1 that NumPy drops on assignment."""
    missing = np.ndim(entries) - np.ndim(g)
    return np.reshape(g, (1,) * missing + np.shape(g)) if missing > 0 else g


defvjp(
    _set_at,
    lambda g, out, x, entries, index: _set_at(g, 0.0, index=index),
    _set_at_vjp_entries,
    name="set_at",
)
defvjp(
    _add_at,
    lambda g, out, x, entries, index: g,
    lambda g, out, x, entries, index: _like_entries(g[index], entries),
    name="add_at",
)
