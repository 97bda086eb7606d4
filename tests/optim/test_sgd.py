"""SGD: its updates by hand, in place, within constraints, and what it warns of."""

import warnings

import numpy as np
import pytest

from tinygrad_lite import Value, nn, optim


def start():
    return Value(np.array([1.0, -2.0, 3.0], np.float32), name="w")


def loss(w):
    return (w * w * w).sum()


@pytest.mark.parametrize("momentum, nesterov", [(0.0, False), (0.9, False), (0.9, True)])
@pytest.mark.parametrize("scalar", [False, True])
def test_updates_are_those_written_by_hand(momentum, nesterov, scalar):
    w = Value(1.5) if scalar else start()
    x, v = np.array(w.data), 0.0
    optimiser = optim.SGD([w], 0.01, momentum, nesterov=nesterov)
    for step in range(5):
        optimiser.lr = 0.01 * 0.5**step
        optimiser.zero_grad()
        (loss(w) if not scalar else w**3).backward()
        optimiser.step()
        g = 3 * x**2
        v = momentum * v + g
        x = x - optimiser.lr * (g + momentum * v if nesterov else v)
        np.testing.assert_allclose(w.data, x, rtol=1e-5)


def test_arrays_are_updated_in_place_and_gradients_left_alone():
    w = start()
    array = w.data
    optimiser = optim.SGD([w], 0.1)
    loss(w).backward()
    gradient = w.grad.copy()
    optimiser.step()
    assert w.data is array
    assert w.dtype == np.float32
    assert np.array_equal(w.grad, gradient)


def test_constraints_hold_after_every_step():
    w, b = start(), Value(0.7)
    optimiser = optim.SGD([w, b], 1.0, constraints=[optim.Clamp([w, b], -0.8, 0.8)])
    (loss(w) - b).backward()
    optimiser.step()
    assert np.array_equal(w.data, np.float32([-0.8, -0.8, -0.8]))
    assert b.data == 0.8


def test_a_forgotten_zero_grad_warns_once():
    w = start()
    optimiser = optim.SGD([w], 1e-6)
    loss(w).backward()
    optimiser.step()
    loss(w).backward()
    with pytest.warns(RuntimeWarning, match=r"Value 'w' .*call zero_grad\(\) between steps"):
        optimiser.step()
    loss(w).backward()
    optimiser.step()  # warnings are errors here: it does not warn again


def test_gradients_accumulated_on_purpose_do_not_warn():
    w = start()
    optimiser = optim.SGD([w], 1e-6)
    for _ in range(3):
        optimiser.zero_grad()
        loss(w).backward()
        loss(w).backward()
        optimiser.step()
    optimiser.step()  # the same gradient again, nothing added
    w.grad = w.grad / 2
    loss(w).backward()
    optimiser.step()


def test_the_warning_points_at_the_line_of_the_user():
    w = start()
    optimiser = optim.SGD([w], 1e-6)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            loss(w).backward()
            optimiser.step()
    assert [c.filename for c in caught] == [__file__]


def test_parameters_without_a_gradient_stay_unless_all_are():
    w, unused = start(), start()
    optimiser = optim.SGD([w, unused], 0.1)
    loss(w).backward()
    optimiser.step()
    assert np.array_equal(unused.data, start().data)
    optimiser.zero_grad()
    with pytest.raises(RuntimeError, match=r"no gradient on any of 2 parameters \(Value 'w'"):
        optimiser.step()


@pytest.mark.parametrize(
    "make, error, says",
    [
        (lambda: optim.SGD([]), ValueError, "none"),
        (lambda: optim.SGD([np.ones(2)]), TypeError, "parameter 0 is a ndarray"),
        (lambda: optim.SGD([start() * 2]), TypeError, "computed from other Values"),
        (lambda: optim.SGD([w := start(), w]), ValueError, "twice"),
        (lambda: optim.SGD([start()], -1), ValueError, "lr must not be negative, but is -1"),
        (lambda: optim.SGD([start()], float("nan")), ValueError, "nan"),
        (lambda: optim.SGD([start()], 0.1, nesterov=True), ValueError, "momentum"),
        (lambda: optim.Clamp([start()], 1, 0), ValueError, "low=1 must not be above high=0"),
    ],
)
def test_what_cannot_be_trained_is_refused(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_a_model_is_no_list_of_parameters():
    with pytest.raises(TypeError, match=r"not a Linear: give it model.parameters\(\)"):
        optim.SGD(nn.Linear(2, 3), lr=0.1)
