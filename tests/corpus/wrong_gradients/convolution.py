"""Convolutions: one-dimensional loops, and images with stride and padding."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf, named
from tinygrad_lite import conv2d, max_pool2d, relu


def model(
    stride: int = 1, padding: int = 1, n: int = 2, pool: bool = False, seed: int = 0
) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    x = leaf(rng, n, 2, 6, 6, name="x")
    w, b = leaf(rng, 3, 2, 3, 3, name="w"), leaf(rng, 3, name="b")
    z = named(conv2d(x, w, b, stride=stride, padding=padding), "z")
    h = named(relu(z), "h")
    out = named(max_pool2d(h, 2), "out") if pool else h
    t = rng.normal(size=out.shape)
    cost = np.sum((out - t) ** 2) / n
    return SimpleNamespace(**locals())


def windows(m: SimpleNamespace) -> Any:
    """(n, c, i, j, kh, kw): what each output pixel sees."""
    p = m.padding
    x = np.pad(m.x.data, ((0, 0), (0, 0), (p, p), (p, p)))
    seen = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    return seen[:, :, :: m.stride, :: m.stride]


def scattered(m: SimpleNamespace, g: Any, kernel: Any = None, padding: int | None = None) -> Any:
    """Each output pixel's cotangent spread over the pixels it saw, weighted by the kernel."""
    kernel = m.w.data if kernel is None else kernel
    p = m.padding
    dx = np.zeros((m.n, 2, 6 + 2 * p, 6 + 2 * p))
    for i in range(g.shape[2]):
        for j in range(g.shape[3]):
            r, c = i * m.stride, j * m.stride
            dx[:, :, r : r + 3, c : c + 3] += np.einsum("no,ocij->ncij", g[:, :, i, j], kernel)
    p = p if padding is None else padding
    return dx[:, :, p : p + 6, p : p + 6]


def unpooled(m: SimpleNamespace, g: Any, ties: bool = False) -> Any:
    h = m.h.data
    n, c, rows, columns = g.shape
    blocks = h.reshape(n, c, rows, 2, columns, 2)
    top = blocks.max(axis=(3, 5), keepdims=True)
    won = blocks == top
    share = won if ties else won / won.sum(axis=(3, 5), keepdims=True)
    return (share * g[:, :, :, None, :, None]).reshape(h.shape)


def derive(
    m: SimpleNamespace, *,
    error: Any = lambda m: 2 * (m.out.data - m.t) / m.n,
    pooled: Any = unpooled,
    slope: Any = lambda m, g: g * (m.z.data > 0),
    kernel: Any = lambda m, g: np.einsum("nohw,nchwij->ocij", g, windows(m)),
    bias: Any = lambda m, g: g.sum(axis=(0, 2, 3)),
    image: Any = scattered,
) -> Gradients:  # fmt: skip
    g = error(m)
    if m.pool:
        g = pooled(m, g)
    g = slope(m, g)
    return {m.w: kernel(m, g), m.b: bias(m, g), m.x: image(m, g)}


DOMAIN = Domain("convolution", model, derive)
wrong, right = DOMAIN.wrong, DOMAIN.right
wrong(
    "kernel-flip",
    "kernel flipped on the way back",
    image=lambda m, g: scattered(m, g, m.w.data[:, :, ::-1, ::-1]),
)
wrong(
    "kernel-flip",
    "gradient of the kernel flipped",
    kernel=lambda m, g: np.einsum("nohw,nchwij->ocij", g, windows(m))[:, :, ::-1, ::-1],
)
wrong("kernel-flip", "padding forgotten", image=lambda m, g: scattered(m, g, padding=0))
wrong(
    "averaged-batch",
    "kernel averaged over images",
    kernel=lambda m, g: np.einsum("nohw,nchwij->ocij", g, windows(m)) / 4,
    model={"n": 4},
)
wrong("unsummed-broadcast", "bias for each image", bias=lambda m, g: g.sum(axis=(2, 3)))
wrong("derivative-missing", "ReLU after the convolution", slope=lambda m, g: g, model={"stride": 2})
wrong(
    "mask",
    "pooling spreads to every entry",
    model={"pool": True},
    pooled=lambda m, g: np.repeat(np.repeat(g, 2, 2), 2, 3),
)
wrong(
    "summed-batch",
    "not divided by the images",
    error=lambda m: 2 * (m.out.data - m.t),
    model={"n": 5},
)
wrong(
    "transposed",
    "kernel's axes exchanged",
    kernel=lambda m, g: np.einsum("nohw,nchwij->ocji", g, windows(m)),
)
right("padding 1")
right("stride 2", model={"stride": 2})
right("no padding", model={"padding": 0, "seed": 1})
right("max pooling", model={"pool": True, "seed": 3}, pooled=lambda m, g: unpooled(m, g))
right("kernel by a loop", kernel=lambda m, g: sum(
    g[n, :, i, j][:, None, None, None] * windows(m)[n, :, i, j][None]
    for n in range(m.n) for i in range(g.shape[2]) for j in range(g.shape[3])
))  # fmt: skip
right("one image", model={"n": 1, "seed": 8})
