"""Recurrent networks, pulled back through time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf, named


def model(steps: int = 4, n: int = 3, hidden: int = 4, seed: int = 0) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(steps, n, 2))
    wx, wh = leaf(rng, 2, hidden, name="Wx"), leaf(rng, hidden, hidden, name="Wh")
    b, wy = leaf(rng, hidden, name="b"), leaf(rng, hidden, 2, name="Wy")
    h: Any = np.zeros((n, hidden))
    states = [h]
    for t in range(steps):
        h = named(np.tanh(x[t] @ wx + h @ wh + b), f"h{t + 1}")
        states.append(h)
    t_out = rng.normal(size=(n, 2))
    out = named(h @ wy, "out")
    cost = np.sum((out - t_out) ** 2)
    return SimpleNamespace(**locals())


def at(m: SimpleNamespace, t: int) -> Any:
    return getattr(m.states[t], "data", m.states[t])


def plain(m: SimpleNamespace, t: int) -> Any:
    return m.states[0] if t == 0 else m.states[t].data


def derive(
    m: SimpleNamespace, *,
    slope: Any = lambda m, t: 1 - plain(m, t + 1) ** 2,
    collect: Any = sum,
    before: Any = lambda m, t: plain(m, t),
    back: Any = lambda m, g: g @ m.wh.data.T,
    last: int = 0,
    seen: Any = lambda m, t: m.x[t],
    bias: Any = lambda g: g.sum(axis=0),
) -> Gradients:  # fmt: skip
    dout = 2 * (m.out.data - m.t_out)
    dwy = plain(m, m.steps).T @ dout
    dh = dout @ m.wy.data.T
    dwx, dwh, db = [], [], []
    for t in reversed(range(last, m.steps)):
        dz = dh * slope(m, t)
        dwx.append(seen(m, t).T @ dz)
        dwh.append(before(m, t).T @ dz)
        db.append(bias(dz))
        dh = back(m, dz)
    return {m.wx: collect(dwx), m.wh: collect(dwh), m.b: collect(db), m.wy: dwy}


DOMAIN = Domain("rnn", model, derive)
wrong, right = DOMAIN.wrong, DOMAIN.right
wrong("overwritten-path", "each step assigns", collect=lambda terms: terms[-1])
wrong("one-path", "only the last step, no history", collect=lambda terms: terms[0])
wrong("averaged-paths", "averaged over time", collect=lambda terms: sum(terms) / len(terms))
wrong("shifted-index", "state after instead of before", before=lambda m, t: plain(m, t + 1))
wrong("transposed", "recurrent weight not transposed", back=lambda m, g: g @ m.wh.data)
wrong("derivative-missing", "tanh at every step", slope=lambda m, t: 1.0)
wrong(
    "shifted-index",
    "input of the next step",
    seen=lambda m, t: m.x[t + 1] if t + 1 < m.steps else np.zeros_like(m.x[0]),
)
wrong(
    "wrong-derivative",
    "sigmoid's at every step",
    slope=lambda m, t: plain(m, t + 1) * (1 - plain(m, t + 1)),
)
right("through time")
right("six steps", model={"steps": 6, "seed": 1})
right("one step", model={"steps": 1})
right("accumulated by stacking", collect=lambda terms: np.sum(np.stack(terms), axis=0))
right("large batch", model={"n": 40, "seed": 3})
