"""Whether a replay and the function it stands for agree."""

from __future__ import annotations

from typing import Any

import numpy as np


def difference(replayed: Any, called: Any, what: str = "") -> str | None:
    """Where two states differ by more than rounding, as words; None if nowhere.

    Rounding may be as large as the root of the machine epsilon, relative to the largest entry: a
    different order of summation, through a whole network and back. What is not numeric is not
    compared.
    """
    if isinstance(replayed, dict) and isinstance(called, dict):
        for key in called:
            where = f"{what}[{key!r}]" if what else str(key)
            told = difference(replayed.get(key), called[key], where)
            if told is not None:
                return told
        return None
    if isinstance(replayed, list) and isinstance(called, list):
        if len(replayed) != len(called):
            return f"{what} has {len(replayed)} entries, not {len(called)}"
        for position, (a, b) in enumerate(zip(replayed, called, strict=True)):
            told = difference(a, b, f"{what}[{position}]")
            if told is not None:
                return told
        return None
    if (replayed is None) != (called is None):
        return f"{what} is {_short(replayed)}, and should be {_short(called)}"
    if not _numeric(replayed) or not _numeric(called):
        return None
    return _of_arrays(np.asarray(replayed), np.asarray(called), what)


def _of_arrays(a: Any, b: Any, what: str) -> str | None:
    if a.shape != b.shape:
        return f"{what} has shape {a.shape}, not {b.shape}"
    if a.dtype.kind not in "fc" or not a.size:
        return None if (a == b).all() else f"{what} differs"
    finite = np.isfinite(b)
    if (np.isfinite(a) != finite).any():
        return f"{what} is infinite or NaN in other places"
    with np.errstate(all="ignore"):
        away = np.abs(np.where(finite, a, 0) - np.where(finite, b, 0)).max()
        largest = np.abs(np.where(finite, b, 0)).max()
    epsilon = max(np.finfo(a.dtype).eps, np.finfo(b.dtype).eps if b.dtype.kind in "fc" else 0)
    if away <= np.sqrt(epsilon) * max(largest, np.finfo(a.dtype).tiny):
        return None
    return f"{what} differs by {away:.3g}, its largest entry being {largest:.3g}"


def _numeric(thing: Any) -> bool:
    if isinstance(thing, (float, int, complex, np.generic)):
        return True
    return isinstance(thing, np.ndarray) and thing.dtype.kind in "biufc"


def _short(thing: Any) -> str:
    return "None" if thing is None else f"an array of shape {np.shape(thing)}"
