"""The variable that a result was assigned to, read from the code that recorded it."""

from __future__ import annotations

import dis
import linecache
import re
from functools import lru_cache
from itertools import pairwise
from types import CodeType

from tinygrad_lite.engine.value import Value


def variable_of(value: Value) -> str:
    """The name of the variable to which a computed Value was assigned at once, "" if none.

    >>> x = Value(2.0)
    >>> y = x * 3
    >>> variable_of(y), variable_of(x * 3 + 1)
    ('y', '')
    """
    code = value.frame_code if value.operation is not None else None
    if code is None:
        return ""
    name, called = _assigned(code, value.frame_offset)
    # A call that records several operations assigns the last of them only.
    return name if called in (None, value.operation.name) else ""  # type: ignore[union-attr]


def is_call(value: Value) -> bool:
    """Whether the user's code called a function there, rather than wrote an operator."""
    if value.frame_code is None:
        return False
    here, _ = _instructions(value.frame_code, value.frame_offset)
    return here is not None and here.opname.startswith(("CALL", "PRECALL"))


@lru_cache(maxsize=4096)
def _instructions(
    code: CodeType, offset: int
) -> tuple[dis.Instruction | None, dis.Instruction | None]:
    """The instruction at an offset, and the next; a call of a Python function leaves the offset
    somewhere in the cache behind it."""
    for here, after in pairwise(dis.get_instructions(code)):
        if here.offset <= offset < after.offset:
            return here, after
    return None, None


@lru_cache(maxsize=4096)
def _assigned(code: CodeType, offset: int) -> tuple[str, str | None]:
    """The variable that the result of an instruction is stored in, and what is called there."""
    here, after = _instructions(code, offset)
    if here is None or after is None:
        return "", None
    if not after.opname.startswith("STORE_") or after.opname in ("STORE_SUBSCR", "STORE_SLICE"):
        return "", None
    name = after.argval[0] if isinstance(after.argval, tuple) else after.argval
    if not isinstance(name, str) or not name.isidentifier():
        return "", None
    if here.opname.startswith("CALL"):
        return name, _callee(code, here)
    return name, None


def _callee(code: CodeType, call: dis.Instruction) -> str:
    """The last part of the name of what a call calls, "" if the source is not at hand."""
    position = call.positions
    if position is None or position.lineno is None or position.col_offset is None:
        return ""
    line = linecache.getline(code.co_filename, position.lineno).encode()
    text = line[position.col_offset :].decode(errors="replace")
    found = re.match(r"[\w.]*?(\w+)\(", text)
    return found[1] if found else ""
