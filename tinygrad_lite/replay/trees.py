"""Nested tuples, lists and dicts, and the slots within them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tinygrad_lite.replay.form import Slot, Wrapped


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The same tree with whatever is no tuple, list or dict changed."""
    kind = type(tree)
    if isinstance(tree, tuple):
        parts = [mapped(branch, change) for branch in tree]
        return kind(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if kind is list:
        return [mapped(branch, change) for branch in tree]
    if kind is dict:
        return {key: mapped(branch, change) for key, branch in tree.items()}
    return change(tree)


def with_slots(tree: Any, change: Callable[[Slot], Any]) -> Any:
    """The same tree with every slot changed, those of returned Values too."""

    def changed(leaf: Any) -> Any:
        if type(leaf) is Slot:
            return change(leaf)
        if type(leaf) is Wrapped:
            return replace(leaf, slot=change(leaf.slot))
        return leaf

    return mapped(tree, changed)
