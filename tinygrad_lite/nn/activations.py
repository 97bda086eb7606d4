"""Activation functions as modules, for `Sequential`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.functions import elu, gelu, leaky_relu, log_sigmoid
from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.activations import log_softmax, relu, sigmoid, softmax, softplus
from tinygrad_lite.rules.rectifiers import silu


class ReLU(Module):
    """`tinygrad_lite.relu`."""

    def forward(self, x: Any) -> Any:
        return relu(x)


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

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """`tinygrad_lite.elu`."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


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
