"""Dropout: entries set to zero at random while training."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.random import draw
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.nn.module import Module


class Dropout(Module):
    """Zero each entry with probability `p`, scale the others by ``1 / (1 - p)``; only in training.

    Source: N. Srivastava and others, Dropout: a simple way to prevent neural networks from
    overfitting, 2014.

    Args:
        p: probability of a zero.
        inplace: taken as PyTorch does, and changes nothing.
        generator: NumPy Generator that draws the zeros, or a seed for one; None for one that
            differs from run to run. `Module.generator_states` gives its state.

    Raises:
        ValueError: `p` is not between 0 and 1.

    >>> Dropout(0.5, generator=0)(np.ones(6))
    array([2., 2., 2., 0., 0., 0.])
    """

    def __init__(
        self,
        p: float = 0.5,
        inplace: bool = False,
        *,
        generator: np.random.Generator | int | None = None,
    ) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must lie between 0 and 1, not {p}")
        self.p = p
        self.generator = np.random.default_rng(generator)

    def forward(self, x: Any) -> Any:
        return dropped(x, self.p, self.generator) if self.training else x

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout2d(Dropout):
    """`Dropout` of whole channels: of images (N, C, H, W), entries (N, C) are kept or not."""

    def forward(self, x: Any) -> Any:
        channels = (*np.shape(x)[:2], *(1 for _ in np.shape(x)[2:]))
        return dropped(x, self.p, self.generator, channels) if self.training else x


def dropped(
    x: Any, p: float, generator: np.random.Generator, shape: tuple[int, ...] | None = None
) -> Any:
    """`x` with zeros at random; drawn for a shape that broadcasts, by default that of `x`."""
    if p == 0:
        return x
    if p == 1:
        return x * 0
    dtype = np.dtype(getattr(data_of(x), "dtype", np.float64))
    shape = np.shape(x) if shape is None else shape
    kept = draw(generator, "random", shape, dtype=np.float32) >= np.float32(p)
    return x * (kept * dtype.type(1 / (1 - p)))
