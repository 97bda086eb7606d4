"""no_grad and enable_grad, local to threads and tasks."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.modes import ENTERED


def test_nothing_is_recorded_inside_no_grad():
    w = Value(2.0)
    with tg.no_grad():
        y = (w * 3).tanh()
        with tg.enable_grad():
            z = w * 5
    assert y.is_leaf and not z.is_leaf
    assert not (w * 2).is_leaf


def test_as_a_decorator():
    @tg.no_grad()
    def predict(w):
        return w * 2

    assert predict(Value(1.0)).is_leaf and predict(Value(1.0)).is_leaf


def test_left_when_an_exception_passes():
    with pytest.raises(RuntimeError), tg.no_grad():
        raise RuntimeError
    assert not (Value(1.0) * 2).is_leaf
    assert ENTERED.count == 0


def test_local_to_a_thread():
    inside, checked = threading.Event(), threading.Event()
    seen = []

    def other():
        inside.wait(10)
        seen.append((Value(1.0) * 2).is_leaf)
        checked.set()

    thread = threading.Thread(target=other)
    thread.start()
    with tg.no_grad():
        inside.set()
        checked.wait(10)
        seen.append((Value(1.0) * 2).is_leaf)
    thread.join()
    assert seen == [False, True]


def run(coroutine):
    """asyncio.run in a thread of its own: a browser test may have left an event loop in this."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def test_local_to_an_asyncio_task():
    async def quiet(turn, other):
        with tg.no_grad():
            turn.set()
            await other.wait()
            return (Value(1.0) * 2).is_leaf

    async def loud(turn, other):
        await other.wait()
        recorded = (Value(1.0) * 2).is_leaf
        turn.set()
        return recorded

    async def both():
        a, b = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(quiet(a, b), loud(b, a))

    assert run(both()) == [True, False]


def test_decorating_a_coroutine_covers_what_it_awaits():
    @tg.no_grad()
    async def predict(w):
        await asyncio.sleep(0)
        return w * 2

    async def both():
        return await asyncio.gather(predict(Value(1.0)), predict(Value(2.0)))

    assert all(y.is_leaf for y in run(both()))
    assert ENTERED.count == 0


def test_a_generator_cannot_be_decorated():
    def batches(w):
        yield w * 2

    with pytest.raises(TypeError, match="batches is a generator"):
        tg.no_grad()(batches)
