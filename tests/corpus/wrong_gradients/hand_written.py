"""Convolutions written as sums of slices, clipped units, bilinear forms, gates stored in order."""

from types import SimpleNamespace

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf
from tinygrad_lite import conv2d, gelu, log_softmax


def _stencil() -> SimpleNamespace:
    rng = np.random.default_rng(61)
    x, k = leaf(rng, 6, 5, name="x"), leaf(rng, 2, 3, name="k")
    y = sum(k[a, b] * x[a : a + 5, b : b + 3] for a in range(2) for b in range(3))
    cost = (np.tanh(y) ** 2).sum()
    return SimpleNamespace(cost=cost, x=x, k=k, y=y)


def _of_stencil(m: SimpleNamespace, flipped: bool = False, assigned: bool = False) -> Gradients:
    out = np.tanh(m.y.data)
    d = 2 * out * (1 - out**2)
    dx, dk = np.zeros(m.x.shape), np.zeros(m.k.shape)
    kernel = m.k.data[::-1, ::-1] if flipped else m.k.data
    for a in range(2):
        for b in range(3):
            window = (slice(a, a + 5), slice(b, b + 3))
            dx[window] = kernel[a, b] * d + (0 if assigned else dx[window])
            dk[a, b] = np.sum(d * m.x.data[window])
    return {m.x: dx, m.k: dk}


_slices = Domain("convolution of slices", _stencil, _of_stencil)
_slices.wrong("kernel-flip", "kernel the wrong way round", flipped=True)
_slices.wrong("overwritten-path", "overlapping windows assigned", assigned=True)
_slices.right("windows added")


def _padded(stride: int = 1, dilation: int = 1, padding: int = 1) -> SimpleNamespace:
    rng = np.random.default_rng(62)
    x, k = rng.normal(size=(2, 9, 9)), leaf(rng, 1, 2, 3, 3, name="k")
    y = conv2d(x[None], k, stride=stride, dilation=dilation, padding=padding)
    return SimpleNamespace(
        cost=(y**2).sum(), x=x, k=k, y=y, stride=stride, dilation=dilation, padding=padding
    )


def _of_padded(m: SimpleNamespace, dilated: bool = True, padded: bool = True) -> Gradients:
    p, step = m.padding if padded else 0, m.dilation if dilated else 1
    x = np.pad(m.x, ((0, 0), (p, p), (p, p)))
    d = 2 * m.y.data[0, 0]
    dk = np.zeros(m.k.shape)
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            rows, columns = (m.stride * n + step * np.arange(3) for n in (i, j))
            if rows[-1] < x.shape[1] and columns[-1] < x.shape[2]:
                dk[0] += d[i, j] * x[:, rows[:, None], columns]
    return {m.k: dk}


_windows = Domain("windows", _padded, _of_padded)
_windows.wrong("kernel-flip", "windows of the unpadded input", padded=False)
_windows.wrong(
    "kernel-flip", "dilation forgotten", model={"dilation": 2, "padding": 0}, dilated=False
)
_windows.right("padded", model={"stride": 2})
_windows.right("dilated", model={"dilation": 2})


def _units(unit: str = "clip") -> SimpleNamespace:
    rng = np.random.default_rng(63)
    x, t = rng.normal(size=(9, 3)), rng.normal(size=(9, 4))
    w = leaf(rng, 3, 4, name="w", scale=2.0)
    z = x @ w
    a = np.clip(z, 0, 2) if unit == "clip" else gelu(z)
    return SimpleNamespace(cost=((a - t) ** 2).mean(), x=x, t=t, w=w, z=z, a=a)


def _slope_of_clip(z: np.ndarray) -> np.ndarray:
    return (z > 0) & (z < 2)


def _slope_of_tanh_gelu(z: np.ndarray) -> np.ndarray:
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z / 2 * (1 - t**2) * c * (1 + 3 * 0.044715 * z**2)


def _of_units(m: SimpleNamespace, slope=_slope_of_clip) -> Gradients:
    return {m.w: m.x.T @ (2 * (m.a.data - m.t) / m.t.size * slope(m.z.data))}


