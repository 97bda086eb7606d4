"""capture: record a function once, then run it as a flat plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from threading import Lock
from typing import Any

import numpy as np

from tinygrad_lite.engine.modes import ENTERED, MODE
from tinygrad_lite.replay.entry import Entry, recorded
from tinygrad_lite.replay.errors import CaptureError
from tinygrad_lite.replay.program import told_program
from tinygrad_lite.replay.signature import flattened

_ndarray = np.ndarray
_MOST = 32  # plans of one function
_NEVER: list[Any] = [None] * 1000  # the arguments of no call


class capture:
    """A function that is recorded at its first call, and later runs as a flat plan of NumPy calls.

    The plan does what the function did, gradients and updates of parameters included, without
    building a graph: every result has a buffer planned ahead. Works on training steps and on
    inference. Arguments may be arrays, floats, and tuples, lists and dicts of them, which may hold
    other numbers in each call; any other argument is fixed. A new shape, dtype or fixed argument
    records a new plan; so does a change of a Python number, flag or array that the function reads
    from its closure, globals or attributes.

    The second call runs both the plan and the function, from the same state, and compares.
    Printing and other side effects happen in the first two calls only. Arrays that the plan leaves
    in `.grad` are overwritten by the next call; what it returns is not.

    Calls from several threads at a time are safe: one runs the plan, the others the function.

    Args:
        function: whatever computes with Values and NumPy. What it computes must not depend on the
            data other than through NumPy functions: no `if` on a loss, no `.item()`.
        verify: whether the second call compares.

    Attributes:
        program: the plan of the last call, as text: calls, shapes, and where results lie.
        calls_replayed: how many calls ran a plan.

    Raises (when called):
        CaptureError: the function cannot be replayed: it decides by data, draws random numbers,
            changes Python objects; or the comparison failed. Nothing has been changed then, unless
            it was in the comparison: the function has then run as usual.

    >>> import tinygrad_lite as tg
    >>> w = tg.Value(np.array([1.0, 2.0]))
    >>> @tg.capture
    ... def step(x):
    ...     loss = ((w * x) ** 2).sum()
    ...     w.grad = None
    ...     loss.backward()
    ...     w.data -= 0.1 * w.grad
    ...     return loss
    >>> for _ in range(3):
    ...     loss = step(np.array([1.0, 1.0]))
    >>> round(loss.item(), 6), w.data.round(6)
    (2.048, array([0.512, 1.024]))
    >>> step.calls_replayed
    1
    """

    def __init__(self, function: Callable[..., Any], *, verify: bool = True) -> None:
        self.function = function
        self.verify = verify
        self.calls_replayed = 0
        self._entries: dict[Any, list[Entry]] = {}
        self._last: Entry | None = None
        self._refused: CaptureError | None = None
        self._running = Lock()
        update_wrapper(self, function, updated=())

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: one capture for each instance."""
        if instance is None:
            return self
        bound = capture(self.function.__get__(instance), verify=self.verify)
        if hasattr(instance, "__dict__"):
            instance.__dict__[self.function.__name__] = bound
        return bound

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        last = self._last
        if last is not None and not kwargs and len(args) == len(flat := last.flat):
            for given, known in zip(args, flat, strict=True):
                if type(given) is not _ndarray or given.shape != known[0]:
                    break
                if given.dtype is not known[1]:
                    break
            else:
                if last.verified and not ENTERED.count and self._running.acquire(blocking=False):
                    try:
                        if last.holds():
                            self.calls_replayed += 1
                            return last.run(*args)
                    finally:
                        self._running.release()
        return self._call(args, kwargs)

    def _call(self, args: Any, kwargs: Any) -> Any:
        if self._refused is not None:
            raise self._refused
        mode = MODE.get()
        if mode.trace is not None or mode.watch is not None or mode.plainly:
            return self.function(*args, **kwargs)  # part of a larger capture, or being debugged
        if not self._running.acquire(blocking=False):
            return self.function(*args, **kwargs)  # another thread is using the buffers
        try:
            return self._replayed(args, kwargs, mode.recording)
        finally:
            self._running.release()

    def _replayed(self, args: Any, kwargs: Any, recording: bool) -> Any:
        leaves, key = flattened(args, kwargs)
        key = key, recording
        entries = self._entries.setdefault(key, [])
        entry = next((entry for entry in entries if entry.holds()), None)
        try:
            if entry is None:
                if len(entries) >= _MOST:
                    raise CaptureError(
                        f"{self._name()} was recorded {_MOST} times for arguments of one shape, as "
                        f"{entries[-1].surroundings.changed() or 'something'}: pass what changes "
                        f"as an argument"
                    )
                entry, result = recorded(self.function, args, kwargs, leaves)
                entry.verified = not self.verify
                if kwargs or not recording or any(type(a) is not _ndarray for a in args):
                    entry.flat = _NEVER
                entries.append(entry)
            elif not entry.verified:
                result = entry.compared(lambda: self.function(*args, **kwargs), leaves)
                entry.verified = True
            else:
                self.calls_replayed += 1
                result = entry.run(*leaves)
        except CaptureError as error:
            self._refused = error
            raise
        self._last = entry
        return result

    @property
    def program(self) -> str:
        """The plan of the last call as text; "" before the first."""
        return "" if self._last is None else told_program(self._last.plan)

    def __repr__(self) -> str:
        return f"<capture of {self._name()}, {sum(map(len, self._entries.values()))} plans>"

    def _name(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))
