"""Statistics: likelihoods, regressions and their penalties."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf, named
from tinygrad_lite import Value, sigmoid


def logistic(
    n: int = 8, d: int = 3, seed: int = 0, lasso: float = 0.0, eps: float = 0.0
) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    y = (rng.uniform(size=n) < 0.5) * 1.0
    w, b = leaf(rng, d, name="w"), leaf(rng, name="b")
    z = named(x @ w + b, "z")
    p = named(sigmoid(z), "p")
    cost = -np.mean(y * np.log(p + eps) + (1 - y) * np.log(1 - p + eps))
    if lasso:
        cost = cost + lasso * np.sum(np.abs(w))
    return SimpleNamespace(**locals())


def score(
    m: SimpleNamespace, *, residual: Any = lambda m: (m.p.data - m.y) / m.n,
    penalty: Any = lambda m: m.lasso * np.sign(m.w.data), weight: Any = lambda m, g: m.x.T @ g,
    intercept: Any = lambda m, g: float(g.sum()), inner: bool = False,
) -> Gradients:  # fmt: skip
    g = residual(m)
    grads = {m.w: weight(m, g) + penalty(m), m.b: intercept(m, g)}
    return grads | {m.z: g} if inner else grads


LOGISTIC = Domain("logistic regression", logistic, score)
LOGISTIC.wrong(
    "derivative-twice",
    "the sigmoid's derivative once more",
    residual=lambda m: (m.p.data - m.y) * m.p.data * (1 - m.p.data) / m.n,
)
LOGISTIC.wrong(
    "derivative-missing",
    "derivative by p taken for that by z",
    residual=lambda m: (m.p.data - m.y) / (m.p.data * (1 - m.p.data)) / m.n,
)
LOGISTIC.wrong("sign", "ascending the likelihood", residual=lambda m: (m.y - m.p.data) / m.n)
LOGISTIC.wrong("regularisation", "lasso left out", model={"lasso": 0.1}, penalty=lambda m: 0.0)
LOGISTIC.wrong("unsummed-broadcast", "intercept for each sample", intercept=lambda m, g: g)
LOGISTIC.right("score")
LOGISTIC.right("lasso", model={"lasso": 0.2, "seed": 1})
LOGISTIC.right("an epsilon in the logarithms", model={"eps": 1e-12})
LOGISTIC.right("with the derivative by z", inner=True, model={"seed": 5})


def gaussian(n: int = 7, seed: int = 0) -> SimpleNamespace:
    """Negative log-likelihood of a normal distribution by its mean and log standard deviation."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    mu, log_sigma = Value(0.3, name="mu"), Value(-0.2, name="log_sigma")
    sigma = named(np.exp(log_sigma), "sigma")
    d = named((x - mu) / sigma, "d")
    cost = np.sum(0.5 * d**2 + log_sigma)
    return SimpleNamespace(**locals())


def normal_score(
    m: SimpleNamespace, *, mean: Any = lambda m: -np.sum(m.d.data) / m.sigma.data,
    spread: Any = lambda m: np.sum(1 - m.d.data**2), inner: bool = False,
) -> Gradients:  # fmt: skip
    grads = {m.mu: float(mean(m)), m.log_sigma: float(spread(m))}
    return grads | {m.d: m.d.data.copy()} if inner else grads


GAUSSIAN = Domain("normal likelihood", gaussian, normal_score)
GAUSSIAN.wrong("sign", "of the mean", mean=lambda m: np.sum(m.d.data) / m.sigma.data, inner=True)
GAUSSIAN.wrong(
    "averaged-batch",
    "mean over the samples",
    mean=lambda m: -np.mean(m.d.data) / m.sigma.data,
    inner=True,
)
GAUSSIAN.wrong(
    "one-path",
    "the normalising constant forgotten",
    spread=lambda m: -np.sum(m.d.data**2),
    inner=True,
)
GAUSSIAN.right("score", inner=True)
GAUSSIAN.right("twenty samples", model={"n": 20, "seed": 2})


def ridge(
    n: int = 9, d: int = 4, seed: int = 0, penalty: float = 0.3, tiny: float = 1.0
) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=n)
    w = leaf(rng, d, name="w")
    r = named(x @ w - y, "r")
    cost = tiny * (np.sum(r**2) / (2 * n) + 0.5 * penalty * np.sum(w**2))
    return SimpleNamespace(**locals())


