"""Kinks of a record: places where a function has several derivatives that are all legitimate.

A kinked result is one of several smooth branches that meet there: the two sides of a relu, the
entries that tie for a maximum, the orders in which equal entries can be sorted. Branches are found
by calling the operation's own rule a rounding away from where it was recorded, so that an
operation needs nothing here but its rule; those that select entries are found by their ties.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array
from tinygrad_lite.checking.links import is_elementwise
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.rules.pooling import largest

NEAR = 1e-11  # of the largest entry: another order of computing would tip such a tie over
NEAR_SINGLE = 1e-5
DIFFERENT = 1e-6  # slopes that differ by more belong to different branches
_SORTED = ("sort", "partition")
_EXTREMA = ("max", "min", "amax", "amin")

Term = tuple[int, int, float]
"""What an entry of a result passes back: to which argument, to which entry of it, how much."""


@dataclass
class Cell:
    """One entry of a result that lies at a kink.

    entry
        its flat index
    usual
        what the rule passes back there, by convention
    branches
        what it may pass back; and so may any mixture
    """

    entry: int
    usual: list[Term]
    branches: list[list[Term]]


@dataclass(eq=False)
class Kink:
    """The entries of one result that lie at kinks.

    exclusive
        whether every entry selected from must be selected once in all, as in sorting
    """

    node: Value
    cells: list[Cell] = field(default_factory=list)
    exclusive: bool = False


def find_kinks(record: Record) -> list[Kink]:
    """All results that lie at kinks, those nearest to the cost first."""
    found = []
    with np.errstate(all="ignore"):
        for node in record.nodes:
            kink = _kink_of(node, record)
            if kink is not None and kink.cells:
                found.append(kink)
    return found


def _kink_of(node: Value, record: Record) -> Kink | None:
    operation = node.operation
    assert operation is not None
    name = operation.name
    if type(node.data) is tuple or node.dtype.kind != "f":
        return None
    if name == "where":
        return Kink(node, list(_where(node, record)))
    if name == "multiply":
        return Kink(node, list(_masked(node)))
    if name == "take_along_axis":
        return Kink(node, list(_ranked(node)))
    if not operation.kink:
        return None
    if operation.function is largest or (len(node.args) == 1 and name in _EXTREMA):
        windows = _pooled(node) if operation.function is largest else _reduced(node)
        return None if windows is None else Kink(node, list(_ties(node, windows)))
    if name in _SORTED:
        return Kink(node, list(_orders(node)), exclusive=True)
    if is_elementwise(node):
        return Kink(node, list(_sides(node, record)))
    return None


def _near(*arrays: Array) -> float:
    single = any(getattr(a, "dtype", None) in (np.float32, np.float16) for a in arrays)
    largest = max((float(np.max(np.abs(a), initial=0.0)) for a in arrays), default=0.0)
    return (NEAR_SINGLE if single else NEAR) * (largest if np.isfinite(largest) else 1.0)


# -- entry by entry ------------------------------------------------------------------------------


def _sides(node: Value, record: Record) -> Iterator[Cell]:
    """Branches of an elementwise operation: its slopes a little to every side."""
    operation = node.operation
    assert operation is not None
    inputs = [data_of(a) if a is not None else None for a in node.args]
    moving = [
        i for i, a in enumerate(node.args) if type(a) is Value and a in record.needed
    ]  # fmt: skip
    numbers = [np.asarray(inputs[i]) for i in moving]
    if not numbers or any(x.dtype.kind != "f" for x in numbers):
        return
    step = _near(*(np.asarray(x) for x in inputs if x is not None)) or NEAR
    settings = node.metadata or {}

    def slopes(signs: tuple[int, ...]) -> list[Array]:
        """The slopes by each argument, every argument moved by a step of its own length."""
        moved = list(inputs)
        for k, (i, sign) in enumerate(zip(moving, signs, strict=True)):
            moved[i] = np.asarray(inputs[i], dtype=np.float64) + sign * step / 2**k
        out = np.asarray(operation.evaluate(*moved, **settings))
        ones = np.ones(node.shape)
        by_argument = []
        for i in moving:
            vjp = operation.vjps[i]
            local = np.zeros(node.shape) if vjp is None else vjp(ones, out, *moved, **settings)
            by_argument.append(np.broadcast_to(local, node.shape))
        return by_argument

    here = slopes((0,) * len(moving))
    around = np.array([slopes(signs) for signs in product((1, -1), repeat=len(moving))])
    around = np.where(np.isfinite(around), around, np.array(here))
    at_kink = (np.ptp(around, axis=0) > DIFFERENT).any(axis=0)
    for entry in np.flatnonzero(at_kink):
        at = np.unravel_index(entry, node.shape)
        where = [_entry_of(numbers[k].shape, at) for k in range(len(moving))]

        def terms(of: Any, where: list[int] = where, at: Any = at) -> list[Term]:
            return [(i, where[k], float(of[k][at])) for k, i in enumerate(moving)]

        yield Cell(int(entry), terms(here), _distinct([terms(side) for side in around]))


def _entry_of(shape: tuple[int, ...], at: tuple[Any, ...]) -> int:
    """The flat index of the entry that an entry of the broadcast result was computed from."""
    if not shape:
        return 0
    own = tuple(
        0 if n == 1 else int(i) for n, i in zip(shape, at[len(at) - len(shape) :], strict=True)
    )
    return int(np.ravel_multi_index(own, shape))


def _distinct(branches: list[list[Term]]) -> list[list[Term]]:
    kept: list[list[Term]] = []
    for branch in branches:
        if not any(_alike(branch, other) for other in kept):
            kept.append(branch)
    return kept


def _alike(one: list[Term], other: list[Term]) -> bool:
    return len(one) == len(other) and all(
        a[:2] == b[:2] and abs(a[2] - b[2]) <= DIFFERENT for a, b in zip(one, other, strict=True)
    )


def _where(node: Value, record: Record) -> Iterator[Cell]:
    """A choice between alternatives that are equal, by a condition that compares them.

    The condition was recorded as it was. It is taken for a comparison only if, wherever the
    alternatives differ, it chose the larger everywhere, or the smaller everywhere.
    """
    condition, *alternatives = (np.asarray(data_of(a)) for a in node.args)
    condition, x, y = np.broadcast_arrays(condition.astype(bool), *alternatives)
    if x.dtype.kind != "f" and y.dtype.kind != "f":
        return
    tied = np.abs(x - y) <= _near(*alternatives)
    if not tied.any():
        return
    chose_larger = (condition == (x > y))[~tied]
    if chose_larger.any() and not chose_larger.all():
        return
    for entry in np.flatnonzero(tied):
        at = np.unravel_index(entry, node.shape)
        branches: list[list[Term]] = []
        for i in (1, 2):
            argument = node.args[i]
            needed = type(argument) is Value and argument in record.needed
            branches.append([(i, _entry_of(argument.shape, at), 1.0)] if needed else [])
        yield Cell(int(entry), branches[0 if condition[at] else 1], branches)


def _masked(node: Value) -> Iterator[Cell]:
    """A product with a mask that compares what it multiplies with zero, or with its sign."""
    values = [i for i, a in enumerate(node.args) if type(a) is Value]
    if len(values) != 1 or len(node.args) != 2:
        return
    (i,) = values
    mask = node.args[1 - i]
    if np.ndim(mask) == 0 or np.shape(mask) != node.shape or node.args[i].shape != node.shape:
        return
    x, mask = np.asarray(data_of(node.args[i])), np.asarray(mask)
    near = np.abs(x) <= _near(x)
    if not near.any():
        return
    sides = [mask[(x > 0) & ~near], mask[(x < 0) & ~near]]
    if not all(side.size and np.ptp(np.asarray(side, dtype=float)) == 0 for side in sides):
        return
    slopes = [float(side[0]) for side in sides]
    if slopes[0] == slopes[1]:
        return
    for entry in np.flatnonzero(near):
        usual = float(mask.flat[entry])
        yield Cell(
            int(entry), [(i, int(entry), usual)], [[(i, int(entry), slope)] for slope in slopes]
        )


# -- entries that are selected -------------------------------------------------------------------


def _reduced(node: Value) -> Array | None:
    """The flat indices of the entries that each result of a reduction is the extremum of."""
    settings = node.metadata or {}
    if settings.keys() - {"axis", "keepdims"}:
        return None
    x = data_of(node.args[0])
    places = np.arange(np.size(x)).reshape(np.shape(x))
    axis = settings.get("axis")
    if axis is None:
        return places.reshape(1, -1)
    axes = tuple(a % np.ndim(x) for a in (axis if isinstance(axis, tuple) else (axis,)))
    kept = [a for a in range(np.ndim(x)) if a not in axes]
    return places.transpose(*kept, *axes).reshape(node.size, -1)


def _pooled(node: Value) -> Array:
    """The same for windows; -1 for a border."""
    settings = node.metadata or {}
    shape = np.shape(data_of(node.args[0]))
    kernel, stride, padding = (settings[key] for key in ("kernel", "stride", "padding"))
    places = np.arange(int(np.prod(shape))).reshape(shape)
    border = [(0, 0)] * (len(shape) - len(kernel)) + [(p, p) for p in padding]
    places = np.pad(places, border, constant_values=-1)
    axes = tuple(range(len(shape) - len(kernel), len(shape)))
    windows = np.lib.stride_tricks.sliding_window_view(places, kernel, axis=axes)
    steps = (slice(None),) * (len(shape) - len(kernel)) + tuple(
        slice(None, None, s) for s in stride
    )
    return windows[steps].reshape(node.size, -1)


def _ties(node: Value, windows: Array) -> Iterator[Cell]:
    """Results for which several entries tie."""
    x, out = np.ravel(data_of(node.args[0])), np.ravel(node.data)
    near = _near(x[np.isfinite(x)])
    away = np.abs(x[windows] - out[:, None])
    tied = (away <= near) & (windows >= 0)
    for entry in np.flatnonzero(np.count_nonzero(tied, axis=1) > 1):
        equal = windows[entry][tied[entry] & (x[windows[entry]] == out[entry])]
        usual = [(0, int(i), 1 / len(equal)) for i in equal]
        yield Cell(int(entry), usual, [[(0, int(i), 1.0)] for i in windows[entry][tied[entry]]])


def _ranked(node: Value) -> Iterator[Cell]:
    """Entries taken by their rank, as a median is, where others are equal to them.

    The indices were recorded as they were. They are taken for ranks only if they are those of the
    same ranks in every lane, and not if all entries of a lane are equal.
    """
    settings = node.metadata or {}
    x, indices, axis = (
        np.asarray(data_of(node.args[0])),
        settings["indices"],
        settings.get("axis", -1),
    )
    if axis is None or x.ndim == 0 or x.dtype.kind != "f":
        return
    near = _near(x[np.isfinite(x)])
    lanes = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    taken = np.moveaxis(node.data, axis, -1).reshape(len(lanes), -1)
    lowest = (lanes[:, None, :] < taken[:, :, None] - near).sum(axis=-1)
    highest = (lanes[:, None, :] <= taken[:, :, None] + near).sum(axis=-1) - 1
    several = lowest < highest
    whole = highest - lowest == lanes.shape[1] - 1
    alike = (lowest.max(axis=0) <= highest.min(axis=0)).all()
    if not alike or not several.any() or whole.all():
        return
    places = np.moveaxis(np.arange(x.size).reshape(x.shape), axis, -1).reshape(lanes.shape)
    results = np.moveaxis(np.arange(node.size).reshape(node.shape), axis, -1).reshape(taken.shape)
    chosen = np.moveaxis(np.broadcast_to(indices, node.shape), axis, -1).reshape(taken.shape)
    for row, column in np.argwhere(several & ~whole):
        equal = places[row][np.abs(lanes[row] - taken[row, column]) <= near]
        usual = int(places[row][chosen[row, column]])
        yield Cell(
            int(results[row, column]), [(0, usual, 1.0)], [[(0, int(i), 1.0)] for i in equal]
        )


def _orders(node: Value) -> Iterator[Cell]:
    """Equal entries that a sort may put in any order."""
    operation = node.operation
    assert operation is not None
    x = np.asarray(data_of(node.args[0]))
    settings = node.metadata or {}
    axis = settings.get("axis", -1)
    numbered = np.arange(1.0, node.size + 1).reshape(node.shape)
    vjp, inputs = operation.vjps[0], [data_of(a) for a in node.args]
    assert vjp is not None
    target_of = np.ravel(vjp(numbered, node.data, *inputs, **settings)).astype(int) - 1
    source_of = np.argsort(target_of)
    places = np.arange(x.size).reshape(x.shape)
    lanes = (
        places.reshape(1, -1)
        if axis is None
        else np.moveaxis(places, axis, -1).reshape(-1, x.shape[axis])
    )
    flat, near = np.ravel(x), _near(x[np.isfinite(x)])
    result = np.ravel(node.data)
    for lane in lanes:
        values = np.sort(flat[lane])
        if not np.any(np.diff(values) <= near):
            continue
        for entry in lane:  # the result has its entries where the argument has them
            equal = lane[np.abs(flat[lane] - result[entry]) <= near]
            if len(equal) > 1:
                yield Cell(
                    int(entry),
                    [(0, int(source_of[entry]), 1.0)],
                    [[(0, int(i), 1.0)] for i in equal],
                )
