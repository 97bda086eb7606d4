"""The operations that a graph may consist of: their names, settings, and what NumPy does for each.

The vocabulary is smaller than the rulebook, as `translation` writes the rest in terms of it. A
reader in another language has this table to follow; `docs/graph_file.md` tells it in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.rules.activations import (
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
)
from tinygrad_lite.rules.correlation import correlate, spread
from tinygrad_lite.rules.error_function import erf
from tinygrad_lite.rules.linear import linear
from tinygrad_lite.rules.pooling import largest, share, window_spread, window_sums


@dataclass(frozen=True, slots=True)
class Row:
    """How to compute an operation, how many inputs it takes, and its settings with their kinds.

    inputs
        least and greatest number of inputs
    """

    evaluate: Callable[..., Any]
    inputs: tuple[int, int]
    settings: dict[str, str]


def _one(function: Callable[..., Any], **settings: str) -> Row:
    return Row(function, (1, 1), settings)


def _two(function: Callable[..., Any], **settings: str) -> Row:
    return Row(function, (2, 2), settings)


def _reduction(function: Callable[..., Any]) -> Row:
    return _one(
        lambda x, axes, keepdims: function(x, axis=axes, keepdims=keepdims),
        axes="axes",
        keepdims="truth",
    )


def _slice(x: Any, axis: int, start: int, stop: int | None, step: int) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


def _pad(x: Any, before: tuple[int, ...], after: tuple[int, ...], fill: float) -> Any:
    return np.pad(x, tuple(zip(before, after, strict=True)), constant_values=fill)


def _power(x: Any, y: Any) -> Any:
    return x**y


_CONVOLUTION = {
    "stride": "counts",
    "padding": "widths",
    "dilation": "counts",
    "groups": "count",
}
_POOLING = {"kernel": "counts", "stride": "counts", "padding": "widths"}

OPERATIONS: dict[str, Row] = {
    # entry by entry
    "negative": _one(np.negative),
    "absolute": _one(np.absolute),
    "sign": _one(np.sign),
    "exp": _one(np.exp),
    "expm1": _one(np.expm1),
    "log": _one(np.log),
    "log1p": _one(np.log1p),
    "sqrt": _one(np.sqrt),
    "sin": _one(np.sin),
    "cos": _one(np.cos),
    "tan": _one(np.tan),
    "arcsin": _one(np.arcsin),
    "arccos": _one(np.arccos),
    "arctan": _one(np.arctan),
    "sinh": _one(np.sinh),
    "cosh": _one(np.cosh),
    "tanh": _one(np.tanh),
    "arcsinh": _one(np.arcsinh),
    "arccosh": _one(np.arccosh),
    "arctanh": _one(np.arctanh),
    "erf": _one(erf),
    "relu": _one(relu),
    "sigmoid": _one(sigmoid),
    "softplus": _one(softplus),
    "add": _two(np.add),
    "subtract": _two(np.subtract),
    "multiply": _two(np.multiply),
    "divide": _two(np.divide),
    "power": _two(_power),
    "maximum": _two(np.maximum),
    "minimum": _two(np.minimum),
    "greater": _two(np.greater),
    "greater_equal": _two(np.greater_equal),
    "less": _two(np.less),
    "less_equal": _two(np.less_equal),
    "equal": _two(np.equal),
    "where": Row(np.where, (3, 3), {}),
    "astype": _one(lambda x, dtype: np.asarray(x).astype(dtype), dtype="dtype"),
    # products
    "matmul": _two(np.matmul),
    "einsum": Row(
        lambda *arrays, subscripts: np.einsum(subscripts, *arrays),
        (1, 64),
        {"subscripts": "text"},
    ),
    "linear": Row(linear, (2, 3), {}),
    "conv2d": Row(correlate, (2, 3), _CONVOLUTION),
    "conv_transpose2d": Row(spread, (2, 2), {"size": "widths", **_CONVOLUTION}),
    # windows
    "max_pool": _one(largest, **_POOLING),
    "max_pool_share": Row(share, (3, 3), _POOLING),
    "window_sums": _one(window_sums, **_POOLING),
    "window_spread": _one(window_spread, size="widths", **_POOLING),
    # along axes
    "softmax": _one(softmax, axis="axis"),
    "log_softmax": _one(log_softmax, axis="axis"),
    "logsumexp": _reduction(logsumexp),
    "sum": _reduction(np.sum),
    "mean": _reduction(np.mean),
    "max": _reduction(np.max),
    "min": _reduction(np.min),
    "prod": _reduction(np.prod),
    "cumsum": _one(np.cumsum, axis="axis"),
    # entries in other places
    "reshape": _one(lambda x, shape: np.reshape(x, shape), shape="sizes"),
    "transpose": _one(lambda x, axes: np.transpose(x, axes), axes="axes"),
    "broadcast_to": _one(lambda x, shape: np.broadcast_to(x, shape), shape="sizes"),
    "concatenate": Row(
        lambda *arrays, axis: np.concatenate(arrays, axis=axis), (1, 1 << 16), {"axis": "axis"}
    ),
    "slice": _one(_slice, axis="axis", start="integer", stop="integer or null", step="step"),
    "take": _two(lambda x, indices, axis: np.take(x, indices, axis=axis), axis="axis"),
    "flip": _one(lambda x, axes: np.flip(x, axes), axes="axes"),
    "pad": _one(_pad, before="widths", after="widths", fill="number"),
}  # fmt: skip
