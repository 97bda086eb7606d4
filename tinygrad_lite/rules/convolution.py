"""Convolution of images and its transpose, conv2d and conv_transpose2d, and both of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value, describe
from tinygrad_lite.rules.correlation import correlate, spread
from tinygrad_lite.rules.windows import Pair, count, pair, single


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Cross-correlation of images with kernels, as PyTorch's ``conv2d``.

    Args:
        x: images, shape (N, C, H, W).
        weight: kernels, shape (O, C / groups, kH, kW).
        bias: added to each output channel, shape (O,), or None.
        stride: step of the window, an integer or (vertical, horizontal), as the next two.
        padding: zeros added on every side.
        dilation: distance between the entries that a kernel looks at.
        groups: parts into which the channels are divided; each sees its own input channels only.

    Returns:
        Shape (N, O, H', W') with H' = floor((H + 2 padding - dilation (kH - 1) - 1) / stride) + 1.
        The batch is the last axis in memory.

    Raises:
        TypeError: a setting is not an integer or a pair of them.
        ValueError: the shapes do not fit.

    >>> image = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> conv2d(image, np.ones((1, 1, 3, 3)))[0, 0]
    array([[45., 54.], [81., 90.]])
    """
    settings: dict[str, Any] = {
        "stride": pair(stride, "stride", "conv2d"),
        "padding": pair(padding, "padding", "conv2d", least=0),
        "dilation": pair(dilation, "dilation", "conv2d"),
        "groups": single(groups, "groups", "conv2d"),
    }
    _check("conv2d", x, weight, bias, **settings)
    return correlate(*_given(x, weight, bias), **settings)


