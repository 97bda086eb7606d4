"""Activation functions as single operations, safe at any input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp


@primitive
def relu(x: Any) -> Any:
    """``max(x, 0)``, entry by entry; derivative 0 at 0.

    >>> relu(-2.0)
    0.0
    """
    return np.maximum(x, 0)


@primitive
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``, entry by entry; no overflow at any x."""
    # exp would overflow for x < -88 in float32; beyond the clamp the result is below 1e-38
    limit = 709 if getattr(x, "dtype", None) != np.float32 else 88
    decay = np.exp(np.minimum(np.negative(x), limit))
    return 1 / (1 + decay)


def _sigmoid_of_float(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -709 else math.exp(x)


defvjp(
    relu,
    lambda g, out, x: g * (out > 0),
    scalar=lambda x: x if x > 0 else 0.0,
    kink="0: derivative 0",
)
defvjp(sigmoid, lambda g, out, x: g * (out * (1 - out)), scalar=_sigmoid_of_float)
