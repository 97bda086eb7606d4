"""What a call looks like: which numbers and arrays are among its arguments, and what is fixed."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.replay.trees import mapped

_ndarray = np.ndarray


def flattened(args: Any, kwargs: Any) -> tuple[list[Any], Any]:
    """The arrays and floats among the arguments, and everything else, as a key.

    Arrays count by shape and dtype, floats not at all; any other argument (an integer, a text, a
    Value, a module) is part of the key by what it equals or is.
    """
    leaves: list[Any] = []
    key = _key(args, leaves), _key(kwargs, leaves) if kwargs else None
    return leaves, key


def replaced(tree: Any, leaves: Any) -> Any:
    """The arguments with others in the places of their arrays and floats, in order."""

    def given(leaf: Any) -> Any:
        is_given = type(leaf) in (_ndarray, float) or isinstance(leaf, np.generic)
        return next(leaves) if is_given else leaf

    return mapped(tree, given)


def _key(tree: Any, leaves: list[Any]) -> Any:
    kind = type(tree)
    if kind is _ndarray:
        leaves.append(tree)
        return tree.shape, tree.dtype
    if kind is float:
        leaves.append(tree)
        return float
    if isinstance(tree, np.generic):
        leaves.append(np.asarray(tree))
        return (), tree.dtype
    if isinstance(tree, tuple) or kind is list:
        return kind, tuple([_key(branch, leaves) for branch in tree])
    if kind is dict:
        return kind, tuple([(name, _key(branch, leaves)) for name, branch in tree.items()])
    if kind in (int, bool, str, bytes, complex, type(None)):
        return kind, tree
    return kind, id(tree)
