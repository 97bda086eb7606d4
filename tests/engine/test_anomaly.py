"""detect_anomaly names operation, inputs and line."""

import re

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import AnomalyError, Value


def line_of(marker):
    with open(__file__) as file:
        return next(
            n for n, line in enumerate(file, 1) if f"# {marker}" in line and "line_of" not in line
        )


def test_forward():
    x = Value([0.0, 2.0], name="rates")
    with pytest.raises(AnomalyError) as caught, tg.detect_anomaly():
        x.log()  # forward here
    message = str(caught.value)
    assert "log" in message and "1 infinite of 2" in message and "'rates'" in message
    assert "from 0 to 2" in message
    assert f"{__file__}:{line_of('forward here')}" in message


def test_backward():
    x = Value([0.0, 4.0], name="x")
    with pytest.raises(AnomalyError) as caught, tg.detect_anomaly():
        np.sqrt(x).sum().backward()  # backward here
    message = str(caught.value)
    assert "pull-back of sqrt" in message and "'x'" in message
    assert f":{line_of('backward here')}" in message


def test_an_array_changed_after_it_was_recorded():
    array = np.ones(3)
    x = Value(array)
    with tg.detect_anomaly():
        y = (x * x).sum()
        array[0] = 5.0
        with pytest.raises(AnomalyError, match=re.compile("multiply.*changed in place")):
            y.backward()


def test_silent_when_all_is_well_and_after_it_is_left():
    with tg.detect_anomaly():
        x = Value(np.ones(3))
        (np.linalg.svd(np.ones((2, 2)) + np.diag(x[:2]))[1]).sum().backward()
        assert np.isfinite(x.grad).all()
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert np.isinf(Value([0.0]).log().data[0])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.log(x - 1),
        lambda x: (x - 2) ** 0.5,
        lambda x: x / 0,
        lambda x: x * 1e308 * 10,
        lambda x: tg.grad(np.sqrt)(x.item() - 1),
    ],
)
def test_the_report_comes_before_the_warning(call):
    for x in (Value(1.0), Value(np.ones(1))):
        with tg.detect_anomaly(), pytest.raises(AnomalyError, match=r"of 1 entries"):
            call(x)


def test_as_a_decorator():
    @tg.detect_anomaly()
    def loss(x):
        return np.log(x)

    with pytest.raises(AnomalyError, match="log gave 1 infinite"):
        loss(Value(np.zeros(1)))


@pytest.mark.parametrize("several", [False, True])
def test_an_index_changed_after_it_was_recorded(several):
    rows = np.array([0, 1])
    x = Value(np.ones((3, 2)))
    with tg.detect_anomaly():
        y = x[(rows, rows) if several else rows].sum()
        rows[0] = 1
        with pytest.raises(AnomalyError, match=r"getitem: its setting index.*changed in place"):
            y.backward()
