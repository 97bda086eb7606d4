"""A small convolutional network of library calls, derived with loops over pixels; a filter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_lite as tg
from corpus.wrong_gradients.case import Domain, Gradients, leaf


def network(n: int = 3, seed: int = 5, pool: str = "mean") -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x, t = rng.normal(size=(n, 2, 6, 6)), rng.normal(size=(n, 4))
    k, c = leaf(rng, 3, 2, 3, 3, name="K", scale=0.5), leaf(rng, 3, name="c")
    w, b = leaf(rng, 27, 4, name="W", scale=0.4), leaf(rng, 4, name="b")
    z = tg.conv2d(x, k, c, padding=1)
    a = np.tanh(z)
    p = tg.avg_pool2d(a, 2) if pool == "mean" else tg.max_pool2d(a, 2)
    flat = p.reshape(n, 27)
    out = flat @ w + b
    cost = ((out - t) ** 2).sum() / n
    return SimpleNamespace(**locals())


def spread(m: SimpleNamespace, g: Any) -> Any:
    return g.repeat(2, axis=2).repeat(2, axis=3)


def unpooled(m: SimpleNamespace, g: Any) -> Any:
    if m.pool == "mean":
        return spread(m, g) / 4
    return spread(m, g) * (m.a.data == spread(m, m.p.data))


def kernel(m: SimpleNamespace, g: Any, padded: Any = None) -> Any:
    padded = np.pad(m.x, ((0, 0), (0, 0), (1, 1), (1, 1))) if padded is None else padded
    dk = np.zeros(m.k.shape)
    for i, j in np.ndindex(3, 3):
        dk[:, :, i, j] = np.einsum("nfyx,ncyx->fc", g, padded[:, :, i : i + 6, j : j + 6])
    return dk


def by_pixels(
    m: SimpleNamespace, *,
    error: Any = lambda m: 2 * (m.out.data - m.t) / m.n,
    unflatten: Any = lambda g, shape: g.reshape(shape),
    unpool: Any = unpooled,
    slope: Any = lambda m: 1 - m.a.data**2,
    bias: Any = lambda g: g.sum(axis=(0, 2, 3)),
    kernel: Any = kernel,
) -> Gradients:  # fmt: skip
    d = error(m)
    dp = unflatten(d @ m.w.data.T, m.p.shape)
    dz = unpool(m, dp) * slope(m)
    return {m.w: m.flat.data.T @ d, m.b: d.sum(axis=0), m.k: kernel(m, dz), m.c: bias(dz)}


IMAGES = Domain("pooled images", network, by_pixels)
IMAGES.wrong("factor", "the 4 of the pool", unpool=spread)
IMAGES.wrong("mask", "to the whole window", model={"pool": "max"}, unpool=spread)
IMAGES.wrong("mask", "as if it were a mean", model={"pool": "max"},
             unpool=lambda m, g: spread(m, g) / 4)  # fmt: skip
IMAGES.wrong("derivative-missing", "tanh's", slope=lambda m: 1.0)
IMAGES.wrong("averaged-batch", "bias averaged over images",
             bias=lambda g: g.mean(axis=0).sum(axis=(1, 2)))  # fmt: skip
IMAGES.wrong(
    "kernel-flip", "kernel's gradient rotated", kernel=lambda m, g: kernel(m, g)[..., ::-1, ::-1]
)
IMAGES.wrong("transposed", "flattened in another order",
             unflatten=lambda g, s: g.reshape(s[0], *s[:0:-1]).transpose(0, 3, 2, 1))  # fmt: skip
IMAGES.wrong("summed-batch", "mean over images forgotten", error=lambda m: 2 * (m.out.data - m.t))
IMAGES.wrong("factor", "the 2 of the square", error=lambda m: (m.out.data - m.t) / m.n)
IMAGES.wrong("kernel-flip", "windows a pixel too far", also="shifted-index",
             kernel=lambda m, g: kernel(m, g, np.pad(m.x, [(0, 0), (0, 0), (0, 2), (1, 1)]))
             )  # fmt: skip
IMAGES.right("pixel by pixel")
IMAGES.right("of the largest", model={"pool": "max"})


def filtered(length: int = 12, taps: int = 4, seed: int = 8) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x, t = leaf(rng, length, name="x"), rng.normal(size=length - taps + 1)
    w = leaf(rng, taps, name="w")
    y = sum(w[k] * x[k : length - taps + 1 + k] for k in range(taps))
    cost = ((y - t) ** 2).mean()
    return SimpleNamespace(**locals())


def by_taps(
    m: SimpleNamespace, *,
    error: Any = lambda m: 2 * (m.y.data - m.t) / m.t.size,
    tap: Any = lambda k: k,
    order: int = 1,
    back: Any = lambda w: w,
) -> Gradients:  # fmt: skip
    g = error(m)
    padded = np.append(m.x.data, 0.0)
    dw = np.array([g @ padded[tap(k) : tap(k) + g.size] for k in range(m.taps)])
    return {m.w: dw[::order], m.x: np.convolve(g, back(m.w.data))}


FILTER = Domain("filter", filtered, by_taps)
FILTER.wrong("shifted-index", "taps from one", tap=lambda k: k + 1)
FILTER.wrong("kernel-flip", "taps in reverse", order=-1)
FILTER.wrong("kernel-flip", "signal by the reversed filter", back=lambda w: w[::-1])
FILTER.wrong("summed-batch", "mean over time forgotten", error=lambda m: 2 * (m.y.data - m.t))
FILTER.wrong("sign", "target minus output", error=lambda m: 2 * (m.t - m.y.data) / m.t.size)
FILTER.right("tap by tap")
