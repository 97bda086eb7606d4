"""A block of a transformer: attention to the past, a residual, layer normalisation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf
from tinygrad_lite import softmax


def block(length: int = 5, width: int = 5, seed: int = 12) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x, t = leaf(rng, length, width, name="x"), rng.normal(size=(length, width))
    wq, wk, wv, wo = (leaf(rng, width, width, name=f"W{k}", scale=0.5) for k in "qkvo")
    gain, shift = leaf(rng, width, name="gain"), leaf(rng, width, name="shift")
    past = np.where(np.tri(length) > 0, 0.0, -1e9)
    q, k, v = x @ wq, x @ wk, x @ wv
    a = softmax(q @ k.T / np.sqrt(width) + past, axis=1)
    r = x + a @ v @ wo
    mu = r.mean(axis=1, keepdims=True)
    s = np.sqrt(((r - mu) ** 2).mean(axis=1, keepdims=True) + 1e-6)
    xhat = (r - mu) / s
    cost = ((gain * xhat + shift - t) ** 2).sum() / length
    return SimpleNamespace(**locals())


def normal(g: Any, h: Any, s: Any) -> Any:
    return (g - g.mean(axis=1, keepdims=True) - h * (g * h).mean(axis=1, keepdims=True)) / s


def by_matrices(
    m: SimpleNamespace, *,
    norm: Any = normal,
    attend: Any = lambda g, p: p * (g - (g * p).sum(axis=1, keepdims=True)),
    scale: float = 5**-0.5,
    values: Any = lambda a, g: a.T @ g,
    keys: Any = lambda ds, q: ds.T @ q,
    residual: float = 1.0,
    paths: Any = (1.0, 1.0, 1.0),
    gain: Any = lambda g, gain: g * gain,
    outward: Any = lambda g, w: g @ w.T,
) -> Gradients:  # fmt: skip
    q, k, v, a, h, s, x = (getattr(m, n).data for n in ("q", "k", "v", "a", "xhat", "s", "x"))
    d = 2 * (m.gain.data * h + m.shift.data - m.t) / m.length
    dr = norm(gain(d, m.gain.data), h, s)
    dav = outward(dr, m.wo.data)
    ds = attend(dav @ v.T, a) * scale
    dq, dk, dv = ds @ k, keys(ds, q), values(a, dav)
    dx = residual * dr + sum(
        part * g @ w.data.T
        for part, g, w in zip(paths, (dq, dk, dv), (m.wq, m.wk, m.wv), strict=True)
    )
    return {
        m.x: dx, m.wq: x.T @ dq, m.wk: x.T @ dk, m.wv: x.T @ dv, m.wo: (a @ v).T @ dr,
        m.gain: (d * h).sum(axis=0), m.shift: d.sum(axis=0),
    }  # fmt: skip


BLOCK = Domain("transformer block", block, by_matrices)
wrong, right = BLOCK.wrong, BLOCK.right
wrong("factor", "root of the width forgotten", scale=1.0)
wrong("softmax-elementwise", "p(1 - p)", attend=lambda g, p: g * p * (1 - p))
wrong("wrong-axis", "the softmax along queries",
      attend=lambda g, p: p * (g - (g * p).sum(axis=0, keepdims=True)))  # fmt: skip
wrong("transposed", "weights of attention not transposed", values=lambda a, g: a @ g)
wrong("transposed", "scores not transposed for the keys", keys=lambda ds, q: ds @ q)
wrong("one-path", "the residual", residual=0.0)
wrong("one-path", "the way through the values", paths=(1.0, 1.0, 0.0))
wrong("one-path", "statistics as constants", norm=lambda g, h, s: g / s)
wrong("wrong-axis", "both means over tokens",
      norm=lambda g, h, s: (g - g.mean(axis=0) - h * (g * h).mean(axis=0)) / s)  # fmt: skip
wrong("sign", "a plus before the second mean",
      norm=lambda g, h, s: (g - g.mean(axis=1, keepdims=True)
                            + h * (g * h).mean(axis=1, keepdims=True)) / s)  # fmt: skip
wrong("derivative-missing", "not divided by the deviation", norm=lambda g, h, s: normal(g, h, 1.0))
wrong("wrong-operand", "gain left out", gain=lambda g, gain: g)
wrong("transposed", "output weights not transposed", outward=lambda g, w: g @ w)
right("matrix by matrix")
right("longer", model={"length": 8})
