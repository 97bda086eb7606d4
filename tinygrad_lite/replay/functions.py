"""What NumPy functions do with traced arrays, where it is not computing."""

from __future__ import annotations

from typing import Any

import numpy as np

# Asks about shapes and dtypes, never about entries.
ASKS = {
    np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.result_type, np.can_cast,
    np.common_type, np.min_scalar_type, np.may_share_memory, np.shares_memory,
}  # fmt: skip

# Arrays made anew in each call.
LIKE = {np.zeros_like, np.ones_like, np.empty_like, np.full_like}

# The shape of the result depends on the data.
DYNAMIC = {
    np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.compress, np.extract, np.union1d,
    np.intersect1d, np.setdiff1d, np.trim_zeros,
}  # fmt: skip

METHODS: dict[str, Any] = {
    name: getattr(np, name)
    for name in (
        "sum", "mean", "max", "min", "prod", "std", "var", "argmax", "argmin", "argsort", "all",
        "any", "cumsum", "cumprod", "clip", "round", "repeat", "take", "squeeze", "swapaxes",
        "diagonal", "trace", "dot", "ravel", "nonzero", "conj", "searchsorted", "compress",
    )
}  # fmt: skip
METHODS["conjugate"] = np.conj
