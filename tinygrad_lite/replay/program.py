"""A plan as text, with its memory plan."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_lite.replay.form import Instruction


def told_program(plan: Any) -> str:
    """One line for each call: what it is, the shape of its result, and where that lies."""
    lines = []
    for step, text in plan.lines:
        if not isinstance(step, Instruction):
            lines.append(text)
            continue
        target = step.targets[0]
        shape = f"{target.dtype}[{','.join(map(str, target.shape))}]"
        storage = plan.storages.get(target)
        buffer = plan.arena.buffers.get(storage)
        if buffer is not None and step.into is None:
            nbytes = math.prod(target.shape) * target.dtype.itemsize
            where = f"bytes {buffer.offset} to {buffer.offset + nbytes}"
        elif step.into is not None:
            where = "in place"
        else:
            where = "held by name"
        lines.append(f"{text:<44}  # {shape}, {where}")
    count = sum(step is not None for step, _ in plan.lines)
    lines.append(
        f"# {count} calls; {len(plan.arena.buffers)} results in {plan.arena.nbytes} bytes, "
        f"{plan.arena.unshared} if each had its own"
    )
    return "\n".join(lines)
