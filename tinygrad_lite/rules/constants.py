"""Functions that return plain arrays for Values: their derivative is zero almost everywhere, or
they ask about the array rather than compute with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import composed, constant
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.rules.indexing import scatter

STEPS = "piecewise constant: the derivative is zero wherever it exists"
ASKS = "asks about the array"

constant(
    dict.fromkeys(
        [
            np.floor, np.ceil, np.trunc, np.rint, np.fix, np.round, np.around,
            np.floor_divide, np.heaviside, np.signbit, np.spacing,
            np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
            np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
            np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition,
            np.lexsort, np.searchsorted, np.digitize, np.nonzero, np.flatnonzero, np.argwhere,
            np.count_nonzero, np.isin,
        ],
        STEPS,
    )
)  # fmt: skip
constant(
    dict.fromkeys(
        [
            np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like,
            np.isnan, np.isinf, np.isfinite, np.isposinf, np.isneginf, np.isreal, np.iscomplex,
            np.isrealobj, np.iscomplexobj, np.all, np.any, np.allclose, np.isclose,
            np.array_equal, np.array_equiv, np.result_type, np.can_cast, np.min_scalar_type,
            np.common_type, np.shares_memory, np.may_share_memory, np.array_repr, np.array_str,
            np.array2string, np.triu_indices_from, np.tril_indices_from,
            np.diag_indices_from, np.linalg.matrix_rank, np.save, np.savez, np.savetxt,
        ],
        ASKS,
    )
)  # fmt: skip


# Constant in one argument, but not in another.


@composed(np.full_like)
def _full_like(a: Any, fill_value: Any, dtype: Any = None, **settings: Any) -> Any:
    plain = np.full_like(data_of(a), data_of(fill_value), dtype, **settings)
    if type(fill_value) is not Value:
        return plain
    return np.broadcast_to(fill_value.astype(plain.dtype), plain.shape)


@composed(np.bincount)
def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    index = data_of(x)
    if type(weights) is not Value:
        return np.bincount(index, weights, minlength)
    size = max(minlength, int(index.max(initial=-1)) + 1)
    return scatter(weights.astype(np.float64), index=index, shape=(size,))
