"""Plans that mostly convolve run on our own threads alone, with BLAS held to one meanwhile."""

from itertools import pairwise

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.rules import blas, correlation, shards


@pytest.fixture
def seen(monkeypatch, two_threads):
    """Threads of BLAS and of ours in each convolution."""
    found = []

    def watched(work, parts, crew):
        found.append((blas.threads(), crew))
        shards.in_shards(work, parts, crew)

    monkeypatch.setattr(correlation, "in_shards", watched)
    return found


def network(hidden):
    rng = np.random.default_rng(0)
    layers = [nn.Conv2d(8, 16, 5, generator=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    sizes = [16 * 4 * 4, *hidden, 10]
    linear = (nn.Linear(a, b, generator=rng) for a, b in pairwise(sizes))
    return nn.Sequential(*layers, *linear)


@pytest.mark.parametrize(
    "batch, hidden, wanted",
    [
        (64, [], (1, 2)),
        (64, [1024, 1024], (2, 1)),  # most is multiplied in linear layers
        (2, [], (2, 1)),  # too little for threads
    ],
)
def test_who_convolves(batch, hidden, wanted, seen):
    net = network(hidden)
    x = np.random.default_rng(1).random((batch, 8, 12, 12), dtype=np.float32)
    plain = net(x).data
    predict = tg.capture(net, verify=False)
    predict(x)
    seen.clear()
    np.testing.assert_allclose(predict(x).data, plain, rtol=1e-4, atol=1e-5)
    assert seen == [wanted]
    assert blas.threads() == 2


def test_a_short_linear_layer_leaves_blas_asleep_after_a_convolution(two_threads, monkeypatch):
    monkeypatch.setattr(blas, "_asleep_until", 0.0)
    x, weight = np.ones((64, 512), np.float32), np.ones((10, 512), np.float32)
    threads = []
    held = blas.single_threaded

    def watched():
        threads.append("held")
        return held()

    monkeypatch.setattr(blas, "single_threaded", watched)
    tg.linear(x, weight)
    assert threads == []
    images, kernels = np.ones((64, 8, 12, 12), np.float32), np.ones((16, 8, 5, 5), np.float32)
    tg.conv2d(images, kernels)  # on our threads
    threads.clear()
    np.testing.assert_array_equal(tg.linear(x, weight), np.full((64, 10), 512))
    assert threads == ["held"]
    layer = tg.Value(weight)
    tg.linear(x, layer).sum().backward()
    assert threads == ["held"] * 3
    np.testing.assert_array_equal(layer.grad, np.full((10, 512), 64))
    monkeypatch.setattr(blas, "_LONG", 64 * 512 * 10)  # as if it took long
    np.testing.assert_array_equal(tg.linear(x, weight), np.full((64, 10), 512))
    assert threads == ["held"] * 3
    assert blas.threads() == 2


def test_blas_has_its_threads_again_after_an_error(seen, monkeypatch):
    net = network([])
    x = np.zeros((64, 8, 12, 12), np.float32)
    predict = tg.capture(net, verify=False)
    predict(x)

    def fails(work, parts, crew):
        raise MemoryError(f"with {blas.threads()} thread")

    monkeypatch.setattr(correlation, "in_shards", fails)
    with pytest.raises(MemoryError, match="with 1 thread"):
        predict(x)
    assert blas.threads() == 2
