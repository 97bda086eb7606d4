"""Losses that pull and push representations: an autoencoder with noise, pairs, and a hinge."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf, named


def autoencoder(n: int = 7, seed: int = 5) -> SimpleNamespace:
    """A variational autoencoder, linear but for its noise (Kingma and Welling 2014)."""
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=(n, 4)), rng.normal(size=(n, 2))
    w_mu, w_logvar = leaf(rng, 4, 2, name="W_mu"), leaf(rng, 4, 2, name="W_logvar")
    w_out = leaf(rng, 2, 4, name="W_out")
    mu, logvar = named(x @ w_mu, "mu"), named(x @ w_logvar, "logvar")
    std = named(np.exp(0.5 * logvar), "std")
    code = named(mu + std * noise, "code")
    out = named(code @ w_out, "out")
    divergence = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    cost = 0.5 * np.sum((out - x) ** 2) + divergence
    return SimpleNamespace(**locals())


def encode(
    m: SimpleNamespace, *, prior_mu: float = 1.0, prior_sign: float = 1.0, half: float = 0.5,
    noise: Any = lambda m: m.noise, exp: Any = lambda m: m.std.data,
) -> Gradients:  # fmt: skip
    error = m.out.data - m.x
    dcode = error @ m.w_out.data.T
    dmu = dcode + prior_mu * m.mu.data
    divergence = -0.5 * (1 - np.exp(m.logvar.data))
    dlogvar = dcode * noise(m) * exp(m) * half + prior_sign * divergence
    return {
        m.w_out: m.code.data.T @ error, m.w_mu: m.x.T @ dmu, m.w_logvar: m.x.T @ dlogvar,
    }  # fmt: skip


VARIATIONAL = Domain("variational autoencoder", autoencoder, encode)
VARIATIONAL.wrong("one-path", "the prior's pull on the mean", prior_mu=0.0)
VARIATIONAL.wrong("sign", "the prior pushes the variance", prior_sign=-1.0)
VARIATIONAL.wrong("factor", "the half of log variance", half=1.0)
VARIATIONAL.wrong("derivative-missing", "the standard deviation's own", exp=lambda m: 1.0)
VARIATIONAL.right("through the noise")
VARIATIONAL.right("another batch", model={"n": 3, "seed": 1})


def pairs(n: int = 8, seed: int = 15) -> SimpleNamespace:
    """Contrastive loss of pairs, alike or not, under one shared map (Hadsell et al. 2006)."""
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(n, 4)), rng.normal(size=(n, 4))
    alike = (rng.random(n) > 0.5) * 1.0
    w = leaf(rng, 4, 3, name="W", scale=0.4)
    apart = named(one @ w - other @ w, "apart")
    distance = named(np.sqrt(np.sum(apart**2, axis=1) + 1e-9), "distance")
    short = np.maximum(1.5 - distance, 0)
    cost = np.mean(alike * distance**2 + (1 - alike) * short**2)
    return SimpleNamespace(**locals())


def pull_and_push(
    m: SimpleNamespace, *, push: float = -1.0, both: float = 1.0, square: float = 2.0,
    short: Any = lambda m: m.short.data, norm: Any = lambda m: m.distance.data[:, None],
) -> Gradients:  # fmt: skip
    distance = m.distance.data
    ddistance = (square * m.alike * distance + push * 2 * (1 - m.alike) * short(m)) / m.n
    dapart = ddistance[:, None] * m.apart.data / norm(m)
    return {m.apart: dapart, m.w: m.one.T @ dapart - both * m.other.T @ dapart}


PAIRS = Domain("contrastive pairs", pairs, pull_and_push)
PAIRS.wrong("sign", "pulls where it should push", push=1.0)
PAIRS.wrong("one-path", "only one of the two branches", both=0.0)
PAIRS.wrong("factor", "the 2 of one square", square=1.0)
PAIRS.wrong("mask", "margin ignored", short=lambda m: 1.5 - m.distance.data)
PAIRS.right("both branches")
PAIRS.right("other pairs", model={"n": 12, "seed": 2})


def triplets(n: int = 8, seed: int = 6) -> SimpleNamespace:
    """An anchor closer to its positive than to its negative by a margin of 1."""
    rng = np.random.default_rng(seed)
    xa, xp, xn = rng.normal(size=(3, n, 5))
    w = leaf(rng, 5, 3, name="W", scale=0.5)
    anchor, positive, negative = named(xa @ w, "a"), named(xp @ w, "p"), named(xn @ w, "n")
    near = np.sum((anchor - positive) ** 2, axis=1)
    far = np.sum((anchor - negative) ** 2, axis=1)
    hinge = named(np.maximum(near - far + 1.0, 0), "hinge")
    cost = hinge.mean()
    return SimpleNamespace(**locals())


def margin(
    m: SimpleNamespace, *, active: Any = lambda m: m.hinge.data > 0, mean: Any = lambda m: m.n,
    away: float = 1.0, repel: float = 1.0,
) -> Gradients:  # fmt: skip
    g = 2 * active(m)[:, None] / mean(m)
    to_positive, to_negative = m.anchor.data - m.positive.data, m.anchor.data - m.negative.data
    da = g * (to_positive - away * to_negative)
    dp, dn = -g * to_positive, repel * g * to_negative
    return {
        m.anchor: da, m.positive: dp, m.negative: dn,
        m.w: m.xa.T @ da + m.xp.T @ dp + m.xn.T @ dn,
    }  # fmt: skip


TRIPLETS = Domain("triplets", triplets, margin)
TRIPLETS.wrong("mask", "all triplets, also the easy ones", active=lambda m: np.ones(m.n))
TRIPLETS.wrong("summed-batch", "not averaged", mean=lambda m: 1)
TRIPLETS.wrong("one-path", "the anchor is not pushed", away=0.0)
TRIPLETS.wrong("sign", "the negative is attracted", repel=-1.0)
TRIPLETS.right("margin")
