"""Plans of random programs: the passes and the memory plan keep every number."""

from __future__ import annotations

import mmap
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.extend import defvjp, primitive
from tinygrad_lite.replay.form import Instruction

# Functions of two arrays of shape (4, 4), of numbers in about -1 to 1, to such numbers again.
STEPS = {
    "add": lambda a, b: (a + b) / 2,
    "multiply": lambda a, b: a * b,
    "subtract": lambda a, b: (a - b.T) * 0.5,
    "matmul": lambda a, b: (a @ b) / 4,
    "tanh": lambda a, b: np.tanh(a),
    "sigmoid": lambda a, b: tg.sigmoid(a) - b * b,
    "relu": lambda a, b: tg.relu(a) - 0.1,
    "rows": lambda a, b: a - a.mean(axis=0),
    "sums": lambda a, b: a * np.sum(b * b) / 16,
    "softmax": lambda a, b: tg.softmax(a, axis=1) + b * 0.5,
    "slices": lambda a, b: np.concatenate([a[1:], b[:1]]),
    "reshape": lambda a, b: a.reshape(2, 8).T.reshape(4, 4),
    "twice": lambda a, b: (a + a) * (a + a) / 4,
    "where": lambda a, b: np.where(a.data > b.data, a, 0.3),
    "largest": lambda a, b: np.maximum(a, b),
    "detached": lambda a, b: a * np.exp(-abs(b.data)),
    "broadcast": lambda a, b: a[0] * b[:, :1],
    "power": lambda a, b: a**3 - b**2,
}

programs = st.lists(
    st.tuples(
        st.sampled_from(sorted(STEPS)), st.integers(0, 50), st.integers(0, 50), st.booleans()
    ),
    min_size=1,
    max_size=10,
)


def program(steps):
    weights = [Value(w) for w in np.random.default_rng(0).uniform(-1, 1, (2, 4, 4))]

    def step(x, y):
        found = [x * weights[0], y @ weights[1], weights[1] - x]
        returned = []
        for name, i, j, is_returned in steps:
            found.append(STEPS[name](found[i % len(found)], found[j % len(found)]))
            if is_returned:
                returned.append(found[-1])
        loss = sum((a * a).sum() for a in (*found[:3], *found[-3:]))
        for w in weights:
            w.grad = None
        loss.backward()
        for w in weights:
            w.data -= 0.01 * np.tanh(w.grad)
        return loss, returned

    return step, weights


@settings(max_examples=30, deadline=None)
@given(programs)
def test_random_programs_replay_as_they_run(steps):
    step, weights = program(steps)
    other_step, other_weights = program(steps)
    captured = tg.capture(step)
    rng = np.random.default_rng(1)
    for _ in range(4):
        x, y = rng.uniform(-1, 1, (2, 4, 4))
        loss, returned = captured(x, y)
        other_loss, other_returned = other_step(x, y)
        np.testing.assert_allclose(loss.data, other_loss.data, rtol=1e-9)
        for ours, theirs in zip(returned, other_returned, strict=True):
            np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-9, atol=1e-12)
        for ours, theirs in zip(weights, other_weights, strict=True):
            np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(ours.grad, theirs.grad, rtol=1e-8, atol=1e-11)
    assert captured.calls_replayed == 2
    check_memory(captured._last.plan)


def test_a_view_of_what_is_shared_is_read_before_it_is_overwritten():
    w = Value(np.random.default_rng(0).uniform(-1, 1, (4, 4)))

    def step(x, y):
        a, b = x * w, y @ w
        first, again = a - b * b, b * b  # again is the same product, of which a view is taken
        loss = (first * first).sum() + (a[0] * again[:, :1]).sum() ** 2
        w.grad = None
        loss.backward()
        return loss, w.grad

    captured = tg.capture(step)
    rng = np.random.default_rng(1)
    for _ in range(4):
        x, y = rng.uniform(-1, 1, (2, 4, 4))
        loss, gradient = captured(x, y)
        expected, expected_gradient = step(x, y)
        np.testing.assert_allclose(loss.data, expected.data, rtol=1e-12)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-9, atol=1e-12)
    assert captured.calls_replayed == 2


def check_memory(plan):
    """Buffers that are in use at one time lie apart."""
    buffers = list(dict.fromkeys(plan.arena.buffers.values()))
    for i, a in enumerate(buffers):
        assert a.offset >= 0 and a.offset + a.nbytes <= plan.arena.nbytes
        for b in buffers[:i]:
            if a.first <= b.last and b.first <= a.last:
                assert a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset


def test_work_is_shared_folded_and_dropped():
    w = Value(np.ones((3, 3)))

    def step(x):
        dead = np.exp(x) * 3  # noqa: F841
        scale = np.sqrt(np.full(3, 4.0)) * 2
        return np.tanh(x @ w) * np.tanh(x @ w) * scale

    captured = tg.capture(step)
    for _ in range(3):
        captured(np.ones((2, 3)))
    called = [
        getattr(s.function, "name", None) or s.function.__name__
        for s in captured._last.plan.steps
        if isinstance(s, Instruction)
    ]
    assert called == ["matmul", "tanh", "multiply", "multiply"]


def test_long_chains_need_two_buffers():
    def step(x):
        for _ in range(20):
            x = np.tanh(x @ x) * 0.5
        return x

    captured = tg.capture(step)
    captured(np.ones((64, 64)))
    assert captured._last.plan.arena.nbytes < 3 * 64 * 64 * 8
    assert captured._last.plan.arena.unshared > 50 * 64 * 64 * 8


def test_functions_of_any_name_can_be_called():
    def named(name):
        def function(x):
            return x * 3

        function.__name__ = name
        operation = primitive(function)
        defvjp(operation, lambda g, out, x: g * 3)
        return operation

    operations = [named(n) for n in ("run", "a0", "b6", "w0", "Value", "lambda", "<lambda>", "3")]

    def step(x):
        for operation in operations:
            x = operation(x)
        return x

    captured = tg.capture(step)
    for i in range(3):
        assert captured(np.array([float(i)])).item() == i * 3 ** len(operations)


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="memory cannot be given back here")
def test_a_plan_holds_no_memory_until_it_runs():
    w = Value(np.ones((500, 500)))

    @tg.capture
    def step(x):
        loss = (np.tanh(x @ w) ** 2).sum()
        w.grad = None
        loss.backward()
        return loss

    x = np.random.default_rng(0).random((500, 500)) / 500  # where tanh is not flat
    first = step(x).item()
    arena = step._last.plan.arena
    assert step(x).item() == pytest.approx(first)  # compares, then vacates
    assert all(not array.any() for array in arena.arrays.values())
    assert step(x).item() == pytest.approx(first)
    assert any(array.any() for array in arena.arrays.values())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_has_buffers_of_its_own():
    step = tg.capture(lambda x: np.tanh(x) * 2 + x * x)
    x = np.random.default_rng(0).random((50, 50))
    for _ in range(3):
        step(x)
    arrays = list(step._last.plan.arena.arrays.values())
    before = [array.copy() for array in arrays]
    child = os.fork()
    if not child:
        step(x * 3)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    for array, wanted in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, wanted)
