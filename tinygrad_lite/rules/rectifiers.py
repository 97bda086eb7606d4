"""The family of ReLU, one operation each: leaky_relu, elu, silu, gelu; safe at infinity.

Operations rather than compositions, as ``np.where(x > 0, ...)`` would put the condition into the
record as a constant, which holds for these numbers only, and ``x * sigmoid(x)`` is NaN at -inf.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.rules.activations import sigmoid
from tinygrad_lite.rules.error_function import erfc

_SIGMOID_ENDS = 750.0  # sigmoid is exactly 0 below its negative and 1 above it
_NORMAL_ENDS = 40.0  # likewise the distribution function of the normal distribution


@primitive
def leaky(x: Any, *, slope: float) -> Any:
    """`leaky_relu` with its setting by keyword."""
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


@primitive
def exponential_linear(x: Any, *, alpha: float) -> Any:
    """`elu` with its setting by keyword."""
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


@primitive
def silu(x: Any) -> Any:
    """``x * sigmoid(x)``, entry by entry, also called swish (Elfwing et al. 2018).

    >>> silu(np.array([-np.inf, 0.0, 1000.0]))
    array([  -0.,    0., 1000.])
    """
    return np.maximum(x, -_SIGMOID_ENDS) * sigmoid(x)


@primitive
def gaussian_linear(x: Any) -> Any:
    """`gelu`, exact."""
    return 0.5 * np.maximum(x, -_NORMAL_ENDS) * erfc(x * -math.sqrt(0.5))


@primitive
def gaussian_linear_tanh(x: Any) -> Any:
    """`gelu` in its tanh form."""
    bounded = np.clip(x, -_NORMAL_ENDS, _NORMAL_ENDS)
    return 0.5 * np.maximum(x, -_NORMAL_ENDS) * (1 + np.tanh(_inner(bounded)))


def _inner(x: Any) -> Any:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))


def _elu_vjp(g: Any, out: Any, x: Any, alpha: float) -> Any:
    # out + alpha is alpha exp(x) below 0
    return np.where(data_of(x) > 0, g, g * (np.minimum(out, 0) + alpha))


def _silu_vjp(g: Any, out: Any, x: Any) -> Any:
    x = np.clip(x, -_SIGMOID_ENDS, _SIGMOID_ENDS)
    share = sigmoid(x)
    return g * (share * (1 + x * (1 - share)))


def _gelu_vjp(g: Any, out: Any, x: Any) -> Any:
    x = np.clip(x, -_NORMAL_ENDS, _NORMAL_ENDS)
    density = np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
    return g * (0.5 * erfc(x * -math.sqrt(0.5)) + x * density)


def _gelu_tanh_vjp(g: Any, out: Any, x: Any) -> Any:
    x = np.clip(x, -_NORMAL_ENDS, _NORMAL_ENDS)
    t = np.tanh(_inner(x))
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * (x * x))
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)


defvjp(
    leaky,
    lambda g, out, x, slope: np.where(data_of(x) > 0, g, slope * g),
    name="leaky_relu",
    kink="0: derivative the slope below",
)
defvjp(exponential_linear, _elu_vjp, name="elu", kink="0: derivative alpha")
defvjp(silu, _silu_vjp)
defvjp(gaussian_linear, _gelu_vjp, name="gelu")
defvjp(gaussian_linear_tanh, _gelu_tanh_vjp, name="gelu_tanh")
