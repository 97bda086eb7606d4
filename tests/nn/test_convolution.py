"""Convolution and pooling layers against loops over every window."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_lite import Value, adaptive_avg_pool2d, adaptive_max_pool2d, check_grads, nn

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((2, 4, 7, 8))


def correlated(x, weight, stride):
    windows = sliding_window_view(x, weight.shape[2:], axis=tuple(range(2, x.ndim)))
    spatial = "yx"[: x.ndim - 2]
    kernel = "vu"[: x.ndim - 2]
    out = np.einsum(f"nc{spatial}{kernel},oc{kernel}->no{spatial}", windows, weight)
    return out[(..., *(slice(None, None, stride),) * (x.ndim - 2))]


def test_conv1d_and_conv2d():
    layer = nn.Conv2d(4, 3, (2, 3), stride=2, dtype=np.float64)
    expected = correlated(IMAGES, layer.weight.data, 2) + layer.bias.data[:, None, None]
    np.testing.assert_allclose(layer(Value(IMAGES)).data, expected, atol=1e-12)
    flat = nn.Conv1d(4, 3, 3, bias=False, dtype=np.float64)
    x = IMAGES[:, :, 0]
    np.testing.assert_allclose(flat(x).data, correlated(x, flat.weight.data, 1), atol=1e-12)


@pytest.mark.parametrize("kernel, dilation", [(3, 1), (2, 1), ((4, 3), 1), (2, 3), (4, 2)])
def test_same_keeps_the_size(kernel, dilation):
    layer = nn.Conv2d(4, 2, kernel, padding="same", dilation=dilation)
    assert layer(IMAGES.astype(np.float32)).shape == (2, 2, 7, 8)
    valid = nn.Conv2d(4, 2, kernel, padding="valid", dilation=dilation)
    plain = nn.Conv2d(4, 2, kernel, dilation=dilation)
    plain.load_state_dict(valid.state_dict())
    assert np.array_equal(valid(IMAGES).data, plain(IMAGES).data)
    assert "padding='same'" in repr(layer)


@pytest.mark.parametrize("axes", [1, 2])
def test_the_transpose_is_the_transpose(axes):
    """<conv(x), y> = <x, transpose(y)> for the same weight."""
    name = f"{axes}d"
    x = IMAGES if axes == 2 else IMAGES[:, :, 0, :7]
    settings = {"stride": 2, "padding": 1, "groups": 2, "bias": False, "dtype": np.float64}
    forth = getattr(nn, f"Conv{name}")(4, 6, 3, **settings)
    back = getattr(nn, f"ConvTranspose{name}")(6, 4, 3, **settings)
    back.output_padding = (0,) if axes == 1 else (0, 1)
    assert back.weight.shape == forth.weight.shape
    back.load_state_dict(forth.state_dict())
    out = forth(Value(x)).data
    y = RNG.standard_normal(out.shape)
    assert np.vdot(out, y) == pytest.approx(np.vdot(x, back(Value(y)).data), rel=1e-12)


def test_pools_look_at_every_window():
    windows = sliding_window_view(IMAGES, (3, 2), axis=(2, 3))[:, :, ::2, ::2]
    np.testing.assert_allclose(
        nn.AvgPool2d((3, 2), 2)(IMAGES), windows.mean(axis=(4, 5)), atol=1e-12
    )
    assert np.array_equal(nn.MaxPool2d((3, 2), 2)(IMAGES), windows.max(axis=(4, 5)))
    rows = IMAGES[:, :, 0]
    windows = sliding_window_view(rows, 3, axis=2)[:, :, ::3]
    np.testing.assert_allclose(nn.AvgPool1d(3)(rows), windows.mean(axis=3), atol=1e-12)
    assert np.array_equal(nn.MaxPool1d(3)(rows), windows.max(axis=3))


@pytest.mark.parametrize("size", [1, 7, (3, 5), (7, 4), (None, 2), (9, 11)])
def test_adaptive_pools_look_at_every_window(size):
    given = size if isinstance(size, tuple) else (size, size)
    rows, columns = (n if m is None else m for n, m in zip((7, 8), given, strict=True))
    for layer, function, reduce in (
        (nn.AdaptiveAvgPool2d(size), adaptive_avg_pool2d, np.mean),
        (nn.AdaptiveMaxPool2d(size), adaptive_max_pool2d, np.max),
    ):
        out = layer(IMAGES)
        assert out.shape == (2, 4, rows, columns)
        for i, j in np.ndindex(rows, columns):
            top, bottom = int(np.floor(i * 7 / rows)), int(np.ceil((i + 1) * 7 / rows))
            left, right = int(np.floor(j * 8 / columns)), int(np.ceil((j + 1) * 8 / columns))
            expected = reduce(IMAGES[:, :, top:bottom, left:right], axis=(2, 3))
            np.testing.assert_allclose(out[:, :, i, j], expected, atol=1e-12)
        check_grads(lambda x, function=function: function(x, size), IMAGES[:1, :1])
        assert layer(Value(IMAGES.astype(np.float32))).dtype == np.float32


def test_a_flat_pool_passes_back_everything():
    x = Value(IMAGES)
    nn.AdaptiveMaxPool2d((3, 5))(x).sum().backward()
    assert x.grad.sum() == pytest.approx(2 * 4 * 15)


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda: nn.Conv2d(1, 1, 3, padding="full"), ValueError, "'valid', or 'same'"),
        (lambda: nn.Conv1d(1, 1, 3, 2, padding="same"), ValueError, "stride of 1"),
        (lambda: nn.Conv2d(1, 1, 3, padding_mode="edge"), ValueError, "zeros, reflect, replicate"),
        (lambda: nn.AdaptiveMaxPool1d(2)(IMAGES), ValueError, r"\(N, C, L\)"),
        (lambda: nn.Conv1d(1, 1, (3, 3)), TypeError, "Conv1d: kernel_size must be one integer"),
        (lambda: nn.ConvTranspose2d(3, 4, 2, groups=3), ValueError, "groups=3 must divide"),
        (lambda: nn.MaxPool2d(2, ceil_mode=True)(IMAGES[0]), ValueError, r"\(N, C, H, W\)"),
        (lambda: nn.MaxPool1d(2, 2, 2, ceil_mode=True)(IMAGES[0]), ValueError, "more than half"),
        (
            lambda: nn.MaxPool2d(9, dilation=9)(IMAGES),
            ValueError,
            r"\(9, 9\) and dilation=\(9, 9\) fits",
        ),
        (lambda: nn.MaxPool2d(2, return_indices=True), ValueError, "return_indices"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), ValueError, "divisor_override"),
        (lambda: nn.AdaptiveAvgPool2d(2)(IMAGES[0]), ValueError, r"\(N, C, H, W\)"),
        (lambda: nn.AdaptiveAvgPool2d((1, 2, 3))(IMAGES), TypeError, "output_size"),
    ],
)
def test_what_does_not_fit_is_told(call, error, says):
    with pytest.raises(error, match=says):
        call()
