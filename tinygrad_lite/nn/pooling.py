"""Pooling layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.adaptive_pooling import adaptive_avg_pool2d, adaptive_max_pool2d
from tinygrad_lite.rules.sliding_pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from tinygrad_lite.rules.windows import Pair, single


class _Pool(Module):
    """What the layers with windows of a size share.

    Args:
        kernel_size: size of the window: an integer, or one for each axis, as the next two.
        stride: step of the window; None for `kernel_size`.
        padding: border that is added, at most half of the window.
        ceil_mode: whether a last window counts that only partly lies on the input.
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None,
        padding: int | Pair,
        ceil_mode: bool,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        told = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return f"{told}, ceil_mode=True" if self.ceil_mode else told


class _MaxPool(_Pool):
    """The largest entry of every window.

    Args:
        kernel_size, stride, padding, dilation, ceil_mode: as of `tinygrad_lite.max_pool2d`.
        return_indices: for PyTorch's order; True is refused, as gradients need no indices.
    """

    pool = staticmethod(max_pool2d)

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        if return_indices:
            raise ValueError(
                f"{type(self).__name__}: return_indices=True is not offered; leave it out"
            )
        self.dilation = dilation

    def forward(self, x: Any) -> Any:
        return self.pool(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )

    def extra_repr(self) -> str:
        told = super().extra_repr()
        return told if self.dilation == 1 else f"{told}, dilation={self.dilation}"


class MaxPool1d(_MaxPool):
    """The largest entry of every window, see `tinygrad_lite.max_pool1d`.

    >>> MaxPool1d(2, ceil_mode=True)(np.array([[[3.0, 1.0, 4.0, 1.0, 5.0]]]))
    array([[[3., 4., 5.]]])
    """

    pool = staticmethod(max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest entry of every window, see `tinygrad_lite.max_pool2d`.

    >>> MaxPool2d(2, stride=1, dilation=2)(np.arange(16.0).reshape(1, 1, 4, 4))[0, 0]
    array([[10., 11.],
           [14., 15.]])
    """


class AvgPool1d(_Pool):
    """The mean of every window, see `tinygrad_lite.avg_pool1d`.

    Args:
        kernel_size, stride, padding, ceil_mode, count_include_pad: as of the function.

    >>> AvgPool1d(2, padding=1, count_include_pad=False)(np.array([[[3.0, 1.0, 4.0, 1.0]]]))
    array([[[3. , 2.5, 1. ]]])
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Any:
        return avg_pool1d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        told = super().extra_repr()
        return told if self.count_include_pad else f"{told}, count_include_pad=False"


class AvgPool2d(AvgPool1d):
    """The mean of every window, see `tinygrad_lite.avg_pool2d`.

    Args:
        kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: as of the
            function.

    >>> AvgPool2d(2, divisor_override=1)(np.ones((1, 1, 2, 4)))
    array([[[[4., 4.]]]])
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        if divisor_override == 0:
            raise ValueError("AvgPool2d: divisor_override must not be 0")
        self.divisor_override = divisor_override

    def forward(self, x: Any) -> Any:
        return avg_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class _AdaptivePool(Module):
    """What the layers with an output of a size share."""

    def __init__(self, output_size: int | tuple[int | None, int | None]) -> None:
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePool):
    """`AdaptiveAvgPool2d` of sequences (N, C, L).

    >>> AdaptiveAvgPool1d(2)(np.array([[[1.0, 2.0, 3.0]]]))
    array([[[1.5, 2.5]]])
    """

    def forward(self, x: Any) -> Any:
        return _of_rows(adaptive_avg_pool2d, self, x)


class AdaptiveMaxPool1d(_AdaptivePool):
    """`AdaptiveMaxPool2d` of sequences (N, C, L)."""

    def forward(self, x: Any) -> Any:
        return _of_rows(adaptive_max_pool2d, self, x)


class AdaptiveAvgPool2d(_AdaptivePool):
    """The mean of every window, of as many as asked, see `tinygrad_lite.adaptive_avg_pool2d`."""

    def forward(self, x: Any) -> Any:
        return adaptive_avg_pool2d(x, self.output_size)


class AdaptiveMaxPool2d(_AdaptivePool):
    """The largest of every window, of as many as asked, see `tinygrad_lite.adaptive_max_pool2d`."""

    def forward(self, x: Any) -> Any:
        return adaptive_max_pool2d(x, self.output_size)


def _of_rows(pool: Any, layer: _AdaptivePool, x: Any) -> Any:
    """Pool sequences as images of one row."""
    name = type(layer).__name__
    if np.ndim(x) != 3:
        raise ValueError(f"{name} of shape {np.shape(x)}: the input must have the shape (N, C, L)")
    return pool(x[:, :, None], (1, single(layer.output_size, "output_size", name)))[:, :, 0]
