"""Recurrence with an output at every step, and gated units, pulled back in a loop."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_lite as tg
from corpus.wrong_gradients.case import Domain, Gradients, leaf


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def tagger(steps: int = 5, n: int = 3, hidden: int = 4, seed: int = 17) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(steps, n, 2)), rng.normal(size=(steps, n, 3))
    u, w = leaf(rng, 2, hidden, name="U"), leaf(rng, hidden, hidden, name="W")
    v, b = leaf(rng, hidden, 3, name="V"), leaf(rng, hidden, name="b")
    h: Any = np.zeros((n, hidden))
    cost: Any = 0.0
    hs = [h]
    for t in range(steps):
        h = np.tanh(x[t] @ u + h @ w + b)
        cost = cost + ((h @ v - y[t]) ** 2).sum() / n
        hs.append(h)
    return SimpleNamespace(**locals())


def through_time(
    m: SimpleNamespace, *,
    error: Any = lambda m, e: 2 * e / m.n,
    slope: Any = lambda z, h: 1 - h**2,
    onward: Any = lambda dh, dz, w: dz @ w.T,
    past: Any = lambda hs, t: hs[t],
    gather: Any = lambda total, term: total + term,
    later: float = 1.0,
    finish: Any = lambda m, g: g,
) -> Gradients:  # fmt: skip
    hs = [m.hs[0], *(h.data for h in m.hs[1:])]
    du, dw, dv, db = (np.zeros(p.shape) for p in (m.u, m.w, m.v, m.b))
    after = np.zeros((m.n, m.hidden))
    for t in reversed(range(m.steps)):
        e = error(m, hs[t + 1] @ m.v.data - m.y[t])
        dv = dv + hs[t + 1].T @ e
        dh = e @ m.v.data.T + later * after
        z = m.x[t] @ m.u.data + hs[t] @ m.w.data + m.b.data
        dz = dh * slope(z, hs[t + 1])
        du, dw, db = (
            gather(total, term) for total, term in
            ((du, m.x[t].T @ dz), (dw, past(hs, t).T @ dz), (db, dz.sum(axis=0)))
        )  # fmt: skip
        after = onward(dh, dz, m.w.data)
    return {m.u: finish(m, du), m.w: finish(m, dw), m.b: finish(m, db), m.v: dv}


TAGGER = Domain("tagger", tagger, through_time)
TAGGER.wrong("one-path", "nothing from later steps", later=0.0)
TAGGER.wrong("derivative-missing", "tanh on the way to earlier steps",
             onward=lambda dh, dz, w: dh @ w.T)  # fmt: skip
TAGGER.wrong("transposed", "recurrent weights not transposed", onward=lambda dh, dz, w: dz @ w)
TAGGER.wrong("shifted-index", "the state of the same step", past=lambda hs, t: hs[t + 1])
TAGGER.wrong("overwritten-path", "each step assigns", gather=lambda total, term: term)
TAGGER.wrong("averaged-paths", "mean over steps", finish=lambda m, g: g / m.steps)
TAGGER.wrong("derivative-at-input", "1 - z²", slope=lambda z, h: 1 - z**2)
TAGGER.wrong("derivative-twice", "squared slope", slope=lambda z, h: (1 - h**2) ** 2)
TAGGER.wrong("summed-batch", "mean over the batch forgotten", error=lambda m, e: 2 * e)
TAGGER.right("through time")
TAGGER.right("long", model={"steps": 9, "n": 2})


def gated(steps: int = 3, n: int = 3, hidden: int = 3, seed: int = 21) -> SimpleNamespace:
    """Gated recurrent units."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(steps, n, 2)), rng.normal(size=(n, hidden))
    ws = {k: leaf(rng, 2, hidden, name=f"W{k}") for k in "zrn"}
    us = {k: leaf(rng, hidden, hidden, name=f"U{k}") for k in "zrn"}
    h: Any = 0.3 * rng.normal(size=(n, hidden))
    start = h
    for t in range(steps):
        z = tg.sigmoid(x[t] @ ws["z"] + h @ us["z"])
        r = tg.sigmoid(x[t] @ ws["r"] + h @ us["r"])
        c = np.tanh(x[t] @ ws["n"] + (r * h) @ us["n"])
        h = (1 - z) * c + z * h
    cost = ((h - y) ** 2).sum() / n
    return SimpleNamespace(**locals())


def through_units(
    m: SimpleNamespace, *,
    update: Any = lambda dh, h, c: dh * (h - c),
    slope: Any = lambda a: a * (1 - a),
    candidate: Any = lambda dh, z: dh * (1 - z),
    reset: Any = lambda r, h: r * h,
    inner: Any = lambda g, r: g * r,
    direct: Any = lambda dh, z: dh * z,
    dr: Any = lambda g, h: g * h,
    bent: Any = lambda c: 1 - c**2,
) -> Gradients:  # fmt: skip
    w, u = ({k: v.data for k, v in group.items()} for group in (m.ws, m.us))
    h, seen = m.start, []
    for t in range(m.steps):
        z, r = (sigmoid(m.x[t] @ w[k] + h @ u[k]) for k in "zr")
        c = np.tanh(m.x[t] @ w["n"] + (r * h) @ u["n"])
        seen.append((m.x[t], h, z, r, c))
        h = (1 - z) * c + z * h
    dw, du = ({k: np.zeros(v.shape) for k, v in group.items()} for group in (w, u))
    dh = 2 * (h - m.y) / m.n
    for x, before, z, r, c in reversed(seen):
        gate = {"z": update(dh, before, c) * slope(z), "n": candidate(dh, z) * bent(c)}
        passed = gate["n"] @ u["n"].T
        gate["r"] = dr(passed, before) * r * (1 - r)
        for k, g in gate.items():
            dw[k] += x.T @ g
            du[k] += (reset(r, before) if k == "n" else before).T @ g
        dh = direct(dh, z) + inner(passed, r) + gate["z"] @ u["z"].T + gate["r"] @ u["r"].T
    return {m.ws[k]: dw[k] for k in "zrn"} | {m.us[k]: du[k] for k in "zrn"}


GATED = Domain("gated units", gated, through_units)
GATED.wrong("wrong-operand", "h for r * h", reset=lambda r, h: h)
GATED.wrong("sign", "update gate", update=lambda dh, h, c: dh * (c - h))
GATED.wrong("one-path", "the state that is kept", direct=lambda dh, z: 0.0 * dh)
GATED.wrong("one-path", "the state behind the reset gate", inner=lambda g, r: 0.0 * g)
GATED.wrong("wrong-operand", "reset gate left out", inner=lambda g, r: g)
GATED.wrong("derivative-missing", "update gate's sigmoid", slope=lambda a: 1.0)
GATED.wrong("wrong-operand", "z for 1 - z", candidate=lambda dh, z: dh * z)
GATED.wrong("derivative-missing", "candidate's tanh", bent=lambda c: 1.0)
GATED.right("through units")
