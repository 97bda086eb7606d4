"""What NumPy's BLAS can do that NumPy has no function for, where it can be found: with OpenBLAS.

How many threads it uses: kernels that run one shard of their work on each core call BLAS from every
one of them; if BLAS then started threads too, they would wait for each other. And products that are
added to what is there.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from time import monotonic
from types import ModuleType
from typing import Any

import numpy as np

# Prefix and suffix of OpenBLAS's functions in NumPy's wheels, and in builds of others.
_NAMES = (
    ("scipy_openblas_", "64_"),
    ("scipy_openblas_", ""),
    ("openblas_", "64_"),
    ("openblas_", ""),
)

# The same for its products, with the type of integers.
_PRODUCTS = (
    ("scipy_cblas_", "64_", ctypes.c_int64),
    ("scipy_cblas_", "", ctypes.c_int),
    ("cblas_", "64_", ctypes.c_int64),
)
# Processors for which it has products of matrices as they lie, how many multiplications these may
# have, and columns below which they do not pay.
_AS_THEY_LIE = {b"SkylakeX", b"Cooperlake", b"SapphireRapids"}
_UNCOPIED, _NARROWEST = 10**6, 64

# Multiplications for which it pays to wake BLAS's threads although they stay awake: 10 ms.
_LONG = 1 << 28

_ROWS_FIRST, _AS_IT_IS, _TRANSPOSED = 101, 111, 112  # of cblas.h

Product = Callable[[bool, int, int, int, int, int, int, int, int, int], None]
Control = tuple[Callable[[], int], Callable[[int], None]]


def threads() -> int:
    """How many threads BLAS is set to use; 1 where that cannot be changed."""
    control = _control()
    return control[0]() if control else 1


def granted() -> int:
    """How many threads BLAS is set to use outside of `single_threaded`."""
    with _held.lock:
        return _held.before if _held.depth else threads()


def let_sleep() -> None:
    """Have `product_of` leave BLAS's threads asleep for a second: ours are at work.

    OpenBLAS's threads wait for the next product for 0.1 s, and keep their core busy meanwhile. In a
    network that convolves, a linear layer that takes them 50 microseconds so made the whole step
    take 20 to 28 ms instead of 15.
    """
    global _asleep_until
    _asleep_until = monotonic() + 1


@contextmanager
def awake() -> Iterator[None]:
    """Inside, products are long enough for BLAS's threads, so that these never sleep."""
    with _held.lock:
        _held.awake += 1
    try:
        yield
    finally:
        with _held.lock:
            _held.awake -= 1


def is_awake() -> bool:
    """Whether ours would have to wait for BLAS's threads, inside `awake`."""
    return _held.awake > 0


def product_of(x: Any, y: Any) -> Any:
    """``x @ y``, by one thread if it is short and BLAS's threads were told to sleep."""
    if (
        _asleep_until
        and type(x) is type(y) is np.ndarray
        and x.size * y.shape[-1] < _LONG
        and monotonic() < _asleep_until
    ):
        with single_threaded():
            return x @ y
    return x @ y


@cache
def uncopied(rows: int, depth: int, columns: int) -> int | None:
    """How many columns of its second matrix a product should take at a time, None for all.

    For AVX-512, OpenBLAS multiplies matrices of up to a million multiplications as they lie. Before
    larger products it copies both into an order of its own, which with few rows takes as long as
    multiplying: 32 rows of 405 by 256 columns take 1.28 times as long as four times 64 columns, and
    16 of 205 by 512 columns 1.5 times as long as twice 256.
    """
    most = _UNCOPIED // max(1, rows * depth)
    if columns <= most or not _multiplies_as_it_lies():
        return None
    return next((n for n in range(most // 16 * 16, _NARROWEST - 1, -16) if columns % n == 0), None)


@cache
def _multiplies_as_it_lies() -> bool:
    """Whether this is an OpenBLAS that has such products for this processor."""
    library = _library()
    for prefix, suffix in _NAMES:
        name = getattr(library, f"{prefix}get_corename{suffix}", None)
        if name is not None:
            name.restype = ctypes.c_char_p
            return name() in _AS_THEY_LIE
    return False


@contextmanager
def single_threaded() -> Iterator[None]:
    """BLAS without threads of its own inside, in the whole process."""
    control = _control()
    if control is None:
        yield
        return
    get, set_ = control
    with _held.lock:
        if not _held.depth:
            _held.before = get()
            set_(1)
        _held.depth += 1
    try:
        yield
    finally:
        with _held.lock:
            _held.depth -= 1
            if not _held.depth:
                set_(_held.before)


class _Held:
    """How many callers hold BLAS to one thread, how many threads it had before, and how many
    callers are `awake`."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.depth, self.before, self.awake = 0, 1, 0

    def renew_lock(self) -> None:
        """In a process made by fork, where nobody would release it."""
        self.lock = Lock()


_held = _Held()
_asleep_until = 0.0  # of the monotonic clock
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_held.renew_lock)


@cache
def product(dtype: np.dtype[Any]) -> Product | None:
    """``C += A @ B`` of a dtype on addresses in memory; None where BLAS has none that is known.

    Called with whether B is to be transposed, the rows of C, its columns and the columns of A, then
    the address of each matrix A, B and C and the entries from a row of it to the next.
    """
    kind = {"f4": ("s", ctypes.c_float), "f8": ("d", ctypes.c_double)}.get(dtype.str[1:])
    library = _library()
    if kind is None or library is None or not dtype.isnative:
        return None
    letter, number = kind
    for prefix, suffix, integer in _PRODUCTS:
        gemm = getattr(library, f"{prefix}{letter}gemm{suffix}", None)
        if gemm is not None:
            return _adding(gemm, number, integer)
    return None


def _adding(gemm: Any, number: Any, integer: Any) -> Product:
    """A product that is added, by a function of CBLAS."""
    matrix = [ctypes.c_void_p, integer]
    gemm.argtypes = [
        *[ctypes.c_int] * 3, *[integer] * 3, number, *matrix, *matrix, number, *matrix
    ]  # fmt: skip
    gemm.restype = None

    def add(
        turned: bool, rows: int, columns: int, depth: int,
        a: int, a_row: int, b: int, b_row: int, c: int, c_row: int,
    ) -> None:  # fmt: skip
        gemm(
            _ROWS_FIRST, _AS_IT_IS, _TRANSPOSED if turned else _AS_IT_IS, rows, columns, depth,
            1.0, a, a_row, b, b_row, 1.0, c, c_row,
        )  # fmt: skip

    return add


@cache
def _library() -> ctypes.CDLL | None:
    """NumPy's own library, in which names of those that it was linked with are found, too."""
    module: ModuleType | None = sys.modules.get("numpy._core._multiarray_umath")
    if module is None or module.__file__ is None:
        return None
    try:
        return ctypes.CDLL(module.__file__)
    except OSError:
        return None


@cache
def _control() -> Control | None:
    """Functions that read and set the number of threads; None where there are none."""
    library = _library()
    if library is None:
        return None
    for prefix, suffix in _NAMES:
        get = getattr(library, f"{prefix}get_num_threads{suffix}", None)
        set_ = getattr(library, f"{prefix}set_num_threads{suffix}", None)
        if get is not None and set_ is not None:
            get.restype, set_.argtypes, set_.restype = ctypes.c_int, [ctypes.c_int], None
            return get, set_
    return None
