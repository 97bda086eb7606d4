"""Convolutions and their transposes, against sums written out in loops."""

import numpy as np

from rules.case import Case, smooth
from tinygrad_lite.rules.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from tinygrad_lite.rules.correlation import correlate, gather_kernel, spread


def connections(x, weight, stride, padding, dilation, groups):
    """Every (image, output channel, row, column; input channel, row, column; kernel entry) that
    a convolution of `x` connects, inside the image."""
    n, _, height, width = x
    outputs, inputs, kernel_height, kernel_width = weight
    rows = (height + 2 * padding[0] - dilation[0] * (kernel_height - 1) - 1) // stride[0] + 1
    columns = (width + 2 * padding[1] - dilation[1] * (kernel_width - 1) - 1) // stride[1] + 1
    for image, o, r, c, i, a, b in np.ndindex(
        n, outputs, rows, columns, inputs, kernel_height, kernel_width
    ):
        row = r * stride[0] - padding[0] + a * dilation[0]
        column = c * stride[1] - padding[1] + b * dilation[1]
        if 0 <= row < height and 0 <= column < width:
            channel = o // (outputs // groups) * inputs + i
            yield (image, o, r, c), (image, channel, row, column), (o, i, a, b)
    yield (n, outputs, rows, columns), None, None  # the shape of the result


def pair(setting):
    return setting if isinstance(setting, tuple) else (setting, setting)


def in_loops(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    settings = pair(stride), pair(padding), pair(dilation), groups
    *joined, (shape, _, _) = connections(x.shape, weight.shape, *settings)
    out = np.zeros(shape, np.result_type(x, weight))
    for here, there, entry in joined:
        out[here] += x[there] * weight[entry]
    return out if bias is None else out + bias[:, None, None]


def transposed_in_loops(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    stride, padding, dilation = pair(stride), pair(padding), pair(dilation)
    size = [
        (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        for n, k, s, p, d, m in zip(
            x.shape[2:], weight.shape[2:], stride, padding, dilation, pair(output_padding),
            strict=True,
        )
    ]  # fmt: skip
    out = np.zeros((len(x), weight.shape[1] * groups, *size), np.result_type(x, weight))
    *joined, _ = connections(out.shape, weight.shape, stride, padding, dilation, groups)
    for here, there, entry in joined:
        out[there] += x[here] * weight[entry]
    return out if bias is None else out + bias[:, None, None]


def kernel_in_loops(y, x, *, kernel, stride, padding, dilation, groups):
    out = np.zeros((y.shape[1], x.shape[1] // groups, *kernel), np.result_type(x, y))
    *joined, _ = connections(x.shape, out.shape, stride, padding, dilation, groups)
    for here, there, entry in joined:
        out[entry] += y[here] * x[there]
    return out


def in_one_dimension(reference, settings_of_axis):
    def flat(x, weight, bias=None, **settings):
        spread_out = {
            k: (settings_of_axis[k], v) if k in settings_of_axis else v for k, v in settings.items()
        }
        return reference(x[:, :, None], weight[:, :, None], bias, **spread_out)[:, :, 0]

    return flat


FIRST = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}
FULL = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}
X, W = smooth(2, 2, 4, 5), smooth(4, 1, 2, 3)

CASES = [
    Case(conv2d, [smooth(2, 1, 4, 3), smooth(2, 1, 3, 2)], reference=in_loops),
    Case(conv2d, [X, W, smooth(4)], FULL, reference=in_loops),
    Case(
        conv2d,
        [smooth(1, 2, 5, 4), smooth(3, 2, 3, 3), smooth(3)],
        {"stride": 2, "padding": 2},
        reference=in_loops,
    ),
    Case(
        conv1d,
        [smooth(2, 2, 7), smooth(4, 1, 3), smooth(4)],
        {"stride": 2, "padding": 1, "dilation": 2, "groups": 2},
        reference=in_one_dimension(in_loops, FIRST),
    ),
    Case(conv_transpose2d, [smooth(2, 1, 2, 3), smooth(1, 2, 3, 2)], reference=transposed_in_loops),
    Case(
        conv_transpose2d,
        [smooth(2, 4, 2, 3), W, smooth(2)],
        {"stride": 2, "padding": (1, 0), "output_padding": (1, 0), "groups": 2, "dilation": (2, 1)},
        reference=transposed_in_loops,
    ),
    Case(
        conv_transpose1d,
        [smooth(2, 4, 3), smooth(4, 1, 3), smooth(2)],
        {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2, "dilation": 2},
        reference=in_one_dimension(transposed_in_loops, FIRST),
    ),
    Case(correlate, [X, W, smooth(4)], FULL, reference=in_loops),
    Case(
        spread,
        [smooth(2, 4, 3, 1), W],
        {"size": (4, 5), **FULL},
        reference=lambda y, w, size, **settings: transposed_in_loops(y, w, **settings),
    ),
    Case(
        gather_kernel,
        [smooth(2, 4, 3, 1), X],
        {"kernel": (2, 3), **FULL},
        reference=kernel_in_loops,
    ),
]
