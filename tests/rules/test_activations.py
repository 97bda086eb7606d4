"""Activations at the ends of the number line: right, and without a warning."""

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tl
from tinygrad_lite import Value

FAR = np.array([-np.inf, -1e308, -1000.0, -750.0, -100.0, -88.0, 0.0, 50.0, 100.0, 1e308, np.inf])
HUGE32 = np.array([-np.inf, -3e38, -1000.0, -100.0, -88.0, 0.0, 20.0, 100.0, 3e38, np.inf])

SAFE = {
    tl.sigmoid: (scipy.special.expit, lambda x: scipy.special.expit(x) * scipy.special.expit(-x)),
    tl.softplus: (lambda x: np.logaddexp(x, 0), scipy.special.expit),
    tl.log_sigmoid: (scipy.special.log_expit, lambda x: scipy.special.expit(-x)),
    tl.relu: (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    tl.leaky_relu: (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    tl.elu: (
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.exp(np.minimum(x, 0)),
    ),
}


@pytest.mark.parametrize("function", SAFE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("far", [FAR, HUGE32.astype(np.float32)], ids=["float64", "float32"])
def test_far_from_zero(function, far):
    value, slope = SAFE[function]
    x = Value(far)
    out = function(x)  # a warning would be an error here
    assert out.dtype == far.dtype
    tiny = np.finfo(far.dtype).tiny  # subnormal results may be 0
    tolerance = 8 * np.finfo(far.dtype).eps
    assert_allclose(out.data, value(far.astype(float)).astype(far.dtype), tolerance, 2 * tiny)
    out.backward(np.ones_like(far))
    # The slope of sigmoid is out * (1 - out), which is rounded where out is nearly 1.
    assert_allclose(x.grad, slope(far.astype(float)).astype(far.dtype), tolerance, tolerance)
    assert x.grad.dtype == far.dtype


@pytest.mark.parametrize("function", SAFE, ids=lambda f: f.__name__)
def test_far_from_zero_on_floats(function):
    value, slope = SAFE[function]
    for number in FAR.tolist():
        x = Value(number)
        out = function(x)
        assert_allclose(out.data, value(number), rtol=1e-14, atol=1e-300)
        out.backward()
        assert_allclose(x.grad, slope(np.float64(number)), rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_logsumexp_of_extremes(dtype):
    most = np.finfo(dtype).max / 2
    rows = np.array(
        [[most, -most], [-most, -most], [-np.inf, -np.inf], [np.inf, 0], [-np.inf, 3]], dtype
    )
    x = Value(rows)
    out = tl.logsumexp(x, axis=1)
    assert_array_equal(out.data, np.array([most, -most + np.log(2), -np.inf, np.inf, 3], dtype))
    out.backward(np.ones(5, dtype))
    assert_array_equal(x.grad, [[1, 0], [0.5, 0.5], [0.5, 0.5], [1, 0], [0, 1]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_log_softmax_of_extremes(dtype):
    most = np.finfo(dtype).max / 4
    x = Value(np.array([[most, -most, 0], [-np.inf, 0, 0]], dtype))
    out = tl.log_softmax(x)
    expected = np.array([[0, -2 * most, -most], [-np.inf, -np.log(2), -np.log(2)]], dtype)
    assert_allclose(out.data, expected, rtol=1e-6)
    out[:, 1].sum().backward()
    assert_allclose(x.grad, [[-1, 1, 0], [0, 0.5, -0.5]], atol=1e-7)
    assert_allclose(tl.softmax(x.data), [[1, 0, 0], [0, 0.5, 0.5]])


def test_logsumexp_of_nothing_is_minus_infinity():
    assert tl.logsumexp(np.zeros(0)) == -np.inf
    assert_array_equal(tl.logsumexp(Value(np.zeros((2, 0))), axis=1).data, [-np.inf, -np.inf])


def test_integers_and_lists_are_taken():
    assert_allclose(tl.sigmoid(np.array([-1, 0, 2])), scipy.special.expit([-1.0, 0.0, 2.0]))
    assert_allclose(tl.softmax([1, 2]), scipy.special.softmax([1.0, 2.0]))
    assert_allclose(tl.softplus(3), np.log1p(np.exp(3)))


def test_arguments_are_left_as_they_were():
    x = np.array([[-1.0, 2.0], [-np.inf, 0.0]])
    before = x.copy()
    for function in (tl.sigmoid, tl.relu, tl.softplus, tl.softmax, tl.log_softmax):
        out = function(Value(x))
        seed = np.ones(out.shape)
        out.backward(seed)
        assert_array_equal(x, before)
        assert_array_equal(seed, 1)


def test_composed_activations_agree_with_their_definitions():
    x = np.linspace(-5, 5, 41)
    assert_allclose(tl.silu(x), x * scipy.special.expit(x), rtol=1e-14)
    exact = x * scipy.special.ndtr(x)
    assert np.abs(tl.gelu(x) - exact).max() < 5e-4
    assert_allclose(tl.elu(x, 2.0), np.where(x > 0, x, 2 * (np.exp(x) - 1)), atol=1e-14)


@pytest.mark.parametrize("function", [tl.silu, tl.gelu, tl.elu, tl.leaky_relu, tl.log_sigmoid])
def test_composed_activations_differentiate(function):
    tl.check_grads(function, np.array([-1.5, -0.3, 0.4, 2.0]))


def test_one_hot():
    assert_array_equal(tl.one_hot(np.array([[2, 0]]), 3), [[[0, 0, 1], [1, 0, 0]]])
    assert tl.one_hot([1], 2).dtype == np.float32
    assert tl.one_hot([1], 2, np.float64).dtype == np.float64
    assert tl.one_hot(np.zeros(0, int), 3).shape == (0, 3)
    with pytest.raises(ValueError, match="labels from 0 to 3 for 3 classes"):
        tl.one_hot([0, 3], 3)
    with pytest.raises(TypeError, match="integer labels"):
        tl.one_hot([0.5], 3)
