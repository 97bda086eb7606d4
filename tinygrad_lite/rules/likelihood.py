"""What losses of classes and probabilities are made from: label_likelihood and xlogy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.engine.value import Value
from tinygrad_lite.rules.zero import product, quiet, quotient


@primitive
def label_likelihood(
    log_probabilities: Any,
    labels: Any,
    weight: Any = None,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    """Minus the logarithm of the probability that each label was given.

    The operation behind `nll_loss` and `cross_entropy`; labels and weight have no gradient.

    Args:
        log_probabilities: shape (N, classes, ...).
        labels: integers, shape (N, ...).
        weight: of each class, shape (classes,), or None.
        reduction: "mean" (weighted), "sum" or "none".
        ignore_index: a label that does not count.
        label_smoothing: share of the label that is spread evenly over all classes.

    Raises:
        TypeError, ValueError: the labels are not integers, of another shape, or out of range.
    """
    if np.ndim(log_probabilities) == 2 and weight is None and not label_smoothing:
        chosen, counted = _chosen(np.shape(log_probabilities), labels, ignore_index)
        losses = -np.where(counted, log_probabilities[chosen], 0)
        total = int(np.count_nonzero(counted))
    else:
        shares, total = _shares(log_probabilities, labels, weight, ignore_index, label_smoothing)
        # 0 * -inf: a class without probability that no label asks for
        losses = -np.sum(product.raw(shares, log_probabilities), axis=1)
    if reduction == "none":
        return losses
    summed = np.sum(losses)
    return summed if reduction == "sum" else summed / _divisor(total)


def _chosen(shape: tuple[int, ...], labels: Any, ignore_index: int) -> tuple[Any, Any]:
    """Where the entries of the labels are, in two axes, and whether each counts."""
    labels = checked_labels(labels, shape, ignore_index)
    counted = labels != ignore_index
    return (np.arange(shape[0]), labels * counted), counted


def _shares(
    log_probabilities: Any, labels: Any, weight: Any, ignore_index: int, label_smoothing: float
) -> tuple[Any, Any]:
    """How much each log-probability counts, in its shape, and the sum of the labels' weights."""
    shape, dtype = np.shape(log_probabilities), getattr(log_probabilities, "dtype", np.float64)
    labels = checked_labels(labels, shape, ignore_index)
    counted = labels != ignore_index
    weights = np.ones(shape[1], dtype) if weight is None else np.asarray(weight, dtype)
    if weights.shape != (shape[1],):
        raise ValueError(
            f"the weight of classes must have the shape ({shape[1]},), not {weights.shape}"
        )
    of_label = weights[np.where(counted, labels, 0)] * counted
    classes = np.arange(shape[1]).reshape(-1, *(1 for _ in shape[2:]))
    at_label = np.expand_dims(labels, 1) == classes
    shares = at_label * np.expand_dims(of_label, 1)
    if label_smoothing:
        even = weights.reshape(classes.shape) * np.expand_dims(counted, 1)
        shares = (1 - label_smoothing) * shares + (label_smoothing / shape[1]) * even
    return shares, np.sum(of_label)


def checked_labels(labels: Any, shape: tuple[int, ...], ignore_index: int) -> Any:
    """Labels as an array of integers that fits scores of a shape (N, classes, ...)."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, not {labels.dtype}")
    if len(shape) < 2 or labels.shape != (shape[0], *shape[2:]):
        raise ValueError(
            f"scores of shape {shape} and labels of shape {labels.shape}: the shapes must be "
            f"(N, classes, ...) and (N, ...)"
        )
    wrong = (labels != ignore_index) & ((labels < 0) | (labels >= shape[1]))
    if wrong.any():
        raise ValueError(
            f"label {labels[wrong].flat[0]} for {shape[1]} classes; labels must lie between 0 and "
            f"{shape[1] - 1}"
        )
    return labels


def _divisor(total: Any) -> Any:
    return total if total else np.nan  # the mean of nothing, without a warning


def _label_likelihood_vjp(
    g: Any, out: Any, log_probabilities: Any, labels: Any, weight: Any = None, *,
    reduction: str = "mean", ignore_index: int = -100, label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    if type(g) is not Value and np.ndim(out) < 2 and weight is None and not label_smoothing:
        local = np.zeros_like(log_probabilities)
        if local.ndim == 2:
            chosen, counted = _chosen(local.shape, labels, ignore_index)
            total = int(np.count_nonzero(counted)) if reduction == "mean" else 1
            local[chosen] = counted * (-g / _divisor(total))
            return local
    shares, total = _shares(log_probabilities, labels, weight, ignore_index, label_smoothing)
    if reduction == "none":
        return np.expand_dims(g, 1) * -shares
    return g * (-shares if reduction == "sum" else shares / -_divisor(total))


defvjp(label_likelihood, _label_likelihood_vjp, None, None)


@primitive
def xlogy(x: Any, y: Any) -> Any:
    """``x * log(y)``, and 0 where x is 0, entry by entry.

    >>> xlogy(np.array([0.0, 2.0]), np.array([0.0, 1.0]))
    array([0., 0.])
    """
    with np.errstate(divide="ignore"):
        return product.raw(x, np.log(y))


defvjp(
    xlogy,
    quiet(lambda g, out, x, y: product(g, np.log(y))),
    quiet(lambda g, out, x, y: quotient(product(g, x), y)),
)
