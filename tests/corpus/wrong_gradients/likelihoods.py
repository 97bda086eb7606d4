"""Statistical models, with parameters on a logarithmic scale; words; losses with corners."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_lite as tg
from corpus.wrong_gradients.case import Domain, Gradients, leaf


def mixture(n: int = 9, k: int = 3, seed: int = 51) -> SimpleNamespace:
    """A mixture of Gaussians on a line."""
    rng = np.random.default_rng(seed)
    x = 2 * rng.normal(size=n)
    mu, ls, lw = (
        leaf(rng, k, name="mu"),
        leaf(rng, k, name="log_sigma"),
        leaf(rng, k, name="logits"),
    )
    z = (x[:, None] - mu) / np.exp(ls)
    scores = tg.log_softmax(lw) - ls - 0.5 * z**2
    cost = -tg.logsumexp(scores, axis=1).mean()
    return SimpleNamespace(**locals())


def by_responsibility(
    m: SimpleNamespace, *,
    share: Any = lambda s: tg.softmax(s, axis=1),
    mean: Any = lambda m, r, z, s: -(r * z / s),
    spread: Any = lambda r, z, s: -r * (z**2 - 1),
    weights: Any = lambda r, w: w - r,
    over: Any = lambda m, g: g.sum(axis=0) / m.n,
) -> Gradients:  # fmt: skip
    s, z = np.exp(m.ls.data), m.z.data
    r, w = share(m.scores.data), tg.softmax(m.lw.data)
    return {
        m.mu: over(m, mean(m, r, z, s)), m.ls: over(m, spread(r, z, s)),
        m.lw: over(m, weights(r, w)),
    }  # fmt: skip


MIXTURE = Domain("mixture", mixture, by_responsibility)
MIXTURE.wrong("derivative-missing", "responsibilities left out", share=np.ones_like)
MIXTURE.wrong("sign", "means pushed away", mean=lambda m, r, z, s: r * z / s)
MIXTURE.wrong("derivative-missing", "by sigma, not its logarithm",
              spread=lambda r, z, s: -r * (z**2 - 1) / s)  # fmt: skip
MIXTURE.wrong("one-path", "the normalising term of sigma", spread=lambda r, z, s: -r * z**2)
MIXTURE.wrong(
    "one-path", "weights not normalised", also="derivative-missing", weights=lambda r, w: -r
)
MIXTURE.wrong("summed-batch", "mean over data forgotten", over=lambda m, g: g.sum(axis=0))
MIXTURE.right("by responsibility")


def pairs(n: int = 8, words: int = 6, width: int = 3, seed: int = 60) -> SimpleNamespace:
    """Word vectors learnt from pairs and drawn negatives."""
    rng = np.random.default_rng(seed)
    u, v = leaf(rng, words, width, name="U"), leaf(rng, words, width, name="V")
    centre, near, far = rng.integers(0, words, (3, n))
    good = (u[centre] * v[near]).sum(axis=1)
    bad = (u[centre] * v[far]).sum(axis=1)
    cost = (tg.softplus(-good) + tg.softplus(bad)).mean()
    return SimpleNamespace(**locals())


def by_pairs(
    m: SimpleNamespace, *,
    good: Any = lambda p: p - 1,
    bad: Any = lambda p: p,
    put: Any = np.add.at,
    centre: Any = lambda m: m.centre,
    mean: Any = lambda m: m.n,
) -> Gradients:  # fmt: skip
    g, b = (1 / (1 + np.exp(-s.data)) for s in (m.good, m.bad))
    g, b = good(g)[:, None] / mean(m), bad(b)[:, None] / mean(m)
    u, v = m.u.data, m.v.data
    du, dv = np.zeros(u.shape), np.zeros(v.shape)
    put(du, centre(m), g * v[m.near] + b * v[m.far])
    np.add.at(dv, m.near, g * u[m.centre])
    np.add.at(dv, m.far, b * u[m.centre])
    return {m.u: du, m.v: dv}


def assign(target: Any, index: Any, g: Any) -> None:
    target[index] = g


PAIRS = Domain("word pairs", pairs, by_pairs)
PAIRS.wrong("overwritten-path", "repeated words assigned", put=assign)
PAIRS.wrong("sign", "negatives attracted", bad=lambda p: -p)
PAIRS.wrong("one-path", "no negatives", bad=lambda p: 0.0 * p)
PAIRS.wrong("shifted-index", "words from one", centre=lambda m: (m.centre + 1) % m.words)
PAIRS.wrong("summed-batch", "mean over pairs forgotten", mean=lambda m: 1)
PAIRS.wrong("derivative-twice", "another p(1 - p)", good=lambda p: (p - 1) * p * (1 - p),
            bad=lambda p: p * p * (1 - p))  # fmt: skip
PAIRS.right("pair by pair")


def regression(n: int = 12, seed: int = 70, loss: str = "pinball") -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x, y = 2 * rng.normal(size=(n, 3)), 2 * rng.normal(size=n)
    w, b = leaf(rng, 3, name="w"), leaf(rng, name="b")
    e = y - (x @ w + b)
    labels = np.sign(y)
    if loss == "pinball":
        each = np.maximum(0.8 * e, -0.2 * e)
    elif loss == "hinge":
        each = np.maximum(0, 1 - labels * (x @ w + b)) ** 2
    elif loss == "tails":  # Student's t with four degrees of freedom
        each = 2.5 * np.log(1 + e**2 / 4)
    else:
        each = np.where(np.abs(e) < 1, 0.5 * e**2, np.abs(e) - 0.5)
    cost = each.mean() + 0.05 * np.abs(w).sum()
    return SimpleNamespace(**locals())


def slopes(m: SimpleNamespace) -> Any:
    e = m.e.data
    if m.loss == "pinball":
        return -np.where(e > 0, 0.8, -0.2)
    if m.loss == "hinge":
        return -2 * m.labels * np.maximum(0, 1 - m.labels * (m.x @ m.w.data + m.b.data))
    if m.loss == "tails":
        return -2.5 * 2 * e / (4 + e**2)
    return -np.clip(e, -1, 1)


def by_slopes(
    m: SimpleNamespace, *, slope: Any = slopes, lasso: Any = np.sign, on_bias: float = 0.0,
    mean: Any = lambda m: m.n,
) -> Gradients:  # fmt: skip
    g = slope(m) / mean(m)
    return {m.w: m.x.T @ g + 0.05 * lasso(m.w.data), m.b: g.sum() + on_bias * m.b.data}


ROBUST = Domain("regression", regression, by_slopes)
ROBUST.wrong("sign", "residual the other way", slope=lambda m: -slopes(m))
ROBUST.wrong("regularisation", "no lasso", lasso=lambda w: 0.0 * w)
ROBUST.wrong("regularisation", "lasso subtracted", lasso=lambda w: -np.sign(w))
ROBUST.wrong("mask", "pinball without its corner", slope=lambda m: np.full(m.n, -0.8))
ROBUST.wrong("mask", "hinge without its corner", model={"loss": "hinge"},
             slope=lambda m: -2 * m.labels * (1 - m.labels * (m.y - m.e.data)))  # fmt: skip
ROBUST.wrong("factor", "the 2 of the squared hinge", model={"loss": "hinge"},
             slope=lambda m: slopes(m) / 2)  # fmt: skip
ROBUST.wrong("mask", "Huber without its clip", model={"loss": "huber"}, slope=lambda m: -m.e.data)
ROBUST.wrong("derivative-missing", "the logarithm of the tails", model={"loss": "tails"},
             slope=lambda m: -2.5 * 2 * m.e.data / 4)  # fmt: skip
ROBUST.wrong("summed-batch", "mean forgotten", model={"loss": "tails"}, mean=lambda m: 1)
ROBUST.right("pinball")
ROBUST.right("squared hinge", model={"loss": "hinge"})
ROBUST.right("heavy tails", model={"loss": "tails"})
ROBUST.right("Huber", model={"loss": "huber"})
