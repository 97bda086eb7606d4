"""Initial weights. Every function takes a shape and a NumPy Generator, and returns float64.

The shape is that of a weight: (out, in) of a linear layer, (out, in, kH, kW) of a convolution.
Fan-in is the number of inputs that an output sums over, fan-out the number of outputs that an input
reaches. To give one of these other settings, use `functools.partial`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Initialiser = Callable[[Shape, np.random.Generator], Array]


def zeros(shape: Shape, generator: np.random.Generator) -> Array:
    """Zeros."""
    return np.zeros(shape)


def uniform(
    shape: Shape, generator: np.random.Generator, low: float = -0.5, high: float = 0.5
) -> Array:
    """Uniform in [low, high), by default the blog's [-0.5, 0.5) whatever the shape.

    With many inputs the sums are large: a sigmoid of 784 inputs may start saturated.

    >>> uniform((2, 3), np.random.default_rng(0)).round(2)
    array([[ 0.14, -0.23, -0.46], [-0.48, 0.31, 0.41]])
    """
    return generator.uniform(low, high, shape)


def glorot_uniform(shape: Shape, generator: np.random.Generator, gain: float = 1.0) -> Array:
    """Uniform in ±gain sqrt(6 / (fan_in + fan_out)), for sigmoid and tanh.

    Source: X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward
    neural networks, 2010, equation 16.
    """
    fan_in, fan_out = fans(shape)
    limit = gain * math.sqrt(6 / (fan_in + fan_out))
    return generator.uniform(-limit, limit, shape)


def he_uniform(shape: Shape, generator: np.random.Generator) -> Array:
    """Uniform in ±sqrt(6 / fan_in), for ReLU.

    Source: K. He and others, Delving deep into rectifiers, 2015, equation 10.
    """
    limit = math.sqrt(6 / fans(shape)[0])
    return generator.uniform(-limit, limit, shape)


def he_normal(shape: Shape, generator: np.random.Generator) -> Array:
    """Normal with standard deviation sqrt(2 / fan_in); otherwise as `he_uniform`."""
    return generator.normal(0, math.sqrt(2 / fans(shape)[0]), shape)


def fan_in_uniform(shape: Shape, generator: np.random.Generator) -> Array:
    """Uniform in ±1 / sqrt(fan_in): what layers use unless told otherwise, as PyTorch's do."""
    limit = 1 / math.sqrt(fans(shape)[0])
    return generator.uniform(-limit, limit, shape)


def fans(shape: Shape) -> tuple[int, int]:
    """Fan-in and fan-out of a weight.

    Raises:
        ValueError: the shape has fewer than two axes.

    >>> fans((16, 8, 5, 5))
    (200, 400)
    """
    if len(shape) < 2:
        raise ValueError(f"the fans of a weight need a shape (out, in, ...), not {shape}")
    entries = math.prod(shape[2:])
    return shape[1] * entries, shape[0] * entries
