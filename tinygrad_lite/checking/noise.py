"""How much rounding a gradient may carry: the yardstick for calling a difference a mistake."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes
from tinygrad_lite.checking.passes import Record, recompute
from tinygrad_lite.engine.value import Value

DOUBLE = float(np.finfo(np.float64).eps)
SINGLE = float(np.finfo(np.float32).eps)


def sensitivity(record: Record, automatic: dict[Value, Array]) -> dict[Value, Array]:
    """By how much each entry of each gradient changes, per relative rounding error.

    One forward and one backward pass in which every intermediate result is off by a random
    relative error of known size. Where terms cancel, an entry changes by more than itself: a
    bias before a batch normalisation has gradient zero, and rounding is all that is left of it.

    Returns:
        for each gradient, per entry, at least its size and the mean over the entries.
    """
    single = any(v.dtype == np.float32 for v in record.keys)
    off = 1e-3 if single else 1e-7
    random = np.random.default_rng(0)

    def shaken(x: Array) -> Array:
        if isinstance(x, tuple):
            return type(x)(shaken(part) for part in x)
        if type(x) is float:
            return x * (1 + off * random.normal())
        return np.asarray(x * (1 + off * random.normal(size=np.shape(x))), dtype=x.dtype)

    with np.errstate(all="ignore"):
        data: dict[Value, Any] = {}
        for node in reversed(record.order):
            for a in node.args:
                if type(a) is Value and a.operation is None and a not in data:
                    data[a] = shaken(a.data)
            data[node] = shaken(recompute(node, data))
        totals = dict.fromkeys(record.nodes, shaken)
        found = record.pull(Changes(totals=totals, data=data))
        # Beyond this it is not rounding that moves an entry, but a tie or kink that tips over.
        sizes = [np.max(np.abs(g), initial=0.0) for g in found.values() if not isinstance(g, tuple)]
        limit = 100 * max((float(size) for size in sizes if np.isfinite(size)), default=0.0)
        noise = {}
        for key in record.keys:
            right = np.asarray(automatic[key], dtype=np.float64)
            moved = np.abs(np.asarray(found.get(key, 0.0)) - right) / off
            moved = np.minimum(np.where(np.isfinite(moved), moved, limit), limit)
            noise[key] = np.abs(right) + moved + (np.mean(moved) if moved.size else 0.0)
    return noise
