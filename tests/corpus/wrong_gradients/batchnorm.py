"""Batch and layer normalisation, with every intermediate derived or in one formula."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf, named


def model(
    axis: int = 0, n: int = 6, d: int = 4, seed: int = 0, var: bool = False
) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x = leaf(rng, n, d, name="x", scale=1.0)
    gamma, beta = leaf(rng, d, name="gamma"), leaf(rng, d, name="beta")
    mu = named(np.mean(x, axis=axis, keepdims=True), "mu")
    xc = named(x - mu, "xc")
    v = named(
        np.var(x, axis=axis, keepdims=True) if var else np.mean(xc**2, axis=axis, keepdims=True),
        "var",
    )
    s = named(1 / np.sqrt(v + 1e-5), "s")
    xhat = named(xc * s, "xhat")
    out = named(gamma * xhat + beta, "out")
    t = rng.normal(size=(n, d))
    cost = np.mean((np.tanh(out) - t) ** 2)
    return SimpleNamespace(**locals())


def derive(
    m: SimpleNamespace, *,
    error: Any = lambda m: (
        2 * (np.tanh(m.out.data) - m.t) / m.t.size * (1 - np.tanh(m.out.data) ** 2)
    ),
    gamma: Any = lambda m, g: (g * m.xhat.data).sum(axis=0),
    beta: Any = lambda m, g: g.sum(axis=0),
    hat: Any = lambda m, g: g * m.gamma.data,
    means: Any = lambda m, g: (
        g.mean(axis=m.axis, keepdims=True), (g * m.xhat.data).mean(axis=m.axis, keepdims=True),
    ),
    inverse: Any = lambda m: m.s.data,
    inner: bool = False,
) -> Gradients:  # fmt: skip
    g = error(m)
    dhat = hat(m, g)
    mean, projection = means(m, dhat)
    dx = inverse(m) * (dhat - mean - m.xhat.data * projection)
    grads = {m.gamma: gamma(m, g), m.beta: beta(m, g), m.x: dx}
    return grads | {m.out: g, m.xhat: dhat} if inner else grads


DOMAIN = Domain("normalisation", model, derive)
wrong, right = DOMAIN.wrong, DOMAIN.right
wrong("one-path", "statistics taken for constants", means=lambda m, g: (0.0, 0.0))
wrong(
    "one-path",
    "the path through the mean forgotten",
    means=lambda m, g: (0.0, (g * m.xhat.data).mean(axis=0)),
    model={"var": True},
)
wrong(
    "one-path",
    "the path through the variance forgotten",
    means=lambda m, g: (g.mean(axis=0), 0.0),
    inner=True,
)
wrong("unsummed-broadcast", "beta for each sample", beta=lambda m, g: g)
wrong(
    "wrong-axis",
    "gamma summed over features",
    model={"n": 4},
    gamma=lambda m, g: (g * m.xhat.data).sum(axis=1),
)
wrong(
    "wrong-operand",
    "gamma from x instead of its normalised form",
    gamma=lambda m, g: (g * m.x.data).sum(axis=0),
)
wrong("wrong-operand", "gamma left out", hat=lambda m, g: g)
wrong("averaged-batch", "beta averaged", beta=lambda m, g: g.mean(axis=0))
wrong(
    "derivative-missing",
    "tanh left out",
    error=lambda m: 2 * (np.tanh(m.out.data) - m.t) / m.t.size,
)
right("batch normalisation")
right("by np.var", model={"var": True, "seed": 1})
right("layer normalisation", model={"axis": 1, "seed": 2})
right("with intermediates", model={"n": 9, "seed": 3}, inner=True)
right(
    "the standard deviation instead of its inverse", inverse=lambda m: 1 / np.sqrt(m.v.data + 1e-5)
)
right(
    "float32",
    error=lambda m: (
        2
        * (np.tanh(m.out.data.astype(np.float32)) - m.t.astype(np.float32))
        / m.t.size
        * (1 - np.tanh(m.out.data.astype(np.float32)) ** 2)
    ),
)
