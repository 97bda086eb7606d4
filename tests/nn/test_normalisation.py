"""BatchNorm, LayerNorm and Dropout by their definitions: modes, averages, generators."""

import numpy as np
import pytest

from tinygrad_lite import Value, check_grads, nn

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((4, 3, 2, 5)) * 3 + 1


def test_batchnorm_in_training_normalises_each_channel():
    layer = nn.BatchNorm2d(3, dtype=np.float64)
    layer.weight.data[:] = [1, 2, 3]
    layer.bias.data[:] = [0, 1, 2]
    out = layer(Value(IMAGES)).data
    np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), [0, 1, 2], atol=1e-12)
    np.testing.assert_allclose(out.std(axis=(0, 2, 3)), [1, 2, 3], rtol=1e-4)


def test_batchnorm_averages_and_uses_them():
    layer = nn.BatchNorm2d(3, momentum=0.25, dtype=np.float64)
    mean, variance = np.zeros(3), np.ones(3)
    for step in range(3):
        x = IMAGES * (step + 1)
        layer(Value(x))
        mean = 0.75 * mean + 0.25 * x.mean(axis=(0, 2, 3))
        variance = 0.75 * variance + 0.25 * x.var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, variance, rtol=1e-12)
    assert layer.num_batches_tracked == 3
    before = layer.state_dict()
    out = layer.eval()(Value(IMAGES)).data
    shape = (1, 3, 1, 1)
    expected = (IMAGES - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + 1e-5)
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    assert all(np.array_equal(before[name], array) for name, array in layer.state_dict().items())


def test_batchnorm_of_all_batches_alike():
    layer = nn.BatchNorm1d(2, momentum=None, dtype=np.float64)
    batches = RNG.standard_normal((3, 8, 2))
    for batch in batches:
        layer(Value(batch))
    np.testing.assert_allclose(layer.running_mean, batches.mean(axis=(0, 1)), rtol=1e-12)


def test_batchnorm_without_averages_or_parameters():
    layer = nn.BatchNorm1d(2, affine=False, track_running_stats=False).eval()
    assert not layer.state_dict() and not layer.parameters()
    out = layer(RNG.standard_normal((6, 2, 5)))
    np.testing.assert_allclose(out.mean(axis=(0, 2)), 0, atol=1e-12)


def test_state_has_the_names_of_pytorch_and_keeps_dtypes():
    state = nn.Sequential(nn.BatchNorm2d(3), nn.LayerNorm(2)).state_dict()
    assert list(state) == [
        "0.weight", "0.bias", "0.running_mean", "0.running_var", "0.num_batches_tracked",
        "1.weight", "1.bias",
    ]  # fmt: skip
    assert state["0.num_batches_tracked"].dtype == np.int64
    assert state["0.running_var"].dtype == np.float32


def test_layernorm():
    layer = nn.LayerNorm((2, 5), dtype=np.float64)
    layer.weight.data[:] = RNG.random((2, 5))
    out = layer(Value(IMAGES)).data
    mean, variance = (f(axis=(2, 3), keepdims=True) for f in (IMAGES.mean, IMAGES.var))
    expected = (IMAGES - mean) / np.sqrt(variance + 1e-5) * layer.weight.data
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    assert nn.LayerNorm(4, bias=False).bias is None
    assert not nn.LayerNorm(4, elementwise_affine=False).parameters()


@pytest.mark.parametrize(
    "layer", [nn.BatchNorm2d(3, dtype=np.float64), nn.LayerNorm(5, dtype=np.float64)]
)
def test_normalisations_differentiate(layer):
    check_grads(lambda x: layer(x) ** 2, IMAGES)
    check_grads(lambda x: layer.eval()(x) ** 2, IMAGES)
    layer.train()


def test_float32_stays():
    for layer in (nn.BatchNorm2d(3), nn.LayerNorm(5)):
        x = Value(IMAGES.astype(np.float32))
        out = layer(x)
        out.sum().backward()
        assert out.dtype == x.grad.dtype == layer.weight.grad.dtype == np.float32
        assert layer.eval()(x).dtype == np.float32


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: nn.BatchNorm2d(3)(IMAGES[0]), r"BatchNorm2d\(3\) .*\(N, C, H, W\) with C = 3"),
        (lambda: nn.BatchNorm2d(2)(IMAGES), r"C = 2"),
        (lambda: nn.BatchNorm1d(3)(IMAGES), r"\(N, C\) or \(N, C, L\)"),
        (lambda: nn.BatchNorm1d(3)(np.ones((1, 3))), "no variance"),
        (lambda: nn.LayerNorm((3, 5))(IMAGES), r"must end with \(3, 5\)"),
        (lambda: nn.Dropout(1.5), "between 0 and 1, not 1.5"),
    ],
)
def test_what_does_not_fit_is_told(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_dropout_zeroes_a_share_and_keeps_the_mean():
    x = np.ones((100, 1000), np.float32)
    out = nn.Dropout(0.3, generator=0)(Value(x)).data
    assert out.dtype == np.float32
    assert set(np.unique(out)) == {0, np.float32(1 / 0.7)}
    # 100,000 draws: a standard error of 0.0014
    assert (out == 0).mean() == pytest.approx(0.3, abs=0.007)


def test_dropout_passes_back_what_it_passed_on_and_draws_anew():
    layer = nn.Dropout(generator=0)
    x = Value(np.full((20, 20), 3.0))
    out = layer(x)
    out.sum().backward()
    assert np.array_equal(x.grad, out.data / 3)
    assert not np.array_equal(layer(x).data, out.data)
    again = nn.Dropout(generator=np.random.default_rng(0))
    assert np.array_equal(again(x).data, out.data)


def test_dropout_in_use_changes_nothing():
    x = Value(np.ones(3))
    assert nn.Dropout().eval()(x) is x
    assert nn.Dropout(0)(x) is x
    assert not nn.Dropout(1)(x).data.any()


def test_dropout2d_drops_channels():
    out = nn.Dropout2d(generator=0)(np.ones((8, 16, 3, 4)))
    assert ((out == 0).all(axis=(2, 3)) | (out == 2).all(axis=(2, 3))).all()
    assert 0.3 < (out == 0).mean() < 0.7