def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The transpose of `conv2d`: each entry spreads a kernel, as PyTorch's ``conv_transpose2d``.

    Args:
        x: images, shape (N, C, H, W).
        weight: kernels, shape (C, O / groups, kH, kW).
        bias: added to each output channel, shape (O,), or None.
        stride: distance between the kernels that neighbours spread, as in `conv2d`, like the rest.
        padding: taken off every side of the result.
        output_padding: added to the bottom and right of the result; less than the stride, since
            `conv2d` maps that many sizes to one.
        groups: parts into which the channels are divided.
        dilation: distance between the entries that a kernel writes to.

    Returns:
        Shape (N, O, H', W') with
        H' = (H - 1) stride - 2 padding + dilation (kH - 1) + output_padding + 1.

    Raises:
        TypeError: a setting is not an integer or a pair of them.
        ValueError: the shapes do not fit.

    >>> conv_transpose2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)))[0, 0]
    array([[1., 2., 1.], [2., 4., 2.], [1., 2., 1.]])
    """
    function = "conv_transpose2d"
    settings: dict[str, Any] = {
        "stride": pair(stride, "stride", function),
        "padding": pair(padding, "padding", function, least=0),
        "dilation": pair(dilation, "dilation", function),
        "groups": single(groups, "groups", function),
    }
    more = pair(output_padding, "output_padding", function, least=0)
    if any(m >= s for m, s in zip(more, settings["stride"], strict=True)):
        raise ValueError(
            f"{function}: output_padding={more} must be less than stride={settings['stride']}"
        )
    _check(function, x, weight, bias, more=more, **settings)
    settings["size"] = _spread_size(x, weight, more, **settings)
    out = spread(x, weight, **settings)
    return out if bias is None else out + np.reshape(bias, (1, -1, 1, 1))


def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """`conv2d` of sequences: x of shape (N, C, L), weight of shape (O, C / groups, k).

    >>> conv1d(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[-1.0, 1.0]]]))
    array([[[1., 2.]]])
    """
    settings: dict[str, Any] = {
        "stride": (1, single(stride, "stride", "conv1d")),
        "padding": (0, single(padding, "padding", "conv1d", least=0)),
        "dilation": (1, single(dilation, "dilation", "conv1d")),
        "groups": single(groups, "groups", "conv1d"),
    }
    _check("conv1d", x, weight, bias, **settings)
    return _flat(correlate(*_given(_tall(x), _tall(weight), bias), **settings))


def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """`conv_transpose2d` of sequences: x of shape (N, C, L), weight of shape (C, O / groups, k).

    >>> conv_transpose1d(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0]]]), stride=2)
    array([[[ 1., 10.,  2., 20.]]])
    """
    function = "conv_transpose1d"
    settings: dict[str, Any] = {
        "stride": (1, single(stride, "stride", function)),
        "padding": (0, single(padding, "padding", function, least=0)),
        "dilation": (1, single(dilation, "dilation", function)),
        "groups": single(groups, "groups", function),
    }
    more = (0, single(output_padding, "output_padding", function, least=0))
    if more[1] >= settings["stride"][1]:
        raise ValueError(
            f"{function}: output_padding={more[1]} must be less than stride={settings['stride'][1]}"
        )
    _check(function, x, weight, bias, more=more, **settings)
    x, weight = _tall(x), _tall(weight)
    settings["size"] = _spread_size(x, weight, more, **settings)
    out = _flat(spread(x, weight, **settings))
    return out if bias is None else out + np.reshape(bias, (1, -1, 1))


def _tall(x: Any) -> Any:
    """(N, C, L) as (N, C, 1, L)."""
    n, c, length = np.shape(x)
    return np.reshape(x, (n, c, 1, length))


def _flat(x: Any) -> Any:
    n, c, _, length = np.shape(x)
    return np.reshape(x, (n, c, length))


def _given(x: Any, weight: Any, bias: Any) -> tuple[Any, ...]:
    return (x, weight) if bias is None else (x, weight, bias)


def _spread_size(
    x: Any, weight: Any, more: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Pair:
    rows, columns = (
        (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        for n, k, s, p, d, m in zip(
            np.shape(x)[2:], np.shape(weight)[2:], stride, padding, dilation, more, strict=True
        )
    )
    return rows, columns


# -- what to say when they do not fit ------------------------------------------------------------


def _check(
    function: str,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    more: Pair = (0, 0),
) -> None:
    transposed, axes = "transpose" in function, 2 if "2d" in function else 1
    layout, kernel = ("(N, C, H, W)", "kH, kW") if axes == 2 else ("(N, C, L)", "k")
    kernels = f"(C, O / groups, {kernel})" if transposed else f"(O, C / groups, {kernel})"
    shape, weights = np.shape(x), np.shape(weight)

    def refuse(why: str) -> None:
        raise ValueError(
            f"{function} of {_told(x)} with weight {_told(weight)}, groups={groups}: {why}"
        )

    if len(shape) != axes + 2:
        more_text = "; a single one is x[None]" if len(shape) == axes + 1 else ""
        refuse(f"the input must have the shape {layout}, not {shape}{more_text}")
    if len(weights) != axes + 2:
        refuse(f"the weight must have the shape {kernels}, not {weights}")
    if shape[1] % groups or weights[0] % groups:
        refuse("groups must divide the number of input channels and of output channels")
    expected, name = (shape[1], "first") if transposed else (shape[1] // groups, "second")
    if weights[0 if transposed else 1] != expected:
        refuse(
            f"the input has {shape[1]} channels, so the {name} size of the weight must be "
            f"{expected}, as its shape is {kernels}"
        )
    outputs = weights[1] * groups if transposed else weights[0]
    if bias is not None and np.shape(bias) != (outputs,):
        refuse(f"the bias must have the shape ({outputs},), not {np.shape(bias)}")
    strides, around, apart, after = (pair[-axes:] for pair in (stride, padding, dilation, more))
    for n, k, s, p, d, m in zip(shape[2:], weights[2:], strides, around, apart, after, strict=True):
        result = (n - 1) * s - 2 * p + d * (k - 1) + m + 1 if transposed else count(n, k, s, p, d)
        if result < 1 or k < 1:
            refuse(
                f"with stride={strides}, padding={around} and dilation={apart} nothing would be "
                f"left of an axis of size {n}"
            )


def _told(x: Any) -> str:
    return describe(x) if type(x) is Value else f"an array of shape {np.shape(x)}"
