"""Derivatives at kinks: every legitimate choice is right, in any mixture; anything else is not."""

import numpy as np
import pytest
import scipy.optimize

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.checking import compare
from tinygrad_lite.checking.subgradients import not_negative

A = np.array


def of(function, *points):
    """The cost, and the leaves it was computed from."""
    leaves = [Value(np.asarray(p, dtype=float), name=f"x{i}") for i, p in enumerate(points)]
    cost = function(*leaves)
    return (cost.sum() if cost.ndim else cost * 1.0), leaves


IMAGE = [[[[1.0, 1.0], [0.0, 0.0]]]]
LEGITIMATE = [
    ("relu", tg.relu, [[0.0, 1.0]], [[1.0, 1.0]]),
    ("relu, between", tg.relu, [[0.0, 1.0]], [[0.3, 1.0]]),
    ("leaky relu", tg.leaky_relu, [[0.0, 1.0]], [[1.0, 1.0]]),
    ("leaky relu with a negative slope", lambda x: tg.leaky_relu(x, -0.5), [[0.0]], [[-0.2]]),
    ("abs", np.abs, [[0.0, 0.0, -2.0]], [[-1.0, 0.7, -1.0]]),
    ("maximum to the first", np.maximum, [[1.0, 2.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]),
    ("maximum, thirds", np.maximum, [[1.0], [1.0]], [[1 / 3], [2 / 3]]),
    ("minimum of numbers", np.minimum, [1.0, 1.0], [0.0, 1.0]),
    ("clip at its bounds", lambda x: np.clip(x, 0, 2), [[0.0, 1.0, 2.0]], [[0.0, 1.0, 0.4]]),
    (
        "nested",
        lambda x: np.minimum(np.maximum(x, 0), 2),
        [[0.0, 1.0, 2.0]],
        [[0.0, 1.0, 0.0]],
    ),
    ("where", lambda x: np.where(x > 0, x, 0), [[0.0, 1.0]], [[1.0, 1.0]]),
    ("where, leaky", lambda x: np.where(x >= 0, x, 0.1 * x), [[0.0, -1.0]], [[0.1, 0.1]]),
    ("mask", lambda x: x * (x.data > 0), [[0.0, 1.0, -1.0]], [[1.0, 1.0, 0.0]]),
    ("max", lambda x: x.max(), [[1.0, 1.0, 0.0]], [[0.0, 1.0, 0.0]]),
    ("max over both axes", lambda x: x.max(axis=(0, 1)), [[[1.0, 1.0]]], [[[1.0, 0.0]]]),
    ("min of rows", lambda x: x.min(axis=1), [[[1.0, 1.0], [2.0, 3.0]]], [[[0.2, 0.8], [1, 0]]]),
    ("max_pool1d", lambda x: tg.max_pool1d(x, 2), [[[[1.0, 1.0, 0.0]]]], [[[[0.0, 1.0, 0.0]]]]),
    ("max_pool2d", lambda x: tg.max_pool2d(x, 2), [IMAGE], [[[[[0.0, 1.0], [0.0, 0.0]]]]]),
    ("adaptive", lambda x: tg.adaptive_max_pool2d(x, 1), [IMAGE], [[[[[1.0, 0.0], [0, 0]]]]]),
    ("overlapping", lambda x: tg.max_pool1d(x, 2, 1), [[[[1.0, 1.0, 1.0]]]], [[[[1.0, 0.0, 1.0]]]]),
    ("sort", lambda x: np.sort(x) * A([1.0, 2.0, 3.0]), [[3.0, 1.0, 3.0]], [[3.0, 1.0, 2.0]]),
    ("median", lambda x: np.median(x), [[3.0, 1.0, 3.0]], [[0.25, 0.0, 0.75]]),
    ("top two", lambda x: np.sort(x)[-2:], [[1.0, 1.0, 1.0]], [[1.0, 0.0, 1.0]]),
]  # fmt: skip

OUTSIDE = [
    ("relu", tg.relu, [[0.0, 1.0]], [[1.1, 1.0]]),
    ("relu, elsewhere", tg.relu, [[0.0, 1.0]], [[1.0, 0.9]]),
    ("abs", np.abs, [[0.0, -2.0]], [[-1.01, -1.0]]),
    ("maximum to both", np.maximum, [[1.0, 2.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]]),
    ("max to every tie", lambda x: x.max(), [[1.0, 1.0, 0.0]], [[1.0, 1.0, 0.0]]),
    ("max to another", lambda x: x.max(), [[1.0, 1.0, 0.0]], [[0.5, 0.0, 0.5]]),
    ("pool, to every tie", lambda x: tg.max_pool2d(x, 2), [IMAGE], [[[[[1.0, 1.0], [0, 0]]]]]),
    ("top two, one twice", lambda x: np.sort(x)[-2:], [[1.0, 1.0, 1.0]], [[2.0, 0.0, 0.0]]),
    ("a mask of its own", lambda x: np.where(A([True, False, True]), x, 0), [[1.0, 0.0, -1.0]],
     [[1.0, 1.0, 1.0]]),
]  # fmt: skip


@pytest.mark.parametrize("name, function, points, gradients", LEGITIMATE, ids=lambda x: str(x)[:24])
def test_legitimate_derivatives_at_kinks_are_right(name, function, points, gradients):
    cost, leaves = of(function, *points)
    report = compare(cost, dict(zip(leaves, map(np.asarray, gradients), strict=True)))
    assert report.ok and not report.mistakes, str(report)
    assert "kink" in str(report)


@pytest.mark.parametrize("name, function, points, gradients", OUTSIDE, ids=lambda x: str(x)[:24])
def test_derivatives_outside_of_what_branches_give_are_wrong(name, function, points, gradients):
    cost, leaves = of(function, *points)
    assert not compare(cost, dict(zip(leaves, map(np.asarray, gradients), strict=True))).ok


def flat_images(shares, mask):
    """Convolution, relu and pooling over images with a flat background, and its derivation."""
    rng = np.random.default_rng(1)
    x = np.zeros((2, 1, 6, 6))
    x[:, :, 2:4, 2:4] = rng.random((2, 1, 2, 2))
    w = Value(rng.normal(size=(2, 1, 3, 3)), name="W")
    b = Value(A([0.5, 0.0]), name="b")
    z = tg.conv2d(x, w, b, padding=1)
    a = tg.relu(z)
    p = tg.max_pool2d(a, 2)
    t = rng.normal(size=p.shape)
    cost = ((p - t) ** 2).sum()
    dp, da = 2 * (p.data - t), np.zeros(a.shape)
    for at in np.ndindex(p.shape):
        window = (*at[:2], slice(2 * at[2], 2 * at[2] + 2), slice(2 * at[3], 2 * at[3] + 2))
        ties = a.data[window] == p.data[at]
        da[window] += dp[at] * shares(ties)
    dz = da * mask(z.data)
    dw, padded = np.zeros(w.shape), np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for i, j in np.ndindex(3, 3):
        dw[:, 0, i, j] = np.einsum("nfyx,nyx->f", dz, padded[:, 0, i : i + 6, j : j + 6])
    return cost, {w: dw, b: dz.sum((0, 2, 3))}, {z: dz, a: da}


def first(ties):
    return np.arange(4).reshape(2, 2) == np.flatnonzero(ties)[0]


def drawn(ties):
    shares = np.random.default_rng(int(ties.sum())).random((2, 2)) * ties
    return shares / shares.sum()


@pytest.mark.parametrize("mask", [lambda z: z > 0, lambda z: z >= 0], ids=["above", "at or above"])
@pytest.mark.parametrize("shares", [first, drawn])
@pytest.mark.parametrize("inner", [False, True])
def test_kinks_behind_kinks_in_a_convolutional_network(shares, mask, inner):
    cost, gradients, between = flat_images(shares, mask)
    given = gradients | between if inner else gradients
    assert compare(cost, given).ok
    cost, wrong, _ = flat_images(lambda ties: 1.0 * ties, mask)
    assert not compare(cost, wrong).ok


def test_mistake_beside_a_kink_is_named():
    rng = np.random.default_rng(0)
    x, w, v = (
        A([[1.0, -1.0], [2.0, 1.0], [1.0, 1.0]]),
        A([[1.0, 0.5], [1.0, -1.0]]),
        rng.normal(size=(2, 3)),
    )
    w, v = Value(w, name="W"), Value(v, name="V")
    z = x @ w
    h = tg.relu(z)
    out = np.tanh(h @ v)
    cost = (out**2).sum()
    dz_out = 2 * out.data  # the derivative of tanh is missing
    dz = (dz_out @ v.data.T) * (z.data >= 0)
    (mistake, *_) = compare(cost, {w: x.T @ dz, v: h.data.T @ dz_out}).mistakes
    assert mistake.kind == "derivative-missing"
    right = 2 * out.data * (1 - out.data**2)
    dv = h.data.T @ right
    dw = x.T @ ((right @ v.data.T) * (z.data >= 0))
    report = compare(cost, {w: dw, v: -dv})
    assert report.row(w).verdict == "right at a kink" and report.mistakes[0].kind == "sign"


def test_least_squares_without_negative_shares_are_those_of_scipy():
    rng = np.random.default_rng(4)
    for rows, columns in ((6, 3), (3, 6), (8, 8)):
        a, b = rng.normal(size=(rows, columns)), rng.normal(size=rows)
        _, residual = scipy.optimize.nnls(a, b)
        ours = not_negative(a, b)
        assert ours.min() >= 0
        assert np.linalg.norm(a @ ours - b) == pytest.approx(residual, abs=1e-9)
