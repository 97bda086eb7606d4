"""What batches of arrays and of streams have in common: changes, prefetching, standing still."""

import json
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_lite.data import Batches, Noise, Stream, as_pixels, split

IMAGES = np.random.default_rng(0).integers(0, 256, (37, 6, 5), dtype=np.uint8)
LABELS = np.arange(37)


def as_batch(images, labels):
    return as_pixels(images), labels


def rows(generator):
    for image, label in zip(IMAGES, LABELS, strict=True):
        yield image, int(label) + int(generator.integers(10)) * 100


def source(kind, prefetch=0, seed=3):
    settings = {"batch_size": 5, "seed": seed, "transform": as_batch, "augment": Noise(0.1)}
    if kind == "arrays":
        return Batches(IMAGES, LABELS, prefetch=prefetch, **settings)
    return Stream(rows, prefetch=prefetch, **settings)


def same(one, other):
    one, other = list(one), list(other)
    return len(one) == len(other) and all(
        np.array_equal(a, b) and a.dtype == b.dtype
        for batch, partner in zip(one, other, strict=True)
        for a, b in zip(batch, partner, strict=True)
    )


@pytest.mark.parametrize("kind", ["arrays", "stream"])
@given(passes=st.integers(0, 2), taken=st.integers(0, 8), prefetch=st.integers(0, 3))
@settings(max_examples=40)
def test_a_state_goes_on_with_the_very_next_batch(kind, passes, taken, prefetch):
    straight, stopped = source(kind), source(kind, prefetch)
    for _ in range(passes):
        assert same(straight, stopped)
    wanted, unfinished = list(straight), iter(stopped)
    for _ in range(taken):
        next(unfinished)
    state = json.loads(json.dumps(stopped.state_dict()))

    resumed = source(kind, prefetch)
    resumed.load_state_dict(state)
    assert same(resumed, wanted[taken:])
    assert same(resumed, straight)
    assert resumed.state_dict() == straight.state_dict()


@pytest.mark.parametrize("kind", ["arrays", "stream"])
def test_leaving_a_pass_early_does_not_depend_on_what_was_prepared(kind):
    def second_pass(prefetch):
        batches = source(kind, prefetch)
        next(iter(batches))
        return list(batches)

    assert same(second_pass(0), second_pass(3))


def test_augmentation_differs_by_row_batch_and_pass():
    zeros = np.zeros((40, 4, 4), np.float32)
    augmented = Batches(zeros, np.arange(40), batch_size=10, seed=1, augment=Noise(1.0))
    noise = [image for _ in range(3) for images, _ in augmented for image in images]
    assert len({image.tobytes() for image in noise}) == 120


