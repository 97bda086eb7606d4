"""Messages say what was asked, of which Values, and what to do."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.extend import primitive


def test_shapes_that_do_not_broadcast():
    x, b = Value(np.ones((2, 3)), name="hidden"), Value(np.ones(4), name="bias")
    with pytest.raises(ValueError, match=r"add of 'hidden' \(2, 3\).*'bias' \(4,\).*broadcast"):
        x + b


def test_matmul_names_the_layer():
    with tg.scope("encoder"):
        h = Value(np.ones((2, 3))) * 2
    with pytest.raises(ValueError, match=r"matmul \(in 'encoder'\).*transpose"):
        h @ Value(np.ones((4, 5)), name="w")


def test_reshape():
    with pytest.raises(ValueError, match=r"reshape of.*\(2, 3\).*shape=\(4, 2\).*-1"):
        Value(np.ones((2, 3))).reshape(4, 2)


def test_index_out_of_range_is_an_index_error():
    with pytest.raises(IndexError, match=r"'x' \(3,\)"):
        Value(np.ones(3), name="x")[5]


def test_a_numpy_function_without_a_rule_is_refused_by_name():
    with pytest.raises(TypeError, match=r"np\.gcd.*x\.data.*defvjp"):
        np.gcd(Value(4.0), 2)
    with pytest.raises(
        TypeError, match=r"np\.linalg\.eig\b.*adding_an_operation|no differentiation rule"
    ):
        np.roots(Value(np.ones(3)))


def test_out_is_refused_with_the_reason():
    with pytest.raises(TypeError, match=r"out=.*overwrite"):
        np.add(Value(1.0), 2.0, out=np.zeros(()))
    with pytest.raises(TypeError, match=r"np\.sum.*out="):
        np.sum(Value(np.ones(3)), out=np.zeros(()))


def test_a_primitive_without_a_rule():
    @primitive
    def mystery(x):
        return x

    assert mystery(2.0) == 2.0
    with pytest.raises(TypeError, match=r"mystery.*defvjp"):
        mystery(Value(2.0))


def test_a_value_as_setting_is_refused():
    @primitive
    def power(x, *, exponent):
        return x**exponent

    with pytest.raises(TypeError, match="exponent="):
        power(2.0, exponent=Value(3.0))


def test_constant_functions_return_plain_arrays():
    x = Value([1.5, -2.5])
    for f in (np.floor, np.sign, np.argmax, np.isnan):
        assert type(f(x)) is not Value
        np.testing.assert_array_equal(f(x), f(x.data))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, m: np.split(x, 2), r"np\.split of 'x' \(3,\) float64; 2: .*equal division"),
        (lambda x, m: np.hstack([x, m]), r"np\.hstack of \['x' \(3,\) float64; 'm' \(2, 3\)"),
        (lambda x, m: np.divmod(m, x[:2]), r"np\.divmod of 'm' \(2, 3\).*\(2,\).*broadcast"),
        (lambda x, m: x // m[:, :2], r"np\.floor_divide of 'x' \(3,\).*broadcast"),
        (lambda x, m: np.diff(x[0]), r"np\.diff of \(\) float"),
        (lambda x, m: np.linalg.tensorinv(m), r"np\.linalg\.tensorinv of 'm' \(2, 3\)"),
        (lambda x, m: np.full_like(m, x[:2]), r"np\.full_like of 'm' \(2, 3\).*\(2,\)"),
    ],
)
def test_composed_and_constant_functions_tell_shapes_and_names(call, message):
    with pytest.raises(ValueError, match=message):
        call(Value(np.ones(3), name="x"), Value(np.ones((2, 3)), name="m"))


def test_an_error_of_a_users_own_function_is_left_alone():
    def mine(x):
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        np.piecewise(Value(np.ones(3)), [np.ones(3, bool)], [mine])


def test_a_variant_of_a_function_is_refused_by_its_own_name():
    with pytest.raises(TypeError, match=r"np\.emath\.sqrt has no"):
        np.emath.sqrt(Value(-1.0))


def test_adding_to_an_array_in_place_says_what_to_write():
    array = np.zeros(3)
    with pytest.raises(TypeError, match=r"array = array \+ value"):
        array += Value(np.ones(3))


def test_an_array_cannot_be_split_at_values():
    with pytest.raises(TypeError, match=r"index cannot be a Value"):
        np.split(Value(np.ones(3)), Value([1.0]))
