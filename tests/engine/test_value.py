"""What a Value holds, how it reads, and what Python may do with it."""

import copy
import operator
import pickle

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value


def test_scalars_are_python_floats_and_arrays_stay_what_they_are():
    assert type(Value(3).data) is float
    assert type(Value(np.float64(3)).data) is float
    assert type((Value(3.0) * 2).data) is float
    array = np.ones((2, 3), np.float32)
    assert Value(array).data is array
    assert Value(np.float32(3)).dtype == np.float32
    assert Value([1, 2]).dtype == np.float64
    assert Value(np.array([True, False])).dtype == np.float64


@pytest.mark.parametrize("data", ["text", None, [[1, 2], "x"], object(), np.array(["a"])])
def test_what_is_not_numeric_is_refused(data):
    with pytest.raises((TypeError, ValueError)):
        Value(data)


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="a Value holds one array; the list"):
        Value([[1.0], [1.0, 2.0]])


def test_value_of_a_value_or_a_list_of_values_is_refused_with_the_way_out():
    x = Value(1.0)
    with pytest.raises(TypeError, match=r"Value\(x\.data\)"):
        Value(x)
    with pytest.raises(TypeError, match=r"np\.stack"):
        Value([x, x])
    with pytest.raises(TypeError, match=r"x\.data"):
        np.asarray(x)


def test_attributes():
    x = Value(np.zeros((2, 3)), name="x")
    assert (x.shape, x.ndim, x.size, x.dtype, x.name) == ((2, 3), 2, 6, np.float64, "x")
    assert x.T.shape == (3, 2)
    assert len(x) == 2
    s = Value(2.0)
    assert (s.shape, s.ndim, s.size, s.dtype, s.name) == ((), 0, 1, np.float64, "")
    assert s.item() == 2.0
    assert Value([[7.0]]).item() == 7.0
    with pytest.raises(ValueError, match="single entry"):
        x.item()
    with pytest.raises(TypeError, match="scalar"):
        len(s)
    with pytest.raises(TypeError, match="scalar"):
        iter(s)
    with pytest.raises(TypeError, match="scalar"):
        s[0]


def test_repr_shows_data_name_and_operation():
    x = Value(0.5, name="x")
    assert repr(x) == "Value(0.5, name='x')"
    assert repr(x.tanh()) == f"Value({np.tanh(0.5)}, operation='tanh')"
    text = repr(Value(np.arange(1000.0), name="w"))
    assert "name='w'" in text and "shape=(1000,)" in text and len(text) < 150


BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod,
]  # fmt: skip


@pytest.mark.parametrize("function", BINARY)
@pytest.mark.parametrize("other", [3, 2.5, np.float32(2), np.float64(2), np.array([1.5, 2.5])])
def test_operators_and_reflected_operators_agree_with_numpy(function, other):
    for data in (1.75, np.array([1.25, 3.0]), np.array([[1.5], [2.5]])):
        np.testing.assert_allclose(
            function(Value(data), other).data, function(data, other), rtol=1e-7
        )
        np.testing.assert_allclose(
            function(other, Value(data)).data, function(other, data), rtol=1e-7
        )
        both = function(Value(data), Value(other))
        np.testing.assert_allclose(both.data, function(data, other), rtol=1e-7)


def test_unary_operators_and_matmul():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal((-Value(a)).data, -a)
    np.testing.assert_array_equal((+Value(a)).data, a)
    np.testing.assert_array_equal(abs(Value(-a)).data, a)
    np.testing.assert_array_equal((Value(a) @ Value(b)).data, a @ b)
    np.testing.assert_array_equal((a @ Value(b)).data, a @ b)
    np.testing.assert_array_equal((Value(a) @ b).data, a @ b)


def test_in_place_operators_rebind():
    a = Value(1.0)
    c = a
    c += 1
    c *= 3
    assert (a.data, c.data) == (1.0, 6.0)
    c.backward()
    assert a.grad == 3.0


def test_foreign_types_get_their_say():
    class Other:
        def __radd__(self, value):
            return "theirs"

    assert Value(1.0) + Other() == "theirs"
    with pytest.raises(TypeError):
        Value(1.0) + "text"
    with pytest.raises(TypeError):
        Value(1.0) * None


def test_lists_take_part_as_arrays():
    x = Value([1.0, 2.0])
    np.testing.assert_array_equal((x * [3, 4]).data, [3, 8])
    np.testing.assert_array_equal(([3, 4] * x).data, [3, 8])


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        slice(None, None, -1),
        (slice(None), 1),
        (..., None, 0),
        np.array([0, 1, 1]),
        ([0, 1], [1, 2]),
        np.array([[True, False, True], [False, True, False]]),
        (slice(None), np.array([True, False, True])),
    ],
)
def test_indexing(index):
    data = np.arange(6.0).reshape(2, 3)
    x = Value(data)
    y = x[index]
    np.testing.assert_array_equal(y.data, data[index])
    weights = np.arange(1.0, 1 + y.size).reshape(y.shape)
    (y * weights).sum().backward()
    expected = np.zeros_like(data)
    np.add.at(expected, index, weights)
    np.testing.assert_array_equal(x.grad, expected)


