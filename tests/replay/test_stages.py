"""Captured networks with batch normalisation: fused where that changes nothing, and only there."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn, optim

BATCH = 48  # large enough for the fast paths


def images(dtype=np.float32):
    rng = np.random.default_rng(0)
    return rng.random((BATCH, 1, 20, 20)).astype(dtype), rng.integers(0, 5, BATCH)


def convolution(inputs, outputs, rng, dtype=np.float32, bias=False):
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias, generator=rng, dtype=dtype)


def layers(tail, dtype=np.float32):
    rng = np.random.default_rng(1)
    size = {"pooled": 10, "rectified": 20, "pooled and rectified": 10, "bare": 20}[tail]
    ends = {
        "pooled": [nn.MaxPool2d(2)],
        "rectified": [nn.ReLU()],
        "pooled and rectified": [nn.ReLU(), nn.MaxPool2d(2)],
        "bare": [],
    }[tail]
    return nn.Sequential(
        convolution(1, 6, rng, dtype), nn.BatchNorm2d(6, dtype=dtype), *ends, nn.Flatten(),
        nn.Linear(6 * size * size, 5, generator=rng, dtype=dtype),
    )  # fmt: skip


def trained(model, x, labels, captured, steps=5):
    optimiser = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    def step(x, labels):
        loss = nn.cross_entropy(model(x), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    if captured:
        step = tg.capture(step)
    losses = [step(x, labels).item() for _ in range(steps)]
    return losses, model.state_dict(), getattr(step, "program", "")


@pytest.mark.parametrize("dtype, rtol", [(np.float32, 2e-4), (np.float64, 1e-10)])
@pytest.mark.parametrize("tail", ["pooled", "rectified", "pooled and rectified", "bare"])
def test_a_fused_stage_trains_as_the_layers_do(tail, dtype, rtol):
    x, labels = images(dtype)
    losses, state, program = trained(layers(tail, dtype), x, labels, captured=True)
    assert "batch_norm(" in program and "batch_norm_back(" in program
    assert "normalise(" not in program and "relu(" not in program and "largest(" not in program
    wanted, by_layers, _ = trained(layers(tail, dtype), x, labels, captured=False)
    np.testing.assert_allclose(losses, wanted, rtol=rtol)
    for name, array in by_layers.items():
        np.testing.assert_allclose(state[name], array, rtol=rtol, atol=rtol, err_msg=name)


def same_captured(step, *arguments):
    """Results of three calls of a captured step, the second of which compares."""
    captured = tg.capture(step)
    return [captured(*arguments) for _ in range(3)], captured.program


def test_what_lies_between_stays_if_somebody_wants_it():
    x, _ = images()
    rng = np.random.default_rng(0)
    convolve, normalise = convolution(1, 6, rng), nn.BatchNorm2d(6)

    def step(x):
        normal = normalise(convolve(x))
        loss = (tg.relu(normal) ** 2).mean()
        convolve.weight.grad = None
        loss.backward()
        return loss, normal

    (_, _, (loss, normal)), program = same_captured(step, x)
    assert "relu(" in program and "normalise" not in program
    assert loss.item() == pytest.approx(float((np.maximum(normal.data, 0) ** 2).mean()), rel=1e-5)


def test_mean_and_variance_with_gradients_of_their_own_are_not_fused():
    x, _ = images()
    convolve = convolution(1, 6, np.random.default_rng(0))
    weight, bias = tg.Value(np.ones(6, np.float32)), tg.Value(np.zeros(6, np.float32))

    def step(x):
        from tinygrad_lite.rules.normalisation import normalise

        out, mean, _ = normalise(convolve(x), axis=(0, 2, 3), eps=1e-5)
        out = out * weight.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)
        loss = (tg.relu(out) * 0.1).mean() + (mean * mean).sum()
        for value in (convolve.weight, weight, bias):
            value.grad = None
        loss.backward()
        return loss

    _, program = same_captured(step, x)
    assert "batch_norm(" not in program and "normalise" in program
    by_mean = convolve.weight.grad.copy()
    step(x)
    np.testing.assert_allclose(by_mean, convolve.weight.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("what", ["frozen scale", "overlapping windows", "evaluation"])
def test_other_networks_run_as_they_did(what):
    x, labels = images()
    rng = np.random.default_rng(1)
    stride = 1 if what == "overlapping windows" else 2
    size = 19 if stride == 1 else 10
    normal = nn.BatchNorm2d(6)
    model = nn.Sequential(
        convolution(1, 6, rng), normal, nn.MaxPool2d(2, stride), nn.Flatten(),
        nn.Linear(6 * size * size, 5, generator=rng),
    )  # fmt: skip
    if what == "frozen scale":
        normal.freeze()
    if what == "evaluation":
        model.eval()
    before = {name: np.array(array) for name, array in model.state_dict().items()}
    losses, _, program = trained(model, x, labels, captured=True)
    assert ("batch_norm(" in program) == (what == "overlapping windows")
    assert "largest(" in program
    model.load_state_dict(before)
    np.testing.assert_allclose(losses, trained(model, x, labels, False)[0], rtol=1e-4)
