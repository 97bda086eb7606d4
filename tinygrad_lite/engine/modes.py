"""How operations are recorded here and now: switched off, watched for NaN, or grouped by name.

A mode belongs to a context (`contextvars`), so threads and asyncio tasks don't disturb each other.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygrad_lite.engine.anomaly import Watch
    from tinygrad_lite.engine.tracing import Trace


@dataclass(frozen=True, slots=True)
class Mode:
    """What `record` must do beside computing: nothing special by default."""

    recording: bool = True
    scope: str = ""
    watch: Watch | None = None
    trace: Trace | None = None
    plainly: bool = False
    """Captured functions run as they are written."""


MODE: ContextVar[Mode] = ContextVar("tinygrad_lite_mode", default=Mode())  # noqa: B039 (frozen)


class _Entered:
    """How many modes are entered in the whole process. While none is, nobody looks up MODE:
    a context variable costs 40 ns, which is 10 % of a scalar operation."""

    __slots__ = ("count", "lock")

    def __init__(self) -> None:
        self.count = 0
        self.lock = threading.Lock()

    def add(self, change: int) -> None:
        with self.lock:
            self.count += change


ENTERED = _Entered()


class change_mode(ContextDecorator):
    """Context manager and decorator: the current mode with changes, for this context only."""

    def __init__(self, change: Callable[[Mode], Mode]) -> None:
        self._change = change
        self._tokens: list[Token[Mode]] = []

    def __call__(self, function: Any) -> Any:
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def decorated(*args: Any, **kwargs: Any) -> Any:
                with self._recreate_cm():
                    return await function(*args, **kwargs)

            return decorated
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__name__} is a generator, whose body runs after the decorator's mode "
                f"has ended: write the `with` inside it"
            )
        return super().__call__(function)

    def _recreate_cm(self) -> change_mode:
        return type(self)(self._change)  # each decorated call has its own tokens

    def __enter__(self) -> Mode:
        ENTERED.add(1)
        mode = self._change(MODE.get())
        self._tokens.append(MODE.set(mode))
        return mode

    def __exit__(self, *exception: object) -> None:
        MODE.reset(self._tokens.pop())
        ENTERED.add(-1)


def no_grad() -> change_mode:
    """Record nothing inside: operations return Values without history.

    Local to the thread or asyncio task. Works as a decorator too. `grad` and its family still
    differentiate with respect to their own arguments inside, and return plain arrays.

    >>> from tinygrad_lite import Value, no_grad
    >>> w = Value(3.0)
    >>> with no_grad():
    ...     y = w * 2
    >>> y.is_leaf
    True
    """
    return change_mode(lambda mode: replace(mode, recording=False))


def enable_grad() -> change_mode:
    """Record again inside a `no_grad`."""
    return change_mode(lambda mode: replace(mode, recording=True))


def scope(name: str) -> change_mode:
    """Group what is recorded inside under a name, for drawings, programs and messages.

    Nested scopes are joined by a slash: "encoder/layer 1".

    >>> from tinygrad_lite import Value, scope
    >>> with scope("encoder"), scope("layer 1"):
    ...     h = Value(1.0) * 2
    >>> h.scope
    'encoder/layer 1'
    """
    return change_mode(
        lambda mode: replace(mode, scope=f"{mode.scope}/{name}" if mode.scope else name)
    )
