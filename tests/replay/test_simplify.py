"""A ReLU before or behind a max-pooling becomes one step with it, where that changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value

IMAGES = np.random.default_rng(0).standard_normal((6, 3, 9, 8))
IMAGES[:, :, 2:5, 2:5] = 1.5  # ties
ORDERS = {
    "behind": lambda x: tg.relu(tg.max_pool2d(x, 2)),
    "before": lambda x: tg.max_pool2d(tg.relu(x), 2),
    "overlapping": lambda x: tg.max_pool2d(tg.relu(x), 3, 2, 1),
    "sequences": lambda x: tg.max_pool1d(tg.relu(x[:, :, 0]), 2),
}


def trained(network, captured, dtype):
    """Losses and gradients of four steps, and the program."""
    scale, data = Value(np.ones(8, dtype)), IMAGES.astype(dtype)

    def step(x):
        loss = (network(x * scale - 0.1) ** 2).sum()
        scale.grad = None
        loss.backward()
        scale.data -= 0.001 * scale.grad
        return loss

    run = tg.capture(step) if captured else step
    found = [(run(data).item(), scale.grad.copy()) for _ in range(4)]
    return found, getattr(run, "program", "")


@pytest.mark.parametrize("dtype, rtol", [(np.float32, 1e-4), (np.float64, 1e-11)])
@pytest.mark.parametrize("order", ORDERS)
def test_a_relu_around_a_pooling_is_one_step_with_it(order, dtype, rtol):
    found, program = trained(ORDERS[order], True, dtype)
    assert "largest_positive(" in program and "share_positive(" in program
    assert "relu(" not in program and "largest(" not in program
    wanted, _ = trained(ORDERS[order], False, dtype)
    for (loss, gradient), (called, expected) in zip(found, wanted, strict=True):
        np.testing.assert_allclose(loss, called, rtol=rtol)
        np.testing.assert_allclose(gradient, expected, rtol=rtol, atol=rtol)


def test_a_pooling_that_somebody_else_looks_at_stays():
    scale = Value(np.ones(8))

    @tg.capture
    def step(x):
        pooled = tg.max_pool2d(x * scale, 2)
        return (tg.relu(pooled) ** 2).sum() + pooled.sum()

    found = [step(IMAGES).item() for _ in range(3)]
    assert "largest(" in step.program and "largest_positive(" not in step.program
    pooled = IMAGES[:, :, :8].reshape(6, 3, 4, 2, 4, 2).max(axis=(3, 5))
    wanted = (np.maximum(pooled, 0) ** 2).sum() + pooled.sum()
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_gradients_of_gradients_pass_through():
    def penalty(x):
        return (tg.grad(lambda y: (tg.relu(tg.max_pool2d(y, 2)) ** 3).sum())(x) ** 2).sum()

    captured = tg.capture(tg.grad(penalty))
    found = [captured(IMAGES) for _ in range(3)]
    for second in found:
        np.testing.assert_allclose(second, tg.grad(penalty)(IMAGES), rtol=1e-12, atol=1e-12)
