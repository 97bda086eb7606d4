"""compare: two mistakes at once, told as two, each with its own correction."""

import numpy as np
import pytest

from tinygrad_lite import Value, compare


def perceptron(penalty=0.0, mask=None, mean=False):
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    w1 = Value(rng.normal(size=(3, 4)), name="w1")
    w2 = Value(rng.normal(size=(4, 2)), name="w2")
    a = (x @ w1).sigmoid()
    a.name = "a"
    h = a * mask if mask is not None else a
    cost = ((h @ w2 - t) ** 2).sum() / (6 if mean else 1)
    if penalty:
        cost = cost + penalty * ((w1**2).sum() + (w2**2).sum())
    return cost, x, t, w1, w2, a.data, np.asarray(h.data)


def kinds_of(report):
    return {mistake.kind for mistake in report.mistakes if mistake.alternative == 0}


def test_sign_and_forgotten_mean_are_not_one_odd_factor():
    cost, x, t, w1, w2, a, h = perceptron(mean=True)
    d = 2 * (t - h @ w2.data)
    report = compare(cost, {w2: h.T @ d, w1: x.T @ (d @ w2.data.T * a * (1 - a))})
    assert kinds_of(report) == {"sign", "summed-batch"}


def test_two_mistakes_on_one_way_back():
    mask = np.array([2.0, 0.0, 2.0, 2.0])
    cost, x, t, w1, w2, a, h = perceptron(mask=mask)
    d = 2 * (h @ w2.data - t)
    s = 1 / (1 + np.exp(-a))  # the derivative at the output, and the mask left out
    report = compare(cost, {w2: h.T @ d, w1: x.T @ (d @ w2.data.T * s * (1 - s))})
    assert kinds_of(report) == {"mask", "derivative-at-output"}


def test_parameter_updated_early_by_a_gradient_without_its_penalty():
    cost, x, t, w1, w2, a, h = perceptron(penalty=0.01)
    d = 2 * (h @ w2.data - t)
    dw2 = h.T @ d
    early = w2.data - 0.1 * dw2
    report = compare(cost, {w2: dw2, w1: x.T @ (d @ early.T * a * (1 - a))})
    assert kinds_of(report) == {"stale", "regularisation"}


@pytest.mark.parametrize("penalty, correction", [(0.3, "add 0.6 * w2"), (0.5, "add w2")])
def test_correction_of_the_second_is_that_of_the_right_pass(penalty, correction):
    cost, x, t, w1, w2, a, h = perceptron(penalty=penalty)
    d = 2 * (h @ w2.data - t) / 6
    report = compare(cost, {w2: h.T @ d, w1: x.T @ (d @ w2.data.T * a * (1 - a))})
    assert kinds_of(report) == {"averaged-batch", "regularisation"}
    corrections = {m.correction for m in report.mistakes if m.kind == "regularisation"}
    assert corrections & {correction, correction.replace("w2", "w1")}


def test_scalar_gradients_each_with_a_mistake_of_its_own():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(10, 3)), rng.normal(size=10)
    w, b = Value(rng.normal(size=3), name="w"), Value(0.2, name="b")
    r = y - (x @ w + b)
    report = compare((r**2).mean(), {w: 2 * x.T @ r.data / 10, b: -r.data.mean()})
    assert kinds_of(report) == {"sign", "factor"}
