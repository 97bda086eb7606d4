"""Captured steps of programs written in scalars do what the programs do, call after call."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import micrograd.nn
import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value, optim
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer, relu, scan_pattern

CALLS = 5


def assert_equal(parameters: list[Value], others: list[Value]) -> None:
    for what in ("data", "grad"):
        ours = np.array([getattr(p, what) for p in parameters])
        theirs = np.array([getattr(p, what) for p in others])
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-14)
    assert {type(p.data) for p in parameters} == {float}


def moons(samples: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Callable[[], Any], list[Value]]:
    """micrograd's training step, with its own nn on our Value."""
    monkeypatch.setattr(micrograd.nn, "Value", Value)
    random.seed(1337)
    model = micrograd.nn.MLP(2, [8, 8, 1])
    xs = [(random.gauss(0, 1), random.gauss(0, 1)) for _ in range(samples)]
    ys = [random.choice((-1, 1)) for _ in xs]

    def step() -> Any:
        scores = [model(list(map(Value, row))) for row in xs]
        losses = [(1 + -y * score).relu() for y, score in zip(ys, scores, strict=True)]
        total = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= 0.05 * p.grad
        return total

    return step, model.parameters()


def test_micrograds_moons(monkeypatch: pytest.MonkeyPatch) -> None:
    eager, plain = moons(30, monkeypatch)
    function, parameters = moons(30, monkeypatch)
    captured = tg.capture(function)
    for _ in range(CALLS):
        assert captured().item() == pytest.approx(eager().item(), rel=1e-12)
    assert_equal(parameters, plain)
    assert captured.calls_replayed == CALLS - 2
    assert captured.program.count("matmul(") < 20
    assert len(captured.program.splitlines()) < 150


def test_numbers_set_between_calls_count(monkeypatch: pytest.MonkeyPatch) -> None:
    eager, plain = moons(20, monkeypatch)
    function, parameters = moons(20, monkeypatch)
    captured = tg.capture(function)
    for call in range(8):
        assert captured().item() == pytest.approx(eager().item(), rel=1e-12)
        if call in (3, 4):  # one set without a look, one with
            for values in (plain, parameters):
                values[2 * call].data = 0.25
                values[2 * call + 1].data += 0.5
        if call == 5:
            assert_equal(parameters, plain)
    assert_equal(parameters, plain)


def test_eager_steps_between_captured_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    eager, plain = moons(20, monkeypatch)
    function, parameters = moons(20, monkeypatch)
    captured = tg.capture(function)
    for call in range(9):
        ours = function() if call in (1, 5, 6) else captured()
        assert ours.item() == pytest.approx(eager().item(), rel=1e-12)
    assert_equal(parameters, plain)


def network(wiring: str) -> Network:
    pixels, hidden, output = InputLayer(6, 6), HiddenLayer(5, function=relu), OutputLayer(3)
    if wiring == "edge maps":
        edges = scan_pattern(pixels, np.arange(9.0).reshape(3, 3) / 5 - 0.8, stride=1, bias=-0.3)
        built = Network([pixels, edges, output], seed=2)
        built.connect_layers(edges, output)
        return built
    built = Network([pixels, hidden, output], seed=2)
    if wiring == "all":
        built.connect_all_layers()
    else:
        generator = random.Random(0)
        for neuron in list(hidden)[:4]:
            for pixel in generator.sample(list(pixels), generator.randrange(3, 9)):
                built.connect(pixel, neuron)
        for neuron in output:
            for source in generator.sample(list(hidden), 3):
                built.connect(source, neuron)
    return built


