"""detect_anomaly names operation, inputs and line."""

import re
import warnings

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import AnomalyError, Value


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def line_of(marker):
    with open(__file__) as file:
        return next(
            n for n, line in enumerate(file, 1) if f"# {marker}" in line and "line_of" not in line
        )


def test_forward(quiet):
    x = Value([0.0, 2.0], name="rates")
    with pytest.raises(AnomalyError) as caught, tg.detect_anomaly():
        x.log()  # forward here
    message = str(caught.value)
    assert "log" in message and "1 infinite of 2" in message and "'rates'" in message
    assert "from 0 to 2" in message
    assert f"{__file__}:{line_of('forward here')}" in message


def test_backward(quiet):
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


def test_silent_when_all_is_well_and_after_it_is_left(quiet):
    with tg.detect_anomaly():
        x = Value(np.ones(3))
        (np.linalg.svd(np.ones((2, 2)) + np.diag(x[:2]))[1]).sum().backward()
        assert np.isfinite(x.grad).all()
    assert np.isinf(Value([0.0]).log().data[0])
