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


def leaves_like(tree: Any, other: Any, what: str) -> list[Any]:
    """The leaves of another tree of the same structure, in the order of this one's.

    Lists and tuples may stand for one another, and dicts may have another order.

    Args:
        tree: the structure.
        other: the tree to take apart.
        what: how the message speaks of `other`.

    Raises:
        ValueError: the structures differ.
    """
    if is_leaf(tree):
        if not is_leaf(other):
            raise ValueError(f"{what} must have a number or array where {other!r} stands")
        return [other]
    if isinstance(tree, dict):
        if not isinstance(other, dict) or tree.keys() != other.keys():
            found = list(other) if isinstance(other, dict) else other
            raise ValueError(f"{what} must have a dict of the keys {list(tree)}, not {found!r}")
        return [leaf for k in tree for leaf in leaves_like(tree[k], other[k], what)]
    if isinstance(tree, (list, tuple)):
        if not isinstance(other, (list, tuple)) or len(tree) != len(other):
            found = f"{len(other)}" if isinstance(other, (list, tuple)) else repr(other)
            raise ValueError(f"{what} must have a sequence of {len(tree)}, not {found}")
        pairs = zip(tree, other, strict=True)
        return [leaf for part, like in pairs for leaf in leaves_like(part, like, what)]
    return []


def map_tree(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply a function to corresponding leaves of trees of one structure."""
    leaves, rebuild = flatten(tree)
    columns = [leaves_like(tree, other, "a tree to map over") for other in others]
    return unflatten(rebuild, [function(*row) for row in zip(leaves, *columns, strict=True)])


def is_leaf(thing: Any) -> bool:
    """Whether something is a number, an array or a Value."""
    plain = isinstance(thing, (Value, np.ndarray, float, int, complex, np.generic))
    return plain or hasattr(thing, "as_dtype")  # or traced


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
