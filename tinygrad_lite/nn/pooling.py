"""Pooling layers."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import data_of
from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.adaptive_pooling import adaptive_avg_pool2d, adaptive_max_pool2d
from tinygrad_lite.rules.pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from tinygrad_lite.rules.windows import Pair, pair, single


class _Pool(Module):
    """What the layers with windows of a size share.

    Args:
        kernel_size: size of the window: an integer, or one for each axis, as the next two.
        stride: step of the window; None for `kernel_size`.
        padding: border that is added, at most half of the window.
        ceil_mode: whether a last window counts that only partly lies on the input.
    """

    axes = 2

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

    def each(self, name: str, least: int = 1) -> tuple[int, ...]:
        """A setting for each axis."""
        kind, setting = type(self).__name__, getattr(self, name)
        if self.axes == 2:
            return pair(setting, name, kind, least)
        return (single(setting, name, kind, least),)

    def borders(self, x: Any, extents: tuple[int, ...]) -> list[Pair]:
        """What to put before and after the input along each axis, so that all windows fit.

        Args:
            x: the input, shape (N, C, *sizes).
            extents: from the first entry of a window to behind its last.

        Raises:
            ValueError: it has other axes, or the padding is more than half of a window.
        """
        kind, shape = type(self).__name__, np.shape(x)
        if len(shape) != self.axes + 2:
            layout = "(N, C, H, W)" if self.axes == 2 else "(N, C, L)"
            raise ValueError(f"{kind} of shape {shape}: the input must have the shape {layout}")
        pads, strides = self.each("padding", 0), self.each("stride")
        if any(2 * pad > extent for pad, extent in zip(pads, extents, strict=True)):
            raise ValueError(f"{kind}: padding={self.padding} is more than half of a window")
        found = []
        for size, extent, stride, pad in zip(shape[2:], extents, strides, pads, strict=True):
            room = size + 2 * pad - extent
            if room < 0 and not (self.ceil_mode and room > -stride):
                raise ValueError(
                    f"{kind} of shape {shape}: no window of {extent} fits with padding={pad}"
                )
            # As in PyTorch, a window that would begin behind the input is none.
            last = -(-room // stride) if self.ceil_mode else room // stride
            last -= self.ceil_mode and last * stride >= size + pad
            found.append((pad, max(pad, last * stride + extent - size - pad)))
        return found


class _MaxPool(_Pool):
    """The largest entry of every window.

    Args:
        kernel_size, stride, padding, ceil_mode: as of PyTorch; a border is never the largest.
        dilation: distance of the entries of a window from each other.
        return_indices: for PyTorch's order; True is refused, as gradients need no indices.
    """

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
        steps = self.each("dilation")
        plain = max_pool2d if self.axes == 2 else max_pool1d
        if max(steps) == 1 and not self.ceil_mode:
            return plain(x, self.kernel_size, self.stride, self.padding)
        kernel = self.each("kernel_size")
        extents = tuple(step * (k - 1) + 1 for step, k in zip(steps, kernel, strict=True))
        borders = self.borders(x, extents)
        lowest = np.finfo(data_of(x).dtype).min  # JSON, which graph files are, has no infinity
        x = np.pad(x, ((0, 0), (0, 0), *borders), constant_values=lowest)
        if max(steps) == 1:
            return plain(x, self.kernel_size, self.stride)
        # Entry (i, j) of all windows at once is a strided view.
        views = []
        for offsets in product(*map(range, kernel)):
            places = [
                slice(offset * step, size - extent + offset * step + 1, stride)
                for offset, step, size, extent, stride in zip(
                    offsets, steps, np.shape(x)[2:], extents, self.each("stride"), strict=True
                )
            ]
            views.append(x[(slice(None), slice(None), *places)])
        return np.max(np.stack(views), axis=0)

    def extra_repr(self) -> str:
        told = super().extra_repr()
        return told if self.dilation == 1 else f"{told}, dilation={self.dilation}"


class MaxPool1d(_MaxPool):
    """The largest entry of every window, see `tinygrad_lite.max_pool1d`.

    >>> MaxPool1d(2, ceil_mode=True)(np.array([[[3.0, 1.0, 4.0, 1.0, 5.0]]]))
    array([[[3., 4., 5.]]])
    """

    axes = 1


class MaxPool2d(_MaxPool):
    """The largest entry of every window, see `tinygrad_lite.max_pool2d`.

    >>> MaxPool2d(2, stride=1, dilation=2)(np.arange(16.0).reshape(1, 1, 4, 4))[0, 0]
    array([[10., 11.],
           [14., 15.]])
    """


class _AvgPool(_Pool):
    """The mean of every window.

    Args:
        kernel_size, stride, padding, ceil_mode: as of PyTorch.
        count_include_pad: whether the border counts, as zeros; what `ceil_mode` adds never does.
    """

    divisor_override: int | None = None

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
        plain = avg_pool2d if self.axes == 2 else avg_pool1d
        kernel = self.each("kernel_size")
        if not self.ceil_mode and (self.count_include_pad or self.divisor_override):
            means = plain(x, self.kernel_size, self.stride, self.padding)
            override = self.divisor_override
            return means if override is None else means * (prod(kernel) / override)
        borders = self.borders(x, kernel)
        means = plain(np.pad(x, ((0, 0), (0, 0), *borders)), self.kernel_size, self.stride)
        if self.divisor_override is not None:
            return means * (prod(kernel) / self.divisor_override)
        pads = self.each("padding", 0)
        widths = [  # of the zeros around the entries that count
            (before - pad, after - pad) if self.count_include_pad else (before, after)
            for (before, after), pad in zip(borders, pads, strict=True)
        ]
        sizes = [
            size + sum(border) - sum(width)
            for size, border, width in zip(np.shape(x)[2:], borders, widths, strict=True)
        ]
        counted = np.pad(np.ones((1, 1, *sizes), data_of(x).dtype), ((0, 0), (0, 0), *widths))
        return means / plain(counted, self.kernel_size, self.stride)

    def extra_repr(self) -> str:
        told = super().extra_repr()
        return told if self.count_include_pad else f"{told}, count_include_pad=False"


class AvgPool1d(_AvgPool):
    """The mean of every window, see `tinygrad_lite.avg_pool1d`.

    >>> AvgPool1d(2, padding=1, count_include_pad=False)(np.array([[[3.0, 1.0, 4.0, 1.0]]]))
    array([[[3. , 2.5, 1. ]]])
    """

    axes = 1


class AvgPool2d(_AvgPool):
    """The mean of every window, see `tinygrad_lite.avg_pool2d`.

    Args:
        kernel_size, stride, padding, ceil_mode, count_include_pad: as of `AvgPool1d`.
        divisor_override: what the sum of a window is divided by, instead of its entries that count.

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
