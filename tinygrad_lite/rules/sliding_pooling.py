"""Pooling by windows of a size that slide over images or sequences, with PyTorch's settings.

Borders as wide on both sides are the business of the operations in `rules/pooling.py`; what else
is asked for is composed of them and of paddings and views.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lite.engine.value import Value, data_of, describe
from tinygrad_lite.rules.pooling import largest, window_sums
from tinygrad_lite.rules.windows import Pair, pair, single


def max_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """The largest entry of every window; entries that tie for it share the gradient equally.

    Args:
        x: images, shape (N, C, H, W).
        kernel_size: size of the window, an integer or (vertical, horizontal), as the next three.
        stride: step of the window; None for `kernel_size`, so that windows do not overlap.
        padding: border that is never the largest, at most half of the window.
        dilation: distance of the entries of a window from each other.
        ceil_mode: whether a last window counts that only partly lies on the images.

    Returns:
        Shape (N, C, H', W') with H' = floor((H + 2 padding - extent) / stride) + 1, where the
        extent of a window is dilation (kernel_size - 1) + 1; ceil instead of floor in `ceil_mode`,
        without a window that would begin behind the images and the border before them.

    Raises:
        TypeError: a setting is not an integer or a pair of them.
        ValueError: no window fits, or the padding is more than half of it.

    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 5., 7.], [13., 15.]])
    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2, stride=1, dilation=2)[0, 0]
    array([[10., 11.], [14., 15.]])
    """
    return _maxima("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of every window.

    Args:
        x, kernel_size, stride, padding, ceil_mode: as of `max_pool2d`.
        count_include_pad: whether the border counts, as zeros; what `ceil_mode` adds never does.
        divisor_override: what the sum of a window is divided by, instead of its entries that count.

    Raises:
        TypeError, ValueError: as of `max_pool2d`, and where `divisor_override` is 0.

    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 2.5, 4.5], [10.5, 12.5]])
    """
    if divisor_override == 0:
        raise ValueError("avg_pool2d: divisor_override must not be 0")
    sums, counts = _sums(
        "avg_pool2d", x, kernel_size, stride, padding, ceil_mode, count_include_pad
    )
    return sums / (counts if divisor_override is None else divisor_override)


def max_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """`max_pool2d` of sequences, shape (N, C, L).

    >>> max_pool1d(np.array([[[1.0, 5.0, 2.0, 3.0]]]), 2)
    array([[[5., 3.]]])
    """
    return _maxima("max_pool1d", x, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """`avg_pool2d` of sequences, shape (N, C, L).

    >>> avg_pool1d(np.array([[[1.0, 5.0, 2.0, 3.0]]]), 2)
    array([[[3. , 2.5]]])
    """
    sums, counts = _sums(
        "avg_pool1d", x, kernel_size, stride, padding, ceil_mode, count_include_pad
    )
    return sums / counts


class _Windows(NamedTuple):
    """Settings in full, an entry for each axis."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    borders: list[Pair]  # before and after the entries, so that all windows fit

    @property
    def even(self) -> bool:
        """Whether the border is as wide after the entries as it is before them."""
        return all(after == before for before, after in self.borders)

    def placed(self) -> dict[str, Any]:
        """Settings of operations on arrays that have got their borders already."""
        return {"kernel": self.kernel, "stride": self.stride, "padding": (0,) * len(self.kernel)}


def _maxima(
    function: str,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> Any:
    windows = _settings(function, x, kernel_size, stride, padding, dilation, ceil_mode)
    kernel, steps = windows.kernel, windows.dilation
    apart = max(steps) > 1
    if windows.even and not apart:
        return largest(x, kernel=kernel, stride=windows.stride, padding=windows.padding)
    dtype = data_of(x).dtype
    # JSON, which graph files are, has no infinity.
    lowest = (np.finfo if dtype.kind in "fc" else np.iinfo)(dtype).min
    x = np.pad(x, ((0, 0), (0, 0), *windows.borders), constant_values=lowest)
    if not apart:
        return largest(x, **windows.placed())
    # Entry (i, j) of all windows at once is a strided view.
    views = []
    for position in product(*map(range, kernel)):
        places = [
            slice(start * step, size - (k - 1 - start) * step, stride)
            for start, k, step, size, stride in zip(
                position, kernel, steps, np.shape(x)[2:], windows.stride, strict=True
            )
        ]
        views.append(x[(slice(None), slice(None), *places)])
    return np.max(np.stack(views), axis=0)


def _sums(
    function: str,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
) -> tuple[Any, Any]:
    """The sum of every window, and how many of its entries count."""
    windows = _settings(function, x, kernel_size, stride, padding, 1, ceil_mode)
    kernel, pads, borders = windows.kernel, windows.padding, windows.borders
    if windows.even:
        sums = window_sums(x, kernel=kernel, stride=windows.stride, padding=pads)
        if count_include_pad or not any(pads):
            return sums, prod(kernel)
    else:
        sums = window_sums(np.pad(x, ((0, 0), (0, 0), *borders)), **windows.placed())
    beside = [  # what does not count, before and after what does
        (before - pad, after - pad) if count_include_pad else (before, after)
        for (before, after), pad in zip(borders, pads, strict=True)
    ]
    sizes = [
        size + sum(border) - sum(outside)
        for size, border, outside in zip(np.shape(x)[2:], borders, beside, strict=True)
    ]
    ones = np.ones((1, 1, *sizes), sums.dtype)
    return sums, window_sums(np.pad(ones, ((0, 0), (0, 0), *beside)), **windows.placed())


def _settings(
    function: str,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> _Windows:
    """The settings in full, or an error that says what does not fit."""
    axes = 2 if function.endswith("2d") else 1

    def read(setting: Any, name: str, least: int = 1) -> Any:
        if axes == 2:
            return pair(setting, name, function, least)
        return (single(setting, name, function, least),)

    kernel, steps = read(kernel_size, "kernel_size"), read(dilation, "dilation")
    strides = kernel if stride is None else read(stride, "stride")
    pads = read(padding, "padding", 0)
    shape = np.shape(x)
    told = describe(x) if type(x) is Value else f"an array of shape {shape}"
    if len(shape) != axes + 2:
        layout = "(N, C, H, W)" if axes == 2 else "(N, C, L)"
        raise ValueError(f"{function} of {told}: the input must have the shape {layout}")
    # From the first entry of a window to behind its last.
    extents = [step * (k - 1) + 1 for step, k in zip(steps, kernel, strict=True)]
    window = f"kernel_size={kernel}" + (f" and dilation={steps}" if max(steps) > 1 else "")
    if any(2 * p > extent for p, extent in zip(pads, extents, strict=True)):
        raise ValueError(
            f"{function} of {told}: padding={pads} is more than half of {window}, so some "
            "windows would hold nothing but border"
        )
    borders = []
    for size, extent, step, pad in zip(shape[2:], extents, strides, pads, strict=True):
        room = size + 2 * pad - extent
        if room < 0 and not (ceil_mode and room > -step):
            raise ValueError(
                f"{function} of {told}: no window of {window} fits with padding={pads}"
            )
        # As in PyTorch, a window that would begin behind the input is none.
        last = -(-room // step) if ceil_mode else room // step
        last -= ceil_mode and last * step >= size + pad
        borders.append((pad, max(pad, last * step + extent - size - pad)))
    return _Windows(kernel, strides, pads, steps, borders)
