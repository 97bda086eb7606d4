"""Indexing beyond the table of cases: any index NumPy takes, repeated entries, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from tinygrad_lite import Value, add_at, grad, set_at, vjp

shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


@st.composite
def indexed(draw):
    """An array of distinct numbers and an index into it."""
    shape = draw(shapes)
    index = draw(
        st.one_of(
            hnp.basic_indices(shape, allow_newaxis=True),
            hnp.integer_array_indices(shape),
            hnp.arrays(bool, shape),
        )
    )
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape), index


@given(indexed())
def test_cotangents_go_where_entries_came_from(case):
    x, index = case
    out, pull = vjp(lambda x: x[index], x)
    assert_array_equal(out, x[index])
    g = np.random.default_rng(0).standard_normal(np.shape(x[index]))
    expected = np.zeros(x.shape)
    np.add.at(expected, index, g)
    (found,) = pull(g)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@given(indexed(), st.sampled_from([np.float32, np.float64]))
def test_set_at_and_add_at_are_the_assignments_of_numpy(case, dtype):
    x, index = case
    x = x.astype(dtype)
    entries = -np.arange(1.0, 1 + np.size(x[index])).reshape(np.shape(x[index]))
    assigned, added = x.copy(), x.copy()
    assigned[index] = entries
    np.add.at(added, index, entries)
    for function, expected in ((set_at, assigned), (add_at, added)):
        for wrapped in (x, Value(x)):
            found = function(wrapped, index, entries)
            assert_array_equal(found.data if type(found) is Value else found, expected)
            assert found.dtype == dtype
    # an entry has a gradient exactly if it arrived
    (pulled,) = vjp(lambda e: set_at(x, index, e), entries)[1](np.ones_like(x))
    assert_array_equal(pulled != 0, np.isin(entries, assigned))


def test_the_last_of_several_assignments_has_the_gradient():
    x, entries = np.zeros(3), np.array([1.0, 2.0, 3.0])

    def total(x, e):
        return np.sum(set_at(x, [1, 1, 0], e) ** 2)

    assert_array_equal(grad(total)(x + 1, entries), [0, 0, 2])
    assert_array_equal(grad(total, 1)(x + 1, entries), [0, 4, 6])


def test_all_of_several_additions_have_the_gradient():
    def total(e):
        return np.sum(add_at(np.zeros(3), [1, 1, 0], e) ** 2)

    assert_array_equal(grad(total)(np.array([1.0, 2.0, 3.0])), [6, 6, 6])


def test_set_at_leaves_its_argument_alone():
    x = np.zeros(3)
    assert_array_equal(set_at(x, 0, 1.0), [1, 0, 0])
    assert_array_equal(add_at(x, 0, 1.0), [1, 0, 0])
    assert_array_equal(x, 0)


def test_integers_become_floats_when_entries_are():
    value = set_at(np.arange(3), 1, Value(0.5))
    assert_array_equal(value.data, [0, 0.5, 2])


def test_numbers_as_arrays_of_no_axes():
    assert set_at(Value(2.0), (), Value(3.0)).item() == 3.0
    assert add_at(Value(2.0), (), Value(3.0)).item() == 5.0


X = Value(np.arange(12.0).reshape(3, 4))
REFUSED = [
    (lambda: X[Value(1.0)], TypeError, "an index cannot be a Value"),
    (lambda: X[0, Value(1.0)], TypeError, "an index cannot be a Value"),
    (lambda: set_at(X, Value(1.0), 0.0), TypeError, "an index cannot be a Value"),
    (lambda: np.insert(X, Value(1.0), 0.0), TypeError, "an index cannot be a Value"),
    (lambda: np.delete(X, Value(1.0)), TypeError, "an index cannot be a Value"),
    (lambda: np.take(X, Value([1.0])), TypeError, "take"),
    (lambda: X[3], IndexError, "out of bounds"),
    (lambda: X[1.5], IndexError, "only integers"),
    (lambda: np.put(X, 0, 1.0), TypeError, "set_at"),
    (lambda: np.put_along_axis(X, np.zeros((1, 4), int), 1.0, 0), TypeError, "set_at"),
    (lambda: np.place(X, X > 1, 1.0), TypeError, "set_at"),
    (lambda: np.putmask(X, X > 1, 1.0), TypeError, "set_at"),
    (lambda: np.fill_diagonal(X, 1.0), TypeError, "set_at"),
    (lambda: np.copyto(np.zeros((3, 4)), X), TypeError, "overwrite"),
    (lambda: np.pad(X, 1, mode="mean"), TypeError, "mode='mean'"),
    (lambda: np.pad(X, 1, mode="reflect", reflect_type="odd"), TypeError, "odd"),
    (lambda: np.pad(X, 1, constant_values=Value(1.0)), TypeError, "constant_values"),
    (lambda: np.ravel(X, "K"), TypeError, "memory layout"),
    (lambda: np.reshape(X, 12, order="A"), TypeError, "memory layout"),
    (lambda: np.block([X, [X]]), ValueError, "equally deep"),
    (lambda: np.vsplit(X[0], 2), ValueError, "axis"),
    (lambda: np.split(X, 2), ValueError, "equal division"),
    (lambda: np.concatenate([X, X], out=np.zeros((6, 4))), TypeError, "out="),
    (lambda: np.concatenate([X, X], dtype=np.float32), TypeError, "dtype"),
    (lambda: np.sort(X, order="a"), TypeError, "order"),
]


@pytest.mark.parametrize("call, kind, words", REFUSED)
def test_refused_with_the_reason(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
