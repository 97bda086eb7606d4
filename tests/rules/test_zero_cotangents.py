"""A cotangent that is exactly zero stays zero, at poles and outside the domain, to any order."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tinygrad_lite import Value, grad

X = np.array([-4.0, 0.0, 4.0])

MASKED = {  # where x > 0: the function; elsewhere something harmless
    "sqrt": lambda x: np.where(x > 0, np.sqrt(x), 0),
    "log": lambda x: np.where(x > 0, np.log(x), 0),
    "log1p": lambda x: np.where(x > 0, np.log1p(x - 1), 0),
    "log2": lambda x: np.where(x > 0, np.log2(x), 0),
    "divide": lambda x: np.where(x > 0, 1 / x, 0),
    "divide by root": lambda x: np.where(x > 0, 1 / np.sqrt(x), 0),
    "reciprocal": lambda x: np.where(x > 0, np.reciprocal(x), 0),
    "power 0.5": lambda x: np.where(x > 0, x**0.5, 0),
    "power 1.5": lambda x: np.where(x > 0, x**1.5, 0),
    "power -1": lambda x: np.where(x > 0, x**-1, 0),
    "x to the x": lambda x: np.where(x > 0, x**x, 0),
    "cbrt": lambda x: np.where(x > 0, np.cbrt(x), 0),
    "arcsin": lambda x: np.where(x > 0, np.arcsin(x / 4 - 0.1), 0),
    "arccos": lambda x: np.where(x > 0, np.arccos(x / 4 - 0.1), 0),
    "arccosh": lambda x: np.where(x > 0, np.arccosh(x), 0),
    "arctanh": lambda x: np.where(x > 0, np.arctanh(x / 4 - 0.1), 0),
    "exp overflow": lambda x: np.where(x > 0, np.exp(-1000 * x), 0),
    "sinh overflow": lambda x: np.where(x > 0, np.sinh(-1000 * x + 3999), 0),
    "hypot": lambda x: np.where(x > 0, np.hypot(x, x), 0),
    "norm": lambda x: np.where(x > 0, np.linalg.norm(x[:, None], axis=1), 0),
    "std": lambda x: np.where(x > 0, np.std(np.stack([x, 2 * x]), axis=0), 0),
}


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_masked_out_has_gradient_zero(name, dtype):
    function = MASKED[name]
    with np.errstate(all="ignore"):
        first = grad(lambda x: function(x).sum())(X.astype(dtype))
        alone = grad(lambda x: function(x).sum())(X[2:].astype(dtype))
    assert_array_equal(first, [0, 0, alone[0]])
    assert np.isfinite(alone).all()


@pytest.mark.parametrize("name", MASKED)
def test_second_derivatives_of_what_is_masked_out_are_zero(name):
    function = MASKED[name]
    with np.errstate(all="ignore"):
        slope = lambda x: grad(lambda x: function(x).sum())(x).sum()  # noqa: E731
        second, alone = grad(slope)(X), grad(slope)(X[2:])
    assert_array_equal(second, [0, 0, alone[0]])
    assert np.isfinite(alone).all()


def test_pull_back_gives_no_warning_of_its_own():
    for name, function in MASKED.items():
        x = Value(X)
        with np.errstate(all="ignore"):
            out = function(x).sum()
        out.backward()  # warnings are errors here
        assert np.isfinite(x.grad).all(), name


def test_scalars_too():
    for function in (np.sqrt, np.log, np.reciprocal, np.cbrt, lambda x: x**0.5, lambda x: 1 / x):
        x = Value(0.0)
        with np.errstate(all="ignore"):
            out = np.where(x > 0, function(x), 0.0) + x
        out.backward()
        assert x.grad == 1.0
