"""Neurons one by one, with a list of connections each, as object-oriented code has them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf


def circuit(samples: int = 1, seed: int = 40) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    xs, ts = rng.normal(size=(samples, 2)).tolist(), rng.uniform(0, 1, (samples, 3)).tolist()
    w = [[leaf(rng, name=f"w{j}{i}", scale=1.0) for i in range(2)] for j in range(3)]
    b = [leaf(rng, name=f"b{j}") for j in range(3)]
    v = [[leaf(rng, name=f"v{k}{j}", scale=1.0) for j in range(3)] for k in range(3)]
    c = [leaf(rng, name=f"c{k}") for k in range(3)]
    cost: Any = 0.0
    for x, t in zip(xs, ts, strict=True):
        h = [np.tanh(sum(w[j][i] * x[i] for i in range(2)) + b[j]) for j in range(3)]
        o = [1 / (1 + np.exp(-(sum(v[k][j] * h[j] for j in range(3)) + c[k]))) for k in range(3)]
        cost = cost + sum((o[k] - t[k]) ** 2 for k in range(3)) / samples
    return SimpleNamespace(**locals())


def neuron_by_neuron(
    m: SimpleNamespace, *,
    square: float = 2.0,
    outer: Any = lambda z, o: o * (1 - o),
    inner: Any = lambda z, h: 1 - h**2,
    collect: Any = sum,
    source: Any = lambda z, h: h,
    lag: float = 0.0,
    bias: Any = lambda d, b: d,
    gather: Any = lambda total, term: total + term,
    mean: bool = True,
) -> Gradients:  # fmt: skip
    grads: Gradients = {p: 0.0 for group in (*m.w, m.b, *m.v, m.c) for p in group}

    def add(p: Any, g: float) -> None:
        grads[p] = gather(grads[p], g)

    for x, t in zip(m.xs, m.ts, strict=True):
        zh = [sum(m.w[j][i].data * x[i] for i in range(2)) + m.b[j].data for j in range(3)]
        h = [math.tanh(z) for z in zh]
        zo = [sum(m.v[k][j].data * h[j] for j in range(3)) + m.c[k].data for k in range(3)]
        o = [1 / (1 + math.exp(-z)) for z in zo]
        q = [
            square * (o[k] - t[k]) * outer(zo[k], o[k]) / (m.samples if mean else 1)
            for k in range(3)
        ]
        for k in range(3):
            add(m.c[k], bias(q[k], m.c[k].data))
            for j in range(3):
                add(m.v[k][j], q[k] * source(zh[j], h[j]))
        for j in range(3):
            back = collect([q[k] * (m.v[k][j].data - lag * q[k] * h[j]) for k in range(3)])
            d = back * inner(zh[j], h[j])
            add(m.b[j], bias(d, m.b[j].data))
            for i in range(2):
                add(m.w[j][i], d * x[i])
    return grads


CELLS = Domain("circuit", circuit, neuron_by_neuron)
wrong, right = CELLS.wrong, CELLS.right
wrong("averaged-paths", "mean over connections", collect=lambda parts: sum(parts) / len(parts))
wrong("one-path", "only the first output", also="overwritten-path", collect=lambda parts: parts[0])
wrong(
    "overwritten-path", "= for += at every neuron", also="one-path", collect=lambda parts: parts[-1]
)
wrong("factor", "the 2 of the square", square=1.0)
wrong("sign", "the wrong way round", square=-2.0)
wrong("derivative-missing", "sigmoid's", outer=lambda z, o: 1.0)
wrong("derivative-at-output", "σ' of the output",
      outer=lambda z, o: math.exp(-o) / (1 + math.exp(-o)) ** 2)  # fmt: skip
wrong("wrong-derivative", "h(1 - h) for tanh", inner=lambda z, h: h * (1 - h))
wrong("derivative-twice", "tanh's squared", inner=lambda z, h: (1 - h**2) ** 2)
wrong("wrong-operand", "the sum for the activation", source=lambda z, h: z)
wrong("stale", "outgoing weights updated first", lag=0.1)
wrong(
    "overwritten-path", "each sample assigns", model={"samples": 4}, gather=lambda total, term: term
)
wrong("summed-batch", "mean over samples forgotten", model={"samples": 4}, mean=False)
right("neuron by neuron")
right("four samples", model={"samples": 4})
