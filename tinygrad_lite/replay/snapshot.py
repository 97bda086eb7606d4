"""Snapshots of what a captured function changes, to be put back: for refusals and comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value


class Snapshot:
    """The contents of Values, of attributes and of objects with a state, at one moment.

    Args:
        values: their data, gradients and counts of passes.
        attributes: arrays that are attributes, as (owner, name).
        objects: optimisers, whose whole state is kept.
        generators: sources of random numbers.
    """

    def __init__(
        self,
        values: Any,
        attributes: Any = (),
        objects: Any = (),
        generators: Any = (),
    ) -> None:
        self._values = [
            (v, v.data, _copy(v.data), _gradient(v), getattr(v, "passes", 0)) for v in values
        ]
        self._gradients = [_copy(gradient) for _, _, _, gradient, _ in self._values]
        self._attributes = [(o, n, getattr(o, n), _copy(getattr(o, n))) for o, n in attributes]
        self._objects = [(thing, _State(vars(thing))) for thing in objects]
        self._generators = [(g, g.bit_generator.state) for g in generators]

    def restore(self) -> None:
        """Put everything back as it was, in the same arrays."""
        for (value, data, content, gradient, passes), kept in zip(
            self._values, self._gradients, strict=True
        ):
            value.data = _refilled(data, content)
            value._grad = _refilled(gradient, kept)
            value.passes = passes
        for owner, name, array, content in self._attributes:
            setattr(owner, name, _refilled(array, content))
        for _, state in self._objects:
            state.restore()
        for generator, state in self._generators:
            generator.bit_generator.state = state


class _State:
    """A dict of anything: numbers, arrays, and dicts and lists of them."""

    def __init__(self, holder: Any, seen: set[int] | None = None) -> None:
        seen = set() if seen is None else seen  # one group may be held by thousands of parameters
        seen.add(id(holder))
        self._holder = holder
        if isinstance(holder, dict):
            self._items: Any = dict(holder)
        else:
            self._items = dict(enumerate(holder))
        self._inner = [
            _State(thing, seen)
            for thing in self._items.values()
            if type(thing) in (dict, list) and id(thing) not in seen
        ]
        self._arrays = [
            (thing, thing.copy()) for thing in self._items.values() if type(thing) is np.ndarray
        ]

    def restore(self) -> None:
        if isinstance(self._holder, dict):
            self._holder.clear()
            self._holder.update(self._items)
        else:
            self._holder[:] = self._items.values()
        for inner in self._inner:
            inner.restore()
        for array, content in self._arrays:
            array[...] = content


def _copy(data: Any) -> Any:
    if type(data) is Value:
        return data.data
    return data.copy() if isinstance(data, np.ndarray) else data


def _refilled(array: Any, content: Any) -> Any:
    if type(array) is np.ndarray:
        array[...] = content
        return array
    return array


def _gradient(value: Value) -> Any:
    try:
        return value._grad
    except AttributeError:
        return None
