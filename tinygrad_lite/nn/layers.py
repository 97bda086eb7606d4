"""Layers: names, argument orders, defaults and weight shapes are PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.engine.value import Value
from tinygrad_lite.nn.init import Initialiser, fan_in_uniform, fans
from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.convolution import conv2d
from tinygrad_lite.rules.linear import linear
from tinygrad_lite.rules.pooling import max_pool2d
from tinygrad_lite.rules.windows import Pair, pair


class Linear(Module):
    """``x @ weight.T + bias``.

    Args:
        in_features: last size of the input.
        out_features: last size of the output.
        bias: whether there is one.
        initialiser: of the weight, see `nn.init`. The bias then starts at zero; without an
            initialiser both are uniform in ±1 / sqrt(in_features), as PyTorch's.
        generator: draws the initial weights; None for one that differs from run to run.
        dtype: of the parameters.

    Attributes:
        weight: shape (out_features, in_features).
        bias: shape (out_features,), or None.

    >>> layer = Linear(3, 2, generator=np.random.default_rng(0))
    >>> layer(np.ones((4, 3), np.float32)).shape
    (4, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        initialiser: Initialiser | None = None,
        generator: np.random.Generator | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.in_features = in_features
        self.out_features = out_features
        self.weight, self.bias = _weight_and_bias(
            (out_features, in_features), bias, initialiser, generator, dtype
        )

    def forward(self, x: Any) -> Any:
        return linear(x, self.weight) if self.bias is None else linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Conv2d(Module):
    """Convolution of images (N, C, H, W) with learned kernels, see `tinygrad_lite.conv2d`.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: an integer or (vertical, horizontal), as the next three.
        stride, padding, dilation, groups: as of `tinygrad_lite.conv2d`.
        bias: whether there is one.
        initialiser, generator, dtype: as of `Linear`.

    Attributes:
        weight: shape (out_channels, in_channels / groups, *kernel_size).
        bias: shape (out_channels,), or None.

    >>> layer = Conv2d(1, 8, 5, padding=2)
    >>> layer(np.ones((4, 1, 28, 28), np.float32)).shape
    (4, 8, 28, 28)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        initialiser: Initialiser | None = None,
        generator: np.random.Generator | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: groups={groups} must divide in_channels={in_channels} and "
                f"out_channels={out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair(kernel_size, "kernel_size", "Conv2d")
        self.stride = pair(stride, "stride", "Conv2d")
        self.padding = pair(padding, "padding", "Conv2d", least=0)
        self.dilation = pair(dilation, "dilation", "Conv2d")
        self.groups = groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight, self.bias = _weight_and_bias(shape, bias, initialiser, generator, dtype)

    def forward(self, x: Any) -> Any:
        return conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        for name, usual in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            if getattr(self, name) != usual:
                text += f", {name}={getattr(self, name)}"
        return text if self.bias is not None else f"{text}, bias=False"


class MaxPool2d(Module):
    """The largest entry of every window, see `tinygrad_lite.max_pool2d`."""

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def forward(self, x: Any) -> Any:
        return max_pool2d(x, self.kernel_size, self.stride, self.padding)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class Flatten(Module):
    """Several axes as one: (N, C, H, W) as (N, C H W), unless told otherwise."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Any) -> Any:
        shape = np.shape(x)
        start, end = self.start_dim % len(shape), self.end_dim % len(shape)
        size = math.prod(shape[start : end + 1])
        return np.reshape(x, (*shape[:start], size, *shape[end + 1 :]))

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Sequential(Module):
    """Modules one after another, each on the output of the one before.

    >>> from tinygrad_lite import nn
    >>> net = nn.Sequential(nn.Linear(784, 16), nn.Sigmoid(), nn.Linear(16, 10), nn.Sigmoid())
    >>> net[0]
    Linear(in_features=784, out_features=16, bias=True)
    """

    def __init__(self, *modules: Module) -> None:
        for position, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(
                    f"Sequential takes modules; at position {position} is {module!r}. Wrap a "
                    f"function in a Module, as nn.Sigmoid() does"
                )
            setattr(self, str(position), module)

    def forward(self, x: Any) -> Any:
        for module in self.children():
            x = module(x)
        return x

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __getitem__(self, position: int) -> Module:
        return list(self.children())[position]


def _weight_and_bias(
    shape: tuple[int, ...],
    bias: bool,
    initialiser: Initialiser | None,
    generator: np.random.Generator | None,
    dtype: DTypeLike,
) -> tuple[Value, Value | None]:
    if min(shape) < 1:
        raise ValueError(f"a layer with a weight of shape {shape} would have no weights")
    generator = np.random.default_rng() if generator is None else generator
    weights = (initialiser or fan_in_uniform)(shape, generator)
    limit = 0.0 if initialiser else 1 / math.sqrt(fans(shape)[0])
    biases = generator.uniform(-limit, limit, shape[0]) if limit and bias else np.zeros(shape[0])
    weight = Value(np.asarray(weights, dtype), name="weight")
    return weight, Value(np.asarray(biases, dtype), name="bias") if bias else None
