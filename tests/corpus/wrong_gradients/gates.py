"""Recurrence with gates, and scores summed over all paths through a sequence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_lite as tg
from corpus.wrong_gradients.case import Domain, Gradients, leaf, named


def memory_cell(steps: int = 3, n: int = 3, hidden: int = 3, seed: int = 2) -> SimpleNamespace:
    """A long short-term memory; the gates of a step are computed by one line."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(steps, n, 2)), rng.normal(size=(n, hidden))
    wx = {k: leaf(rng, 2, hidden, name=f"Wx_{k}") for k in "ifog"}
    wh = {k: leaf(rng, hidden, hidden, name=f"Wh_{k}") for k in "ifog"}
    h: Any = np.zeros((n, hidden))
    c: Any = np.zeros((n, hidden))
    seen = []
    for t in range(steps):
        z = {k: x[t] @ wx[k] + h @ wh[k] for k in "ifog"}
        i, f, o = (tg.sigmoid(z[k]) for k in "ifo")
        g = np.tanh(z["g"])
        before = (h, c)
        c = f * c + i * g
        h = o * np.tanh(c)
        seen.append((i, f, o, g, *before, c, h))
    cost = np.mean((h - y) ** 2)
    return SimpleNamespace(**locals())


def through_gates(
    m: SimpleNamespace, *, gate: Any = lambda a: a * (1 - a), cell: Any = lambda c: np.tanh(c),
    back: Any = lambda g, w: g @ w.T, forget: Any = lambda dc, f: dc * f, late: bool = False,
) -> Gradients:  # fmt: skip
    dwx, dwh = ({key: np.zeros(w[key].shape) for key in w} for w in (m.wx, m.wh))
    dh, dc = 2 * (m.h.data - m.y) / m.y.size, np.zeros(m.y.shape)
    for t in reversed(range(m.steps)):
        plain = (v if isinstance(v, np.ndarray) else v.data for v in m.seen[t])
        i, f, o, g, h_before, c_before, c, h = plain
        dc = dc + dh * o * (1 - cell(c) ** 2)
        dz = {
            "i": dc * g * gate(i), "f": dc * c_before * f * (1 - f),
            "o": dh * np.tanh(c) * o * (1 - o), "g": dc * i * (1 - g**2),
        }  # fmt: skip
        for key, g in dz.items():
            dwx[key] += m.x[t].T @ g
            dwh[key] += (h if late else h_before).T @ g
        dh = sum(back(dz[key], m.wh[key].data) for key in dz)
        dc = forget(dc, f)
    keys = "ifog"
    return {m.wx[k]: dwx[k] for k in keys} | {m.wh[k]: dwh[k] for k in keys}


MEMORY = Domain("memory cell", memory_cell, through_gates)
MEMORY.wrong("derivative-at-input", "the cell for its tanh", cell=lambda c: c)
MEMORY.wrong("wrong-derivative", "tanh's for the input gate", gate=lambda a: 1 - a**2)
MEMORY.wrong("transposed", "recurrent weights of all gates", back=lambda g, w: g @ w)
MEMORY.wrong("shifted-index", "the state after the step", late=True)
MEMORY.wrong("one-path", "the cell's own past", forget=lambda dc, f: 0.0 * dc)
MEMORY.right("through gates and cell")
MEMORY.right("one step", model={"steps": 1})


def chain(steps: int = 5, k: int = 3, seed: int = 7) -> SimpleNamespace:
    """A conditional random field on a line: minus the log-likelihood of one labelling."""
    rng = np.random.default_rng(seed)
    emissions, moves = leaf(rng, steps, k, name="emissions"), leaf(rng, k, k, name="moves")
    y = rng.integers(0, k, steps)
    score: Any = emissions[0]
    scores = [score]
    for t in range(1, steps):
        score = tg.logsumexp(score[:, None] + moves, axis=0) + emissions[t]
        scores.append(score)
    total = named(tg.logsumexp(score), "total")
    labelled = emissions[np.arange(steps), y].sum() + moves[y[:-1], y[1:]].sum()
    cost = total - labelled
    return SimpleNamespace(**locals())


def backward_scores(
    m: SimpleNamespace, *, labelled: float = -1.0, axis: int = 0, collect: Any = sum,
    counted: bool = True,
) -> Gradients:  # fmt: skip
    demissions, dmoves = np.zeros((m.steps, m.k)), []
    g = np.exp(m.scores[-1].data - m.total.data)
    for t in reversed(range(1, m.steps)):
        demissions[t] = g
        reach = m.scores[t - 1].data[:, None] + m.moves.data
        dmoves.append(tg.softmax(reach, axis=axis) * g)
        g = dmoves[-1].sum(axis=1)
    demissions[0] = g
    expected = collect(dmoves)
    np.add.at(demissions, (np.arange(m.steps), m.y), labelled)
    if counted:
        np.add.at(expected, (m.y[:-1], m.y[1:]), labelled)
    return {m.emissions: demissions, m.moves: expected}


CHAIN = Domain("random field", chain, backward_scores)
CHAIN.wrong("sign", "labelled path added", labelled=1.0)
CHAIN.wrong("wrong-axis", "probabilities along the wrong axis", axis=1)
CHAIN.wrong("overwritten-path", "each step assigns", collect=lambda terms: terms[-1].copy())
CHAIN.wrong("one-path", "labelled moves not counted", counted=False)
CHAIN.right("expected minus observed")
CHAIN.right("longer", model={"steps": 7, "seed": 3})
