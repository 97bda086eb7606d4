"""The fused batch normalisation against the composition it stands for, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.rules.batch_norm import batch_norm, batch_norm_back

SHAPES = [
    ((20, 6, 12, 12), (2, 2)),
    ((9, 5, 13, 11), (3, 2)),  # some rows and columns left over
    ((8, 4, 10, 10), ()),
    ((16, 3, 21), (2,)),
    ((4, 3, 34, 17), (17, 17)),  # more entries to a window than a byte counts
]


def case(shape, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    n, c, *sizes = shape
    x = np.moveaxis(rng.standard_normal((c, *sizes, n)).astype(dtype), -1, 0)
    weight, bias = rng.standard_normal((2, c)).astype(dtype)
    return x + dtype(2), weight, bias


def composed(x, weight, bias, eps, pool, rectify):
    """By functions of their own; without a name of any of ours for the normalisation."""
    axes, across = (0, *range(2, x.ndim)), (1, -1, *(1 for _ in range(2, x.ndim)))
    mean = x.mean(axis=axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
    out = (x - mean) / np.sqrt(variance + eps) * np.reshape(weight, across)
    out = out + np.reshape(bias, across)
    if pool:
        out = tg.max_pool2d(out, pool) if len(pool) == 2 else tg.max_pool1d(out, pool)
    return tg.relu(out) if rectify else out


@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize(("shape", "pool"), SHAPES)
def test_result_and_cotangents_equal_those_of_the_composition(shape, pool, rectify):
    given = case(shape)
    values = [Value(a) for a in given]
    wanted = composed(*values, 1e-2, pool, rectify)
    g = np.random.default_rng(1).standard_normal(wanted.shape)
    wanted.backward(g)
    settings = {"eps": 1e-2, "pool": pool, "rectify": rectify}
    out, mean, variance = batch_norm(*given, **settings)
    np.testing.assert_allclose(out, wanted.data, rtol=1e-12, atol=1e-13)
    axes = (0, *range(2, len(shape)))
    np.testing.assert_allclose(mean, given[0].mean(axis=axes, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(variance, given[0].var(axis=axes, keepdims=True), rtol=1e-12)
    # The cotangent lies as a linear layer's does, the result as an image.
    locals_ = batch_norm_back(np.ascontiguousarray(g), *given, out, mean, variance, **settings)
    for local, value in zip(locals_, values, strict=True):
        np.testing.assert_allclose(local, value.grad, rtol=1e-9, atol=1e-11)


def test_result_and_cotangent_are_written_where_told():
    x, weight, bias = case((20, 6, 12, 12))
    settings = {"eps": 1e-5, "pool": (2, 2), "rectify": True}
    out, mean, variance = batch_norm(x, weight, bias, **settings)
    target = np.full_like(out, np.nan)
    assert batch_norm(x, weight, bias, **settings, out=target)[0] is target
    np.testing.assert_array_equal(target, out)
    back = (np.ones_like(out), x, weight, bias, out, mean, variance)
    local = batch_norm_back(*back, **settings)[0]
    target = np.full_like(local, np.nan)
    assert batch_norm_back(*back, **settings, out=target)[0] is target
    np.testing.assert_array_equal(target, local)


def test_entries_that_tie_share_and_a_weight_of_zero_makes_all_tie():
    x, _, bias = case((6, 2, 4, 4))
    out, mean, variance = batch_norm(x, np.zeros(2), bias, eps=1e-5, pool=(2, 2))
    np.testing.assert_array_equal(out, np.broadcast_to(bias.reshape(1, 2, 1, 1), out.shape))
    g = np.random.default_rng(0).standard_normal(out.shape)
    _, weights, _ = batch_norm_back(
        g, x, np.zeros(2), bias, out, mean, variance, eps=1e-5, pool=(2, 2)
    )
    normal = (x - mean) / np.sqrt(variance + 1e-5)
    shares = normal.reshape(6, 2, 2, 2, 2, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(weights, (g * shares).sum(axis=(0, 2, 3)), rtol=1e-9)


def test_a_channel_with_a_nan_does_not_spoil_others():
    x, weight, bias = case((20, 6, 12, 12))
    x[3, 2, 5, 5] = np.nan
    settings = {"eps": 1e-5, "pool": (2, 2), "rectify": True}
    out, mean, variance = batch_norm(x, weight, bias, **settings)
    assert np.isnan(out[:, 2]).all() and np.isfinite(out[:, [0, 1, 3, 4, 5]]).all()
    local, weights, _ = batch_norm_back(
        np.ones_like(out), x, weight, bias, out, mean, variance, **settings
    )
    assert np.isnan(weights[2]) and np.isfinite(local[:, [0, 1, 3, 4, 5]]).all()