@pytest.mark.parametrize("wiring", ["all", "edge maps", "dangling"])
def test_neuron_networks_learn_alike(wiring: str) -> None:
    rng = np.random.default_rng(0)
    batches = [(rng.random((8, 36)), np.eye(3)[rng.integers(0, 3, 8)]) for _ in range(CALLS)]

    def step_of(built: Network) -> Callable[..., Any]:
        def step(images: Any, desired: Any) -> Any:
            built.zero_grad()
            cost = built.cost(images, desired)
            cost.backward()
            built.nudge(0.4, bias_limit=0.01)
            return cost

        return step

    by_hand, built = network(wiring), network(wiring)
    eager, captured = step_of(by_hand), tg.capture(step_of(built))
    for batch in batches:
        assert captured(*batch).item() == pytest.approx(eager(*batch).item(), rel=1e-12)
    for ours, theirs in zip(built.parameters, by_hand.parameters, strict=True):
        assert ours.data == pytest.approx(theirs.data, rel=1e-11)
        assert (ours.grad is None) == (theirs.grad is None)
        assert ours.grad is None or ours.grad == pytest.approx(theirs.grad, rel=1e-10, abs=1e-15)
    # What is not captured sees the numbers too.
    np.testing.assert_allclose(
        built.evaluate(batches[0][0]), by_hand.evaluate(batches[0][0]), rtol=1e-12
    )


def test_a_training_step_and_inference_share_their_weights() -> None:
    rng = np.random.default_rng(0)
    images, desired = rng.random((8, 36)), np.eye(3)[rng.integers(0, 3, 8)]
    built, by_hand = network("all"), network("all")

    def learn(trained: Network) -> Callable[..., Any]:
        def step(images: Any, desired: Any) -> None:
            trained.zero_grad()
            trained.cost(images, desired).backward()
            trained.nudge(0.4)

        return step

    def outputs(images: Any) -> Any:
        with tg.no_grad():
            built.set_inputs(images)
            return [activation.data for activation in built.propagate()]

    step, look = tg.capture(learn(built)), tg.capture(outputs)
    for _ in range(CALLS):
        step(images, desired)
        learn(by_hand)(images, desired)
        found = np.stack(look(images), axis=-1)
        np.testing.assert_allclose(found, by_hand.evaluate(images), rtol=1e-12)
    assert_equal(built.parameters, by_hand.parameters)


OPTIMISERS = [
    lambda p: optim.SGD(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    lambda p: optim.Adam(p, lr=0.05),
]  # fmt: skip


@pytest.mark.parametrize("make", OPTIMISERS)
def test_optimisers_move_scalars(make: Any) -> None:
    def program() -> tuple[Callable[[], Any], list[Value], Any]:
        weights = [Value(0.1 * n - 0.7) for n in range(20)]
        rows = np.random.default_rng(0).normal(size=(12, 20)).tolist()
        optimiser = make(weights)

        def step() -> Any:
            cost: Any = 0.0
            for row in rows:
                z = sum(w * x for w, x in zip(weights, row, strict=True))
                cost = cost + (np.tanh(z) - row[0]) ** 2
            optimiser.zero_grad()
            cost.backward()
            optimiser.step()
            return cost

        return step, weights, optimiser

    eager, plain, theirs = program()
    function, weights, ours = program()
    captured = tg.capture(function)
    for call in range(8):
        if call == 4:
            ours.lr = theirs.lr = 0.01
        step = function if call == 5 else captured
        assert step().item() == pytest.approx(eager().item(), rel=1e-10)
    assert_equal(weights, plain)


def test_a_simulation_of_many() -> None:
    length = Value(1.1)

    def step(angles: Any) -> Any:
        angles = [angles[n] for n in range(30)]
        speeds: list[Any] = [0.0] * 30
        for _ in range(10):
            for n in range(30):
                speeds[n] = speeds[n] - 0.02 * 9.81 / length * np.sin(angles[n])
                angles[n] = angles[n] + 0.02 * speeds[n]
        cost = sum(a * a for a in angles)
        length.grad = None
        cost.backward()
        return cost

    captured = tg.capture(step)
    for seed in range(CALLS):
        start = np.random.default_rng(seed).normal(size=30)
        cost = captured(start).item()
        found = length.grad
        assert cost == pytest.approx(step(start).item(), rel=1e-12)
        assert found == pytest.approx(length.grad, rel=1e-12)
    assert len(captured.program.splitlines()) < 700
