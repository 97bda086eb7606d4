"""Scaled dot-product attention, with a causal mask and a residual connection."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf, named
from tinygrad_lite import softmax


def model(
    length: int = 5, d: int = 4, causal: bool = False, residual: bool = True, seed: int = 0,
    dropout: bool = False,
) -> SimpleNamespace:  # fmt: skip
    rng = np.random.default_rng(seed)
    x = leaf(rng, length, d, name="x", scale=1.0)
    wq, wk, wv = (leaf(rng, d, d, name=f"W{c}") for c in "qkv")
    q, k, v = (named(x @ w, c) for c, w in zip("qkv", (wq, wk, wv), strict=True))
    scores = named(q @ k.T / np.sqrt(d), "scores")
    if causal:
        scores = named(np.where(np.tril(np.ones((length, length))) > 0, scores, -1e9), "masked")
    p = named(softmax(scores, axis=-1), "p")
    keep = (rng.uniform(size=p.shape) < 0.7) / 0.7 if dropout else np.ones(p.shape)
    pd = named(p * keep, "pd") if dropout else p
    o = named(pd @ v, "o")
    out = named(x + o, "out") if residual else o
    t = rng.normal(size=(length, d))
    cost = 0.5 * np.sum((out - t) ** 2)
    return SimpleNamespace(**locals())


def derive(
    m: SimpleNamespace, *,
    error: Any = lambda m: m.out.data - m.t,
    softmax_back: Any = lambda g, p: p * (g - (g * p).sum(axis=-1, keepdims=True)),
    scale: Any = lambda m: np.sqrt(m.d),
    key: Any = lambda m, g: g.T @ m.q.data,
    query: Any = lambda m, g: g @ m.k.data,
    value: Any = lambda m, g: m.pd.data.T @ g,
    residual: Any = lambda m, g: g if m.residual else 0.0,
    mask: Any = lambda m, g: g * m.keep,
    paths: Any = lambda q, k, v: q + k + v,
    inner: bool = False,
) -> Gradients:  # fmt: skip
    g = error(m)
    dv = value(m, g)
    dp = mask(m, g @ m.v.data.T)
    ds = softmax_back(dp, m.p.data) / scale(m)
    dq, dk = query(m, ds), key(m, ds)
    x = m.x.data
    dx = paths(dq @ m.wq.data.T, dk @ m.wk.data.T, dv @ m.wv.data.T) + residual(m, g)
    grads = {m.wq: x.T @ dq, m.wk: x.T @ dk, m.wv: x.T @ dv, m.x: dx}
    return grads | {m.q: dq, m.k: dk, m.v: dv, m.p: dp} if inner else grads


DOMAIN = Domain("attention", model, derive)
wrong, right = DOMAIN.wrong, DOMAIN.right
wrong("softmax-elementwise", "p(1 - p)", softmax_back=lambda g, p: g * p * (1 - p))
wrong("factor", "scores not scaled on the way back", scale=lambda m: 1.0)
wrong("factor", "divided by d instead of its root", scale=lambda m: m.d, inner=True, model={"d": 3})
wrong("one-path", "the residual connection forgotten", residual=lambda m, g: 0.0)
wrong(
    "one-path",
    "values not passed back to x",
    paths=lambda q, k, v: q + k,
    model={"residual": False},
)
wrong("transposed", "dk without the transpose", key=lambda m, g: g @ m.q.data, inner=True)
wrong("wrong-operand", "keys for queries", key=lambda m, g: g.T @ m.k.data, inner=True)
wrong("transposed", "probabilities not transposed", value=lambda m, g: m.pd.data @ g)
wrong(
    "mask",
    "dropout forgotten on the way back",
    model={"dropout": True, "seed": 2},
    mask=lambda m, g: g,
)
wrong(
    "wrong-axis",
    "softmax over the queries on the way back",
    softmax_back=lambda g, p: p * (g - (g * p).sum(axis=0, keepdims=True)),
)
right("residual", inner=True)
right("causal", model={"causal": True})
right("dropout", model={"dropout": True, "seed": 1}, inner=True)
right("no residual", model={"residual": False, "length": 7})
right("softmax by its Jacobian", softmax_back=lambda g, p: np.stack(
    [(np.diag(row) - np.outer(row, row)) @ d for row, d in zip(p, g, strict=True)]
))  # fmt: skip
