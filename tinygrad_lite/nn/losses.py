"""What is minimised: a single number that says how wrong the outputs of a batch are."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value, data_of, describe
from tinygrad_lite.functions import one_hot
from tinygrad_lite.rules.activations import log_softmax


def squared_error(output: Any, target: Any) -> Any:
    """Squared differences summed over the outputs and averaged over the batch, as in the blog.

    Args:
        output: shape (N, ...).
        target: of the same shape; for classes, `one_hot(labels, classes)`.

    Raises:
        ValueError: the shapes differ (they would broadcast unnoticed).

    >>> squared_error(np.array([[1.0, 2.0], [0.0, 0.0]]), np.zeros((2, 2)))
    np.float64(2.5)
    """
    if np.shape(output) != np.shape(target) or np.ndim(output) < 1:
        raise ValueError(
            f"squared_error of {_told(output)} and a target of shape {np.shape(target)}: the "
            f"shapes must be equal, and start with the batch. The target of integer labels is "
            f"nn.one_hot(labels, classes)"
        )
    difference = output - target
    return np.sum(difference * difference) / len(data_of(output))


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Minus the logarithm of the probability that softmax gives to the label, batch average.

    Args:
        logits: shape (N, classes), before any softmax.
        labels: integers, shape (N,).

    Raises:
        TypeError, ValueError: the labels are not integers in range, one for each row of logits.

    >>> cross_entropy(np.zeros((2, 4)), np.array([0, 3])).round(4)  # log 4
    np.float64(1.3863)
    """
    shape = np.shape(logits)
    if len(shape) != 2 or np.shape(labels) != shape[:1]:
        raise ValueError(
            f"cross_entropy of {_told(logits)} and labels of shape {np.shape(labels)}: the shapes "
            f"must be (N, classes) and (N,)"
        )
    chosen = one_hot(labels, shape[1], data_of(logits).dtype)
    return np.sum(log_softmax(logits, axis=1) * chosen) / -shape[0]


def _told(x: Any) -> str:
    return describe(x) if type(x) is Value else f"an array of shape {np.shape(x)}"
