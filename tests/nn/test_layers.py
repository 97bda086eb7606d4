"""Layers, initialisers and losses, against the same written by hand in NumPy."""

import math

import numpy as np
import pytest

from tinygrad_lite import Value, nn
from tinygrad_lite.nn import init


def generator():
    return np.random.default_rng(0)


def test_linear_and_its_gradients():
    layer = nn.Linear(3, 2, generator=generator())
    x = Value(generator().random((5, 3), dtype=np.float32))
    out = layer(x)
    assert layer.weight.shape == (2, 3) and layer.bias.shape == (2,)
    np.testing.assert_allclose(out.data, x.data @ layer.weight.data.T + layer.bias.data, rtol=1e-6)
    g = generator().random((5, 2), dtype=np.float32)
    out.backward(g)
    np.testing.assert_allclose(layer.weight.grad, g.T @ x.data, rtol=1e-6)
    np.testing.assert_allclose(layer.bias.grad, g.sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(x.grad, g @ layer.weight.data, rtol=1e-6)
    assert {v.grad.dtype for v in (x, layer.weight, layer.bias)} == {np.dtype(np.float32)}


def test_a_multilayer_perceptron_by_hand():
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Sigmoid())
    x = generator().standard_normal((6, 4)).astype(np.float32)
    labels = np.array([0, 1, 1, 0, 1, 0])
    target = nn.one_hot(labels, 2)
    loss = nn.squared_error(net(x), target)
    loss.backward()
    (w1, b1), (w2, b2) = ((layer.weight, layer.bias) for layer in (net[0], net[2]))
    z = x @ w1.data.T + b1.data
    h = np.maximum(z, 0)
    a = 1 / (1 + np.exp(-(h @ w2.data.T + b2.data)))
    assert loss.item() == pytest.approx(((a - target) ** 2).sum(axis=1).mean(), rel=1e-5)
    q = 2 * (a - target) * a * (1 - a) / len(x)
    p = (q @ w2.data) * (z > 0)
    for parameter, expected in ((w2, q.T @ h), (b2, q.sum(0)), (w1, p.T @ x), (b1, p.sum(0))):
        np.testing.assert_allclose(parameter.grad, expected, rtol=1e-4, atol=1e-6)


def test_flatten():
    x = Value(np.arange(24.0).reshape(2, 3, 2, 2))
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0, 1)(x).shape == (6, 2, 2)
    assert np.array_equal(nn.Flatten()(x).data[1], np.arange(12.0, 24.0))


def test_layers_are_reproducible_and_float32_unless_told():
    one, two = (nn.Conv2d(2, 4, 3, groups=2, generator=generator()) for _ in range(2))
    assert np.array_equal(one.weight.data, two.weight.data)
    assert one.weight.shape == (4, 1, 3, 3) and one.weight.dtype == np.float32
    assert nn.Linear(2, 2, dtype=np.float64).bias.dtype == np.float64
    assert not np.array_equal(nn.Linear(2, 2).weight.data, nn.Linear(2, 2).weight.data)


@pytest.mark.parametrize(
    "initialiser, limit",
    [
        (init.uniform, 0.5),
        (init.glorot_uniform, math.sqrt(6 / (40 * 9 + 30 * 9))),
        (init.he_uniform, math.sqrt(6 / (40 * 9))),
        (init.fan_in_uniform, 1 / math.sqrt(40 * 9)),
    ],
)
def test_uniform_initialisers_fill_their_interval(initialiser, limit):
    weights = initialiser((30, 40, 3, 3), generator())
    assert weights.shape == (30, 40, 3, 3)
    assert 0.99 * limit < weights.max() <= limit
    assert -limit <= weights.min() < -0.99 * limit
    assert weights.std() == pytest.approx(limit / math.sqrt(3), rel=0.02)


def test_orthogonal():
    for shape in ((20, 30), (30, 20), (8, 2, 3, 3)):
        w = init.orthogonal(shape, generator(), gain=2.0).reshape(shape[0], -1)
        small = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(small, 4 * np.eye(min(w.shape)), atol=1e-12)
    # every orthogonal matrix alike: the entries of many average to zero, without LAPACK's signs
    rng = generator()
    mean = np.mean([init.orthogonal((3, 3), rng) for _ in range(2000)], axis=0)
    assert abs(mean).max() < 0.06  # 4.6 standard errors


def test_normal_initialisers():
    assert init.normal((200, 300), generator(), std=0.5).std() == pytest.approx(0.5, rel=0.02)
    weights = init.glorot_normal((200, 300), generator())
    assert weights.std() == pytest.approx(math.sqrt(2 / 500), rel=0.02)


def test_sequential_is_a_list_of_modules():
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    x = np.ones((1, 2), np.float32)
    before = net(x)
    assert net.append(nn.Linear(3, 1)) is net
    assert len(net) == 3 and [type(m) for m in net] == [nn.Linear, nn.Tanh, nn.Linear]
    assert net(x).scope == "Linear 2" and net[-1].weight.name == "2.weight"
    assert np.array_equal(net[:2](x).data, before.data)
    assert net[1:][1] is net[2]
    with pytest.raises(TypeError, match="at position 3 is 'x'"):
        net.append("x")


def test_he_normal():
    weights = init.he_normal((200, 300), generator())
    assert weights.std() == pytest.approx(math.sqrt(2 / 300), rel=0.02)


def test_with_an_initialiser_the_bias_starts_at_zero():
    layer = nn.Linear(3, 2, initialiser=init.uniform, generator=generator())
    assert not layer.bias.data.any()
    assert np.array_equal(
        layer.weight.data, generator().uniform(-0.5, 0.5, (2, 3)).astype(np.float32)
    )


def test_cross_entropy():
    z = Value(generator().standard_normal((4, 3)) * 50)
    labels = np.array([2, 0, 1, 1])
    loss = nn.cross_entropy(z, labels)
    shifted = z.data - z.data.max(axis=1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    rows = np.arange(4)
    logs = shifted[rows, labels] - np.log(np.exp(shifted).sum(axis=1))
    assert loss.item() == pytest.approx(-logs.mean(), rel=1e-12)
    loss.backward()
    p[rows, labels] -= 1
    np.testing.assert_allclose(z.grad, p / 4, atol=1e-12)


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda: nn.squared_error(Value(np.ones((2, 3))), np.ones(2)), ValueError, "one_hot"),
        (lambda: nn.squared_error(np.ones((2, 3)), np.ones((2, 1))), ValueError, r"\(2, 1\)"),
        (lambda: nn.cross_entropy(np.ones((2, 3)), np.array([1])), ValueError, r"\(1,\)"),
        (lambda: nn.cross_entropy(np.ones((1, 3)), np.array([3])), ValueError, "between 0 and 2"),
        (lambda: nn.cross_entropy(np.ones((1, 3)), np.array([1.0])), TypeError, "float64"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "groups=2 must divide"),
        (lambda: nn.Conv2d(3, 4, 0), ValueError, "kernel_size must be at least 1"),
        (lambda: nn.Linear(0, 4), ValueError, "no weights"),
        (lambda: init.fans((3,)), ValueError, r"\(3,\)"),
        (lambda: nn.Linear(3, 4)(np.ones((2, 5))), ValueError, r"linear .*\(2, 5\).*\(4, 3\)"),
    ],
)
def test_what_does_not_fit_is_told(call, error, says):
    with pytest.raises(error, match=says):
        call()
