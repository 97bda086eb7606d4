"""Composite operations as the plain NumPy calls they are made of, so that each writes into a
buffer. In the order of evaluation of the operation itself, so the results are the same to the bit.

An expansion takes traced arrays and plain ones, and may return NotImplemented.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import RULES
from tinygrad_lite.replay.traced import Traced
from tinygrad_lite.rules.activations import log_softmax, one_from, relu, sigmoid, softmax
from tinygrad_lite.rules.indexing import getitem
from tinygrad_lite.rules.large import LARGE
from tinygrad_lite.rules.likelihood import checked_labels, label_likelihood
from tinygrad_lite.rules.linear import linear

EXPANSIONS: dict[Any, Callable[..., Any]] = {}
RULE_EXPANSIONS: dict[Any, Callable[..., Any]] = {}
"""The same for rules that decide by the data."""


def expansion(function: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: enter an expansion of an operation."""

    def enter(expanded: Callable[..., Any]) -> Callable[..., Any]:
        EXPANSIONS[function] = expanded
        return expanded

    return enter


def _floating(*arrays: Any) -> bool:
    return all(x.dtype.kind == "f" and x.ndim for x in arrays)


@expansion(sigmoid)
def _sigmoid(x: Any) -> Any:
    if not _floating(x):
        return NotImplemented
    exponential = np.exp(np.minimum(x, one_from(x)))
    return exponential / (exponential + 1)


@expansion(relu)
def _relu(x: Any) -> Any:
    # large arrays are shared among the cores
    return np.maximum(x, 0) if x.nbytes <= LARGE else NotImplemented


@expansion(linear)
def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    product = np.matmul(x, np.transpose(weight))
    return product if bias is None else product + bias


@expansion(operator.pow)
@expansion(np.power)
def _power(x: Any, exponent: Any) -> Any:
    if type(exponent) in (int, float) and x.dtype.kind == "f":
        if exponent == 2:
            return np.square(x)
        if exponent == 0.5:
            return np.sqrt(x)
        if exponent == 1:
            return np.positive(x)
    return NotImplemented


@expansion(np.sum)
def _sum(x: Any, axis: Any = None, **settings: Any) -> Any:
    return np.add.reduce(x, axis=axis, **settings)


@expansion(np.max)
def _max(x: Any, axis: Any = None, **settings: Any) -> Any:
    return np.maximum.reduce(x, axis=axis, **settings)


@expansion(np.min)
def _min(x: Any, axis: Any = None, **settings: Any) -> Any:
    return np.minimum.reduce(x, axis=axis, **settings)


@expansion(np.mean)
def _mean(x: Any, axis: Any = None, keepdims: bool = False, **settings: Any) -> Any:
    if settings or not x.size or x.dtype not in (np.float32, np.float64):
        return NotImplemented
    total = _sum(x, axis=axis, **({"keepdims": True} if keepdims else {}))
    return total / (x.size // np.size(total))


@expansion(getitem)
def _getitem(x: Any, *, index: Any) -> Any:
    return operator.getitem(x, index)


def _shifted(x: Any, axis: Any) -> Any:
    """x minus its maximum along an axis; exactly 0 at the maximum, infinite or not."""
    highest = np.maximum.reduce(x, axis=axis, keepdims=True)
    below = np.not_equal(x, highest)
    out = np.zeros_like(x)
    return np.subtract(x, highest, out=out, where=below)


@expansion(softmax)
def _softmax(x: Any, *, axis: Any = -1) -> Any:
    if not _floating(x) or not x.size:
        return NotImplemented
    powers = np.exp(_shifted(x, axis))
    return powers / np.add.reduce(powers, axis=axis, keepdims=True)


@expansion(log_softmax)
def _log_softmax(x: Any, *, axis: Any = -1) -> Any:
    if not _floating(x) or not x.size:
        return NotImplemented
    shifted = _shifted(x, axis)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=axis, keepdims=True))


# -- the likelihood of labels: where they point is found once, for both directions -----------------


def label_places(
    labels: Any, shape: tuple[int, int], dtype: Any, ignore_index: int, reduction: str
) -> tuple[Any, Any]:
    """Where labels point among log-probabilities, flattened, and how much each counts.

    Raises:
        TypeError, ValueError: as `label_likelihood`.
    """
    count, classes = shape
    if labels.size and labels.min() >= 0 and labels.max() < classes:
        counted: Any = np.ones(count, dtype)
        total = count
    else:
        labels = checked_labels(labels, shape, ignore_index)
        counted = (labels != ignore_index).astype(dtype)
        total = int(np.count_nonzero(counted))
        labels = labels * (labels != ignore_index)
    if reduction == "mean":
        counted /= total or np.nan
    return np.arange(0, count * classes, classes) + labels, counted


def _places(logs: Any, labels: Any, weight: Any, settings: dict[str, Any]) -> Any:
    if (
        weight is not None
        or settings.get("label_smoothing", 0.0)
        or settings.get("reduction", "mean") not in ("mean", "sum")
        or type(logs) is not Traced
        or type(labels) is not Traced
        or logs.dtype.kind != "f"
        or len(logs.shape) != 2
        or labels.dtype.kind not in "iu"
        or labels.shape != logs.shape[:1]
    ):
        return None
    ignored, reduction = settings.get("ignore_index", -100), settings.get("reduction", "mean")
    return logs.tape.run(label_places, (labels, logs.shape, logs.dtype, ignored, reduction), {})


@expansion(label_likelihood)
def _label_likelihood(logs: Any, labels: Any, weight: Any = None, **settings: Any) -> Any:
    found = _places(logs, labels, weight, settings)
    if found is None:
        return NotImplemented
    places, counted = found
    return -np.dot(logs.reshape(-1)[places], counted)


def _label_likelihood_vjp(
    g: Any, out: Any, logs: Any, labels: Any, weight: Any = None, **settings: Any
) -> Any:
    found = _places(logs, labels, weight, settings)
    if found is None:
        return NotImplemented
    places, counted = found
    local = np.zeros_like(logs)
    local.reshape(-1)[places] = counted * -g
    return local


RULE_EXPANSIONS[RULES[label_likelihood].vjps[0]] = _label_likelihood_vjp
