"""Large arrays: memory that is kept for the next step, and their entries in the order they lie."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT = 1 << 30  # bytes


@cache
def keep_freed_memory() -> bool:
    """Have malloc keep up to 1 GB that arrays give back, once for the process; whether it does.

    Each step of a training makes the arrays of the step before anew. By default glibc returns large
    ones to the system, which then clears their pages one by one: that may cost as much as computing
    what is in them. Not where the environment has settings of malloc's, nor without glibc.
    """
    if "MALLOC_TRIM_THRESHOLD_" in os.environ or "glibc.malloc" in os.environ.get(
        "GLIBC_TUNABLES", ""
    ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:
        return False
    largest = 4 * 1024 * 1024 * ctypes.sizeof(ctypes.c_long)  # that malloc takes from its heap
    return bool(mallopt(_MMAP_THRESHOLD, largest) and mallopt(_TRIM_THRESHOLD, _KEPT))


def return_freed_memory() -> None:
    """Have malloc give back to the system what is free, where `keep_freed_memory` has it kept."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None and keep_freed_memory():
        trim(0)


def flat(x: Array) -> Array | None:
    """All entries in the order they lie in memory, a view; None if there are gaps between them."""
    if x.flags.c_contiguous:
        return x.reshape(-1)
    order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
    lying = x.transpose(order)
    return lying.reshape(-1) if lying.flags.c_contiguous else None
