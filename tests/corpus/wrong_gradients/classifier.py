"""A classifier of three layers as students write it: lists of weights, loops over layers."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_lite as tg
from corpus.wrong_gradients.case import Domain, Gradients, leaf


def layers(
    n: int = 7, sizes: Any = (4, 5, 5, 3), seed: int = 31, decay: float = 0.02
) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(n, sizes[0])), rng.integers(0, sizes[-1], n)
    ws = [leaf(rng, a, b, name=f"W{i}") for i, (a, b) in enumerate(pairwise(sizes), 1)]
    bs = [leaf(rng, b, name=f"b{i}") for i, b in enumerate(sizes[1:], 1)]
    zs, hs = [], [x]
    for i, (w, b) in enumerate(zip(ws, bs, strict=True)):
        zs.append(hs[-1] @ w + b)
        hs.append(np.tanh(zs[-1]) if i == 0 else tg.relu(zs[-1]) if i == 1 else zs[-1])
    picked = tg.log_softmax(zs[-1], axis=1)[np.arange(n), labels]
    cost = -np.mean(picked) + decay / 2 * sum((w**2).sum() for w in ws)
    y = np.eye(sizes[-1])[labels]
    return SimpleNamespace(**locals())


def backwards(
    m: SimpleNamespace, *,
    error: Any = lambda m, p: (p - m.y) / m.n,
    slopes: Any = (lambda z, h: 1 - h**2, lambda z, h: z > 0),
    back: Any = lambda g, w: g @ w.T,
    before: Any = lambda hs, zs, i: hs[i],
    bias: Any = lambda g: g.sum(axis=0),
    penalty: Any = lambda m, w: m.decay * w,
    on_biases: float = 0.0,
    onward: Any = lambda g, passed: g,
) -> Gradients:  # fmt: skip
    hs = [getattr(h, "data", h) if not isinstance(h, np.ndarray) else h for h in m.hs]
    zs = [z.data for z in m.zs]
    g = error(m, tg.softmax(zs[-1], axis=1))
    grads: Gradients = {}
    for i in reversed(range(3)):
        grads[m.ws[i]] = before(hs, zs, i).T @ g + penalty(m, m.ws[i].data)
        grads[m.bs[i]] = bias(g) + on_biases * m.bs[i].data
        if i:
            passed = back(g, m.ws[i].data)
            g = onward(passed * slopes[i - 1](zs[i - 1], hs[i]), passed)
    return grads


CLASSIFIER = Domain("classifier", layers, backwards)
wrong, right = CLASSIFIER.wrong, CLASSIFIER.right
wrong("summed-batch", "the batch's mean forgotten", error=lambda m, p: p - m.y)
wrong("averaged-batch", "divided by the batch once more", error=lambda m, p: (p - m.y) / m.n**2)
wrong("sign", "labels minus probabilities", error=lambda m, p: (m.y - p) / m.n)
wrong("softmax-elementwise", "only the probability of the label",
      error=lambda m, p: (p - 1) * m.y / m.n)  # fmt: skip
wrong("shifted-index", "labels counted from one",
      error=lambda m, p: (p - np.roll(m.y, 1, axis=1)) / m.n)  # fmt: skip
wrong("derivative-missing", "tanh's",
      slopes=(lambda z, h: 1.0, lambda z, h: z > 0))  # fmt: skip
wrong("derivative-at-output", "tanh' of an activation",
      slopes=(lambda z, h: 1 - np.tanh(h) ** 2, lambda z, h: z > 0))  # fmt: skip
wrong("derivative-at-input", "1 - z²", slopes=(lambda z, h: 1 - z**2, lambda z, h: z > 0))
wrong("wrong-derivative", "h(1 - h) for tanh",
      slopes=(lambda z, h: h * (1 - h), lambda z, h: z > 0))  # fmt: skip
wrong("mask", "the mask from what arrives", onward=lambda g, passed: g,
      slopes=(lambda z, h: 1 - h**2, lambda z, h: z < 0))  # fmt: skip
wrong("transposed", "square weights not transposed",
      model={"sizes": (5, 5, 5, 5)}, back=lambda g, w: g @ w)  # fmt: skip
wrong("wrong-operand", "sums for activations",
      before=lambda hs, zs, i: zs[i - 1] if i else hs[0])  # fmt: skip
wrong("unsummed-broadcast", "biases for each sample", bias=lambda g: g)
wrong("averaged-batch", "biases averaged", bias=lambda g: g.mean(axis=0))
wrong("regularisation", "biases decay too", on_biases=0.02)
wrong("regularisation", "the half of the decay", penalty=lambda m, w: 2 * m.decay * w)
wrong("regularisation", "decay of the wrong sign", penalty=lambda m, w: -m.decay * w)
wrong("regularisation", "no decay", penalty=lambda m, w: 0.0)
right("three layers")
right("one sample", model={"n": 1})
right("no decay at all", model={"decay": 0.0}, penalty=lambda m, w: 0.0)
