"""How many threads NumPy's BLAS uses, where it can be asked and told: with OpenBLAS.

Kernels that run one shard of their work on each core call BLAS from every one of them; if BLAS then
started threads too, they would wait for each other. NumPy has no setting for it, but the library
that its wheels bring has.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

# Prefix and suffix of OpenBLAS's functions in NumPy's wheels, and in builds of others.
_NAMES = (
    ("scipy_openblas_", "64_"),
    ("scipy_openblas_", ""),
    ("openblas_", "64_"),
    ("openblas_", ""),
)

Control = tuple[Callable[[], int], Callable[[int], None]]


def threads() -> int:
    """How many threads BLAS is set to use; 1 where that cannot be changed."""
    control = _control()
    return control[0]() if control else 1


@contextmanager
def single_threaded() -> Iterator[None]:
    """BLAS without threads of its own inside, in the whole process."""
    control = _control()
    if control is None:
        yield
        return
    get, set_ = control
    before = get()
    set_(1)
    try:
        yield
    finally:
        set_(before)


@cache
def _control() -> Control | None:
    """Functions that read and set the number of threads; None where there are none."""
    module: ModuleType | None = sys.modules.get("numpy._core._multiarray_umath")
    if module is None or module.__file__ is None:
        return None
    try:
        # Looking up a name in a library also searches those it was linked with, BLAS among them.
        library = ctypes.CDLL(module.__file__)
    except OSError:
        return None
    for prefix, suffix in _NAMES:
        get = getattr(library, f"{prefix}get_num_threads{suffix}", None)
        set_ = getattr(library, f"{prefix}set_num_threads{suffix}", None)
        if get is not None and set_ is not None:
            get.restype, set_.argtypes, set_.restype = ctypes.c_int, [ctypes.c_int], None
            return get, set_
    return None
