"""Mini-batches: every row once, together with its partners, in an order told by the seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite.data import Batches


def firsts(batches):
    """The first array's rows of a pass, in order."""
    return [row for batch in batches for row in batch[0].tolist()]


@given(
    rows=st.integers(0, 40),
    batch_size=st.integers(1, 50),
    seed=st.none() | st.integers(0, 5),
    drop_last=st.booleans(),
)
def test_a_pass_shows_every_row_once_beside_its_partner(rows, batch_size, seed, drop_last):
    left, right = np.arange(rows), np.arange(rows, dtype=np.float32)[:, None] * [1, -1]
    batches = Batches(left, right, batch_size=batch_size, seed=seed, drop_last=drop_last)

    seen = list(batches)

    assert (
        len(seen) == len(batches) == (rows // batch_size if drop_last else -(-rows // batch_size))
    )
    assert all(len(a) == len(b) <= batch_size for a, b in seen)
    assert all(len(a) == batch_size for a, _ in (seen if drop_last else seen[:-1]))
    assert all((b == a[:, None] * [1, -1]).all() and b.dtype == right.dtype for a, b in seen)
    rows_seen = [row for a, _ in seen for row in a.tolist()]
    assert len(set(rows_seen)) == len(rows_seen)
    if not drop_last:
        assert sorted(rows_seen) == list(range(rows))


def test_without_a_seed_rows_keep_their_order_and_batches_are_views():
    rows = np.arange(7)
    batches = Batches(rows, batch_size=3)
    assert firsts(batches) == list(range(7))
    assert all(np.shares_memory(batch, rows) for (batch,) in batches)


def test_each_pass_is_shuffled_anew_and_the_seed_repeats_them_all():
    rows = np.arange(100)
    one, two = (Batches(rows, batch_size=9, seed=3) for _ in range(2))
    first, second = firsts(one), firsts(one)
    assert first != second
    assert [firsts(two), firsts(two)] == [first, second]
    assert firsts(Batches(rows, batch_size=9, seed=4)) != first


def test_the_order_does_not_depend_on_the_batch_size():
    rows = np.arange(50)
    assert firsts(Batches(rows, batch_size=1, seed=0)) == firsts(
        Batches(rows, batch_size=50, seed=0)
    )


def test_samples_draws_that_many_different_rows_each_pass():
    batches = Batches(np.arange(1000), batch_size=60, seed=0, samples=100)
    first, second = firsts(batches), firsts(batches)
    assert len(batches) == 2
    assert len(set(first)) == len(set(second)) == 100
    assert set(first) != set(second)


def test_a_shared_generator_goes_on_from_one_to_the_next():
    generator = np.random.default_rng(0)
    rows = np.arange(30)
    first = firsts(Batches(rows, batch_size=5, seed=generator))
    assert firsts(Batches(rows, batch_size=6, seed=generator)) != first


@pytest.mark.parametrize(
    ("arrays", "settings", "error", "message"),
    [
        ((), {}, ValueError, "at least one array, found none"),
        (([1, 2],), {}, TypeError, "expected NumPy arrays, found list at position 0"),
        ((np.zeros(3), np.zeros((4, 2))), {}, ValueError, r"found shapes \(3,\), \(4, 2\)"),
        ((np.array(1.0),), {}, ValueError, r"found shapes \(\)"),
        ((np.zeros(3),), {"batch_size": 0}, ValueError, "batch_size: expected at least 1, found 0"),
        ((np.zeros(3),), {"samples": 4}, ValueError, "samples: expected 0 to 3, .* found 4"),
        ((np.zeros(3),), {"samples": -1}, ValueError, "found -1"),
    ],
)
def test_what_cannot_be_batched_is_refused(arrays, settings, error, message):
    with pytest.raises(error, match=message):
        Batches(*arrays, **{"batch_size": 2, **settings})
