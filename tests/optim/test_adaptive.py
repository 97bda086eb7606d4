"""Adam, AdamW, RMSprop and Adagrad by hand; groups; states that go on bit for bit."""

import json

import numpy as np
import pytest

from tinygrad_lite import Value, nn, optim


def adam(x, g, s, lr, decay=0.0, decoupled=False):
    g = g if decoupled else g + decay * x
    s["t"] = s.get("t", 0) + 1
    s["m"] = 0.8 * s.get("m", 0) + 0.2 * g
    s["v"] = 0.9 * s.get("v", 0) + 0.1 * g**2
    step = lr * (s["m"] / (1 - 0.8 ** s["t"])) / (np.sqrt(s["v"] / (1 - 0.9 ** s["t"])) + 1e-8)
    return x - step - (lr * decay * x if decoupled else 0)


def rmsprop(x, g, s, lr):
    s["v"] = 0.9 * s.get("v", 0) + 0.1 * g**2
    return x - lr * g / (np.sqrt(s["v"]) + 1e-8)


def adagrad(x, g, s, lr):
    s["sum"] = s.get("sum", 0) + g**2
    return x - lr * g / (np.sqrt(s["sum"]) + 1e-10)


BETAS = {"betas": (0.8, 0.9)}
BY_HAND = [
    (optim.Adam, BETAS, adam),
    (optim.Adam, {**BETAS, "weight_decay": 0.1}, lambda *a: adam(*a, decay=0.1)),
    (optim.AdamW, {**BETAS, "weight_decay": 0.1}, lambda *a: adam(*a, decay=0.1, decoupled=True)),
    (optim.RMSprop, {"alpha": 0.9}, rmsprop),
    (optim.Adagrad, {}, adagrad),
]


@pytest.mark.parametrize("scalar", [False, True])
@pytest.mark.parametrize("kind, settings, by_hand", BY_HAND)
def test_updates_are_those_written_by_hand(kind, settings, by_hand, scalar):
    w = Value(1.5) if scalar else Value(np.array([1.0, -2.0, 3.0]))
    x, state = np.array(w.data), {}
    optimiser = kind([w], 0.1, **settings)
    array = w.data
    for _ in range(5):
        optimiser.zero_grad()
        (w**3).sum().backward()
        optimiser.step()
        x = by_hand(x, 3 * x**2, state, 0.1)
    np.testing.assert_allclose(w.data, x, rtol=1e-13)
    assert type(w.data) is float if scalar else w.data is array


KINDS = [
    (optim.SGD, {"momentum": 0.9}),
    (optim.Adam, {"amsgrad": True}),
    (optim.AdamW, {}),
    (optim.RMSprop, {"momentum": 0.9, "centered": True}),
    (optim.Adagrad, {"initial_accumulator_value": 0.1}),
]


def parts(seed=0):
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(3).astype(np.float32)
    return [Value(start, name="w"), Value(rng.random(), name="b")]


def run(optimiser, schedule, steps):
    w, b = optimiser.parameters
    for _ in range(steps):
        optimiser.zero_grad()
        ((w**3).sum() * b + b * b).backward()
        optimiser.step()
        schedule.step()


def as_json(thing):
    if isinstance(thing, np.ndarray):
        return {"array": thing.tolist(), "dtype": str(thing.dtype)}
    if isinstance(thing, dict):
        return {key: as_json(entry) for key, entry in thing.items()}
    return [as_json(entry) for entry in thing] if isinstance(thing, (list, tuple)) else thing


def from_json(thing):
    if isinstance(thing, dict):
        if "array" in thing:
            return np.array(thing["array"], thing["dtype"])
        return {key: from_json(entry) for key, entry in thing.items()}
    return [from_json(entry) for entry in thing] if isinstance(thing, list) else thing


@pytest.mark.parametrize("kind, settings", KINDS)
def test_a_resumed_run_is_the_same_to_the_last_bit(kind, settings):
    """The states go through JSON: plain arrays and numbers."""

    def begin(values):
        optimiser = kind(values, 0.05, **settings)
        one = optim.LinearLR(optimiser, total_iters=3)
        other = optim.CosineAnnealingLR(optimiser, 20)
        return optimiser, optim.SequentialLR(optimiser, [one, other], [3])

    whole, broken = parts(), parts()
    run(*begin(whole), 10)
    optimiser, schedule = begin(broken)
    run(optimiser, schedule, 4)
    saved = json.dumps(as_json([optimiser.state_dict(), schedule.state_dict()]))
    resumed = [Value(np.array(v.data), name=v.name) for v in broken]
    run(optimiser, schedule, 1)  # the state was a copy
    optimiser, schedule = begin(resumed)
    first, second = from_json(json.loads(saved))
    optimiser.load_state_dict(first)
    schedule.load_state_dict(second)
    run(optimiser, schedule, 6)
    for mine, other in zip(resumed, whole, strict=True):
        assert np.array_equal(mine.data, other.data)


