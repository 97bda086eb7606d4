"""Rules of indexing: x[...], and its transpose, adding at an index."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp


@primitive
def getitem(x: Any, *, index: Any) -> Any:
    """``x[index]``."""
    return x[index]


def _only_basic(index: Any) -> bool:
    """Whether an index selects each entry at most once: no integer arrays or lists."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, (int, np.integer, slice))
        or (isinstance(part, np.ndarray) and part.dtype == bool)
        for part in parts
    )


@primitive
def scatter(entries: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape with `entries` added at an index; the transpose of ``x[index]``."""
    entries = np.asarray(entries)
    out = np.zeros(shape, dtype=entries.dtype)
    if _only_basic(index):
        out[index] = entries
    else:
        np.add.at(out, index, entries)  # an entry may be selected more than once
    return out


defvjp(getitem, lambda g, out, x, index: scatter(g, index=index, shape=np.shape(x)))
defvjp(scatter, lambda g, out, entries, index, shape: getitem(g, index=index))