def test_iteration_over_the_first_axis():
    x = Value([[1.0, 2.0], [3.0, 4.0]])
    first, second = x
    (first * second).sum().backward()
    np.testing.assert_array_equal(x.grad, [[3, 4], [1, 2]])


def test_entries_cannot_be_assigned():
    x = Value([1.0, 2.0])
    with pytest.raises(TypeError, match="set_at"):
        x[0] = 5.0


def test_comparison_gives_plain_booleans_and_hashing_is_by_identity():
    x, y = Value(1.0), Value(1.0)
    assert (x == y) is True and (x != y) is False and (x < 2) is True and (x >= 2) is False
    a = Value([1.0, 3.0])
    assert type(a > 2) is np.ndarray
    np.testing.assert_array_equal(a > Value(2.0), [False, True])
    np.testing.assert_array_equal(a < 2, [True, False])
    assert len({x: 1, y: 2}) == 2


def test_conversions():
    x = Value(2.5)
    assert (float(x), int(x), complex(x), bool(x)) == (2.5, 2, 2.5, True)
    assert f"{x:.3f}" == "2.500"
    assert f"{Value([1.0])}".startswith("Value(")
    assert 2.5 in Value([1.0, 2.5])
    with pytest.raises(ValueError, match="single entry"):
        float(Value([1.0, 2.0]))


def test_numpy_scalars_and_arrays_on_the_left_do_not_swallow_the_value():
    x = Value([1.0, 2.0])
    for y in (np.float64(3) * x, np.array([3.0, 3.0]) * x, np.array(3.0) * x):
        assert type(y) is Value
        np.testing.assert_array_equal(y.data, [3, 6])
    array = np.zeros(2)
    with pytest.raises(TypeError, match="out="):
        array += x


def test_float32_stays_float32():
    x = Value(np.ones((2, 3), np.float32))
    y = ((x * 2.0 + 1) / 3 - 0.5) ** 2 * Value(2.0)
    loss = y.mean()
    assert y.dtype == np.float32 and loss.dtype == np.float32
    loss.backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_pickle_and_deepcopy_keep_data_name_and_gradient_but_not_history(duplicate):
    x = Value(np.array([1.0, 2.0]), name="x")
    (x * x).sum().backward()
    again = duplicate(x)
    np.testing.assert_array_equal(again.data, x.data)
    np.testing.assert_array_equal(again.grad, x.grad)
    assert again.name == "x" and again.data is not x.data
    product = duplicate(x * 3)
    assert product.is_leaf
    np.testing.assert_array_equal(product.data, [3, 6])
    shared = duplicate([x, x])
    assert shared[0] is shared[1]


def test_a_deep_graph_can_be_pickled():
    x = Value(1.0)
    for _ in range(5000):
        x = x + 1.0
    assert pickle.loads(pickle.dumps(x)).data == 5001.0


def test_the_gradient_must_fit():
    x = Value([1.0, 2.0], name="x")
    with pytest.raises(ValueError, match=r"'x'.*\(2,\).*\(3,\)"):
        x.grad = np.zeros(3)
    x.grad = 0
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, [3, 3])


def test_astype_is_differentiable():
    x = Value(np.array([1.0, 2.0]))
    y = x.astype(np.float32)
    assert y.dtype == np.float32
    (y * y).sum().backward()
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_scope_names_what_is_recorded_inside():
    with tg.scope("encoder"), tg.scope("layer 1"):
        h = Value(1.0) * 2
    assert h.scope == "encoder/layer 1"
    assert (h * 2).scope == ""


def test_a_value_knows_what_its_operation_was_given():
    x, w, b = Value(np.ones((1, 2))), Value(np.ones((3, 2))), Value(np.ones(3))

    def given(value):
        return [id(a) for a in value.args]  # == of Values compares entries

    assert given(x) == []
    assert given(np.tanh(x)) == [id(x)]
    assert given(x * w) == given(np.multiply(x, w)) == [id(x), id(w)]
    assert given(2.0 - x)[1] == id(x)
    assert given(tg.linear(x, w, b)) == [id(x), id(w), id(b)]
    assert given(np.stack([x, x])) == [id(x), id(x)]
    assert (x * w).metadata is None
    assert x.sum(axis=1).metadata == {"axis": 1}


def test_what_an_operation_was_given_outlives_a_wish_for_the_gradient():
    x, y = Value(2.0), Value(3.0)
    for made, slope in ((x * y, 3.0), (np.tanh(x), 1 - np.tanh(2.0) ** 2)):
        assert not made.retained
        args = made.args
        assert made.retain_grad() is made
        assert made.retained
        assert made.metadata is None
        assert len(args) == len(made.args)
        assert all(a is b for a, b in zip(args, made.args, strict=True))
        x.grad = None
        made.backward()
        assert made.grad == 1.0
        assert x.grad == pytest.approx(slope, rel=1e-15)


def test_arguments_and_settings_of_a_record_can_be_exchanged():
    x, y, z = Value(2.0), Value(3.0), Value(5.0)
    product = x * y
    product.args = (x, z)
    assert product.metadata is None
    product.backward()
    assert (x.grad, y.grad, z.grad) == (5.0, None, 2.0)
    rows = Value(np.ones((2, 3)))
    total = rows.sum(axis=0)
    total.metadata = {"axis": 0, "keepdims": True}
    total.backward(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(rows.grad, [[1, 2, 3], [1, 2, 3]])
