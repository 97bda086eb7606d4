"""Lifted recordings compute what the scalars did: values, gradients and updated parameters."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from replay.lifting.interpreter import recording_of, run
from tinygrad_lite import Value
from tinygrad_lite.neurons import (
    HiddenLayer,
    InputLayer,
    Network,
    OutputLayer,
    edge_pattern,
    relu,
    scan_pattern,
    tanh,
)
from tinygrad_lite.replay.form import Instruction, Pack, Recording
from tinygrad_lite.replay.lifting.lift import Lifting, lift

CLOSE = 1e-12


def assert_same(outputs: list[Value], parameters: list[Value]) -> Recording:
    """Lift whatever it costs, compare with the scalars, and return the lifted recording."""
    recording = recording_of(outputs, parameters, lr=0.1)
    lifted = Lifting(recording).run()
    for before, after in zip(run(recording), run(lifted), strict=True):
        if isinstance(before, list):
            for ours, theirs in zip(after, before, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=CLOSE, atol=1e-15)
        else:
            assert before.keys() == after.keys()
            theirs = np.array(list(before.values()))
            ours = np.array([after[value] for value in before])
            # Sums in another order: rounding in proportion to the largest terms.
            np.testing.assert_allclose(
                ours, theirs, rtol=CLOSE, atol=1e-14 * np.abs(theirs).max(initial=0)
            )
    return lifted


def names(recording: Recording) -> list[str]:
    """What the lifted recording computes."""
    return [
        getattr(step.function, "name", None) or step.function.__name__
        for step in recording.steps
        if isinstance(step, Instruction)
    ]


def scalars(count: int, seed: int = 0) -> list[Value]:
    return [Value(x) for x in np.random.default_rng(seed).uniform(-1, 1, count).tolist()]


def perceptron(sizes: list[int], rows: Any, weights: list[Value], function: Any) -> list[Any]:
    """Outputs of a network written in scalars, one list for each sample."""
    found = []
    for row in rows:
        signals, used = list(row), iter(weights)
        for high in sizes[1:]:
            following = []
            for _ in range(high):
                bias = next(used)
                following.append(function(sum((next(used) * x for x in signals), bias)))
            signals = following
        found.append(signals)
    return found


def test_a_network_of_scalars_becomes_matrix_products() -> None:
    sizes = [3, 7, 5, 2]
    weights = scalars(3 * 7 + 7 + 7 * 5 + 5 + 5 * 2 + 2)
    rows = [scalars(3, seed) for seed in range(20)]
    outputs = perceptron(sizes, rows, weights, np.tanh)
    cost = sum((a - 0.5) ** 2 for out in outputs for a in out) / 20
    lifted = assert_same([cost], weights)
    assert names(lifted).count("matmul") <= 4
    assert len(lifted.steps) < 50
    packs = [source for source in lifted.sources.values() if isinstance(source, Pack)]
    assert sum(len(pack.values) for pack in packs) == len(weights) - 2  # but the last biases


def test_weights_may_come_second_and_terms_in_any_order() -> None:
    weights = scalars(12)
    rows = np.random.default_rng(1).normal(size=(10, 4)).tolist()
    generator = random.Random(0)
    total: Any = 0.0
    for row in rows:
        for n in range(3):
            terms = [w * x if generator.random() < 0.5 else x * w
                     for w, x in zip(weights[4 * n : 4 * n + 4], row, strict=True)]  # fmt: skip
            generator.shuffle(terms)
            total = total + sum(terms).tanh()
    lifted = assert_same([total], weights)
    assert "matmul" in names(lifted)


def test_long_sums_become_reductions() -> None:
    x = scalars(300)
    lifted = assert_same([sum(x) + sum(v * v for v in x) + sum(v.exp() for v in x)], x)
    assert len(lifted.steps) < 25


def test_products_for_each_sample_apart() -> None:
    """Attention in scalars: for each sample, a matrix product of its own."""
    samples, length, width = 4, 5, 3
    queries, keys = scalars(samples * length * width), scalars(samples * length * width, 1)

    def vector(values: list[Value], sample: int, place: int) -> list[Value]:
        start = (sample * length + place) * width
        return values[start : start + width]

    total: Any = 0.0
    for sample in range(samples):
        for i in range(length):
            for j in range(length):
                q, k = vector(queries, sample, i), vector(keys, sample, j)
                total = total + sum(a * b for a, b in zip(q, k, strict=True)).exp()
    lifted = assert_same([total], queries + keys)
    assert names(lifted).count("matmul") == 1


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("wiring", ["adjacent", "all", "edge maps", "dangling", "shared"])
def test_neuron_networks(wiring: str, batched: bool) -> None:
    hidden = HiddenLayer(6, function=tanh if wiring == "all" else relu)
    layers: list[Any] = [InputLayer(8, 8), hidden, OutputLayer(3)]
    if wiring == "edge maps":
        pixels = layers[0]
        maps = [scan_pattern(pixels, edge_pattern(name), stride=2)
                for name in ("horizontal", "slash")]  # fmt: skip
        layers = [pixels, *maps, layers[-1]]
    network = Network(layers, seed=1)
    if wiring == "adjacent" or wiring == "shared":
        network.connect_adjacent_layers()
    elif wiring == "all":
        network.connect_all_layers()
    elif wiring == "edge maps":
        for layer in layers[1:-1]:
            network.connect_layers(layer, layers[-1])
    else:  # some neurons feed nothing, some are fed by nothing, and none is like the next
        generator = random.Random(0)
        for neuron in list(hidden)[:5]:
            for pixel in generator.sample(list(layers[0]), generator.randrange(1, 20)):
                network.connect(pixel, neuron)
        for neuron in layers[-1]:
            for source in generator.sample(list(hidden)[:4], 3):
                network.connect(source, neuron)
    if wiring == "shared":
        inputs = [neuron.inputs for neuron in hidden]
        for one, other in zip(inputs[0], inputs[1], strict=True):
            other.weight = one.weight
    rng = np.random.default_rng(0)
    if batched:
        cost = network.cost(rng.random((9, 64)), rng.integers(0, 3, 9))
    else:
        cost = network.cost(rng.random(64), 1)
    assert_same([cost, *(n.activation for n in layers[-1])], network.parameters)


def test_a_recurrent_network() -> None:
    size, steps = 6, 12
    weights, inputs, biases = scalars(size * size), scalars(size * 2, 1), scalars(size, 2)
    signal = np.sin(np.arange(2.0 * steps)).reshape(steps, 2).tolist()
    state: list[Any] = [0.0] * size
    cost: Any = 0.0
    for row in signal:
        state = [
            np.tanh(
                sum((w * s for w, s in zip(weights[n * size :], state, strict=False)), biases[n])
                + sum(w * x for w, x in zip(inputs[2 * n :], row, strict=False))
            )
            for n in range(size)
        ]
        cost = cost + sum(s * s for s in state)
    assert_same([cost], weights + inputs + biases)


@pytest.mark.parametrize("pendulums", [1, 40])
def test_pendulums(pendulums: int) -> None:
    length, damping = Value(1.1, "length"), Value(0.3, "damping")
    angles: list[Any] = [Value(0.1 * n) for n in range(pendulums)]
    speeds: list[Any] = [0.0] * pendulums
    cost: Any = 0.0
    starts = list(angles)
    for _ in range(30):
        for n in range(pendulums):
            acceleration = -9.81 / length * np.sin(angles[n]) - damping * speeds[n]
            speeds[n] = speeds[n] + 0.02 * acceleration
            angles[n] = angles[n] + 0.02 * speeds[n]
            cost = cost + (angles[n] - 0.2) ** 2
    lifted = assert_same([cost], [length, damping, *starts])
    # The steps of one pendulum follow each other; those of many are taken together.
    assert len(lifted.steps) < 30 * 14 + 30 * pendulums


UNARY = [np.sin, np.tanh, np.exp, relu, tg.sigmoid, lambda x: x**2, lambda x: 1.5 - x, abs]
BINARY = [
    lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - y, np.maximum,
    lambda x, y: x / (y * y + 1), lambda x, y: x * 0.5 + y * 2.0 + x * y,
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(data=st.data(), leaves=st.integers(1, 8), size=st.integers(1, 60))
def test_random_graphs(data: st.DataObject, leaves: int, size: int) -> None:
    generator = random.Random(data.draw(st.integers(0, 10**9)))
    parameters = scalars(leaves, generator.randrange(10**6))
    made: list[Any] = list(parameters)
    wide = generator.choice([1, 5, 12])
    for _ in range(size):
        # The same operation on several operands, as in a layer, or on one.
        operation = generator.choice(UNARY + BINARY)
        for _ in range(wide):
            operands = [generator.choice(made[-30:]) for _ in range(2)]
            if operation in UNARY:
                made.append(np.tanh(operation(operands[0])))
            else:
                made.append(np.tanh(operation(*operands)))
    cost = sum(made[-10:])
    if type(cost) is Value and not cost.is_leaf:
        assert_same([cost, *made[-3:]], parameters)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), batch=st.integers(1, 4))
def test_random_sums_of_products(seed: int, batch: int) -> None:
    generator = random.Random(seed)
    weights = scalars(generator.randrange(4, 30), seed)
    inputs = [Value(row) for row in np.random.default_rng(seed).normal(size=(6, batch))]
    layer: list[Any] = list(inputs)
    for _ in range(generator.randrange(1, 4)):
        following = []
        for _ in range(generator.randrange(1, 7)):
            total: Any = generator.choice([0, 0.5, generator.choice(weights)])
            for _ in range(generator.randrange(1, 8)):
                total = total + generator.choice(weights) * generator.choice(layer)
            following.append(np.tanh(total))
        layer = following
    cost = sum((a**2).sum() for a in layer)
    assert_same([cost], weights)


def test_single_precision_stays() -> None:
    weights = scalars(12)
    rows = [Value(row) for row in np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)]
    layer = [sum(w * x for w, x in zip(weights[4 * n :], rows, strict=False)) for n in range(3)]
    cost = sum((np.tanh(x) ** 2).sum() for x in layer)
    recording = recording_of([cost], weights)
    lifted = Lifting(recording).run()
    before, after = run(recording), run(lifted)
    assert after[0][0].dtype == np.float32
    np.testing.assert_allclose(after[0], before[0], rtol=1e-5)
    for weight in weights:
        assert math.isclose(after[1][weight], before[1][weight], rel_tol=1e-4, abs_tol=1e-6)


def test_what_repeats_nothing_is_left_alone() -> None:
    x = Value(0.5)
    y: Any = x
    for _ in range(100):
        y = np.sin(y) + x
    recording = recording_of([y], [x])
    assert lift(recording) is recording


def test_data_taken_out_of_the_graph_has_no_gradient() -> None:
    """A number that goes on as plain data: gradients do not pass."""
    weights = scalars(8)
    recording = recording_of([sum(np.tanh(w) * w for w in weights)], weights)
    for step in recording.steps:
        if isinstance(step, Instruction) and step.function.name == "multiply":
            step.pulled = tuple(n for n in step.pulled if n)  # the first factor is plain
    before, after = run(recording), run(Lifting(recording).run())
    for weight in weights:
        assert math.isclose(after[1][weight], before[1][weight], rel_tol=CLOSE)
    assert before[1] != {}
