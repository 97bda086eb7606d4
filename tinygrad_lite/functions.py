"""Functions composed from operations, and one-hot encoding.

Each takes numbers, arrays or Values and works entry by entry, safely at any input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.rules.activations import softplus
from tinygrad_lite.rules.rectifiers import (
    exponential_linear,
    gaussian_linear,
    gaussian_linear_tanh,
    leaky,
)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where it is positive, ``slope * x`` elsewhere; at 0 the derivative is `slope`.

    >>> leaky_relu(np.array([-2.0, 3.0]))
    array([-0.02,  3.  ])
    """
    return leaky(x, slope=slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al. 2016).

    At 0 the derivative is `alpha`.

    >>> elu(np.array([-1000.0, 3.0]))
    array([-1.,  3.])
    """
    return exponential_linear(x, alpha=alpha)


def gelu(x: Any, approximate: str = "none") -> Any:
    """``x * P(N <= x)`` for a standard normal N (Hendrycks and Gimpel 2016).

    Args:
        x: of any shape.
        approximate: "none" for the exact function, "tanh" for one within 0.0005 of it, which many
            published networks use.

    >>> gelu(np.array([-1.0, 0.0])).round(4)
    array([-0.1587,  0.    ])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    return gaussian_linear(x) if approximate == "none" else gaussian_linear_tanh(x)


def log_sigmoid(x: Any) -> Any:
    """``log(sigmoid(x))``, without overflow or loss of digits.

    >>> log_sigmoid(np.array([-1000.0, 1000.0]))
    array([-1000.,    -0.])
    """
    return -softplus(-x)


def one_hot(labels: Any, classes: int, dtype: DTypeLike = np.float32) -> Any:
    """Rows of an identity matrix: 1 at the label, 0 elsewhere; a plain array.

    Args:
        labels: integers from 0 to ``classes - 1``, of any shape.
        classes: length of the new last axis.
        dtype: of the result; float32 widens nothing it meets.

    Raises:
        TypeError: the labels are not integers.
        ValueError: a label is not among the classes.

    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    return _one_hot(data_of(labels), classes=classes, dtype=dtype)


@primitive  # without a rule; captured functions make it anew from the labels of each call
def _one_hot(labels: Any, *, classes: int, dtype: DTypeLike) -> Any:
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"one_hot wants integer labels, got dtype {labels.dtype}")
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(
            f"one_hot: labels from {labels.min()} to {labels.max()} for {classes} classes; they "
            f"must lie between 0 and {classes - 1}"
        )
    return np.asarray(labels[..., None] == np.arange(classes), dtype=dtype)
