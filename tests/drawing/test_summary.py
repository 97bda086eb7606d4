"""The few words about numbers, against NumPy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tinygrad_lite.drawing import plot_histogram
from tinygrad_lite.drawing.summary import number_text, summarise, thumbnail


@given(arrays(np.float64, array_shapes(max_dims=3), elements=st.floats(-1e300, 1e300)))
def test_range_mean_and_size_are_those_of_the_entries(array):
    summary = summarise(array)
    assert (summary.low, summary.high) == (array.min(), array.max())
    assert summary.zeros == np.sum(array == 0)
    assert summary.shape == array.shape
    largest = np.abs(array).max()
    if largest:
        expected = largest * np.sqrt(np.mean((array / largest) ** 2))
        assert summary.rms == pytest.approx(expected, rel=1e-9)
    else:
        assert summary.rms == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_root_mean_square_neither_overflows_nor_vanishes(dtype, size):
    assert summarise(np.full(7, size, dtype)).rms == pytest.approx(size, rel=1e-6)


def test_nan_and_infinite_entries_are_counted_and_left_out_of_the_range():
    summary = summarise(np.array([1.0, np.nan, np.inf, -np.inf, 3.0]))
    assert (summary.nan, summary.infinite) == (1, 2)
    assert (summary.low, summary.high, summary.mean) == (1.0, 3.0, 2.0)
    assert summary.text == "1 … 3, mean 2, 1 NaN, 2 infinite"
    assert summarise(np.array([np.inf, -np.inf])).text == "2 infinite"


def test_histogram_has_a_bar_for_every_stretch_that_has_entries():
    bars = summarise(np.concatenate([np.zeros(10_000), [1.0]])).bars
    assert bars[0] == 7 and bars[-1] == 1
    assert not any(bars[1:-1])


@given(st.floats(-1e307, 1e307))
def test_numbers_are_told_to_four_digits(number):
    assert float(number_text(number)) == pytest.approx(number, rel=6e-4, abs=1e-320)


def test_odd_numbers_are_told():
    told = [number_text(n) for n in (math.nan, math.inf, -math.inf, -0.0)]
    assert told == ["NaN", "∞", "-∞", "0"]


@pytest.mark.parametrize("shape", [(3, 5), (40, 70), (1, 100), (2, 3, 30, 4), (17,)])
def test_thumbnail_is_small_and_keeps_the_mean(shape):
    array = np.random.default_rng(0).normal(size=shape)
    small = thumbnail(array, 12)
    assert max(small.shape) <= 12
    first = array
    while first.ndim > 2:
        first = first[0]
    if all(n % m == 0 for n, m in zip(np.atleast_2d(first).shape, small.shape, strict=True)):
        assert small.mean() == pytest.approx(first.mean())


def test_what_is_no_picture_has_no_thumbnail():
    assert thumbnail(3.0, 8) is None
    assert thumbnail(np.zeros((0, 3)), 8) is None


def test_complex_entries_are_told_by_their_size():
    assert summarise(np.array([3 + 4j, 1j])).text == "|z| 1 … 5, mean 3"
    assert summarise(np.array(3 + 4j)).number is None  # or 5 would be added up as if it were real
    assert summarise(np.array(3 + 4j)).text == "|z| 5"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("low", [0.0, 1.0, -300.0])
def test_entries_that_hardly_differ_have_no_histogram(dtype, low):
    low = dtype(low)
    close = np.array([low, np.nextafter(low, dtype(500))])
    assert close[0] != close[1]
    assert summarise(close).bars == ()
    assert len(plot_histogram(close).svg) > 500
