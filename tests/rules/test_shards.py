"""Work in shards: each part once, errors and settings as without; several users, and forks."""

import multiprocessing
import os
import threading
import time

import numpy as np
import pytest

from tinygrad_lite.rules import blas, shards


def test_every_part_is_done_once_by_both_threads(two_threads):
    done, names = [], set()

    def work(part):
        time.sleep(0.005)
        done.append(part)
        names.add(threading.current_thread().name)

    shards.in_shards(work, range(12), shards.threads(True))
    assert sorted(done) == list(range(12))
    assert len(names) == 2


def test_work_that_is_not_worthwhile_stays_in_the_thread(two_threads):
    names = set()
    shards.in_shards(
        lambda part: names.add(threading.current_thread().name), range(5), shards.threads(False)
    )
    assert names == {threading.current_thread().name}


def test_blas_has_one_thread_meanwhile_and_its_own_after(two_threads):
    seen = set()
    shards.in_shards(lambda part: seen.add(blas.threads()), range(4), 2)
    assert seen == {1}
    assert blas.threads() == 2


def test_blas_has_its_own_threads_again_after_the_last_that_held_it(two_threads):
    first, second = blas.single_threaded(), blas.single_threaded()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # before the inner one, as in two threads
    assert (blas.threads(), blas.granted(), shards.threads(True)) == (1, 2, 2)
    second.__exit__(None, None, None)
    assert (blas.threads(), blas.granted()) == (2, 2)


def test_an_error_is_raised_once_the_others_have_stopped(two_threads):
    running = []

    def work(part):
        running.append(part)
        time.sleep(0.005)
        if part == 3:
            raise ZeroDivisionError("in part 3")

    with pytest.raises(ZeroDivisionError, match="in part 3"):
        shards.in_shards(work, range(50), 2)
    count = len(running)
    assert count < 50 and blas.threads() == 2
    time.sleep(0.02)
    assert len(running) == count
    shards.in_shards(running.append, ["afterwards"], 2)
    assert running[-1] == "afterwards"


def test_numpys_error_state_holds_in_all_threads(two_threads):
    zeros = np.zeros(3)

    def work(part):
        time.sleep(0.005)
        np.divide(1.0, zeros)

    with np.errstate(divide="ignore"):
        shards.in_shards(work, range(6), 2)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        shards.in_shards(work, range(6), 2)


def test_two_threads_of_the_user_and_nested_work(two_threads):
    totals = [0, 0]

    def count(index):
        def inner(part):
            totals[index] += part

        shards.in_shards(lambda part: shards.in_shards(inner, [part], 2), range(100), 1)

    users = [threading.Thread(target=count, args=(i,)) for i in range(2)]
    for user in users:
        user.start()
    for user in users:
        user.join(30)
    assert totals == [4950, 4950]


def _in_child(results):
    done = []
    shards.in_shards(done.append, range(6), 2)
    results.put(sorted(done))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own(two_threads):
    shards.in_shards(lambda part: time.sleep(0.001), range(4), 2)
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(results,))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert results.get() == list(range(6))


def test_scratch_is_the_same_memory_in_one_thread_and_another_in_others():
    mine = shards.scratch("test", (3, 4), np.float32)
    again = shards.scratch("test", (2, 5), np.float64)
    assert mine.shape == (3, 4) and again.dtype == np.float64
    larger = shards.scratch("test", (100,), np.float64)
    assert np.shares_memory(larger, shards.scratch("test", (7,), np.float32))
    theirs = []
    thread = threading.Thread(
        target=lambda: theirs.append(shards.scratch("test", (7,), np.float32))
    )
    thread.start()
    thread.join()
    assert not np.shares_memory(larger, theirs[0])
