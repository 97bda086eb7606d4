"""Values whose numbers are in a pack are as any others, whatever is done to them."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from tinygrad_lite import Value
from tinygrad_lite.replay.packs import Pack


@pytest.fixture
def values() -> list[Value]:
    return [Value(float(n), f"w{n}") for n in range(5)]


def step(pack: Pack) -> None:
    """What a plan does: read all, write all, and leave gradients."""
    before = pack.data
    pack.data = before + 1.0
    pack._grad = -before


def test_a_look_gives_the_number_of_the_moment(values: list[Value]) -> None:
    pack = Pack(values)
    for n in range(1, 4):
        step(pack)
        assert values[2].data == 2.0 + n and type(values[2].data) is float
        assert values[2].grad == -(1.0 + n) and type(values[2].grad) is float
        assert values[4].grad == -(3.0 + n)
    assert [value.data for value in values] == [3.0, 4.0, 5.0, 6.0, 7.0]


def test_what_is_set_counts_looked_at_or_not(values: list[Value]) -> None:
    pack = Pack(values)
    step(pack)
    values[0].data = 10.0
    values[1].data += 10.0
    step(pack)
    assert [value.data for value in values] == [11.0, 13.0, 4.0, 5.0, 6.0]
    values[3].data = np.float64(1.5)
    assert pack.data.tolist() == [11.0, 13.0, 4.0, 1.5, 6.0]


def test_a_number_held_by_somebody_does_not_change(values: list[Value]) -> None:
    pack = Pack(values)
    step(pack)
    before = values[0].data
    step(pack)
    assert (before, values[0].data) == (1.0, 2.0)


def test_gradients_may_be_reset(values: list[Value]) -> None:
    pack = Pack(values)
    step(pack)
    values[1].grad = None
    values[2].grad = 5.0
    assert pack.data.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [value.grad for value in values] == [0.0, None, 5.0, -3.0, -4.0]
    step(pack)
    assert [value.grad for value in values] == [-1.0, -2.0, -3.0, -4.0, -5.0]
    pack._grad = None
    assert {value.grad for value in values} == {None}


def test_packs_take_values_from_each_other(values: list[Value]) -> None:
    first, second = Pack(values), Pack(values[3:] + values[:2])
    step(first)
    step(second)
    assert [value.data for value in values] == [2.0, 3.0, 3.0, 5.0, 6.0]
    step(first)
    step(first)
    step(second)
    assert [value.data for value in values] == [5.0, 6.0, 5.0, 8.0, 9.0]
    assert values[2].grad == -4.0


def test_operations_see_the_number(values: list[Value]) -> None:
    pack = Pack(values)
    step(pack)
    y = values[0] * values[1] + values[2] ** 2 + np.tanh(values[3])
    assert y.data == 1.0 * 2.0 + 9.0 + math.tanh(4.0)
    for value in values:
        value.grad = None
    step(pack)  # between forward and backward: what was computed with is read anew
    for value in values:
        value.grad = None
    y.backward()
    assert values[2].grad == 2 * values[2].data
    assert copy.deepcopy(values[4]).data == 6.0
    assert repr(values[1]) == "Value(3.0, name='w1')"


def test_a_value_that_is_no_number_any_more_is_refused(values: list[Value]) -> None:
    pack = Pack(values)
    step(pack)
    values[1].data = np.zeros(3)
    with pytest.raises(TypeError, match="'w1' of shape"):
        _ = pack.data
    values[1].data = 0.0
    assert pack.data.tolist() == [1.0, 0.0, 3.0, 4.0, 5.0]


def test_released_values_are_their_own(values: list[Value]) -> None:
    pack = Pack(values)
    step(pack)
    values[0].data = 7.0
    pack.release()
    assert [value.data for value in values] == [7.0, 2.0, 3.0, 4.0, 5.0]
    assert [value.grad for value in values] == [0.0, -1.0, -2.0, -3.0, -4.0]
    values[4].data = 1.0
    assert pack.data[4] == 1.0
