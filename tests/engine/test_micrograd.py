"""Code written for micrograd runs unchanged and gives its published numbers."""

import random

import micrograd.engine
import micrograd.nn
import pytest

from tinygrad_lite import Value


def readme_example(Value):
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    return a, b, g


def sanity_check(Value):
    x = Value(-4.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    y.backward()
    return x, y


def test_readme_example():
    a, b, g = readme_example(Value)
    # the figures in micrograd's README
    assert f"{g.data:.4f}" == "24.7041"
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


@pytest.mark.parametrize("example", [readme_example, sanity_check])
def test_same_data_and_gradients(example):
    for ours, theirs in zip(example(Value), example(micrograd.engine.Value), strict=True):
        assert ours.data == theirs.data
        if ours.is_leaf:
            assert ours.grad == pytest.approx(theirs.grad, rel=1e-14)


def test_its_networks_train_the_same_on_our_values(monkeypatch):
    def train(value_class):
        monkeypatch.setattr(micrograd.nn, "Value", value_class)
        random.seed(1)
        model = micrograd.nn.MLP(2, [8, 1])
        inputs = [(0.5, -1.0), (-0.3, 0.8), (1.0, 0.2)]
        losses = []
        for _ in range(10):
            scores = [model(x) for x in inputs]
            loss = sum((1 + -y * s).relu() for y, s in zip((1, -1, 1), scores, strict=True))
            model.zero_grad()
            loss.backward()
            for p in model.parameters():
                p.data -= 0.05 * p.grad
            losses.append(loss.data)
        return losses

    assert train(Value) == pytest.approx(train(micrograd.engine.Value), rel=1e-12)
