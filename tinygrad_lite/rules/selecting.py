"""Rules of functions that pick entries: take, compress, choose, sort, partition ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import IN_PLACE, composed, defvjp
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.rules.indexing import gathered_back, labels, rearranged, scatter

# -- by index --------------------------------------------------------------------------------------


def _take_vjp(
    g: Any, out: Any, x: Any, indices: Any, axis: int | None = None, mode: str = "raise"
) -> Any:
    size = np.size(x) if axis is None else np.shape(x)[axis]
    if mode == "wrap":
        indices = np.remainder(indices, size)
    elif mode == "clip":
        indices = np.clip(indices, 0, size - 1)
    if axis is None:
        return gathered_back(g, np.asarray(indices), x)
    index = (slice(None),) * (axis % np.ndim(x)) + (np.asarray(indices),)
    return scatter(g, index=index, shape=np.shape(x))


def _take_along_axis_vjp(g: Any, out: Any, x: Any, indices: Any, axis: int | None = -1) -> Any:
    if axis is None:
        return gathered_back(g, indices, x)
    mesh: list[Any] = list(np.ix_(*(np.arange(size) for size in np.shape(x))))
    mesh[axis] = indices
    return scatter(g, index=tuple(mesh), shape=np.shape(x))


defvjp(np.take, _take_vjp)
defvjp(np.take_along_axis, _take_along_axis_vjp)


@composed(np.compress)
def _compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    return np.take(a, np.flatnonzero(data_of(condition)), axis=axis)


def _extract_vjp(g: Any, out: Any, condition: Any, x: Any) -> Any:
    return gathered_back(g, np.flatnonzero(data_of(condition)), x)


defvjp(np.extract, None, _extract_vjp)


@composed(np.choose)
def _choose(a: Any, choices: Any, mode: Any = "raise") -> Any:
    starts = np.cumsum([0, *(np.size(choice) for choice in choices)])
    numbered: Any = [labels(c, start) for c, start in zip(choices, starts, strict=False)]
    return rearranged(np.choose(data_of(a), numbered, mode=mode), *choices)


# -- by size ---------------------------------------------------------------------------------------


def _sort_vjp(
    g: Any, out: Any, x: Any, axis: int | None = -1, kind: Any = None, stable: Any = None
) -> Any:
    return _permuted_back(g, np.argsort(data_of(x), axis=axis, kind="stable"), x, axis)


def _partition(x: Any, kth: Any, axis: int | None = -1, kind: Any = "introselect") -> Any:
    # np.partition and np.argpartition need not agree on what lies between the pivots.
    order = np.argpartition(x, kth, axis=axis, kind=kind)
    return np.take_along_axis(np.asarray(x), order, axis=axis)


def _partition_vjp(
    g: Any, out: Any, x: Any, kth: Any, axis: int | None = -1, kind: Any = "introselect"
) -> Any:
    order = np.argpartition(data_of(x), kth, axis=axis, kind=kind)
    return _permuted_back(g, order, x, axis)


def _permuted_back(g: Any, order: Any, x: Any, axis: int | None) -> Any:
    inverse = np.argsort(order, axis=-1 if axis is None else axis)
    back = np.take_along_axis(g, inverse, axis=axis)
    return np.reshape(back, np.shape(x)) if axis is None else back


_TIES = "equal entries: in the order in which they stand"

defvjp(np.sort, _sort_vjp, kink=_TIES)
defvjp(np.partition, _partition_vjp, evaluate=_partition, kink=_TIES)

# -- in place --------------------------------------------------------------------------------------


IN_PLACE.update(
    {
        np.put: "tinygrad_lite.set_at(np.ravel(x), indices, values)",
        np.put_along_axis: "tinygrad_lite.set_at(x, index, values)",
        np.place: "np.where, or tinygrad_lite.set_at(x, mask, values)",
        np.putmask: "np.where, or tinygrad_lite.set_at(x, mask, values)",
        np.copyto: "the other Value itself, or np.where",
        np.fill_diagonal: "tinygrad_lite.set_at(x, np.diag_indices(n), values)",
    }
)