def test_groups_have_their_own_settings():
    net = nn.Linear(3, 2, dtype=np.float64)
    optimiser = optim.AdamW(
        [{"params": [net.weight], "weight_decay": 0.5}, {"params": net.bias, "lr": 0.0}], lr=0.1
    )
    before = net.state_dict()
    net(np.zeros((1, 3))).sum().backward()
    optimiser.step()
    np.testing.assert_allclose(net.weight.data, 0.95 * before["weight"], rtol=1e-13)
    assert np.array_equal(net.bias.data, before["bias"])
    assert [group["lr"] for group in optimiser.param_groups] == [0.1, 0.0]
    optimiser.lr = 0.2
    assert [group["lr"] for group in optimiser.param_groups] == [0.2, 0.2]
    extra = Value(1.0)
    optimiser.add_param_group({"params": [extra], "lr": 0.3})
    assert optimiser.parameters[-1] is extra and optimiser.param_groups[2]["weight_decay"] == 0.01


def test_a_closure_is_called_and_its_loss_returned():
    w = Value(np.array([1.0]))
    optimiser = optim.SGD([w], 0.5)

    def closure():
        optimiser.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    assert optimiser.step(closure).item() == 1.0
    assert w.data.tolist() == [0.0]


@pytest.mark.parametrize(
    "make, error, says",
    [
        (lambda w: optim.Adam([w], betas=(0.9, 1.0)), ValueError, r"Adam: betas\[1\].*1.0"),
        (lambda w: optim.AdamW([w], weight_decay=-1), ValueError, "AdamW: weight_decay .* -1"),
        (lambda w: optim.RMSprop([w], alpha=-1), ValueError, "alpha"),
        (lambda w: optim.Adagrad([w], lr_decay=-1), ValueError, "lr_decay"),
        (
            lambda w: optim.Adam([{"params": [w], "momentum": 1}]),
            TypeError,
            "no setting 'momentum'",
        ),
        (lambda w: optim.Adam([{"params": [w]}, {"params": [w]}]), ValueError, "twice"),
        (lambda w: optim.SGD([w], 1, 0.9, 0.1, nesterov=True), ValueError, "no dampening"),
    ],
)
def test_settings_out_of_range_are_told(make, error, says):
    with pytest.raises(error, match=says):
        make(Value(np.ones(2)))


def test_a_state_that_does_not_fit_is_refused_whole():
    w, other = Value(np.ones(2)), Value(np.ones(3))
    optimiser = optim.Adam([w])
    (w * w).sum().backward()
    optimiser.step()
    before = optimiser.state_dict()
    with pytest.raises(ValueError, match=r"exp_avg of .*\(3,\).* has shape \(2,\)"):
        optim.Adam([other]).load_state_dict(before)
    with pytest.raises(ValueError, match=r"\[2\] parameters, given are \[1\]"):
        optim.Adam([w, other]).load_state_dict(before)


def test_clipping_bounds_the_norm_and_leaves_smaller_gradients():
    w, b, unused = Value(np.array([3.0, 0.0], np.float32)), Value(4.0), Value(1.0)
    (w.sum() * 3 + b * 4).backward()  # 3, 3, 4
    gradient = w.grad
    norm = optim.clip_grad_norm_([w, b, unused], 1.0)
    assert norm == pytest.approx(34**0.5)
    assert float(np.sqrt((w.grad**2).sum() + b.grad**2)) == pytest.approx(1, rel=1e-5)
    assert w.grad is gradient and w.grad.dtype == np.float32 and type(b.grad) is float
    before = w.grad.copy()
    optim.clip_grad_norm_([w, b], 100.0)
    assert np.array_equal(w.grad, before)
    optim.clip_grad_value_([w, b], 0.1)
    assert w.grad.tolist() == [np.float32(0.1)] * 2 and b.grad == 0.1
    w.grad[0] = np.nan
    with pytest.raises(RuntimeError, match="norm of the gradients is nan"):
        optim.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)


def test_clipping_does_not_hide_a_forgotten_zero_grad():
    w = Value(2.0)
    optimiser = optim.SGD([w], 1e-6)
    for step in range(2):
        (w * w).backward()
        optim.clip_grad_norm_([w], 1.0)
        if step:
            with pytest.warns(RuntimeWarning, match="zero_grad"):
                optimiser.step()
        else:
            optimiser.step()
