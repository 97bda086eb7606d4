"""Values that captured functions return, and captured functions within others."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.replay.errors import CaptureError


def of_call(f, number):
    """What the call of this number returns: recorded, compared or replayed."""
    for _ in range(number - 1):
        f()
    return f()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_gradient_through_a_replay_is_refused_and_not_none(number):
    w = Value(np.ones(3))
    cost = tg.capture(lambda: (w * [1.0, 2.0, 3.0]).sum())
    returned = of_call(cost, number)
    assert returned.data == 6.0
    for derived in (returned, returned * 2):
        with pytest.raises(CaptureError, match="capture the whole step"):
            derived.backward()
    assert w.grad is None


def test_gradient_of_a_captured_function_is_refused_and_not_zero():
    gradient = tg.grad(tg.capture(lambda x: (x**2).sum()))
    for _ in range(3):
        with pytest.raises(CaptureError, match=r"capture\(grad\(f\)\)"):
            gradient(np.arange(3.0))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_recorded_nothing_is_a_leaf(number):
    w = Value(np.ones(3))

    def predict():
        with tg.no_grad():
            return w * 2

    returned = of_call(tg.capture(predict), number)
    assert returned.is_leaf
    assert np.array_equal(returned.data, [2.0, 2.0, 2.0])


def test_captured_function_within_another():
    w = Value(np.array([1.0, 2.0]))
    model = tg.capture(lambda x: w * x)
    for _ in range(3):  # has a plan of its own by now
        with tg.no_grad():
            model(np.ones(2))
        model(np.ones(2))

    def step(x):
        w.grad = None
        (model(x) ** 2).sum().backward()
        return w.grad

    captured = tg.capture(step)
    for scale in (1.0, 2.0, 3.0):
        x = np.array([scale, -scale])
        assert np.array_equal(captured(x), 2 * w.data * x**2)
    assert captured.calls_replayed == 1
