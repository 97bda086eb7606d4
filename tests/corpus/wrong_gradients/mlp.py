"""Multilayer perceptrons in matrix form, on a batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf, named
from tinygrad_lite import relu, sigmoid

ACTIVATIONS: dict[str, tuple[Any, Any]] = {
    "tanh": (np.tanh, lambda z, h: 1 - h**2),
    "sigmoid": (sigmoid, lambda z, h: h * (1 - h)),
    "relu": (relu, lambda z, h: (z > 0) * 1.0),
    "maximum": (lambda z: np.maximum(z, 0), lambda z, h: (z > 0) * 1.0),
    "softplus": (lambda z: np.log(1 + np.exp(z)), lambda z, h: 1 / (1 + np.exp(-z))),
}


def model(
    act: str = "tanh", n: int = 6, sizes: tuple[int, int, int] = (5, 4, 3), seed: int = 0,
    penalty: float = 0.0, dtype: Any = np.float64, loss: str = "mean",
) -> SimpleNamespace:  # fmt: skip
    rng = np.random.default_rng(seed)
    i, h, o = sizes
    x = rng.normal(size=(n, i)).astype(dtype)
    y = rng.normal(size=(n, o)).astype(dtype)
    w1, b1 = leaf(rng, i, h, name="W1"), leaf(rng, h, name="b1")
    w2, b2 = leaf(rng, h, o, name="W2"), leaf(rng, o, name="b2")
    for p in (w1, b1, w2, b2):
        p.data = p.data.astype(dtype)
    z1 = named(x @ w1 + b1, "z1")
    a1 = named(ACTIVATIONS[act][0](z1), "a1")
    z2 = named(a1 @ w2 + b2, "z2")
    squares = (z2 - y) ** 2
    cost = np.mean(np.sum(squares, axis=1)) if loss == "mean" else np.sum(squares)
    if penalty:
        cost = cost + 0.5 * penalty * (np.sum(w1 * w1) + np.sum(w2**2))
    return SimpleNamespace(**locals())


def derive(
    m: SimpleNamespace, *,
    error: Any = lambda m: 2 * (m.z2.data - m.y) / (m.n if m.loss == "mean" else 1),
    w2: Any = lambda m, g: m.a1.data.T @ g,
    b2: Any = lambda m, g: g.sum(axis=0),
    back: Any = lambda m, g: g @ m.w2.data.T,
    slope: Any = lambda m, g: g * ACTIVATIONS[m.act][1](m.z1.data, m.a1.data),
    w1: Any = lambda m, g: m.x.T @ g,
    b1: Any = lambda m, g: g.sum(axis=0),
    decay1: Any = lambda m: m.penalty * m.w1.data,
    decay2: Any = lambda m: m.penalty * m.w2.data,
    dtype: Any = None,
    inner: bool = False,
) -> Gradients:  # fmt: skip
    if dtype is not None:
        m = SimpleNamespace(**vars(m))
        for p in ("x", "y"):
            setattr(m, p, getattr(m, p).astype(dtype))
        for p in ("z1", "a1", "z2", "w1", "w2"):
            setattr(
                m, p, SimpleNamespace(data=getattr(m, p).data.astype(dtype), value=getattr(m, p))
            )
    dz2 = error(m)
    da1 = back(m, dz2)
    dz1 = slope(m, da1)
    grads = {"w2": w2(m, dz2), "b2": b2(m, dz2), "w1": w1(m, dz1), "b1": b1(m, dz1)}
    if np.any(decay1(m)):
        grads["w1"] = grads["w1"] + decay1(m)
    if np.any(decay2(m)):
        grads["w2"] = grads["w2"] + decay2(m)
    if inner:
        grads |= {"z2": dz2, "a1": da1, "z1": dz1}
    keys = {k: getattr(getattr(m, k), "value", getattr(m, k)) for k in grads}
    return {keys[k]: g for k, g in grads.items()}


DOMAIN = Domain("mlp", model, derive)
wrong, right = DOMAIN.wrong, DOMAIN.right
wrong("averaged-paths", "mean over the outputs", back=lambda m, g: g @ m.w2.data.T / 3)
wrong(
    "averaged-batch", "divided by the batch twice", error=lambda m: 2 * (m.z2.data - m.y) / m.n**2
)
wrong("averaged-batch", "mean for the bias", b1=lambda m, g: g.mean(axis=0))
wrong(
    "averaged-batch",
    "cost sums, weights averaged",
    model={"loss": "sum"},
    w1=lambda m, g: m.x.T @ g / m.n,
)
wrong("summed-batch", "not divided by the batch", error=lambda m: 2 * (m.z2.data - m.y))
wrong("sign", "target minus output", error=lambda m: 2 * (m.y - m.z2.data) / m.n)
wrong("factor", "half the error", error=lambda m: (m.z2.data - m.y) / m.n)
wrong("derivative-missing", "ReLU", model={"act": "relu"}, slope=lambda m, g: g)
wrong(
    "derivative-missing",
    "sigmoid, with intermediates",
    model={"act": "sigmoid"},
    slope=lambda m, g: g,
    inner=True,
)
wrong(
    "derivative-twice",
    "sigmoid",
    model={"act": "sigmoid"},
    slope=lambda m, g: g * (m.a1.data * (1 - m.a1.data)) ** 2,
)
wrong("derivative-at-input", "1 - z²", slope=lambda m, g: g * (1 - m.z1.data**2))
wrong(
    "derivative-at-output",
    "softplus at its output",
    model={"act": "softplus"},
    slope=lambda m, g: g / (1 + np.exp(-m.a1.data)),
)
wrong("wrong-derivative", "ReLU's for tanh's", slope=lambda m, g: g * (m.z1.data > 0))
wrong(
    "wrong-derivative", "sigmoid's for tanh's", slope=lambda m, g: g * m.a1.data * (1 - m.a1.data)
)
wrong(
    "transposed",
    "square weight not transposed",
    model={"sizes": (5, 4, 4)},
    back=lambda m, g: g @ m.w2.data,
)
wrong("transposed", "gradient of W1 transposed", w1=lambda m, g: g.T @ m.x)
wrong("wrong-operand", "pre-activation for activation", w2=lambda m, g: m.z1.data.T @ g)
wrong("unsummed-broadcast", "bias per sample", b1=lambda m, g: g)
wrong("wrong-axis", "bias summed over features", model={"n": 4}, b1=lambda m, g: g.sum(axis=1))
wrong(
    "overwritten-path",
    "the last sample only",
    w1=lambda m, g: np.outer(m.x[-1], g[-1]),
    b1=lambda m, g: g[-1],
)
wrong(
    "regularisation",
    "penalty missing",
    model={"penalty": 0.1},
    decay1=lambda m: 0.0,
    decay2=lambda m: 0.0,
)
wrong(
    "regularisation",
    "penalty doubled on W1",
    model={"penalty": 0.01},
    decay1=lambda m: 0.02 * m.w1.data,
)
wrong("regularisation", "a penalty the cost lacks", decay2=lambda m: 0.05 * m.w2.data)
wrong(
    "stale",
    "W2 updated before it is used",
    back=lambda m, g: g @ (m.w2.data - 0.1 * m.a1.data.T @ g).T,
)
wrong("shifted-index", "samples off by one", w1=lambda m, g: np.roll(m.x, 1, axis=0).T @ g)
for activation in ACTIVATIONS:
    right(f"{activation} network", model={"act": activation, "seed": 4}, inner=activation == "tanh")
right("einsum", w1=lambda m, g: np.einsum("ni,no->io", m.x, g))
right(
    "a loop over samples", w1=lambda m, g: sum(np.outer(x, d) for x, d in zip(m.x, g, strict=True))
)
right("penalty", model={"penalty": 0.1})
right("float32 derivation", dtype=np.float32)
right("float32 network", model={"dtype": np.float32, "seed": 5}, inner=True)
right(
    "written in exponentials",
    slope=lambda m, g: g * 4 / (np.exp(m.z1.data) + np.exp(-m.z1.data)) ** 2,
)
