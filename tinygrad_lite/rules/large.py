"""Elementwise functions of large arrays, on all cores and in the order of memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.rules.columns import split
from tinygrad_lite.rules.memory import flat, keep_freed_memory
from tinygrad_lite.rules.shards import WORTHWHILE, in_shards, scratch, threads

Array = np.ndarray[Any, Any]

LARGE = 1 << 18  # bytes for which these functions pay
_ROW = 4096
_BLOCK = 1 << 15


def elementwise(
    function: Callable[..., object], *arrays: Array, out: Array | None = None
) -> Array | None:
    """``function(out, *arrays)`` by parts of arrays of one shape and dtype, all flat.

    None if they do not lie in memory alike, without gaps. `out` may be one of the arrays.
    """
    first = arrays[0]
    if any(a.strides != first.strides or a.shape != first.shape for a in arrays[1:]):
        return None
    if out is None:
        keep_freed_memory()
        out = np.empty_like(first)
    views = [flat(out), *(flat(a) for a in arrays)]
    if out.strides != first.strides or any(view is None for view in views):
        return None

    def work(part: range) -> None:
        function(*(view[part.start : part.stop] for view in views if view is not None))

    crew = threads(first.nbytes > WORTHWHILE)
    # Alone in blocks that stay in the cache; with others not, as each call waits for the GIL.
    most = math.ceil(first.size / crew) if crew > 1 else _BLOCK
    in_shards(work, split(range(first.size), most), crew)
    return out


def positive_part(out: Array, x: Array) -> None:
    """``max(x, 0)``; np.maximum with a number would take twice as long, without vectors."""
    whole = x.size // _ROW * _ROW
    zeros = np.zeros(_ROW, x.dtype)
    np.maximum(x[:whole].reshape(-1, _ROW), zeros, out=out[:whole].reshape(-1, _ROW))
    np.maximum(x[whole:], 0, out=out[whole:])


def times_positive(out: Array, g: Array, x: Array) -> None:
    """``g * (x > 0)``."""
    chosen = scratch("chosen", x.shape, np.bool_)
    np.greater(x, 0, out=chosen)
    np.multiply(g, chosen, out=out)
