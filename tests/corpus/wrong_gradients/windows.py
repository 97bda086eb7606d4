"""Sums of windows, products at several places, penalties written as a product, rounded numbers."""

from types import SimpleNamespace

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf


def _taps(size: int = 20, count: int = 4) -> SimpleNamespace:
    rng = np.random.default_rng(41)
    x, t = rng.normal(size=size), rng.normal(size=size - count)
    w, b = leaf(rng, count, name="taps"), leaf(rng, name="b")
    y = sum(w[k] * x[k : k + len(t)] for k in range(count)) + b
    cost = ((y - t) ** 2).mean() + 0.2 * (w @ w)
    return SimpleNamespace(cost=cost, x=x, t=t, w=w, b=b, y=y)


def _of_taps(m: SimpleNamespace, offset: int = 0, decay: float = 0.4) -> Gradients:
    n = len(m.t)
    dy = 2 * (m.y.data - m.t) / n
    taps = [float((dy * m.x[k + offset : k + offset + n]).sum()) for k in range(m.w.size)]
    return {m.w: np.array(taps) + decay * m.w.data, m.b: float(dy.sum())}


_filter = Domain("filter", _taps, _of_taps)
_filter.wrong("shifted-index", "all windows one too late", offset=1)
_filter.wrong("regularisation", "penalty w @ w left out", decay=0.0)
_filter.wrong("regularisation", "penalty w @ w without its half", decay=0.8)
_filter.right("with its penalty")


def _gated(steps: int = 2, width: int = 3) -> SimpleNamespace:
    rng = np.random.default_rng(43)
    u, v = (leaf(rng, 2, width, name=name) for name in "uv")
    x, t = rng.normal(size=(steps, 4, 2)), rng.normal(size=(4, width))
    tape, total = [], 0.0
    for k in range(steps):
        gate, new = (x[k] @ u).sigmoid(), np.tanh(x[k] @ v)
        total = total + gate * new
        tape.append((gate, new))
    cost = ((total - t) ** 2).sum()
    return SimpleNamespace(cost=cost, x=x, t=t, u=u, v=v, tape=tape, total=total)


def _of_gated(m: SimpleNamespace, exchanged: bool = False) -> Gradients:
    d = 2 * (m.total.data - m.t)
    du, dv = np.zeros(m.u.shape), np.zeros(m.v.shape)
    for x, (gate, new) in zip(m.x, m.tape, strict=True):
        a, c = gate.data, new.data
        da, dc = (d * a, d * c) if exchanged else (d * c, d * a)
        du += x.T @ (da * a * (1 - a))
        dv += x.T @ (dc * (1 - c**2))
    return {m.u: du, m.v: dv}


_gates = Domain("gated sum", _gated, _of_gated)
_gates.wrong("wrong-operand", "gate and candidate exchanged at every step", exchanged=True)
_gates.right("each with the other factor")
