"""Normalisation layers: BatchNorm1d, BatchNorm2d and LayerNorm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.engine.value import Value, data_of, describe
from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.normalisation import normalise


class _BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d share."""

    layouts: tuple[str, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.weight = Value(np.ones(num_features, dtype), name="weight") if affine else None
        self.bias = Value(np.zeros(num_features, dtype), name="bias") if affine else None
        self.running_mean: Any = None
        self.running_var: Any = None
        self.num_batches_tracked: Any = None
        if track_running_stats:
            self.running_mean = np.zeros(num_features, dtype)
            self.running_var = np.ones(num_features, dtype)
            self.num_batches_tracked = np.array(0)

    def forward(self, x: Any) -> Any:
        shape = self._checked(x)
        axes = (0, *range(2, len(shape)))
        across = (1, -1, *(1 for _ in shape[2:]))
        if self.training or self.running_mean is None:
            count = np.size(x) // self.num_features
            if count < 2:
                raise ValueError(
                    f"{type(self).__name__}: one entry for each channel has no variance; use a "
                    f"larger batch in training, or eval()"
                )
            out, mean, variance = normalise(x, axis=axes, eps=self.eps)
            if self.running_mean is not None:
                self._track(data_of(mean).reshape(-1), data_of(variance).reshape(-1), count)
            if self.weight is None or self.bias is None:
                return out
            return out * np.reshape(self.weight, across) + np.reshape(self.bias, across)
        scale: Any = 1 / np.sqrt(self.running_var + self.eps)
        shift: Any = -self.running_mean * scale
        if self.weight is not None and self.bias is not None:
            scale, shift = self.weight * scale, self.weight * shift + self.bias
        return x * np.reshape(scale, across) + np.reshape(shift, across)

    def _track(self, mean: Any, variance: Any, count: int) -> None:
        """Let a batch's statistics enter the running averages."""
        self.num_batches_tracked += 1
        momentum: Any = self.momentum
        if momentum is None:
            momentum = (1 / self.num_batches_tracked).astype(self.running_mean.dtype)
        self.running_mean += momentum * (mean - self.running_mean)
        self.running_var += momentum * (variance * (count / (count - 1)) - self.running_var)

    def _checked(self, x: Any) -> tuple[int, ...]:
        shape: tuple[int, ...] = np.shape(x)
        layouts = [layout for layout in self.layouts if len(layout.split(",")) == len(shape)]
        if not layouts or shape[1] != self.num_features:
            told = describe(x) if type(x) is Value else f"an array of shape {shape}"
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) of {told}: the shape must be "
                f"{' or '.join(self.layouts)} with C = {self.num_features}"
            )
        return shape

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.weight is not None}, "
            f"track_running_stats={self.running_mean is not None}"
        )


class BatchNorm1d(_BatchNorm):
    """Each channel normalised over the batch (and over space), then scaled and shifted.

    In training by the batch's mean and variance, which also enter the running averages; in use
    (`eval`) by the running averages.

    Args:
        num_features: number of channels, the second axis of the input.
        eps: added to the variance.
        momentum: share of a batch in the running averages; None for the plain average of all.
        affine: whether there are `weight` and `bias`.
        track_running_stats: whether there are running averages; without, batches always count.
        dtype: of parameters and averages.

    Attributes:
        weight, bias: shape (num_features,), or None.
        running_mean, running_var: buffers, shape (num_features,), or None; the variance divides by
            count - 1.
        num_batches_tracked: a buffer, how many batches have entered, or None.

    Inputs have the shape (N, C) or (N, C, L). Source: S. Ioffe and C. Szegedy, Batch normalization,
    2015.

    >>> layer = BatchNorm1d(3)
    >>> layer(np.eye(3, dtype=np.float32)).data.std(axis=0).round(3)
    array([1., 1., 1.], dtype=float32)
    """

    layouts = ("(N, C)", "(N, C, L)")


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` of images, shape (N, C, H, W).

    >>> BatchNorm2d(8)(np.ones((4, 8, 5, 5), np.float32)).shape
    (4, 8, 5, 5)
    """

    layouts = ("(N, C, H, W)",)


class LayerNorm(Module):
    """Each sample normalised over its last axes, then scaled and shifted entry by entry.

    Source: J. L. Ba and others, Layer normalization, 2016.

    Args:
        normalized_shape: the sizes of those axes, or one integer for the last.
        eps: added to the variance.
        elementwise_affine: whether there is a weight.
        bias: whether there is a bias beside the weight.
        dtype: of the parameters.

    Attributes:
        weight, bias: of shape normalized_shape, or None.

    >>> LayerNorm(2)(np.array([[1.0, 3.0]], np.float32)).data.round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        whole = isinstance(normalized_shape, (int, np.integer))
        self.normalized_shape: tuple[int, ...] = (
            (int(normalized_shape),) if whole else tuple(normalized_shape)  # type: ignore[arg-type]
        )
        self.eps = eps
        self.weight: Any = None
        self.bias: Any = None
        if elementwise_affine:
            self.weight = Value(np.ones(self.normalized_shape, dtype), name="weight")
            if bias:
                self.bias = Value(np.zeros(self.normalized_shape, dtype), name="bias")

    def forward(self, x: Any) -> Any:
        count = len(self.normalized_shape)
        shape = np.shape(x)
        if shape[len(shape) - count :] != self.normalized_shape:
            told = describe(x) if type(x) is Value else f"an array of shape {shape}"
            raise ValueError(
                f"LayerNorm of {told}: the shape must end with {self.normalized_shape}"
            )
        out = normalise(x, axis=tuple(range(-count, 0)), eps=self.eps)[0]
        if self.weight is not None:
            out = out * self.weight
        return out if self.bias is None else out + self.bias

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"
        )
