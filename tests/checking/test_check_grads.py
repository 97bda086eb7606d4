"""check_grads: right rules pass, wrong ones do not, kinks don't cry wolf."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.checking.check_grads import WrongDerivativeError, check_grads
from tinygrad_lite.checking.numeric import derivative_along
from tinygrad_lite.extend import defvjp, primitive


def operation(value, vjp):
    @primitive
    def custom(x):
        return value(x)

    defvjp(custom, vjp)
    return custom


@pytest.mark.parametrize(
    "function, point",
    [
        (np.tanh, np.array([0.5, -1.0])),
        (lambda x: np.sum(x**3), np.array([1e-5, 1.0, 0.0])),
        (lambda x: x * 1e-7, 3.0),
        (np.log, np.array([1e-5, 1e3])),
        (np.exp, np.array([0.3, 1.0]) + 1j),
        (np.tanh, np.array([0.5, -1.0], dtype=np.float32)),
        (lambda tree: tree["a"] * tree["b"][0], {"a": 2.0, "b": [np.arange(1.0, 3)]}),
        (lambda x: (x + 1, [x * x]), np.array(2)),
    ],
)
def test_right_rules_pass(function, point):
    checks = check_grads(function, point)
    assert checks.ok and {c.order for c in checks.done} == {1, 2}
    assert {c.mode for c in checks.done} == {"reverse", "forward"}


@pytest.mark.parametrize("scale", [1.0, 1e-7, 1e7])
@pytest.mark.parametrize("factor", [-1, 1.001, 0, 2])
def test_wrong_rules_are_caught_whatever_their_size(scale, factor):
    cube = operation(lambda x: scale * x**3, lambda g, out, x: factor * 3 * scale * g * x**2)
    with pytest.raises(WrongDerivativeError) as caught:
        check_grads(cube, np.array([0.5, 2.0]))
    assert isinstance(caught.value, AssertionError)
    if factor:
        assert f"ratio {factor}" in str(caught.value)


def test_small_entry_beside_large_ones_is_held_to_the_same_standard():
    weights = np.array([1.0, 1e-9])
    flipped = np.array([1.0, -1e-9])
    wrong = operation(lambda x: np.sum(weights * x), lambda g, out, x: g * flipped)
    with pytest.raises(WrongDerivativeError, match=r"entry \(1,\)"):
        check_grads(wrong, np.array([1.0, 2.0]))


def test_second_derivative_is_checked():
    # Right at first order; the rule hides its dependence on x from the second.
    half = operation(lambda x: x**2, lambda g, out, x: g * 2 * getattr(x, "data", x))
    check_grads(half, np.array([1.0, 2.0]), order=1)
    with pytest.raises(WrongDerivativeError, match="order 2"):
        check_grads(half, np.array([1.0, 2.0]))


@pytest.mark.parametrize("slope, right", [(0.0, True), (0.5, True), (1.0, True), (1.2, False)])
def test_at_a_kink_any_value_between_the_one_sided_derivatives_is_right(slope, right):
    def vjp(g, out, x):
        return g * np.where(x == 0, slope, x > 0)

    ramp = operation(lambda x: np.maximum(x, 0), vjp)
    if right:
        checks = check_grads(ramp, np.array([0.0]))
        assert "from the left 0, from the right 1" in str(checks)
        assert "there is a kink here" in str(checks)
    else:
        with pytest.raises(WrongDerivativeError, match="does not lie between"):
            check_grads(ramp, np.array([0.0]))


def test_kink_nearby_does_not_disturb():
    assert check_grads(tg.relu, np.array([1e-3, -1e-4, 5.0])).ok


@pytest.mark.parametrize(
    "function, derivative",
    [
        (lambda t: np.exp(1 + t), np.e),
        (lambda t: np.sin(3 + t) / (2 + t), (np.cos(3) * 2 - np.sin(3)) / 4),
        (lambda t: 1e6 + t**2 + 3 * t, 3.0),
        (lambda t: np.sqrt(0.01 + t), 5.0),
    ],
)
def test_error_bound_holds(function, derivative):
    estimate = derivative_along(function)
    assert abs(estimate.value - derivative) <= estimate.error
    assert estimate.error <= 1e-4 * abs(derivative)


def test_complex_step_is_used_where_it_is_true_and_only_there():
    done = check_grads(np.exp, np.array([1.0]), order=1).done
    assert {c.numerical.method for c in done} == {"complex step"}
    done = check_grads(tg.relu, np.array([1.0]), order=1).done
    assert all(c.numerical.value == pytest.approx(c.automatic) for c in done)
