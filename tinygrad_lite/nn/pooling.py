"""Pooling layers."""

from __future__ import annotations

from typing import Any

from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.adaptive_pooling import adaptive_avg_pool2d, adaptive_max_pool2d
from tinygrad_lite.rules.pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from tinygrad_lite.rules.windows import Pair


class _Pool(Module):
    """What the layers with windows of a size share."""

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool1d(_Pool):
    """The largest entry of every window, see `tinygrad_lite.max_pool1d`."""

    def forward(self, x: Any) -> Any:
        return max_pool1d(x, self.kernel_size, self.stride, self.padding)


class MaxPool2d(_Pool):
    """The largest entry of every window, see `tinygrad_lite.max_pool2d`."""

    def forward(self, x: Any) -> Any:
        return max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool1d(_Pool):
    """The mean of every window, see `tinygrad_lite.avg_pool1d`."""

    def forward(self, x: Any) -> Any:
        return avg_pool1d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool):
    """The mean of every window, see `tinygrad_lite.avg_pool2d`."""

    def forward(self, x: Any) -> Any:
        return avg_pool2d(x, self.kernel_size, self.stride, self.padding)


class _AdaptivePool(Module):
    """What the layers with an output of a size share."""

    def __init__(self, output_size: int | tuple[int | None, int | None]) -> None:
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(_AdaptivePool):
    """The mean of every window, of as many as asked, see `tinygrad_lite.adaptive_avg_pool2d`."""

    def forward(self, x: Any) -> Any:
        return adaptive_avg_pool2d(x, self.output_size)


class AdaptiveMaxPool2d(_AdaptivePool):
    """The largest of every window, of as many as asked, see `tinygrad_lite.adaptive_max_pool2d`."""

    def forward(self, x: Any) -> Any:
        return adaptive_max_pool2d(x, self.output_size)
