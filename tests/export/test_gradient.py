"""Every pull-back of graphs agrees with the engine's, and others are refused."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.export import ExportError, load_graph, save_graph
from tinygrad_lite.export.gradient import _RULES

GENERATOR = np.random.default_rng(0)
X = GENERATOR.uniform(0.2, 0.9, (3, 8)).astype(np.float32)
MATRIX = GENERATOR.normal(size=(8, 4)).astype(np.float32)
KERNEL = GENERATOR.normal(size=(2, 1, 2, 2)).astype(np.float32)


def images(x):
    return np.reshape(x, (len(x), 1, 2, 4))


def flat(x):
    return np.reshape(x, (len(x), -1))


def repeated(x):
    return np.broadcast_to(x, (len(x), 8))


FUNCTIONS = {
    "numbers": lambda x: -((1 / x - 3 * x) ** 3) / (x + 2),
    "elementary": lambda x: np.exp(x) * np.log(x) + np.sqrt(x) * np.sin(x) - np.cos(x),
    "more of them": lambda x: np.tan(x) * np.arctan(x) + np.sinh(x) * np.cosh(x) + tg.gelu(x - 0.5),
    "largest and smallest": lambda x: (
        np.max(images(x), axis=(1, 2)) * np.min(images(x), axis=2)[:, 0]
    ),
    "largest of all alike": lambda x: x * np.max(0 * x + 1, axis=1, keepdims=True),
    "close to one": lambda x: np.expm1(x) * np.log1p(x),
    "activations": lambda x: tg.relu(x - 0.5) * tg.sigmoid(x) + tg.softplus(x) * np.tanh(x),
    "absolute": lambda x: np.abs(x - 0.5),
    "extremes": lambda x: np.maximum(x, 0.5) * np.minimum(x, np.flip(x, 1)),
    "ties": lambda x: np.maximum(x, x),
    "where": lambda x: np.where(x > 0.5, x * x, np.where(x > 0.3, -x, 2)),
    "matmul": lambda x: (x @ MATRIX) @ (MATRIX.T * 2),
    "matmul of itself": lambda x: flat(images(x) @ np.swapaxes(images(x), 2, 3)),
    "linear": lambda x: tg.linear(x, MATRIX.T, MATRIX[0]),
    "convolution": lambda x: flat(tg.conv2d(images(x), KERNEL, stride=(1, 2), padding=1)),
    "its transpose": lambda x: flat(
        tg.conv_transpose2d(images(x), KERNEL.swapaxes(0, 1), stride=2)
    ),
    "largest": lambda x: flat(tg.max_pool2d(images(x), 2, 1)),
    "largest of equal ones": lambda x: flat(
        tg.max_pool2d(0 * images(x) + 1, 2, 1) * images(x)[:, :, :1, :3]
    ),
    "averages": lambda x: flat(tg.avg_pool2d(images(x), (2, 2), (1, 1), (1, 1))),
    "softmax": lambda x: tg.softmax(3 * x, axis=1),
    "log of softmax": lambda x: tg.log_softmax(3 * x, axis=1),
    "sums": lambda x: np.sum(images(x), axis=(1, 3)) * np.mean(images(x), axis=(1, 3)),
    "broadcasting": lambda x: x * np.sum(x, axis=1, keepdims=True) + repeated(x[:, :1]),
    "axes": lambda x: flat(np.transpose(images(x), (0, 3, 1, 2)) * images(x)[:, :, :, :1]),
    "joined": lambda x: np.concatenate([x, x * x, x], axis=1),
    "slices": lambda x: x[:, 2:7] * x[:, 3:],
    "padded": lambda x: np.pad(x, ((0, 0), (2, 1))) * np.arange(11, dtype=np.float32),
    "flipped": lambda x: np.flip(x, 1) * x,
    "dtypes": lambda x: x.astype(np.float64).astype(np.float32) * x,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_pull_backs_are_the_engines(function, tmp_path):
    save_graph(function, tmp_path / "f.json", X, gradient=True)
    graph = load_graph(tmp_path / "f.json")
    for entry in range(graph(X).shape[1]):
        want = tg.grad(lambda x, entry=entry: np.sum(function(x)[:, entry]))(X)
        np.testing.assert_allclose(graph.gradient_of(entry, X), want, rtol=1e-4, atol=1e-5)


def test_every_pull_back_is_used_above(tmp_path):
    used = set()
    for function in FUNCTIONS.values():
        graph = save_graph(function, tmp_path / "f.json", X)
        used.update(step.operation for step in graph.steps)
    assert set(_RULES) - used == set()


@pytest.mark.parametrize(
    "function, of, message",
    [
        (lambda x: np.cumsum(x, axis=1), True, "cumsum has no pull-back in graphs"),
        (lambda x: np.prod(x, axis=1, keepdims=True), True, "prod has no pull-back"),
        (lambda x: x + x.mean(axis=0), True, "over the batch"),
        (lambda x: images(x), True, r"its shape must be \(batch, entries\)"),
        (lambda x: x + 1, "nothing", "there is no such tensor"),
        (lambda x: 1.0 * (x > 0.5), True, "returned a ndarray"),
    ],
)
def test_what_has_no_gradient_is_refused(function, of, message, tmp_path):
    with pytest.raises(ExportError, match=message):
        save_graph(function, tmp_path / "f.json", X, gradient=of)


def test_a_graph_without_gradient_says_how_to_get_one(tmp_path):
    graph = save_graph(lambda x: x + 1, tmp_path / "f.json", X)
    with pytest.raises(ValueError, match="gradient=True"):
        graph.gradient_of(0, X)
