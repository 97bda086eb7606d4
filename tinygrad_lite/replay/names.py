"""Names: the constants and functions of a plan, and the text that stands for them."""

from __future__ import annotations

import keyword
import math
import re
from typing import Any

import numpy as np

from tinygrad_lite.replay.form import Slot, slots_in

_RESERVED = {"run", "replayed", "asarray", "computed", "float", *keyword.kwlist}


class Names:
    """What the text of a plan refers to.

    Attributes:
        values: by name.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._known: dict[int, str] = {}

    def named(self, thing: Any, prefix: str) -> str:
        """The name of a thing, a new one that starts with `prefix` if it has none."""
        name = self._known.get(id(thing))
        if name is None:
            name = f"{prefix}{len(self.values)}"
            self.values[name] = thing
            self._known[id(thing)] = name
        return name

    def text(self, tree: Any, slots: dict[Slot, str]) -> str:
        """The text of a constant, function or slot, or of containers of them.

        Args:
            tree: the thing.
            slots: the text of every slot.
        """
        kind = type(tree)
        if kind is Slot:
            return slots[tree]
        if tree is None or kind is int or kind is bool or kind is str:
            return repr(tree)
        if kind is float and math.isfinite(tree):
            return repr(tree)
        if kind is tuple:
            return f"({' '.join(self.text(branch, slots) + ',' for branch in tree)})"
        if kind is list:
            return f"[{', '.join(self.text(branch, slots) for branch in tree)}]"
        if kind is dict and any(True for _ in slots_in(tree)):
            items = (f"{key!r}: {self.text(branch, slots)}" for key, branch in tree.items())
            return f"{{{', '.join(items)}}}"
        return self._function(tree) if callable(tree) else self.named(tree, "c")

    def _function(self, function: Any) -> str:
        owner = getattr(function, "__self__", None)
        if isinstance(owner, np.ufunc):  # a new bound method each time it is looked up
            name = f"{owner.__name__}_{function.__name__}"
            self.values[name] = function
            return name
        name = "".join(c if c.isalnum() else "_" for c in getattr(function, "__name__", "call"))
        if name in _RESERVED or re.fullmatch(r"[a-z]+\d+|\d.*", name):
            name = f"call_{name}"  # which no line of the plan gives a meaning of its own
        if self.values.setdefault(name, function) is not function:
            return self.named(function, f"{name}_")
        return name