def test_the_order_with_augmentation_is_that_without():
    settings = {"batch_size": 10, "seed": 1}
    augmented = Batches(IMAGES / 255, LABELS, augment=Noise(1.0), **settings)
    plain = Batches(IMAGES / 255, LABELS, **settings)
    for _ in range(3):
        for (_, one), (_, other) in zip(augmented, plain, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_transform_gives_what_is_yielded():
    (batch,) = Batches(IMAGES, batch_size=50, transform=lambda images: images.sum(axis=(1, 2)))
    assert len(batch) == 1
    np.testing.assert_array_equal(batch[0], IMAGES.sum(axis=(1, 2)))


def test_prefetching_prepares_as_many_as_said_in_a_thread_of_its_own():
    threads, prepared = set(), []

    def note(rows):
        threads.add(threading.current_thread())
        prepared.append(rows[0])
        return rows

    batches = iter(Batches(np.arange(10), batch_size=1, transform=note, prefetch=3))
    next(batches)
    deadline = time.monotonic() + 10
    while len(prepared) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert prepared == [0, 1, 2, 3]
    assert threading.main_thread() not in threads
    batches.close()
    assert not any(thread.is_alive() for thread in threads)


def test_an_error_while_preparing_arrives_at_its_batch():
    def refuse(rows):
        if rows[0] == 2:
            raise OSError("row 2 is unreadable")
        return rows

    taken = []
    with pytest.raises(OSError, match="row 2 is unreadable"):
        for (batch,) in Batches(np.arange(5), batch_size=1, transform=refuse, prefetch=4):
            taken.append(int(batch[0]))
    assert taken == [0, 1]


def test_a_stream_gathers_rows_of_every_kind():
    batches = list(Stream(lambda: ((i, [i, -i]) for i in range(5)), batch_size=2))
    assert [a.tolist() for a, _ in batches] == [[0, 1], [2, 3], [4]]
    assert [b.shape for _, b in batches] == [(2, 2), (2, 2), (1, 2)]
    ((only,),) = Stream(lambda: iter([1.5, 2.5, 3.5]), batch_size=2, drop_last=True)
    assert only.tolist() == [1.5, 2.5]


def test_what_cannot_be_a_source_is_refused():
    with pytest.raises(TypeError, match="found generator: pass the function itself"):
        Stream((i for i in range(3)), batch_size=2)
    with pytest.raises(ValueError, match="batch_size: expected at least 1, found 0"):
        Stream(lambda: [1], batch_size=0)
    with pytest.raises(ValueError, match="augment draws at random, so give a seed"):
        Batches(IMAGES, batch_size=2, augment=Noise(1))
    with pytest.raises(ValueError, match="prefetch must not be negative, but is -1"):
        Batches(IMAGES, batch_size=2, prefetch=-1)
    with pytest.raises(ValueError, match=r"saved by shuffled and augmented, and this .* shuffled:"):
        Batches(IMAGES, batch_size=2, seed=0).load_state_dict(source("arrays").state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 3}, "saved with batch_size=2, and this Batches has batch_size=3: make it"),
        ({"samples": 4}, f"saved with samples={len(IMAGES)}, and this Batches has samples=4"),
        ({"drop_last": True}, "drop_last=False, and this Batches has drop_last=True"),
        ({"rows": 5}, f"rows={len(IMAGES)}, and this Batches has rows=5"),
    ],
)
def test_the_state_of_other_sizes_is_refused(change, message):
    state = Batches(IMAGES, batch_size=2, seed=0).state_dict()
    settings = {"batch_size": 2} | change
    other = Batches(IMAGES[: settings.pop("rows", None)], seed=0, **settings)
    before = other.state_dict()
    with pytest.raises(ValueError, match=message):
        other.load_state_dict(state)
    assert other.state_dict() == before


@given(
    count=st.integers(2, 60),
    share=st.floats(0.05, 0.95),
    seed=st.none() | st.integers(0, 9),
)
def test_a_split_puts_every_row_in_one_part_beside_its_partner(count, share, seed):
    left, right = np.arange(count), -np.arange(count)[:, None]
    aside = round(share * count)
    if not 0 < aside < count:
        with pytest.raises(ValueError, match="both parts need some"):
            split(left, right, validation=share, seed=seed)
        return
    (a, b), (c, d) = split(left, right, validation=share, seed=seed)
    assert len(c) == aside
    assert sorted([*a, *c]) == left.tolist()
    assert (b[:, 0] == -a).all() and (d[:, 0] == -c).all()
    assert np.shares_memory(a, left) == (seed is None)


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=5), data=st.data())
def test_a_stratified_split_keeps_the_shares(counts, data):
    labels = np.repeat(np.arange(len(counts)), counts)
    aside = data.draw(st.integers(1, max(1, len(labels) - 1)))
    if aside == len(labels):
        return
    _, (chosen,) = split(labels, validation=aside, stratify=labels, seed=0)
    expected = np.array(counts) * aside / len(labels)
    assert (abs(np.bincount(chosen, minlength=len(counts)) - expected) <= 1).all()


def test_a_whole_number_counts_rows_and_other_wishes_are_refused():
    _, (chosen,) = split(np.arange(10), validation=1)
    assert chosen.shape == (1,)
    for validation in (0, 10, 1.5, -1):
        with pytest.raises(ValueError, match=f"validation={validation} of 10 rows"):
            split(np.arange(10), validation=validation)
    with pytest.raises(ValueError, match="stratify has shape"):
        split(np.arange(10), stratify=np.arange(9))
    with pytest.raises(ValueError, match="give a seed"):
        split(np.arange(10), stratify=np.arange(10), seed=None)
