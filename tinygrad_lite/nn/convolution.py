"""Convolution layers: Conv1d, Conv2d, ConvTranspose1d and ConvTranspose2d."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.nn.init import Initialiser, Seed, weight_and_bias
from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from tinygrad_lite.rules.windows import Pair, pair, single

Sizes = tuple[int, ...]

# NumPy's names for PyTorch's.
_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class _Convolution(Module):
    """What the four layers share: settings, parameters and `repr`."""

    axes: int
    transposed = False
    weight: Any
    bias: Any

    def _set(
        self, channels: Pair, sizes: dict[str, Any], groups: int, bias: bool,
        initialiser: Initialiser | None, generator: Seed, dtype: DTypeLike,
    ) -> None:  # fmt: skip
        self.in_channels, self.out_channels = channels
        if groups < 1 or self.in_channels % groups or self.out_channels % groups:
            raise ValueError(
                f"{type(self).__name__}: groups={groups} must divide in_channels={channels[0]} and "
                f"out_channels={channels[1]}"
            )
        self.kernel_size: Sizes = self._sizes(sizes.pop("kernel_size"), "kernel_size")
        self.groups = groups
        self.stride: Sizes
        self.dilation: Sizes
        for name, setting in sizes.items():
            setattr(self, name, self._sizes(setting, name))
        outer, inner = channels[::-1] if not self.transposed else channels
        shape = (outer, inner // groups, *self.kernel_size)
        self.weight, self.bias = weight_and_bias(
            shape, self.out_channels if bias else 0, initialiser, generator, dtype
        )

    def _sizes(self, setting: Any, name: str) -> Sizes:
        least = 0 if "padding" in name else 1
        read = pair if self.axes == 2 else single
        size: Any = read(setting, name, type(self).__name__, least)
        return size if self.axes == 2 else (size,)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        zeros, ones = (0,) * self.axes, (1,) * self.axes
        usual = {
            "padding": zeros, "output_padding": zeros, "dilation": ones, "groups": 1,
            "padding_mode": "zeros",
        }  # fmt: skip
        for name, value in usual.items():
            if getattr(self, name, value) != value:
                text += f", {name}={getattr(self, name)!r}"
        return text if self.bias is not None else f"{text}, bias=False"


class _Plain(_Convolution):
    """A convolution whose padding may be told in words."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sizes,
        stride: int | Sizes = 1,
        padding: int | Sizes | str = 0,
        dilation: int | Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        initialiser: Initialiser | None = None,
        generator: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if padding_mode not in _MODES:
            raise ValueError(
                f"{type(self).__name__}: padding_mode is one of {', '.join(_MODES)}, not "
                f"{padding_mode!r}"
            )
        self.padding_mode = padding_mode
        sizes = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation}
        self._set((in_channels, out_channels), sizes, groups, bias, initialiser, generator, dtype)
        self.padding: Sizes | str
        if isinstance(padding, str):
            if padding not in ("same", "valid") or (padding == "same" and max(self.stride) > 1):
                raise ValueError(
                    f"{type(self).__name__}: padding is a size, 'valid', or 'same' with a stride "
                    f"of 1, not {padding!r} with a stride of {self.stride}"
                )
            self.padding = padding
        else:
            self.padding = self._sizes(padding, "padding")

    def forward(self, x: Any) -> Any:
        padding = self.padding
        if isinstance(padding, str):
            extents = zip(self.kernel_size, self.dilation, strict=True)
            around = [d * (k - 1) * (padding == "same") for k, d in extents]
            padding = tuple(total // 2 for total in around)
            ends = [total - total // 2 for total in around]  # one more at the end, as in PyTorch
        else:
            ends = list(padding)
        if self.padding_mode != "zeros":
            borders = zip(padding, ends, strict=True)
            mode: Any = _MODES[self.padding_mode]
            x = np.pad(x, [(0, 0), (0, 0), *borders], mode)
            padding = (0,) * self.axes
        elif tuple(ends) != padding:
            more = [(0, end - start) for start, end in zip(padding, ends, strict=True)]
            x = np.pad(x, [(0, 0), (0, 0), *more])
        convolve = conv2d if self.axes == 2 else conv1d
        return convolve(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Plain):
    """Convolution of images (N, C, H, W) with learned kernels, see `tinygrad_lite.conv2d`.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: an integer or (vertical, horizontal), as the next three.
        stride, dilation, groups: as of `tinygrad_lite.conv2d`.
        padding: likewise, or "same" for an output of the size of the input, or "valid" for none.
        bias: whether there is one.
        padding_mode: what the border holds: "zeros", or as `np.pad` "reflect", "edge" as
            "replicate", and "wrap" as "circular".
        initialiser, generator, dtype: as of `Linear`.

    Attributes:
        weight: shape ``(out_channels, in_channels / groups, *kernel_size)``.
        bias: shape (out_channels,), or None.

    >>> layer = Conv2d(1, 8, 5, padding=2)
    >>> layer(np.ones((4, 1, 28, 28), np.float32)).shape
    (4, 8, 28, 28)
    """

    axes = 2


class Conv1d(_Plain):
    """`Conv2d` of sequences (N, C, L).

    >>> Conv1d(3, 8, 5, stride=2)(np.ones((4, 3, 25), np.float32)).shape
    (4, 8, 11)
    """

    axes = 1


class _Transposed(_Convolution):
    """A transposed convolution."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sizes,
        stride: int | Sizes = 1,
        padding: int | Sizes = 0,
        output_padding: int | Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sizes = 1,
        *,
        initialiser: Initialiser | None = None,
        generator: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        sizes = {
            "kernel_size": kernel_size, "stride": stride, "padding": padding,
            "output_padding": output_padding, "dilation": dilation,
        }  # fmt: skip
        self._set((in_channels, out_channels), sizes, groups, bias, initialiser, generator, dtype)
        self.padding: Sizes
        self.output_padding: Sizes

    def forward(self, x: Any) -> Any:
        convolve = conv_transpose2d if self.axes == 2 else conv_transpose1d
        return convolve(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding,
            self.groups, self.dilation,
        )  # fmt: skip


class ConvTranspose2d(_Transposed):
    """The transpose of `Conv2d`, which enlarges images; see `tinygrad_lite.conv_transpose2d`.

    Args:
        in_channels, out_channels, kernel_size, stride, bias: as of `Conv2d`.
        padding, output_padding, groups, dilation: as of `tinygrad_lite.conv_transpose2d`.
        initialiser, generator, dtype: as of `Linear`.

    Attributes:
        weight: shape ``(in_channels, out_channels / groups, *kernel_size)``.
        bias: shape (out_channels,), or None.

    >>> ConvTranspose2d(8, 1, 2, stride=2)(np.ones((4, 8, 7, 7), np.float32)).shape
    (4, 1, 14, 14)
    """

    axes = 2


class ConvTranspose1d(_Transposed):
    """`ConvTranspose2d` of sequences (N, C, L).

    >>> ConvTranspose1d(8, 1, 2, stride=2)(np.ones((4, 8, 7), np.float32)).shape
    (4, 1, 14)
    """

    axes = 1
