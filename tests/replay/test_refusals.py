"""What a replay would get wrong is refused with one error, and leaves everything as it was."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import CaptureError, Value, nn, optim
from tinygrad_lite.engine.random import draw

X = np.array([1.0, -2.0, 3.0])


def weight():
    return Value(np.array([0.5, 1.0, -1.0]), name="w")


def branch(w):
    def step(x):
        y = (w * x).sum()
        return y * 2 if y > 0 else y

    return step


def loop(w):
    def step(x):
        y = (w * x).sum()
        while abs(y) > 1:
            y = y / 2
        return y

    return step


def item(w):
    return lambda x: (w * x).sum() * (w * x).sum().item()


def conversion(w):
    return lambda x: w * float((w * x).sum())


def plain_array(w):
    def step(x):
        table = np.eye(3)
        return table[np.argsort(x)] @ w

    return step


def assignment(w):
    def step(x):
        buffer = np.zeros(3)
        buffer[:] = x
        return (w * buffer).sum()

    return step


def mask(w):
    return lambda x: (w * x)[x > 0].sum()


def count(w):
    return lambda x: (w * x).sum() / len(np.nonzero(x)[0])


def format_loss(w):
    return lambda x: f"{(w * x).sum():.3f}"


def legacy_random(w):
    return lambda x: (w * x * np.random.rand(3)).sum()  # noqa: NPY002


def python_random(w):
    return lambda x: (w * x).sum() * random.random()


def generator(w):
    rng = np.random.default_rng(0)
    return lambda x: (w * x * rng.random(3)).sum()


def counter(w):
    class State:
        calls = 0

        def __init__(self):
            self.calls = 0

    state = State()

    def step(x):
        state.calls += 1
        return (w * x).sum() * state.calls

    return step


def nonlocal_counter(w):
    calls = 0

    def step(x):
        nonlocal calls
        calls += 1
        return (w * x).sum() * calls

    return step


REFUSED = [
    (branch, "decision"), (loop, "decision"), (item, r"item\(\)"), (conversion, r"float\(\)"),
    (plain_array, "index"), (assignment, "plain array"), (mask, "mask"), (count, "shape"),
    (format_loss, r"item\(\)"), (legacy_random, "np.random"), (python_random, "random"),
    (generator, "a generator"), (counter, "State.calls"), (nonlocal_counter, "calls"),
]  # fmt: skip


@pytest.mark.parametrize("make, words", REFUSED, ids=lambda x: getattr(x, "__name__", ""))
def test_is_refused_at_the_first_call(make, words):
    w = weight()
    step = tg.capture(make(w))
    with pytest.raises(CaptureError, match=words):
        step(X)
    assert type(w.data) is np.ndarray
    with pytest.raises(CaptureError, match=words):  # and again
        step(X)


def test_the_message_names_the_line():
    w = weight()
    with pytest.raises(CaptureError, match=r"test_refusals.py:\d+"):
        tg.capture(branch(w))(X)


def test_a_refusal_leaves_everything_as_it_was():
    w, scalar = weight(), Value(2.0)
    w.grad = np.ones(3)
    optimiser = optim.Adam([w, scalar], lr=0.1)
    (w.sum() * scalar).backward()
    optimiser.step()
    before = w.data.copy(), scalar.data, w.grad.copy(), scalar.grad, optimiser.state_dict()

    @tg.capture
    def step(x):
        loss = (w * x * scalar).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        w.data -= w.grad
        return loss.item()

    with pytest.raises(CaptureError, match="item"):
        step(X)
    after = w.data, scalar.data, w.grad, scalar.grad, optimiser.state_dict()
    for a, b in zip(before[:4], after[:4], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_equal(after[4], before[4])


def test_what_only_the_comparison_can_see():
    """A number computed from a hidden source that no guard looks at."""
    w = weight()
    hidden = iter(range(1, 100))
    step = tg.capture(lambda x: (w * x).sum() * next(hidden))
    step(X)
    with pytest.raises(CaptureError, match="replay gives other numbers"):
        step(X)


def test_an_array_of_the_surroundings_changed_in_place_is_seen():
    w, scale = weight(), np.ones(3)
    step = tg.capture(lambda x: (w * x * scale).sum())
    for factor in (1.0, 2.0, 3.0, 4.0):
        scale[:] = factor
        assert step(X).item() == pytest.approx(factor * float(w.data @ X))
    assert step.calls_replayed


RATE = 1.0


def test_a_changed_number_records_a_new_plan():
    global RATE
    w = weight()
    rate = 1.0

    class Settings:
        def __init__(self):
            self.scale = 1.0

    settings = Settings()
    step = tg.capture(lambda x: (w * x).sum() * rate * RATE * settings.scale)
    expected = float(w.data @ X)
    for _ in range(3):
        assert step(X).item() == pytest.approx(expected)
    rate = 2.0
    assert step(X).item() == pytest.approx(2 * expected)
    settings.scale = 5.0
    assert step(X).item() == pytest.approx(10 * expected)
    RATE = 3.0
    try:
        assert step(X).item() == pytest.approx(30 * expected)
    finally:
        RATE = 1.0


def test_a_new_shape_dtype_or_fixed_argument_records_a_new_plan():
    w = Value(2.0)
    step = tg.capture(lambda x, power=1: (w * x**power).sum())
    for shape in [(3,), (2, 2), (3,)]:
        for dtype in (np.float32, np.float64):
            x = np.arange(1, 1 + np.prod(shape), dtype=dtype).reshape(shape)
            for _ in range(3):
                for power in (1, 2):
                    assert step(x, power=power).item() == pytest.approx(2 * (x**power).sum())


def test_rebound_parameters_are_seen():
    w = weight()
    step = tg.capture(lambda x: (w * x).sum())
    for _ in range(3):
        step(X)
    w.data = np.array([1.0, 1.0, 1.0])
    assert step(X).item() == 2.0
    w.data = np.ones((2, 3))
    assert step(X).item() == 4.0


def test_training_mode_is_looked_at():
    layer = nn.Dropout(0.5, generator=0)
    step = tg.capture(lambda x: layer(x))
    x = np.ones(1000)
    masks = [step(x) for _ in range(5)]
    assert all((np.asarray(m) == 0).any() for m in masks)
    assert len({m.tobytes() for m in masks}) == 5  # fresh masks
    layer.eval()
    for _ in range(3):
        np.testing.assert_array_equal(step(x), x)


def test_draws_are_made_anew():
    rng, other = np.random.default_rng(5), np.random.default_rng(5)
    w = weight()
    step = tg.capture(lambda x: w * x + draw(rng, "normal", 0.0, 1.0, 3))
    for _ in range(6):
        expected = w.data * X + other.normal(0.0, 1.0, 3)
        np.testing.assert_array_equal(step(X).data, expected)


def test_learning_rates_and_schedules_work():
    def make():
        w = weight()
        optimiser = optim.SGD([w], lr=0.5, momentum=0.9)
        schedule = optim.StepLR(optimiser, step_size=2, gamma=0.5)

        def step(x):
            loss = ((w - x) ** 2).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            return loss

        return w, step, schedule

    w, step, schedule = make()
    other, other_step, other_schedule = make()
    captured = tg.capture(step)
    for _ in range(9):
        assert captured(X).item() == pytest.approx(other_step(X).item())
        schedule.step()
        other_schedule.step()
    np.testing.assert_allclose(w.data, other.data)
    assert captured.calls_replayed == 7


def test_a_schedule_inside_is_refused():
    w = weight()
    optimiser = optim.SGD([w], lr=0.5)
    schedule = optim.StepLR(optimiser, step_size=2, gamma=0.5)

    def step(x):
        loss = ((w - x) ** 2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        return loss

    with pytest.raises(CaptureError, match="StepLR"):
        tg.capture(step)(X)


def test_gradients_reset_outside_or_not_at_all():
    """With and without a gradient at the start, the captured function does what the function
    does."""

    def make():
        w = weight()

        def step(x):
            loss = (w * x).sum()
            loss.backward()
            return loss

        return w, step

    w, step = make()
    other, other_step = make()
    captured = tg.capture(step)
    for reset in (True, True, True, False, False, False, True, True, False):
        if reset:
            w.grad = other.grad = None
        captured(X)
        other_step(X)
        np.testing.assert_array_equal(w.grad, other.grad)


def test_results_are_not_overwritten_by_the_next_call():
    w = weight()
    step = tg.capture(lambda x: (w * x, {"raw": x * 2}))
    kept = [step(X * i) for i in range(5)]
    for i, (value, others) in enumerate(kept):
        np.testing.assert_array_equal(value.data, w.data * X * i)
        np.testing.assert_array_equal(others["raw"], 2 * X * i)


def test_under_no_grad_and_inside_another_capture():
    w = weight()
    inner = tg.capture(lambda x: (w * x).sum())
    outer = tg.capture(lambda x: inner(x) ** 2)
    with tg.no_grad():
        for _ in range(3):
            assert inner(X).item() == pytest.approx(float(w.data @ X))
    for _ in range(3):
        assert outer(X).item() == pytest.approx(float(w.data @ X) ** 2)


def test_rows_of_a_table():
    table = nn.Embedding(20, 3)
    step = tg.capture(lambda index: table(index).sum(axis=1))
    for rows in ([0, 1], [5, 3], [19, 19], [2, 0]):
        index = np.array(rows)
        expected = table.weight.data[index].sum(axis=1)
        np.testing.assert_allclose(step(index).data, expected, rtol=1e-6)


def test_arguments_in_other_structures_are_told_apart():
    w = weight()
    step = tg.capture(lambda x: (w * (x[0] if isinstance(x, tuple) else 2 * x)).sum())
    for given, factor in ((X, 2), ((X,), 1), (X, 2)):
        for _ in range(3):
            assert step(given).item() == pytest.approx(factor * float(w.data @ X))


def test_a_module_is_captured_for_inference():
    net = nn.Sequential(nn.Linear(3, 4, generator=np.random.default_rng(0)), nn.ReLU())
    captured = tg.capture(net)
    for i in range(4):
        x = np.full((2, 3), i, np.float32)
        np.testing.assert_array_equal(captured(x).data, net(x).data)
    assert captured.calls_replayed == 2


def test_threads_do_not_share_buffers():
    w = Value(np.random.default_rng(0).random((50, 50)))
    step = tg.capture(lambda x: np.exp(np.tanh(x @ w) @ w).sum(axis=0))
    inputs = [np.full((30, 50), i / 8) for i in range(8)]
    expected = [step.function(x).data for x in inputs]
    for x in inputs[:3]:
        step(x)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            found = list(pool.map(step, inputs))
            for ours, theirs in zip(found, expected, strict=True):
                np.testing.assert_allclose(ours.data, theirs, rtol=1e-12)


def test_under_detect_anomaly_the_function_runs():
    w = weight()
    step = tg.capture(lambda x: np.log(w * x).sum())
    with np.errstate(all="ignore"):
        for _ in range(3):
            step(X)
    with tg.detect_anomaly(), pytest.raises(tg.AnomalyError):
        step(X)


def test_methods_are_captured_for_each_instance():
    class Model:
        def __init__(self, factor):
            self.w = Value(np.array([factor]))

        @tg.capture
        def __call__(self, x):
            return self.w * x

        @tg.capture
        def run(self, x):
            return self.w * x

    for factor in (2.0, 3.0):
        model = Model(factor)
        for _ in range(3):
            assert model.run(np.array([4.0])).item() == 4 * factor


def test_the_program_is_printed_with_its_memory():
    w = Value(np.ones((20, 30)))
    step = tg.capture(lambda x: np.tanh(np.exp(x @ w) + 1).sum(axis=0))
    assert step.program == ""
    step(np.ones((10, 20)))
    assert "matmul(a0, w" in step.program
    assert "float64[10,30], bytes 0 to 2400" in step.program


def test_gradients_of_nothing_but_rounding_are_not_compared():
    """A bias before a batch normalisation has the gradient 0, of which Adam makes steps of lr."""
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, generator=np.random.default_rng(0)), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Flatten(), nn.Linear(4 * 36, 3, generator=np.random.default_rng(1)),
    )  # fmt: skip
    optimiser = optim.Adam(net.parameters(), lr=0.01)

    @tg.capture
    def step(x, y):
        loss = nn.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    rng = np.random.default_rng(0)
    x, y = rng.random((16, 1, 8, 8), dtype=np.float32), rng.integers(0, 3, 16)
    losses = [step(x, y).item() for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]
    assert step.calls_replayed == 28
