"""compare: right gradients that were rounded or clipped, and float32 in the recorded program."""

import numpy as np
import pytest

from tinygrad_lite import Value, compare


def network():
    rng = np.random.default_rng(12)
    x, t = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    w1 = Value(rng.normal(size=(3, 4)), name="w1")
    w2 = Value(rng.normal(size=(4, 2)), name="w2")
    h = np.tanh(x @ w1)
    cost = ((h @ w2 - t) ** 2).sum()
    d = 2 * (h.data @ w2.data - t)
    return cost, {w1: x.T @ (d @ w2.data.T * (1 - h.data**2)), w2: h.data.T @ d}


def together(gradients, limit):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients.values()))
    return {k: g * (limit / (norm + 1e-6)) for k, g in gradients.items()}


def each(gradients, limit):
    return {k: g * (limit / np.linalg.norm(g)) for k, g in gradients.items()}


def by_value(gradients, limit):
    return {k: np.clip(g, -limit, limit) for k, g in gradients.items()}


def cut(gradients, _):
    kept = np.uint32(0xFFFF0000)  # the upper half of a float32 is a bfloat16
    return {
        k: (g.astype(np.float32).view(np.uint32) & kept).view(np.float32)
        for k, g in gradients.items()
    }


@pytest.mark.parametrize(
    "lose, limit, words",
    [
        (together, 1.0, "a norm of 1 all together"),
        (each, 0.5, "a norm of 0.5 each"),
        (by_value, 1.0, "clipped to ±1"),
        (by_value, 0.01, "clipped to ±0.01"),
        (cut, None, "cut to bfloat16"),
    ],
)
def test_what_was_done_to_right_gradients_is_said(lose, limit, words):
    cost, gradients = network()
    report = compare(cost, lose(gradients, limit))
    assert not report.ok
    (mistake,) = report.mistakes
    assert mistake.kind == "precision" and words in mistake.sentence
    assert ("before clipping" in mistake.correction) == (lose is not cut)


def test_pass_in_half_precision_is_no_mistake_of_derivation():
    rng = np.random.default_rng(2)
    x, t, v = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=(3, 2))
    w = Value(v, name="w")
    h = np.tanh(x @ w)
    cost = ((h - t) ** 2).mean()
    a = h.data.astype(np.float16)
    d = (a - t.astype(np.float16)) / np.float16(8) * (1 - a * a)
    (mistake,) = compare(cost, {w: x.astype(np.float16).T @ d}).mistakes
    assert mistake.kind == "precision" and "half precision" in mistake.sentence


def test_float32_data_beside_plain_numbers_raises_no_doubt_of_the_rules():
    x = np.random.default_rng(1).normal(size=20_000).astype(np.float32)
    a, b = Value(0.5, name="a"), Value(-0.2, name="b")
    z = np.tanh(a * x + b)
    wide = np.tanh(0.5 * x.astype(np.float64) - 0.2)
    d = 2 * wide * (1 - wide**2) / x.size
    report = compare((z * z).mean(), {a: float(d @ x), b: float(d.sum())})
    assert report.ok and not report.engine_doubts
