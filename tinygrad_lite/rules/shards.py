"""Shards: parts of one operation computed on all cores, as NumPy lets go of the GIL.

There are as many at a time as BLAS has threads, so that OPENBLAS_NUM_THREADS and `threadpoolctl`
govern both; meanwhile BLAS itself uses one thread.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from functools import cache
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.rules import blas

Array = np.ndarray[Any, Any]
Part = TypeVar("Part")

# Bytes to work through for which it pays to wake other threads: those that take 200 microseconds.
# Waking one takes 15, and each call of NumPy's then 5 more, to get the GIL back.
WORTHWHILE = 1 << 21


def threads(worthwhile: bool) -> int:
    """How many shards to compute at a time; 1 where that is not worthwhile."""
    return min(blas.granted(), _cores()) if worthwhile else 1


@cache
def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_shards(work: Callable[[Part], object], parts: Sequence[Part], crew: int) -> None:
    """Call ``work(part)`` for every part, on a crew of threads.

    Parts are handed out in order, to whichever thread is free. Context variables, NumPy's error
    state among them, are the caller's.

    Raises:
        Exception: what the work raised first.
    """
    helpers = min(crew, len(parts)) - 1
    # One operation at a time: a second thread of the user's computes its own alone.
    if helpers < 1 or not _crew.busy.acquire(blocking=False):
        for part in parts:
            work(part)
        return
    try:
        with blas.single_threaded():
            _Job(work, parts).run(helpers)
    finally:
        _crew.busy.release()


class _Job:
    """Parts still to do, and what went wrong with any."""

    def __init__(self, work: Callable[[Any], object], parts: Sequence[Any]) -> None:
        self.work = work
        self.parts = deque(parts)
        self.error: BaseException | None = None
        self.ended: SimpleQueue[None] = SimpleQueue()  # an entry for each part that helpers took

    def run(self, helpers: int) -> None:
        """Do the parts together with helpers; return when all are done."""
        total = len(self.parts)
        _crew.call(self, helpers)
        for _ in range(total - self.take_part()):
            self.ended.get()
        if self.error is not None:
            raise self.error

    def take_part(self, ended: Callable[[None], object] = lambda _: None) -> int:
        """Do parts until none are left; how many. After an error the rest are skipped."""
        done = 0
        while True:
            try:
                part = self.parts.popleft()
            except IndexError:
                return done
            try:
                if self.error is None:
                    self.work(part)
            except BaseException as error:
                self.error = error
            done += 1
            ended(None)


class _Crew:
    """Threads that wait for jobs; started when first needed."""

    def __init__(self) -> None:
        self.busy = threading.Lock()
        self.members = 0
        self.calls: SimpleQueue[tuple[Context, _Job]] = SimpleQueue()

    def call(self, job: _Job, helpers: int) -> None:
        while self.members < helpers:
            thread = threading.Thread(target=self._serve, name="tinygrad_lite shard", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is shutting down, or there are too many
                break
            self.members += 1
        for _ in range(min(helpers, self.members)):
            self.calls.put((copy_context(), job))

    def _serve(self) -> None:
        while True:
            context, job = self.calls.get()
            context.run(job.take_part, job.ended.put)
            del context, job  # holds the arrays


_crew = _Crew()


def _forget_crew() -> None:
    """A process made by fork has none of the threads."""
    global _crew
    _crew = _Crew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_crew)


# -- memory to work in ---------------------------------------------------------------------------


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.memory: dict[str, Array] = {}


_scratch = _Scratch()
_KEPT = 1 << 23  # bytes


def scratch(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Uninitialised memory of this thread, the same at every call with this name.

    What is larger than 8 MB is not kept.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size > _KEPT:
        return np.empty(shape, dtype)
    memory = _scratch.memory.get(name)
    if memory is None or memory.size < size:
        memory = _scratch.memory[name] = np.empty(size, np.uint8)
    return memory[:size].view(dtype).reshape(shape)
