"""How reports speak of a Value: by its name, its variable, or what made it; and its place."""

from __future__ import annotations

import os

import numpy as np

from tinygrad_lite.checking.variables import variable_of
from tinygrad_lite.engine.value import Value, source_of


def called(value: Value) -> str:
    """How sentences speak of a Value: its name, the variable it was assigned to, or the operation
    that made it and from what."""
    if value.name:
        return value.name
    variable = variable_of(value)
    if variable:
        return variable
    if value.operation is not None and value.operation.name == "getitem":
        return f"{called(value.args[0])}[{_index(value)}]" if _index(value) else "getitem"
    if value.operation is None:
        return f"the input of shape {value.shape}" if value.ndim else f"the number {value.data:.4g}"
    inputs = [a for a in value.args if type(a) is Value]
    names = [a.name or variable_of(a) for a in inputs if a.name or variable_of(a)]
    names = names or [a.operation.name for a in inputs if a.operation is not None]
    inner = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{value.operation.name}({inner})" if inner else value.operation.name


def _index(value: Value) -> str:
    """The index of a getitem as it was written, "" if it is an array or long."""
    index = (value.metadata or {}).get("index")
    words = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, slice):
            ends = ("" if n is None else str(n) for n in (part.start, part.stop))
            words.append(":".join(ends) + (f":{part.step}" if part.step not in (None, 1) else ""))
        elif isinstance(part, (int, np.integer)):
            words.append(str(part))
        elif part is Ellipsis or part is None:
            words.append("..." if part is Ellipsis else "None")
        else:
            return ""
    return ", ".join(words)


def place(value: Value) -> str:
    """The operation with its scope, file and line."""
    text = called(value)
    if (value.name or variable_of(value)) and value.operation is not None:
        text += f" = {value.operation.name}(...)"
    if value.scope:
        text += f" in {value.scope}"
    source = source_of(value)
    if source is not None:
        text += f" ({os.path.basename(source[0])}:{source[1]})"
    return text


def listed(values: list[Value]) -> str:
    """Several places, those of one name and line counted."""
    counts: dict[str, int] = {}
    for value in values:
        counts[place(value)] = counts.get(place(value), 0) + 1
    words = [text + f", {n} times" * (n > 1) for text, n in counts.items()]
    return "; ".join(words[:3]) + "; ..." * (len(words) > 3)
