"""Layers: names, argument orders, defaults and weight shapes are PyTorch's."""

from __future__ import annotations

import math
from typing import Any, Self, overload

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.engine.value import data_of
from tinygrad_lite.nn.init import Initialiser, Seed, normal, weight_and_bias
from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.embedding import embedding
from tinygrad_lite.rules.linear import linear


class Linear(Module):
    """``x @ weight.T + bias``.

    Args:
        in_features: last size of the input.
        out_features: last size of the output.
        bias: whether there is one.
        initialiser: of the weight, see `nn.init`. The bias then starts at zero; without an
            initialiser both are uniform in ±1 / sqrt(in_features), as PyTorch's.
        generator: NumPy Generator that draws the initial weights, or a seed for one; None for one
            that differs from run to run.
        dtype: of the parameters.

    Attributes:
        weight: shape (out_features, in_features).
        bias: shape (out_features,), or None.

    >>> layer = Linear(3, 2, generator=0)
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
        generator: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.in_features = in_features
        self.out_features = out_features
        self.weight, self.bias = weight_and_bias(
            (out_features, in_features), out_features if bias else 0, initialiser, generator, dtype
        )

    def forward(self, x: Any) -> Any:
        return linear(x, self.weight) if self.bias is None else linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Embedding(Module):
    """A learned row of numbers for each of a set of things, such as characters or words.

    Args:
        num_embeddings: how many things.
        embedding_dim: how many numbers each.
        padding_idx: number of the thing that stands for nothing: its row starts at zero and gets
            no gradient.
        initialiser, generator, dtype: as of `Linear`; normal by default, as PyTorch's.

    Attributes:
        weight: shape (num_embeddings, embedding_dim).

    >>> Embedding(27, 8)(np.array([[0, 26, 3]])).shape
    (1, 3, 8)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        initialiser: Initialiser = normal,
        generator: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding of {num_embeddings} rows has no padding_idx={padding_idx}")
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight, _ = weight_and_bias(
            (num_embeddings, embedding_dim), 0, initialiser, generator, dtype
        )
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    def forward(self, indices: Any) -> Any:
        return embedding(data_of(indices), self.weight, padding_idx=self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Identity(Module):
    """What comes in."""

    def forward(self, x: Any) -> Any:
        return x


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
    >>> net[2:]
    Sequential(
      (0): Linear(in_features=16, out_features=10, bias=True)
      (1): Sigmoid()
    )
    """

    def __init__(self, *modules: Module) -> None:
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> Self:
        """Put a module at the end.

        Raises:
            TypeError: it is not a module.
        """
        position = len(self)
        if not isinstance(module, Module):
            instead = "Wrap a function in a Module, as nn.Sigmoid() does"
            if isinstance(module, type):
                instead = f"{module.__name__}() makes one of the class"
            elif isinstance(module, (list, tuple)):
                instead = "Sequential(*layers) takes those of a list"
            raise TypeError(
                f"Sequential takes modules; at position {position} is {module!r}. {instead}"
            )
        setattr(self, str(position), module)
        if self._label is not None:  # placed already
            self._place(self._path, self._label)
        return self

    def forward(self, x: Any) -> Any:
        for module in self.children():
            x = module(x)
        return x

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    @overload
    def __getitem__(self, position: int) -> Module: ...

    @overload
    def __getitem__(self, position: slice) -> Sequential: ...

    def __getitem__(self, position: int | slice) -> Module:
        """The module at a position, or the same modules as a `Sequential` of their own."""
        modules = list(self.children())
        if isinstance(position, slice):
            return Sequential(*modules[position])
        return modules[position]
