"""Slots within nested tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_lite.replay.form import Slot, Wrapped


def with_slots(tree: Any, change: Callable[[Slot], Any]) -> Any:
    """The same tree with every slot changed."""
    kind = type(tree)
    if kind is Slot:
        return change(tree)
    if kind is Wrapped:
        return Wrapped(change(tree.slot))
    if kind is tuple or kind is list:
        return kind(with_slots(branch, change) for branch in tree)
    if kind is dict:
        return {key: with_slots(branch, change) for key, branch in tree.items()}
    return tree
