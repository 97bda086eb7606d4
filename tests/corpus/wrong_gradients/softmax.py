"""Softmax and cross-entropy, as one function, composed, or with a Value for the probabilities."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf, named
from tinygrad_lite import log_softmax, softmax


def model(
    form: str = "composed", n: int = 5, classes: int = 4, seed: int = 0, clip: float = 0.0
) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    labels = rng.integers(classes, size=n)
    w, b = leaf(rng, 3, classes, name="W"), leaf(rng, classes, name="b")
    z = named(x @ w + b, "z")
    y = np.eye(classes)[labels]
    p = None
    if form == "composed":
        e = np.exp(z - np.max(z.data, axis=1, keepdims=True))
        p = named(e / np.sum(e, axis=1, keepdims=True), "p")
    elif form == "softmax":
        p = named(softmax(z, axis=1), "p")
    if p is not None:
        cost = -np.mean(np.log(p + clip)[np.arange(n), labels])
    elif form == "log-softmax":
        cost = -np.mean(np.sum(log_softmax(z, axis=1) * y, axis=1))
    else:
        cost = np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[np.arange(n), labels])
    exps = np.exp(z.data - z.data.max(axis=1, keepdims=True))
    probabilities = exps / exps.sum(axis=1, keepdims=True)
    return SimpleNamespace(**locals())


def derive(
    m: SimpleNamespace, *,
    logits: Any = lambda m: (m.probabilities - m.y) / m.n,
    weight: Any = lambda m, g: m.x.T @ g,
    bias: Any = lambda m, g: g.sum(axis=0),
    inner: bool = False,
) -> Gradients:  # fmt: skip
    g = logits(m)
    grads = {m.w: weight(m, g), m.b: bias(m, g)}
    return grads | {m.z: g} if inner else grads


def through(m: SimpleNamespace, jacobian: Any) -> Any:
    """The cross-entropy's -y/p, pulled back through something taken for the softmax."""
    return jacobian(-m.y / m.probabilities / m.n, m.probabilities)


DOMAIN = Domain("softmax", model, derive)
wrong, right = DOMAIN.wrong, DOMAIN.right
for form in ("composed", "softmax", "log-sum-exp"):
    wrong(
        "softmax-elementwise",
        f"p(1 - p), {form}",
        model={"form": form},
        logits=lambda m: through(m, lambda g, p: g * p * (1 - p)),
    )
wrong(
    "derivative-twice",
    "p - y times p(1 - p)",
    model={"form": "log-softmax"},
    logits=lambda m: (m.probabilities - m.y) * m.probabilities * (1 - m.probabilities) / m.n,
)
wrong(
    "derivative-missing",
    "softmax left out",
    model={"form": "softmax"},
    logits=lambda m: through(m, lambda g, p: g),
)
wrong("sign", "y - p", logits=lambda m: (m.y - m.probabilities) / m.n, inner=True)
wrong(
    "summed-batch",
    "not divided by the batch",
    model={"form": "log-softmax"},
    logits=lambda m: m.probabilities - m.y,
)
wrong(
    "averaged-batch",
    "divided twice",
    model={"form": "log-sum-exp"},
    logits=lambda m: (m.probabilities - m.y) / m.n**2,
)
wrong(
    "one-path",
    "the log-sum-exp forgotten",
    model={"form": "log-sum-exp"},
    logits=lambda m: -m.y / m.n,
)
wrong(
    "wrong-axis",
    "normalised over the batch on the way back",
    model={"form": "softmax"},
    logits=lambda m: through(m, lambda g, p: p * (g - (g * p).sum(axis=0, keepdims=True))),
)
wrong(
    "shifted-index",
    "labels off by one",
    model={"form": "log-softmax"},
    logits=lambda m: (m.probabilities - np.roll(m.y, 1, axis=1)) / m.n,
)
for form in ("composed", "softmax", "log-softmax", "log-sum-exp"):
    right(f"p - y, {form}", model={"form": form, "seed": 2}, inner=form != "softmax")
right(
    "by the Jacobian",
    model={"form": "softmax"},
    logits=lambda m: through(m, lambda g, p: p * (g - (g * p).sum(axis=1, keepdims=True))),
)
right("with a small epsilon in the logarithm", model={"form": "softmax", "clip": 1e-9})
right(
    "clipped probabilities", logits=lambda m: (np.clip(m.probabilities, 1e-7, 1 - 1e-7) - m.y) / m.n
)
