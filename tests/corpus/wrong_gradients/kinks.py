"""Kinks met exactly: any derivative between those of the two sides is right, others are not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_lite as tg
from corpus.wrong_gradients.case import Domain, Gradients


def at_kink(form: str = "relu") -> SimpleNamespace:
    rng = np.random.default_rng(1)
    x = tg.Value(np.array([[1.0, 1.0, 0.0, -1.0], [0.0, 2.0, 2.0, 2.0]]), name="x")
    y = tg.Value(np.array([[1.0, 0.0, 0.0, 3.0], [1.0, 2.0, 2.0, -2.0]]), name="y")
    out: Any = {
        "relu": lambda: tg.relu(x),
        "leaky": lambda: tg.leaky_relu(x, 0.1),
        "abs": lambda: np.abs(x),
        "clip": lambda: np.clip(x, 0, 2),
        "where": lambda: np.where(x > 0, x, 0.2 * x),
        "nested": lambda: np.minimum(np.maximum(x, 0), y),
        "maximum": lambda: np.maximum(x, y),
        "max": lambda: x.max(axis=1),
        "pool": lambda: tg.max_pool2d(x[None, None], 2),
        "sort": lambda: np.sort(x, axis=1),
        "median": lambda: np.median(x[:, :3], axis=1),
    }[form]()
    t = rng.normal(size=out.shape)
    cost = ((out - t) ** 2).sum()
    g = 2 * (out.data - t)
    return SimpleNamespace(**locals())


def chosen(m: SimpleNamespace, *, by: Any) -> Gradients:
    given = by(m, m.x.data, m.y.data, m.g)
    return dict(zip((m.x, m.y), given, strict=False)) if isinstance(given, tuple) else {m.x: given}


def first(m: SimpleNamespace, x: Any, y: Any, g: Any) -> Any:
    return np.eye(4)[x.argmax(axis=1)] * g[:, None]


def last(m: SimpleNamespace, x: Any, y: Any, g: Any) -> Any:
    return np.eye(4)[3 - x[:, ::-1].argmax(axis=1)] * g[:, None]


def pooled(share: Any) -> Any:
    def by(m: SimpleNamespace, x: Any, y: Any, g: Any) -> Any:
        dx = np.zeros(x.shape)
        for j in range(2):
            window = x[:, 2 * j : 2 * j + 2]
            dx[:, 2 * j : 2 * j + 2] = g[0, 0, 0, j] * share(window == window.max())
        return dx

    return by


def one(ties: Any) -> Any:
    return np.arange(4).reshape(2, 2) == np.flatnonzero(ties)[0]


KINKS = Domain("kinks", at_kink, chosen)
right, wrong = KINKS.right, KINKS.wrong
right("relu, one at zero", by=lambda m, x, y, g: g * (x >= 0))
right(
    "relu, mixed",
    by=lambda m, x, y, g: g * np.where(x == 0, [[0.0, 0, 0.3, 0], [0.9, 0, 0, 0]], x > 0),
)
right("leaky relu", model={"form": "leaky"}, by=lambda m, x, y, g: g * np.where(x >= 0, 1, 0.1))
right("abs, plus at zero", model={"form": "abs"}, by=lambda m, x, y, g: g * np.where(x >= 0, 1, -1))
right("clip, closed", model={"form": "clip"}, by=lambda m, x, y, g: g * ((x > 0) & (x < 2)))
right("clip, half closed", model={"form": "clip"}, by=lambda m, x, y, g: g * ((x >= 0) & (x < 2)))
right("where", model={"form": "where"}, by=lambda m, x, y, g: g * np.where(x >= 0, 1, 0.2))
right("nested", model={"form": "nested"},
      by=lambda m, x, y, g: (g * ((x > 0) & (x <= y)), g * (np.maximum(x, 0) > y)))  # fmt: skip
right("maximum to the first", model={"form": "maximum"},
      by=lambda m, x, y, g: (g * (x >= y), g * (x < y)))  # fmt: skip
right("max, first of the ties", model={"form": "max"}, by=first)
right("max, last of the ties", model={"form": "max"}, by=last)
right("pool, one of the ties", model={"form": "pool"}, by=pooled(one))
right("sort, from behind", model={"form": "sort"},
      by=lambda m, x, y, g: np.stack([
          row[np.argsort(np.lexsort((-np.arange(4), values)))]
          for row, values in zip(g, x, strict=True)
      ]))  # fmt: skip
right("median, the last", model={"form": "median"},
      by=lambda m, x, y, g: np.array([[0, g[0], 0, 0], [0, 0, g[1], 0]]))  # fmt: skip
wrong("mask", "max, to every tie", model={"form": "max"},
      by=lambda m, x, y, g: g[:, None] * (x == x.max(axis=1, keepdims=True)))  # fmt: skip
wrong("mask", "pool, to every tie", model={"form": "pool"}, by=pooled(lambda ties: 1.0 * ties))
wrong("mask", "maximum, to both", model={"form": "maximum"},
      by=lambda m, x, y, g: (g * (x >= y), g * (y >= x)))  # fmt: skip
wrong("mask", "relu, everywhere", also="derivative-missing", by=lambda m, x, y, g: g)
wrong("sign", "abs, minus everywhere", model={"form": "abs"}, by=lambda m, x, y, g: -g * np.sign(x))
