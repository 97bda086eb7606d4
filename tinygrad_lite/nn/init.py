"""Initial weights. Every function takes a shape and a NumPy Generator, and returns float64.

The shape is that of a weight: (out, in) of a linear layer, (out, in, kH, kW) of a convolution.
Fan-in is the number of inputs that an output sums over, fan-out the number of outputs that an input
reaches. To give one of these other settings, use `functools.partial`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.engine.value import Value
from tinygrad_lite.nn.habits import IN_INIT, lacking

Array = np.ndarray[Any, Any]
Seed = np.random.Generator | int | None  # what np.random.default_rng makes a generator of
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


def normal(
    shape: Shape, generator: np.random.Generator, mean: float = 0.0, std: float = 1.0
) -> Array:
    """Normal with a mean and a standard deviation."""
    return generator.normal(mean, std, shape)


def glorot_uniform(shape: Shape, generator: np.random.Generator, gain: float = 1.0) -> Array:
    """Uniform in ±gain sqrt(6 / (fan_in + fan_out)), for sigmoid and tanh.

    Source: X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward
    neural networks, 2010, equation 16.
    """
    fan_in, fan_out = fans(shape)
    limit = gain * math.sqrt(6 / (fan_in + fan_out))
    return generator.uniform(-limit, limit, shape)


def glorot_normal(shape: Shape, generator: np.random.Generator, gain: float = 1.0) -> Array:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)), as `glorot_uniform`."""
    return generator.normal(0, gain * math.sqrt(2 / sum(fans(shape))), shape)


def orthogonal(shape: Shape, generator: np.random.Generator, gain: float = 1.0) -> Array:
    """Rows (or columns, if fewer) at right angles, of length `gain`; for recurrent layers.

    Axes after the first count as one. Every such matrix is equally likely. Source: A. Saxe and
    others, Exact solutions to the nonlinear dynamics of learning, 2014.

    >>> w = orthogonal((2, 3), np.random.default_rng(0))
    >>> (w @ w.T).round(6)
    array([[ 1., -0.], [-0.,  1.]])
    """
    fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r))  # without it, the distribution is that of LAPACK's choice
    return gain * np.reshape(q if rows >= columns else q.T, shape)


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


def weight_and_bias(
    shape: Shape,
    biases: int,
    initialiser: Initialiser | None,
    seed: Seed,
    dtype: DTypeLike,
) -> tuple[Value, Value | None]:
    """The parameters of a layer: a weight of a shape and as many biases, or None for 0 of them."""
    if min(shape) < 1:
        raise ValueError(f"a layer with a weight of shape {shape} would have no weights")
    generator = np.random.default_rng(seed)
    weights = (initialiser or fan_in_uniform)(shape, generator)
    weight = Value(np.asarray(weights, dtype), name="weight")
    if not biases:
        return weight, None
    limit = 0.0 if initialiser else 1 / math.sqrt(fans(shape)[0])
    start = generator.uniform(-limit, limit, biases) if limit else np.zeros(biases)
    return weight, Value(np.asarray(start, dtype), name="bias")


if not TYPE_CHECKING:  # or every name would pass

    def __getattr__(name: str) -> Any:
        raise lacking("module 'tinygrad_lite.nn.init'", name, IN_INIT)
