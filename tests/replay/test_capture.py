"""A captured function does what the function does: results, parameters, gradients, state."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value, nn, optim
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer

RNG = np.random.default_rng(7)


def dense(dtype=np.float32):
    rng = np.random.default_rng(0)
    shapes = [(12, 7), (7,), (7, 4), (4,)]
    values = [Value(rng.normal(size=s).astype(dtype), name=f"p{i}") for i, s in enumerate(shapes)]
    return values, lambda x: tg.sigmoid(x @ values[0] + values[1]) @ values[2] + values[3]


def images(n=6):
    return RNG.random((n, 1, 12, 12), dtype=np.float32)


def rows(n=5, m=12, dtype=np.float32):
    return RNG.normal(size=(n, m)).astype(dtype)


def labels(n=5, classes=4):
    return RNG.integers(0, classes, n)


# Each program: makes (step, things whose state is compared, arguments of one call).


def handwritten():
    values, model = dense()

    def step(x, y):
        loss = ((tg.sigmoid(model(x)) - y) ** 2).sum() / len(x)
        for v in values:
            v.grad = None
        loss.backward()
        for v in values:
            v.data -= 0.1 * v.grad
        return loss

    return step, values, lambda: (rows(), rows(5, 4))


def rebinding():
    values, model = dense(np.float64)

    def step(x, y):
        loss = ((model(x) - y) ** 2).mean()
        for v in values:
            v.grad = None
        loss.backward()
        for v in values:
            v.data = v.data - 0.1 * v.grad
        return {"loss": loss, "size": len(x)}

    return step, values, lambda: (rows(dtype=np.float64), rows(5, 4, np.float64))


def trained(make_optimiser, model=None):
    def program():
        net = model() if model else nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 4))
        for i, p in enumerate(net.parameters()):
            p.data[...] = np.random.default_rng(i).normal(0, 0.4, p.shape)
        optimiser = make_optimiser(net.parameters())

        def step(x, y):
            loss = nn.cross_entropy(net(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            return loss

        return step, [net], lambda: (rows(), labels())

    return program


def convolutional():
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, generator=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 3, padding=1, generator=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16, 4, generator=rng),
    )  # fmt: skip
    optimiser = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        loss = nn.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    return step, [net], lambda: (images(), labels(6))


def normalised():
    net = nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 4))
    for i, p in enumerate(net.parameters()):
        p.data[...] = np.random.default_rng(i).normal(0, 0.4, p.shape)
    optimiser = optim.SGD(net.parameters(), lr=0.1)

    def step(x, y):
        loss = nn.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    return step, [net], lambda: (rows(), labels())


def dropped():
    net = nn.Sequential(nn.Linear(12, 6), nn.Dropout(0.4, generator=3), nn.Linear(6, 4))
    for i, p in enumerate(net.parameters()):
        p.data[...] = np.random.default_rng(i).normal(0, 0.4, p.shape)

    def step(x, y):
        loss = nn.cross_entropy(net(x), y)
        net.zero_grad()
        loss.backward()
        for p in net.parameters():
            p.data -= 0.1 * p.grad
        return loss

    return step, [net], lambda: (rows(), labels())


def gradients_of_functions():
    w = Value(np.random.default_rng(0).normal(size=(12, 3)), name="w")

    def step(x, v):
        def loss(w, x):
            return (np.tanh(x @ w) ** 3).sum()

        value, gradient = tg.value_and_grad(loss)(w.data, x)
        (product,) = tg.hvp(lambda w: loss(w, x), (w.data,), (v,))
        penalty = tg.grad(lambda w: (tg.grad(loss)(w, x) ** 2).sum())(w.data)
        w.data -= 0.01 * gradient
        return value, gradient, product, penalty

    return step, [w], lambda: (rows(4, 12, np.float64), rows(12, 3, np.float64))


def gradient_penalty():
    values, model = dense(np.float64)

    def step(x):
        inputs = Value(x)
        out = model(inputs).sum()
        for v in values:
            v.grad = None
        out.backward(create_graph=True)
        penalty = (inputs.grad**2).sum()
        for v in values:
            v.grad = None
        penalty.backward()
        for v in values[:3]:
            v.data -= 0.01 * v.grad
        return penalty

    return step, values[:3], lambda: (rows(dtype=np.float64),)


def accumulating():
    values, model = dense(np.float64)

    def step(batch):
        x, y = batch["x"], batch["y"][0]
        loss = ((model(x) - y) ** 2).sum()
        loss.backward()
        return loss

    return step, values, lambda: ({"x": rows(dtype=np.float64), "y": [rows(5, 4, np.float64)]},)


def scalars():
    rng = np.random.default_rng(0)
    weights = [[Value(w) for w in row] for row in rng.normal(size=(4, 3)).tolist()]
    biases = [Value(0.0) for _ in range(4)]
    everything = [*biases, *(w for row in weights for w in row)]

    def step(x, rate):
        total = 0.0
        for i in range(len(x)):
            hidden = [
                sum((w * x[i, j] for j, w in enumerate(row)), b).tanh()
                for row, b in zip(weights, biases, strict=True)
            ]
            total = total + (sum(hidden) - 1) ** 2
        for v in everything:
            v.grad = None
        total.backward()
        for v in everything:
            v.data -= rate * v.grad
        return total

    return step, everything, lambda: (rows(2, 3, np.float64), float(RNG.random()) * 0.01)


def scalar_optimiser():
    weights = [Value(w) for w in np.random.default_rng(0).normal(size=5).tolist()]
    optimiser = optim.SGD(weights, lr=0.05, momentum=0.5)

    def step(x):
        loss = (sum(w * x[i] for i, w in enumerate(weights)) - 1) ** 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    return step, weights, lambda: (RNG.normal(size=5),)


def neurons():
    network = Network([InputLayer(3, 2), HiddenLayer(4), OutputLayer(3)], seed=0)
    network.connect_adjacent_layers()
    parameters = network.parameters

    def step(x, y):
        network.zero_grad()
        cost = network.cost(x, y)
        cost.backward()
        for p in parameters:
            p.data -= 0.1 * p.grad
        return cost

    return step, parameters, lambda: (RNG.random((7, 6)), np.eye(3)[labels(7, 3)])


def inference():
    values, model = dense()
    return (lambda x: tg.softmax(model(x), axis=1)), values, lambda: (rows(),)


def clipped():
    values, model = dense(np.float64)

    def step(x, y):
        loss = ((model(x) - y) ** 2).sum()
        for v in values:
            v.grad = None
        loss.backward()
        norm = optim.clip_grad_norm_(values, 0.5)
        for v in values:
            v.data -= 0.1 * v.grad
        return loss, norm

    return step, values, lambda: (rows(dtype=np.float64), rows(5, 4, np.float64))


def kinks():
    w = Value(np.random.default_rng(0).normal(size=(12, 4)), name="w")

    def step(x):
        h = x @ w
        loss = (
            np.maximum(h, 0.3).sum() + np.max(h, axis=1).sum() + np.clip(h, -1, 1).sum()
            + np.abs(h).sum() + np.where(h.data > 0, h, 0.1 * h).sum() + (h**3).mean()
            + np.sqrt(h * h + 1).sum() + np.sort(h, axis=1)[:, 0].sum() + np.std(h)
            + np.linalg.norm(h) + np.concatenate([h, h[:2] * 2]).sum()
        )  # fmt: skip
        w.grad = None
        loss.backward()
        w.data -= 0.01 * w.grad
        return loss, (h.data > 0).mean(), np.argmax(h.data, axis=1)

    return step, [w], lambda: (rows(dtype=np.float64),)


PROGRAMS = {
    "handwritten": handwritten,
    "rebinding": rebinding,
    "sgd": trained(lambda p: optim.SGD(p, lr=0.1)),
    "momentum": trained(lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
    "adam": trained(lambda p: optim.Adam(p, lr=0.01)),
    "rmsprop": trained(lambda p: optim.RMSprop(p, lr=0.01)),
    "clamped": trained(
        lambda p: optim.SGD(p, lr=0.5, constraints=[optim.Clamp(p[1:], -0.05, 0.05)])
    ),
    "convolutional": convolutional,
    "normalised": normalised,
    "dropped": dropped,
    "gradients of functions": gradients_of_functions,
    "gradient penalty": gradient_penalty,
    "accumulating": accumulating,
    "scalars": scalars,
    "scalar optimiser": scalar_optimiser,
    "neurons": neurons,
    "inference": inference,
    "clipped": clipped,
    "kinks": kinks,
}


def state(things):
    found = []
    for thing in things:
        if isinstance(thing, Value):
            found += [thing.data, thing.grad]
        else:
            found += [x for p in thing.parameters() for x in (p.data, p.grad)]
            found += [buffer for _, buffer in thing.named_buffers()]
    return found


def plain(tree):
    if isinstance(tree, Value):
        return tree.data
    if isinstance(tree, (tuple, list)):
        return [plain(t) for t in tree]
    if isinstance(tree, dict):
        return [plain(t) for t in tree.values()]
    return tree


def assert_same(ours, theirs):
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
    elif theirs is None:
        assert ours is None
    else:
        assert np.shape(ours) == np.shape(theirs)
        tolerance = 2e-5 if np.asarray(theirs).dtype == np.float32 else 1e-11
        scale = max(np.max(np.abs(theirs), initial=0), 1e-3)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("name", PROGRAMS)
def test_replays_what_the_function_does(name):
    step, things, draw_arguments = PROGRAMS[name]()
    other_step, other_things, _ = PROGRAMS[name]()
    captured = tg.capture(step)
    for _ in range(5):
        arguments = draw_arguments()
        theirs = plain(other_step(*copy.deepcopy(arguments)))
        ours = plain(captured(*arguments))
        assert_same(ours, theirs)
        assert_same(state(things), state(other_things))
    assert captured.calls_replayed >= 2


def test_operations_with_settings_that_give_a_number() -> None:
    x = Value(np.arange(5.0) + 1)

    def step() -> Value:
        x.grad = None
        cost = np.einsum("i,i->", x, x)
        cost.backward()
        x.data -= 0.1 * x.grad
        return cost

    captured = tg.capture(step)
    costs = [captured().item() for _ in range(4)]
    np.testing.assert_allclose(costs, 55 * 0.64 ** np.arange(4), rtol=1e-12)


def test_sigmoid_far_out_replays_without_a_warning_and_to_the_bit():
    weight = Value(np.ones(6, np.float32))

    def step(x):
        weight.grad = None
        lit = tg.sigmoid(weight * x)
        lit.sum().backward()
        return lit, weight.grad

    captured = tg.capture(step)
    x = np.array([-1000, -88, -0.5, 0.5, 41, 1000], np.float32)
    for _ in range(3):
        lit, slope = captured(x)
    expected, wanted = step(x)
    np.testing.assert_array_equal(lit.data, expected.data)
    np.testing.assert_array_equal(slope, wanted)
