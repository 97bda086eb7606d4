"""Functions without a useful derivative return plain arrays for Values, as NumPy's."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_equal

from tinygrad_lite import Value
from tinygrad_lite.engine.rulebook import CONSTANT
from tinygrad_lite.engine.trees import flatten

X = np.array([[1.5, -2.5, 0.0], [2.5, 0.5, 3.5]])
V = X[0]

CALLS = {  # where one array is not the whole call
    np.searchsorted: (np.sort(V), V),
    np.digitize: (V, np.sort(V)),
    np.isin: (X, V),
    np.floor_divide: (X, V + 5),
    np.argpartition: (V, 1),
    np.nanargmax: (V,),
    np.result_type: (X, np.float32),
    np.can_cast: None,  # refuses arrays
    np.min_scalar_type: (1.5,),
    np.triu_indices_from: (X,),
    np.tril_indices_from: (X,),
    np.diag_indices_from: (X[:, :2],),
    np.shares_memory: (X, X),
    np.may_share_memory: (X, X),
}
FILES = {np.save, np.savez, np.savetxt}


BY_NAME = {function.__name__: function for function in CONSTANT}


@pytest.mark.parametrize("function", BY_NAME.values(), ids=BY_NAME)
def test_constant_function_returns_what_numpy_does(function, tmp_path):
    if function in FILES:
        function(tmp_path / "file", Value(X))
        written = next(tmp_path.iterdir())
        loaded = np.loadtxt(written) if function is np.savetxt else np.load(written)
        assert_equal(loaded["arr_0"] if function is np.savez else loaded, X)
        return
    args = CALLS.get(function, (X,) * (getattr(function, "nin", 0) or arrays_of(function)))
    if args is None:
        return
    lifted = [Value(a) if isinstance(a, (np.ndarray, float)) else a for a in args]
    found = function(*lifted)
    assert not any(type(leaf) is Value for leaf in flatten(found)[0])
    if function is not np.empty_like:
        assert_equal(found, function(*args))


def arrays_of(function):
    """How many parameters have no default."""
    parameters = inspect.signature(function).parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    return max(len(needed), 1)


def test_python_rounding_is_plain():
    x = Value(-2.7)
    assert (round(x), int(x), divmod(x, 2)[0], x // 2) == (-3, -2, -2.0, -2.0)
    assert type(round(x)) is int
    assert round(x, 1) == -2.7
    assert_equal(Value(X) // 2, X // 2)
    assert_equal(3 // Value(V[:2]), 3 // V[:2])


def test_comparisons_are_plain():
    assert_equal(Value(X) > 1, X > 1)
    assert_equal(np.less(Value(X), V), V > X)
