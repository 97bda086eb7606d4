"""Rules of functions that rearrange entries without changing them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.record import ASTYPE, IDENTITY, record
from tinygrad_lite.engine.rulebook import composed, defvjp
from tinygrad_lite.engine.value import Value
from tinygrad_lite.rules.binding import like
from tinygrad_lite.rules.indexing import gathered_back, labels, rearranged, scatter

Axes = int | tuple[int, ...] | None

# -- shape -----------------------------------------------------------------------------------------


def _in_order(x: Any, order: str) -> Any:
    """Entries by their indices, not by where they lie in memory, which a record cannot know."""
    if order not in ("C", "F"):
        raise TypeError(
            f"order={order!r} depends on the memory layout of the array, and is refused for "
            f"Values: use order='C' or order='F'"
        )
    return x


def _bind_reshape(
    a: Any, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None
) -> Any:
    settings: dict[str, Any] = {"shape": newshape if shape is None else shape}
    return (_in_order(a, order),), settings if order == "C" else {**settings, "order": order}


def _bind_ravel(a: Any, order: str = "C") -> Any:
    return (_in_order(a, order),), {} if order == "C" else {"order": order}


defvjp(
    np.reshape,
    lambda g, out, x, shape, order="C": np.reshape(g, np.shape(x), order=order),
    evaluate=lambda x, shape, order="C": np.reshape(x, shape, order),
    bind=like(_bind_reshape),
)
defvjp(
    np.ravel,
    lambda g, out, x, order="C": np.reshape(g, np.shape(x), order=order),
    bind=like(_bind_ravel),
)
defvjp(np.expand_dims, lambda g, out, x, axis: np.reshape(g, np.shape(x)))
defvjp(np.squeeze, lambda g, out, x, axis=None: np.reshape(g, np.shape(x)))


@composed(np.atleast_1d)
def _atleast_1d(*arrays: Any) -> Any:
    return _each(arrays, lambda x: np.reshape(x, (1,)) if np.ndim(x) == 0 else x)


@composed(np.atleast_2d)
def _atleast_2d(*arrays: Any) -> Any:
    return _each(arrays, lambda x: np.reshape(x, (1, -1)) if np.ndim(x) < 2 else x)


@composed(np.atleast_3d)
def _atleast_3d(*arrays: Any) -> Any:
    def grown(x: Any) -> Any:
        shape = np.shape(x)
        wanted = {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}.get(len(shape))
        return x if wanted is None else np.reshape(x, wanted)

    return _each(arrays, grown)


def _each(arrays: tuple[Any, ...], change: Any) -> Any:
    changed = tuple(change(x if type(x) is Value else np.asarray(x)) for x in arrays)
    return changed[0] if len(changed) == 1 else changed


# -- order of axes ---------------------------------------------------------------------------------


def _transpose_vjp(g: Any, out: Any, x: Any, axes: Any = None) -> Any:
    if axes is None:
        return np.transpose(g)
    return np.transpose(g, tuple(np.argsort([a % np.ndim(x) for a in axes])))


defvjp(np.transpose, _transpose_vjp)
defvjp(np.matrix_transpose, lambda g, out, x: np.swapaxes(g, -1, -2))
defvjp(np.linalg.matrix_transpose, lambda g, out, x: np.swapaxes(g, -1, -2))
defvjp(np.swapaxes, lambda g, out, x, axis1, axis2: np.swapaxes(g, axis1, axis2))
defvjp(
    np.moveaxis,
    lambda g, out, x, source, destination: np.moveaxis(g, destination, source),
)


@composed(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    # NumPy checks and moves the axes of an array whose sizes are the numbers of its axes.
    numbered = np.broadcast_to(0.0, range(np.ndim(a)))
    return np.transpose(a, np.rollaxis(numbered, axis, start).shape)


# -- broadcasting and repetition -------------------------------------------------------------------


def _broadcast_to_vjp(g: Any, out: Any, x: Any, shape: Any) -> Any:
    return g  # the engine sums over the broadcast axes


defvjp(np.broadcast_to, _broadcast_to_vjp)


@composed(np.broadcast_arrays)
def _broadcast_arrays(*arrays: Any, subok: bool = False) -> tuple[Any, ...]:
    shape = np.broadcast_shapes(*(np.shape(x) for x in arrays))
    return tuple(x if np.shape(x) == shape else np.broadcast_to(x, shape) for x in arrays)


def _repeat_vjp(g: Any, out: Any, x: Any, repeats: Any, axis: int | None = None) -> Any:
    if axis is None:
        return np.reshape(_repeat_vjp(g, out, np.ravel(x), repeats, axis=0), np.shape(x))
    shape, axis = np.shape(x), axis % np.ndim(x)
    if np.size(repeats) == 1:
        count = int(np.reshape(repeats, ()))
        split = (*shape[: axis + 1], count, *shape[axis + 1 :])
        return np.sum(np.reshape(g, split), axis=axis + 1)
    chosen = np.repeat(np.arange(shape[axis]), repeats)
    return scatter(g, index=(slice(None),) * axis + (chosen,), shape=shape)


def _tile_vjp(g: Any, out: Any, x: Any, reps: Any) -> Any:
    counts = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    ndim = max(len(counts), np.ndim(x))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - np.ndim(x)) + np.shape(x)
    split = [size for pair in zip(counts, shape, strict=True) for size in pair]
    summed = np.sum(np.reshape(g, split), axis=tuple(range(0, 2 * ndim, 2)))
    return np.reshape(summed, np.shape(x))


defvjp(np.repeat, _repeat_vjp)
defvjp(np.tile, _tile_vjp)


@composed(np.resize)
def _resize(a: Any, new_shape: Any) -> Any:
    if np.size(a) == 0:
        return np.reshape(a, new_shape) if np.prod(new_shape) == 0 else np.zeros(new_shape)
    return rearranged(np.resize(labels(a), new_shape), a)


# -- reversal and rotation -------------------------------------------------------------------------

defvjp(np.flip, lambda g, out, x, axis=None: np.flip(g, axis))
defvjp(np.fliplr, lambda g, out, x: np.fliplr(g))
defvjp(np.flipud, lambda g, out, x: np.flipud(g))
defvjp(np.rot90, lambda g, out, x, k=1, axes=(0, 1): np.rot90(g, -k, axes))
defvjp(
    np.roll,
    lambda g, out, x, shift, axis=None: (
        np.roll(g, tuple(np.negative(np.atleast_1d(shift))), axis)
        if np.ndim(shift)
        else np.roll(g, -shift, axis)
    ),
)

# -- padding ---------------------------------------------------------------------------------------

_PADDINGS = ("constant", "edge", "reflect", "symmetric", "wrap")


def _bind_pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    if mode not in _PADDINGS or kwargs.get("reflect_type", "even") != "even":
        odd = ", reflect_type='odd'" if kwargs.get("reflect_type", "even") != "even" else ""
        raise TypeError(
            f"np.pad has a differentiation rule for the modes {', '.join(_PADDINGS)}, but not for "
            f"mode={mode!r}{odd}: compose it, for instance with np.concatenate"
        )
    if type(kwargs.get("constant_values")) is Value:
        raise TypeError(
            "np.pad: constant_values= has no differentiation rule: pass a plain number, or write "
            "np.pad(x - c, ...) + c"
        )
    kwargs.pop("reflect_type", None)
    return (array,), {"pad_width": pad_width, "mode": mode, **kwargs}


def _pad_vjp(
    g: Any, out: Any, x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0
) -> Any:
    if mode == "constant":
        widths = _widths(pad_width, np.ndim(x))
        kept = zip(widths, np.shape(x), strict=True)
        return g[tuple(slice(before, before + size) for (before, _), size in kept)]
    return gathered_back(g, np.pad(labels(x), pad_width, mode), x)  # type: ignore[call-overload]


def _widths(pad_width: Any, ndim: int) -> Any:
    if isinstance(pad_width, dict):
        listed: list[Any] = [0] * ndim
        for axis, width in pad_width.items():
            listed[axis] = width
        return [(w, w) if np.ndim(w) == 0 else tuple(w) for w in listed]
    return np.broadcast_to(pad_width, (ndim, 2)).tolist()


defvjp(np.pad, _pad_vjp, bind=like(_bind_pad))

# -- copies ----------------------------------------------------------------------------------------


@composed(np.copy)
def _copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return record(IDENTITY, (a,))


if hasattr(np, "astype"):

    @composed(np.astype)
    def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        return record(ASTYPE, (x,), {"dtype": np.dtype(dtype)})
