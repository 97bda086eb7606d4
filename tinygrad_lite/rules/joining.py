"""Rules of functions that join arrays or take them apart: concatenate, stack, split ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import RULES, JointVjp, Operation, composed, defvjp
from tinygrad_lite.rules.binding import as_array, like
from tinygrad_lite.rules.indexing import labels, plain_index, rearranged

# -- joining ---------------------------------------------------------------------------------------


def _bind_joining(arrays: Any, axis: int | None = 0, out: Any = None, **settings: Any) -> Any:
    return tuple(arrays), {"axis": axis, **settings} if axis != 0 else settings


def _along(axis: int, part: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (part,)


def _concatenate_vjp(g: Any, out: Any, *arrays: Any, axis: int | None = 0) -> list[Any]:
    if axis is None:
        ends = np.cumsum([np.size(x) for x in arrays]).tolist()
        starts = [0, *ends[:-1]]
        return [
            np.reshape(g[start:end], np.shape(x))
            for start, end, x in zip(starts, ends, arrays, strict=True)
        ]
    axis = axis % np.ndim(g)
    ends = np.cumsum([np.shape(x)[axis] for x in arrays]).tolist()
    return [
        g[_along(axis, slice(start, end))] for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


def _stack_vjp(argnum: int, g: Any, out: Any, *arrays: Any, axis: int = 0) -> Any:
    return g[_along(axis % np.ndim(g), argnum)]


# All at once, as where a part begins depends on the sizes of those before it.
RULES[np.concatenate] = Operation(
    np.concatenate,
    JointVjp(_concatenate_vjp),
    evaluate=lambda *arrays, axis=0: np.concatenate(arrays, axis=axis),
    bind=like(_bind_joining),
)
defvjp(
    np.stack,
    variadic=_stack_vjp,
    evaluate=lambda *arrays, axis=0: np.stack(arrays, axis=axis),
    bind=like(_bind_joining),
)


def _grown(arrays: Any, atleast: Any) -> list[Any]:
    return [atleast(as_array(x)) for x in arrays]


@composed(np.vstack)
def _vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return np.concatenate(_grown(tup, np.atleast_2d), dtype=dtype)


@composed(np.hstack)
def _hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    arrays = _grown(tup, np.atleast_1d)
    return np.concatenate(arrays, axis=1 if arrays and arrays[0].ndim > 1 else 0, dtype=dtype)


@composed(np.dstack)
def _dstack(tup: Any) -> Any:
    return np.concatenate(_grown(tup, np.atleast_3d), axis=2)


@composed(np.column_stack)
def _column_stack(tup: Any) -> Any:
    columns = [np.atleast_2d(x).T if np.ndim(x) < 2 else x for x in tup]
    return np.concatenate(columns, axis=1)


@composed(np.block)
def _block(arrays: Any) -> Any:
    depth, probe = 0, arrays
    while isinstance(probe, list):
        if not probe:
            raise ValueError("np.block: a list of blocks is empty")
        depth, probe = depth + 1, probe[0]

    def largest(block: Any) -> int:
        return max(map(largest, block)) if isinstance(block, list) else np.ndim(block)

    ndim = max(depth, largest(arrays))

    def joined(block: Any, level: int) -> Any:
        if isinstance(block, list) != (level > 0):
            raise ValueError("np.block: the lists of blocks must all be nested equally deep")
        if isinstance(block, list):
            return np.concatenate([joined(part, level - 1) for part in block], axis=-level)
        return np.reshape(block, (1,) * (ndim - np.ndim(block)) + np.shape(block))

    return joined(arrays, depth)


@composed(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    if axis is None:
        arr, values, axis = np.ravel(arr), np.ravel(values), 0
    return np.concatenate((arr, values), axis=axis)


@composed(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    arr = as_array(arr)
    inserted = labels(values, start=np.size(arr))
    kept = arr.dtype if arr.dtype.kind in "fc" else None  # as NumPy: in the dtype of the array
    where = np.insert(labels(arr), plain_index(obj), inserted, axis=axis)
    return rearranged(where, arr, values, dtype=kept)


@composed(np.delete)
def _delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    return rearranged(np.delete(labels(arr), plain_index(obj), axis=axis), arr)


# -- taking apart ----------------------------------------------------------------------------------


@composed(np.array_split)
def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    return _parts(np.array_split, ary, indices_or_sections, axis)


@composed(np.split)
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    return _parts(np.split, ary, indices_or_sections, axis)


def _parts(split: Any, ary: Any, indices_or_sections: Any, axis: int) -> list[Any]:
    axis = axis % np.ndim(ary)
    pieces = split(np.arange(np.shape(ary)[axis]), plain_index(indices_or_sections))
    bounds = [(int(p[0]), int(p[-1]) + 1) if p.size else (0, 0) for p in pieces]
    return [ary[_along(axis, slice(start, end))] for start, end in bounds]


def _splitting(function: Any, axis_of: Any) -> None:
    def split(ary: Any, indices_or_sections: Any) -> Any:
        axis = axis_of(np.ndim(ary))
        if axis >= np.ndim(ary):
            raise ValueError(
                f"np.{function.__name__} splits along axis {axis}, which an array of shape "
                f"{np.shape(ary)} has not"
            )
        return _split(ary, indices_or_sections, axis)

    composed(function)(split)


_splitting(np.hsplit, lambda ndim: 1 if ndim > 1 else 0)
_splitting(np.vsplit, lambda ndim: 0 if ndim > 1 else 1)
_splitting(np.dsplit, lambda ndim: 2)

if hasattr(np, "unstack"):  # NumPy 2.1

    @composed(np.unstack)
    def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
        return tuple(np.moveaxis(x, axis, 0))


@composed(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    ndim = len(xi)
    order = [1, 0, *range(2, ndim)] if indexing == "xy" and ndim > 1 else list(range(ndim))
    grids = [
        np.reshape(x, [-1 if axis == order[i] else 1 for axis in range(ndim)])
        for i, x in enumerate(xi)
    ]
    return tuple(grids) if sparse else np.broadcast_arrays(*grids)
