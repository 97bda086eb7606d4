"""Value has NumPy's methods, with NumPy's parameters, and micrograd's."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tinygrad_lite import Value

X = np.array([[1.5, -2.5, 0.25], [2.5, 0.5, 3.5]])

SAME_AS_NUMPY = {
    "sum": lambda x: x.sum(axis=1, keepdims=True),
    "sum by position": lambda x: x.sum(0, None, None, keepdims=True),
    "sum where": lambda x: x.sum(0, where=X > 0),
    "mean": lambda x: x.mean(axis=(0, 1)),
    "prod": lambda x: x.prod(0),
    "max": lambda x: x.max(axis=1),
    "min": lambda x: x.min(initial=0.0),
    "std": lambda x: x.std(ddof=1),
    "var": lambda x: x.var(axis=0, keepdims=True),
    "cumsum": lambda x: x.cumsum(axis=1),
    "cumprod": lambda x: x.cumprod(1),
    "clip": lambda x: x.clip(-1, 1),
    "clip from below": lambda x: x.clip(min=0.5),
    "dot": lambda x: x.dot(X.T),
    "trace": lambda x: x.trace(),
    "diagonal": lambda x: x.diagonal(1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "squeeze": lambda x: x[:1].squeeze(axis=0),
    "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(),
    "repeat": lambda x: x.repeat(2, axis=1),
    "take": lambda x: x.take([0, 2], axis=1),
    "compress": lambda x: x.compress([True, False, True], axis=1),
    "conj": lambda x: x.conj(),
    "copy": lambda x: x.copy(),
    "reshape": lambda x: x.reshape(3, 2),
    "reshape to a tuple": lambda x: x.reshape((3, -1)),
    "transpose": lambda x: x.transpose(),
    "transpose axes": lambda x: x.transpose(1, 0),
    "astype": lambda x: x.astype(np.float32),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "real": lambda x: x.real,
    "imag": lambda x: x.imag,
    "abs": abs,
    "mod": lambda x: x % 2,
    "rmod": lambda x: 2 % x,
}
PLAIN = {
    "round": lambda x: x.round(1),
    "argmax": lambda x: x.argmax(axis=1),
    "argmin": lambda x: x.argmin(),
    "argsort": lambda x: x.argsort(axis=0),
    "any": lambda x: x.any(axis=0),
    "all": lambda x: x.all(),
    "nonzero": lambda x: x.nonzero(),
    "searchsorted": lambda x: x[1].searchsorted([1.0]),
    "tolist": lambda x: x.tolist(),
    "tolist of a number": lambda x: x[0, 0].tolist(),
}


@pytest.mark.parametrize("name", SAME_AS_NUMPY)
def test_method_is_that_of_numpy(name):
    call = SAME_AS_NUMPY[name]
    expected = call(X)
    found = call(Value(X))
    assert type(found) is Value
    assert_array_equal(found.data, expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape


@pytest.mark.parametrize("name", PLAIN)
def test_method_without_a_gradient_is_plain(name):
    assert_array_equal(PLAIN[name](Value(X)), PLAIN[name](X))
    assert type(PLAIN[name](Value(X))) is not Value


def test_sort_returns_a_sorted_value_and_leaves_the_first_alone():
    x = Value(X)
    x.sort(axis=1)[:, 0].sum().backward()
    assert_array_equal(x.data, X)
    assert_array_equal(x.grad, [[0, 1, 0], [0, 1, 0]])


def test_functions_of_a_scalar_that_micrograd_users_call():
    for name in ("relu", "sigmoid", "tanh", "exp", "log", "sqrt", "sin", "cos", "abs"):
        x = Value(0.5)
        out = getattr(x, name)()
        assert type(out.data) is float
        out.backward()
        step = 1e-6
        after, before = getattr(Value(0.5 + step), name)(), getattr(Value(0.5 - step), name)()
        assert x.grad == pytest.approx((after.data - before.data) / (2 * step), rel=1e-6)


def test_astype_to_integers_is_refused():
    with pytest.raises(TypeError, match=r"cannot become int64.*x\.data\.astype"):
        Value(X).astype(int)


def test_out_is_refused():
    with pytest.raises(TypeError, match="out="):
        Value(X).sum(axis=0, out=np.zeros(3))