_bounded = Domain("units", _units, _of_units)
_bounded.wrong("mask", "upper limit ignored", slope=lambda z: z > 0)
_bounded.wrong(
    "wrong-derivative", "GELU by its tanh approximation",
    model={"unit": "gelu"}, slope=_slope_of_tanh_gelu,
)  # fmt: skip
_bounded.right("both limits")


def _bilinear() -> SimpleNamespace:
    rng = np.random.default_rng(64)
    u, v, a = (leaf(rng, *shape, name=n) for n, shape in (("u", (4,)), ("v", (4,)), ("a", (4, 4))))
    s = u @ a @ v
    return SimpleNamespace(cost=np.log(1 + np.exp(-s)), u=u, v=v, a=a, s=s)


def _of_bilinear(m: SimpleNamespace, own: bool = False) -> Gradients:
    d = -1 / (1 + np.exp(m.s.data))
    u, v, a = m.u.data, m.v.data, m.a.data
    return {m.u: d * a @ (u if own else v), m.v: d * a.T @ u, m.a: d * np.outer(u, v)}


_forms = Domain("bilinear form", _bilinear, _of_bilinear)
_forms.wrong("wrong-operand", "one gradient with its own vector", own=True)
_forms.right("each with the other vector")


def _prelu() -> SimpleNamespace:
    rng = np.random.default_rng(65)
    x, t = rng.normal(size=(8, 3)), rng.normal(size=(8, 4))
    w, slope = leaf(rng, 3, 4, name="w"), leaf(rng, name="slope")
    z = x @ w
    a = np.where(z > 0, z, slope * z)
    return SimpleNamespace(cost=((a - t) ** 2).sum(), x=x, t=t, w=w, slope=slope, z=z, a=a)


def _of_prelu(m: SimpleNamespace, everywhere: bool = False) -> Gradients:
    d, z = 2 * (m.a.data - m.t), m.z.data
    dz = d * np.where(z > 0, 1, m.slope.data)
    return {m.w: m.x.T @ dz, m.slope: float(np.sum(d * z if everywhere else (d * z)[z <= 0]))}


_learned = Domain("PReLU", _prelu, _of_prelu)
_learned.wrong("mask", "slope from positive inputs too", everywhere=True)
_learned.right("slope from negative inputs")


def _words() -> SimpleNamespace:
    rng = np.random.default_rng(66)
    text = np.array([2, 0, 3, 1, 2, 3, 0])
    e, w, r = (leaf(rng, *s, name=n) for n, s in (("e", (4, 3)), ("w", (3, 4)), ("r", (3, 4))))
    x, y = text[:-1], text[1:]
    h = e[x]
    z = h @ w + np.tanh(h @ r)
    cost = -log_softmax(z)[np.arange(6), y].mean()
    return SimpleNamespace(cost=cost, x=x, y=y, e=e, w=w, r=r, h=h, z=z)


def _of_words(
    m: SimpleNamespace, late: bool = False, twice: bool = False, exchanged: bool = False
) -> Gradients:
    exponentials = np.exp(m.z.data)
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    d = (p - np.eye(4)[m.x if late else m.y]) / 6
    if twice:
        d = p * (d - (d * p).sum(axis=1, keepdims=True))
    dr = d * (1 - np.tanh(m.h.data @ m.r.data) ** 2)
    de = np.zeros(m.e.shape)
    np.add.at(de, m.x, d @ m.w.data.T + dr @ m.r.data.T)
    both = [m.h.data.T @ d, m.h.data.T @ dr]
    return {m.e: de, **dict(zip([m.w, m.r], both[::-1] if exchanged else both, strict=True))}


_text = Domain("next word", _words, _of_words)
_text.wrong("shifted-index", "labels of the word before", late=True)
_text.wrong("derivative-twice", "Jacobian of the softmax once more", twice=True)
_text.wrong("wrong-operand", "gradients of two weights exchanged", exchanged=True)
_text.right("labels one further")
