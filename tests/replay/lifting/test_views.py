"""Views hold the entries that were asked for, and grids the factors of every sum."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_lite.replay.lifting.grids import grid_of
from tinygrad_lite.replay.lifting.views import view_of, without_repeats


def seen(view, flat):
    part = flat[: view.stop].reshape(view.shape)[view.index]
    return part.transpose(view.axes) if view.axes else part


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_slices_and_transposes_are_seen(data):
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    places = np.arange(np.prod(shape)).reshape(shape)
    index = tuple(
        slice(*sorted(data.draw(st.tuples(st.integers(0, n - 1), st.integers(1, n)))))
        if data.draw(st.booleans())
        else data.draw(st.integers(0, n - 1))
        for n in shape
    )
    picked = places[index]
    picked = picked.transpose(data.draw(st.permutations(range(picked.ndim))))
    view = view_of(np.asarray(picked), places.size)
    if view is not None:
        np.testing.assert_array_equal(seen(view, places.ravel()).reshape(picked.shape), picked)
    elif picked.size > 1:  # whole axes in any order never need a copy
        assert any(isinstance(part, slice) and part != slice(0, n)
                   for part, n in zip(index, shape, strict=True))  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_any_other_pick_is_gathered_or_seen_rightly(places):
    picked = np.array(places)
    view = view_of(picked, 10)
    if view is not None:
        np.testing.assert_array_equal(seen(view, np.arange(10)).reshape(picked.shape), picked)
    assert without_repeats(picked).shape == ((1,) if len(set(places)) == 1 else picked.shape)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_grids_give_every_sum_its_factors(data):
    terms, sums = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 20))
    pick = st.lists(st.integers(0, 3), min_size=sums, max_size=sums)
    lefts = np.arange(12).reshape(4, 3)[:, :terms]
    rights = 100 + lefts
    left, right = lefts[data.draw(pick)], rights[data.draw(pick)]
    grid = grid_of(left, right)
    if grid is not None:
        stacks, rows, columns = grid.shape
        for number, place in enumerate(grid.place.tolist()):
            stack, rest = divmod(place, rows * columns)
            row, column = divmod(rest, columns)
            assert stack < stacks
            np.testing.assert_array_equal(grid.left[stack, row], left[number])
            np.testing.assert_array_equal(grid.right[stack, column], right[number])
