"""Activation functions as modules, for `Sequential`.

Where PyTorch's have `inplace`, these take it too, and it changes nothing: the input is kept, since
the backward pass may need it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.engine.value import Value
from tinygrad_lite.functions import elu, gelu, leaky_relu, log_sigmoid
from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.activations import log_softmax, relu, sigmoid, softmax, softplus
from tinygrad_lite.rules.rectifiers import silu


class ReLU(Module):
    """`tinygrad_lite.relu`."""

    def __init__(self, inplace: bool = False) -> None:
        pass

    def forward(self, x: Any) -> Any:
        return relu(x)


class ReLU6(ReLU):
    """`np.clip` to between 0 and 6."""

    def forward(self, x: Any) -> Any:
        return np.clip(x, 0, 6)


class PReLU(Module):
    """A `LeakyReLU` whose slope is learned (He et al. 2015); at 0 the derivative is 0.

    Args:
        num_parameters: 1, or a slope for each entry of axis 1.
        init: the slopes at first.
        dtype: of the slopes.

    Attributes:
        weight: the slopes, shape (num_parameters,).

    >>> PReLU()(np.array([-2.0, 3.0])).data
    array([-0.5,  3. ])
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, dtype: DTypeLike = np.float32
    ) -> None:
        self.num_parameters = num_parameters
        self.weight = Value(np.full(num_parameters, init, dtype))

    def forward(self, x: Any) -> Any:
        after = (1,) * (np.ndim(x) - 2) if self.num_parameters > 1 else ()
        return relu(x) - self.weight.reshape(-1, *after) * relu(-x)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Sigmoid(Module):
    """`tinygrad_lite.sigmoid`."""

    def forward(self, x: Any) -> Any:
        return sigmoid(x)


class Tanh(Module):
    """`np.tanh`."""

    def forward(self, x: Any) -> Any:
        return np.tanh(x)


class LeakyReLU(Module):
    """`tinygrad_lite.leaky_relu`."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """`tinygrad_lite.elu`."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SELU(Module):
    """`tinygrad_lite.elu`, scaled so that layers keep mean 0 and variance 1.

    Source of the two numbers: G. Klambauer and others, Self-normalizing neural networks, 2017.
    """

    ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805

    def __init__(self, inplace: bool = False) -> None:
        pass

    def forward(self, x: Any) -> Any:
        return self.SCALE * elu(x, self.ALPHA)


class GELU(Module):
    """`tinygrad_lite.gelu`: exact, or "tanh"."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        return gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """`tinygrad_lite.silu`."""

    def __init__(self, inplace: bool = False) -> None:
        pass

    def forward(self, x: Any) -> Any:
        return silu(x)


class Softplus(Module):
    """`tinygrad_lite.softplus` of ``beta * x``, divided by `beta`."""

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    def forward(self, x: Any) -> Any:
        return softplus(x) if self.beta == 1 else softplus(x * self.beta) / self.beta

    def extra_repr(self) -> str:
        return f"beta={self.beta}"


class LogSigmoid(Module):
    """`tinygrad_lite.log_sigmoid`."""

    def forward(self, x: Any) -> Any:
        return log_sigmoid(x)


class Softmax(Module):
    """`tinygrad_lite.softmax` along an axis, by default the last."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return softmax(x, axis=self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """`tinygrad_lite.log_softmax` along an axis, by default the last."""

    def forward(self, x: Any) -> Any:
        return log_softmax(x, axis=self.dim)
