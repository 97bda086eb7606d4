"""Convolution and pooling beyond their cases: memory layout, and what they refuse, and how."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value

X, W = np.ones((2, 4, 6, 5)), np.ones((6, 4, 3, 3))


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: tg.conv2d(X[0], W), ["(N, C, H, W), not (4, 6, 5)", "x[None]"]),
        (lambda: tg.conv2d(X, W[0]), ["(O, C / groups, kH, kW), not (4, 3, 3)"]),
        (lambda: tg.conv2d(X, W[:, :3]), ["(2, 4, 6, 5)", "has 4 channels", "must be 4"]),
        (lambda: tg.conv2d(X, W, groups=3), ["groups=3", "must divide"]),
        (lambda: tg.conv2d(X, W, np.ones(5)), ["bias must have the shape (6,), not (5,)"]),
        (lambda: tg.conv2d(X, W, dilation=3), ["nothing would be left", "size 6", "(3, 3)"]),
        (lambda: tg.conv2d(Value(X, name="photos"), W[:, :3]), ["Value 'photos' of shape"]),
        (lambda: tg.conv2d(X, W, stride=0), ["stride must be at least 1, not 0"]),
        (lambda: tg.conv2d(X, W, padding=-1), ["padding must be at least 0, not -1"]),
        (lambda: tg.conv1d(X, W), ["conv1d", "(N, C, L), not (2, 4, 6, 5)"]),
        (lambda: tg.conv_transpose2d(X, W), ["has 4 channels", "first size", "(C, O / groups"]),
        (lambda: tg.conv_transpose2d(X, W[:4], output_padding=1), ["less than stride=(1, 1)"]),
        (lambda: tg.conv_transpose2d(X, W[:4], padding=9), ["nothing would be left"]),
        (lambda: tg.max_pool2d(X, 7), ["no window of kernel_size=(7, 7) fits"]),
        (lambda: tg.max_pool2d(X, 2, padding=2), ["more than half of kernel_size=(2, 2)"]),
        (lambda: tg.avg_pool2d(X[0], 2), ["avg_pool2d", "(N, C, H, W)"]),
        (lambda: tg.max_pool1d(X, 2), ["max_pool1d", "(N, C, L)"]),
    ],
)
def test_shapes_that_do_not_fit_are_told_with_the_shapes(call, says):
    with pytest.raises(ValueError) as caught:
        call()
    assert all(part in str(caught.value) for part in says), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("setting", [1.5, "same", (1, 2, 3), None])
def test_a_setting_that_is_no_size_is_refused(setting):
    with pytest.raises(TypeError, match="dilation must be an integer or a pair"):
        tg.conv2d(X, W, dilation=setting)


def test_sequences_take_one_integer():
    with pytest.raises(TypeError, match=r"kernel_size must be one integer, not \(2, 2\)"):
        tg.max_pool1d(X[0], (2, 2))
    assert tg.max_pool1d(X[0], (2,)).shape == (4, 6, 2)


def lies_batch_last(x):
    return x.data.transpose(1, 2, 3, 0).flags.c_contiguous


def test_a_convolutional_network_computes_batch_last_throughout():
    x = Value(np.random.default_rng(0).random((7, 1, 12, 12), dtype=np.float32))
    convolved = tg.conv2d(x, np.ones((3, 1, 5, 5), np.float32), np.zeros(3, np.float32))
    pooled = tg.max_pool2d(convolved.relu(), 2)
    assert convolved.shape == (7, 3, 8, 8) and lies_batch_last(convolved)
    assert pooled.shape == (7, 3, 4, 4) and lies_batch_last(pooled)
    flat = pooled.reshape(7, -1)
    assert np.shares_memory(flat.data, pooled.data)  # no copy on the way to a linear layer


def test_many_blocks_give_what_one_block_gives(monkeypatch):
    rng = np.random.default_rng(0)
    x, w, b = rng.random((5, 4, 9, 8)), rng.random((6, 2, 3, 2)), rng.random(6)
    g = rng.random((5, 6, 5, 8))
    settings = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 4), "groups": 2}

    def derivatives():
        values = [Value(x), Value(w), Value(b)]
        out = tg.conv2d(*values, **settings)
        out.backward(g)
        return [out.data, *(v.grad for v in values)]

    expected = derivatives()
    for module in ("columns", "spreading"):
        monkeypatch.setattr(f"tinygrad_lite.rules.{module}.TILE", 1)
        monkeypatch.setattr(f"tinygrad_lite.rules.{module}.RUN", 2)
    for found, wanted in zip(derivatives(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_an_empty_batch_passes():
    x, w = Value(np.ones((0, 4, 6, 5))), Value(W)
    out = tg.max_pool2d(tg.conv2d(x, w), 2)
    assert out.shape == (0, 6, 2, 1)
    out.sum().backward()
    assert x.grad.shape == x.shape and not w.grad.any()


def test_nan_in_a_window_is_not_lost():
    x = Value(np.array([[[[1.0, np.nan], [3.0, 2.0]]]]))
    out = tg.max_pool2d(x, 2)
    assert np.isnan(out.data).all()
    out.backward(np.ones((1, 1, 1, 1)))
    assert not x.grad.any()