def normal_equations(
    m: SimpleNamespace, *, fit: Any = lambda m: m.x.T @ m.r.data / m.n,
    shrink: Any = lambda m: m.penalty * m.w.data,
) -> Gradients:  # fmt: skip
    return {m.w: m.tiny * (fit(m) + shrink(m))}


RIDGE = Domain("ridge regression", ridge, normal_equations)
RIDGE.wrong("regularisation", "the 2 of the penalty", shrink=lambda m: 2 * m.penalty * m.w.data)
RIDGE.wrong(
    "regularisation", "a tiny penalty left out", model={"penalty": 1e-5}, shrink=lambda m: 0.0
)
RIDGE.wrong(
    "sign",
    "a gradient of size 1e-7",
    model={"tiny": 1e-7},
    fit=lambda m: -m.x.T @ m.r.data / m.n,
    shrink=lambda m: -m.penalty * m.w.data,
)
RIDGE.wrong(
    "stale",
    "evaluated after the update",
    fit=lambda m: m.x.T @ (m.x @ moved(m) - m.y) / m.n,
    shrink=lambda m: m.penalty * moved(m),
)
RIDGE.wrong(
    "shifted-index",
    "features off by one",
    fit=lambda m: np.roll(m.x, 1, axis=1).T @ m.r.data / m.n,
    model={"penalty": 0.0},
)


def moved(m: SimpleNamespace) -> Any:
    """The parameters after one step of size 0.1."""
    g = m.x.T @ m.r.data / m.n + m.penalty * m.w.data
    return m.w.data - 0.1 * g


RIDGE.right("normal equations")
RIDGE.right("expanded", fit=lambda m: (m.x.T @ m.x @ m.w.data - m.x.T @ m.y) / m.n)
RIDGE.right("a gradient of size 1e-9", model={"tiny": 1e-9})


def huber(n: int = 10, seed: int = 0) -> SimpleNamespace:
    """Robust regression, a smooth maximum and a tie."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), 2 * rng.normal(size=n)
    slope = Value(0.4, name="slope")
    r = named(slope * x - y, "r")
    size = np.abs(r)
    cost = np.sum(np.where(size <= 1, 0.5 * r**2, size - 0.5))
    return SimpleNamespace(**locals())


def influence(m: SimpleNamespace, *, psi: Any = lambda r: np.clip(r, -1, 1)) -> Gradients:
    g = psi(m.r.data)
    return {m.r: g, m.slope: float(np.sum(g * m.x))}


HUBER = Domain("robust regression", huber, influence)
HUBER.wrong(
    "mask", "quadratic everywhere", psi=lambda r: r + np.where(np.abs(r) > 1, np.sign(r), 0)
)
HUBER.right("clipped residuals")
HUBER.right("piecewise", psi=lambda r: np.where(np.abs(r) <= 1, r, np.sign(r)), model={"seed": 3})


def extremes(seed: int = 0, ties: bool = True) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(4, 5)).round(1)
    if ties:
        data[1:, 3] = data[1:, 1] = [2.5, 2.0, 3.0]
    x = Value(data, name="x")
    top = named(np.max(x, axis=1), "top")
    cost = np.sum(top**2 * np.array([1.0, 2, 3, 4]))
    return SimpleNamespace(**locals())


def winners(
    m: SimpleNamespace, *, share: Any = lambda won: won / won.sum(axis=1, keepdims=True)
) -> Gradients:
    won = m.data == m.data.max(axis=1, keepdims=True)
    g = 2 * m.top.data * np.array([1.0, 2, 3, 4])
    return {m.x: share(won) * g[:, None]}


EXTREMES = Domain("extremes", extremes, winners)
EXTREMES.wrong("mask", "every tie gets the whole", share=lambda won: won * 1.0)
EXTREMES.wrong(
    "mask", "every entry gets it", share=lambda won: np.ones(won.shape), model={"ties": False}
)
EXTREMES.right("ties share")
EXTREMES.right("the first of a tie", share=lambda won: np.eye(won.shape[1])[won.argmax(axis=1)])
EXTREMES.right("no ties", model={"ties": False, "seed": 2})
