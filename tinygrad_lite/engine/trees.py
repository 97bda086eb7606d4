"""Nested lists, tuples and dicts of numbers and arrays, as flat lists of leaves and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value

Rebuild = Callable[[Iterator[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The numeric leaves of a tree, in order, and a function that puts others in their places.

    Numbers, arrays and Values are leaves. Whatever is neither a container nor numeric (None, a
    string, an object) is part of the structure. Dicts are taken in insertion order.
    """
    leaves: list[Any] = []
    rebuild = _flatten(tree, leaves)
    return leaves, rebuild


def unflatten(rebuild: Rebuild, leaves: Sequence[Any]) -> Any:
    """A tree of the structure that `flatten` met, with these leaves."""
    return rebuild(iter(leaves))


def map_tree(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply a function to corresponding leaves of trees of one structure."""
    leaves, rebuild = flatten(tree)
    columns = [flatten(other)[0] for other in others]
    return unflatten(rebuild, [function(*row) for row in zip(leaves, *columns, strict=True)])


def is_leaf(thing: Any) -> bool:
    """Whether something is a number, an array or a Value."""
    return isinstance(thing, (Value, np.ndarray, float, int, complex, np.generic))


def _flatten(tree: Any, leaves: list[Any]) -> Rebuild:
    if is_leaf(tree):
        leaves.append(tree)
        return next
    if isinstance(tree, dict):
        keys = list(tree)
        parts = [_flatten(tree[k], leaves) for k in keys]
        return lambda it: {k: part(it) for k, part in zip(keys, parts, strict=True)}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a namedtuple
        make = type(tree)
        parts = [_flatten(t, leaves) for t in tree]
        return lambda it: make(*[part(it) for part in parts])
    if isinstance(tree, (list, tuple)):
        kind = type(tree)
        parts = [_flatten(t, leaves) for t in tree]
        return lambda it: kind(part(it) for part in parts)
    return lambda it: tree
