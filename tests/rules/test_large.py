"""Fast paths for large arrays against the plain ones, and against sums over windows spelled out."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.rules import (
    activations,
    blas,
    columns,
    correlation,
    large,
    memory,
    normalisation,
    pooling,
    rows,
    shards,
    spreading,
)


def windows(x, kernel, stride, padding, dilation):
    """(N, C, H', W', kH, kW)."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = kernel, stride, padding, dilation
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    view = sliding_window_view(padded, (dh * (kh - 1) + 1, dw * (kw - 1) + 1), axis=(2, 3))
    return view[:, :, ::sh, ::sw, ::dh, ::dw]


def convolved(x, w, b, stride, padding, dilation, groups):
    found = []
    for part, kernels in zip(np.split(x, groups, axis=1), np.split(w, groups), strict=True):
        seen = windows(part, w.shape[2:], stride, padding, dilation)
        found.append(np.einsum("nchwij,ocij->nohw", seen, kernels))
    return np.concatenate(found, axis=1) + b[:, None, None]


def derivatives(x, w, b, g, **settings):
    values = [Value(x), Value(w), Value(b)]
    out = tg.conv2d(*values, **settings)
    out.backward(g)
    return [out.data, *(v.grad for v in values)]


SETTINGS = [
    # channels in and out, kernel, image, stride, padding, dilation, groups
    (1, 8, (5, 5), (28, 27), (1, 1), (0, 0), (1, 1), 1),
    (3, 5, (3, 2), (13, 11), (2, 3), (1, 1), (1, 1), 1),
    (4, 6, (3, 3), (12, 17), (1, 2), (2, 0), (2, 3), 2),
    (6, 6, (3, 3), (9, 9), (3, 1), (1, 1), (2, 1), 6),
    (16, 17, (3, 3), (10, 12), (1, 1), (1, 1), (1, 1), 1),  # rows before columns
    (32, 16, (3, 5), (9, 15), (1, 1), (2, 3), (1, 2), 1),
    (36, 34, (2, 3), (11, 14), (1, 1), (0, 1), (1, 1), 2),
    (16, 16, (1, 1), (9, 7), (1, 1), (0, 0), (1, 1), 1),
    (2, 3, (2, 2), (9, 7), (4, 3), (0, 0), (1, 1), 1),  # stride beyond the kernel
    (4, 6, (3, 2), (11, 8), (2, 1), (1, 0), (1, 3), 2),
    (3, 4, (2, 2), (8, 9), (1, 1), (3, 2), (1, 1), 1),  # padding beyond the kernel
    (2, 3, (5, 5), (3, 2), (1, 1), (4, 4), (1, 1), 1),  # kernel beyond the image
]


@pytest.mark.parametrize("sizes", SETTINGS, ids=str)
@pytest.mark.parametrize(
    "cut", ["as it is", "slices", "small tiles", "threads", "rows", "few rows", "shared rows"]
)
def test_convolution_is_the_sum_over_windows(sizes, cut, monkeypatch):
    inputs, outputs, kernel, image, stride, padding, dilation, groups = sizes
    if cut == "small tiles":
        for module in (columns, spreading):
            monkeypatch.setattr(module, "TILE", 2000)
            monkeypatch.setattr(module, "RUN", 3)
    if cut == "slices":
        # Of 7 images: of a column, and of some
        width = lambda rows, depth, columns: 7 if columns % 14 else 14  # noqa: E731
        monkeypatch.setattr(blas, "uncopied", width)
    if "rows" in cut:
        monkeypatch.setattr(rows, "_WORTHWHILE", 0)
        monkeypatch.setattr(rows, "_DEEP", 0)
        monkeypatch.setattr(rows, "_NARROW", 9)
        monkeypatch.setattr(rows, "_COPIED", 1 << 22 if cut == "rows" else 1)
    else:
        monkeypatch.setattr(blas, "product", lambda dtype: None)
    if cut == "shared rows":
        monkeypatch.setattr(rows, "threads", lambda worthwhile: 2)
    if cut == "threads":
        monkeypatch.setattr(correlation, "threads", lambda worthwhile: 2)
    columns.tiles.cache_clear()
    spreading._parts.cache_clear()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, inputs, *image))
    w = rng.standard_normal((outputs, inputs // groups, *kernel))
    b = rng.standard_normal(outputs)
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    wanted = convolved(x, w, b, groups=groups, **settings)
    g = rng.standard_normal(wanted.shape)
    out, gx, gw, gb = derivatives(x, w, b, g, groups=groups, **settings)
    np.testing.assert_allclose(out, wanted, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(gb, g.sum(axis=(0, 2, 3)), rtol=1e-10, atol=1e-11)
    # <g, conv(x, w)> is linear in x and in w: the derivative along a direction is exact.
    dx, dw = rng.standard_normal(x.shape), rng.standard_normal(w.shape)
    none = np.zeros_like(b)
    along_x = (g * convolved(dx, w, none, groups=groups, **settings)).sum()
    along_w = (g * convolved(x, dw, none, groups=groups, **settings)).sum()
    np.testing.assert_allclose([(gx * dx).sum(), (gw * dw).sum()], [along_x, along_w], rtol=1e-9)
    columns.tiles.cache_clear()
    spreading._parts.cache_clear()


@pytest.mark.parametrize("dtype, rtol", [(np.float32, 2e-4), (np.float64, 1e-10)])
def test_rows_give_what_columns_give_at_usual_sizes(dtype, rtol, monkeypatch):
    if blas.product(np.dtype(dtype)) is None:
        pytest.skip("NumPy's BLAS cannot be told to add to a result")
    rng = np.random.default_rng(0)
    x, w, b, g = (
        rng.standard_normal(size).astype(dtype)
        for size in ((32, 16, 14, 14), (24, 16, 3, 3), (24,), (32, 24, 14, 14))
    )
    kernels, images = np.empty((1, 24, 16, 3, 3), dtype), np.empty((1, 16, 14, 14, 32), dtype)
    layout = columns.Layout(images.shape, (3, 3), (14, 14), (1, 1), (1, 1), (1, 1))
    assert rows.is_by_rows(layout, 24, kernels, images)
    found = derivatives(x, w, b, g, padding=1)
    monkeypatch.setattr(blas, "product", lambda dtype: None)
    assert not rows.is_by_rows(layout, 24, kernels, images)
    for ours, wanted in zip(found, derivatives(x, w, b, g, padding=1), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=rtol, atol=rtol * abs(wanted).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("turned", [False, True])
def test_products_are_added_to_parts_of_matrices(turned, dtype):
    product = blas.product(np.dtype(dtype))
    if product is None:
        pytest.skip("NumPy's BLAS cannot be told to add to a result")
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal(size).astype(dtype) for size in ((5, 9), (8, 8), (6, 7)))
    b_part, wanted = (b[2:5, 1:5] if not turned else b[2:6, 1:4].T), c.copy()
    wanted[1:5, 2:6] += a[1:, 3:6] @ b_part
    places = [part.ctypes.data for part in (a[1:, 3:], b[2:, 1:], c[1:, 2:])]
    product(turned, 4, 4, 3, places[0], 9, places[1], 8, places[2], 7)
    np.testing.assert_allclose(c, wanted, rtol=1e-5)


def test_products_of_other_dtypes_are_left_to_numpy():
    for dtype in (np.float16, np.complex64, np.int64, np.dtype(">f4")):
        assert blas.product(np.dtype(dtype)) is None


def test_products_are_cut_where_blas_would_copy_and_nowhere_else(monkeypatch):
    monkeypatch.setattr(blas, "_multiplies_as_it_lies", lambda: True)
    blas.uncopied.cache_clear()
    assert blas.uncopied(32, 405, 256) == 64  # 128 would be more than a million
    assert blas.uncopied(16, 205, 512) == 256
    assert blas.uncopied(16, 30, 768) is None  # small as it is
    assert blas.uncopied(32, 405, 72) is None  # nothing divides it
    assert blas.uncopied(64, 405, 256) is None  # too few columns to pay
    monkeypatch.setattr(blas, "_multiplies_as_it_lies", lambda: False)
    blas.uncopied.cache_clear()
    assert blas.uncopied(32, 405, 256) is None
    blas.uncopied.cache_clear()


@pytest.mark.parametrize("batch", [1, 3, 64, 1500])
def test_batches_of_all_sizes(batch):
    rng = np.random.default_rng(batch)
    x, w, b = (rng.standard_normal(s) for s in ((batch, 2, 6, 5), (3, 2, 3, 3), (3,)))
    settings = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}
    wanted = convolved(x, w, b, groups=1, **settings)
    out, gx, _, gb = derivatives(x, w, b, np.ones_like(wanted), **settings)
    np.testing.assert_allclose(out, wanted, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(gb, np.full(3, batch * 30.0))
    np.testing.assert_allclose(gx[batch // 2], gx[0], rtol=1e-10)


def test_shards_give_what_one_thread_gives_to_the_bit(monkeypatch):
    if blas._control() is None:
        pytest.skip("NumPy's BLAS cannot be told how many threads to use")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 4, 24, 24)).astype(np.float32)
    w, b = (rng.standard_normal(s).astype(np.float32) for s in ((8, 4, 5, 5), (8,)))
    g = rng.standard_normal((64, 8, 20, 20)).astype(np.float32)
    tiles, parts = columns.tiles, spreading._parts
    # The same parts, so that the sums are taken in the same order.
    monkeypatch.setattr(correlation, "tiles", lambda layout, size, crew: tiles(layout, size, 2))
    monkeypatch.setattr(spreading, "_parts", lambda *args: parts(*args[:3], 2))
    monkeypatch.setattr(shards, "_cores", lambda: 2)
    get, set_ = blas._control()
    before = get()
    try:
        set_(2)
        monkeypatch.setattr(correlation, "threads", lambda worthwhile: 2)
        sharded = derivatives(x, w, b, g)
        set_(1)
        monkeypatch.setattr(correlation, "threads", lambda worthwhile: 1)
        alone = derivatives(x, w, b, g)
    finally:
        set_(before)
    for found, wanted in zip(sharded, alone, strict=True):
        np.testing.assert_array_equal(found, wanted)


# -- pooling -------------------------------------------------------------------------------------


def pooled_by_hand(x, g, kernel, stride):
    """Maxima, and g shared equally among what equals them, window by window."""
    (kh, kw), (sh, sw) = kernel, stride
    out, back = np.empty_like(g), np.zeros_like(x)
    for n, c, i, j in np.ndindex(*g.shape):
        place = (n, c, slice(i * sh, i * sh + kh), slice(j * sw, j * sw + kw))
        window = x[place]
        out[n, c, i, j] = window.max()
        ties = window == window.max()
        back[place] += g[n, c, i, j] * ties / ties.sum()
    return out, back


@pytest.mark.parametrize("lying", ["batch-last", "batch-first"])
@pytest.mark.parametrize("crew", [1, 2, 3])
@pytest.mark.parametrize(
    "kernel, stride", [((2, 2), (2, 2)), ((3, 2), (3, 2)), ((1, 3), (1, 3)), ((3, 3), (2, 1))]
)
def test_max_pooling_with_ties(kernel, stride, crew, lying, monkeypatch):
    monkeypatch.setattr(pooling, "threads", lambda worthwhile: crew)
    rng = np.random.default_rng(0)
    x = np.maximum(rng.integers(-3, 4, (4, 5, 11, 9)), 0).astype(np.float64)
    if lying == "batch-last":
        x = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    value = Value(x)
    out = tg.max_pool2d(value, kernel, stride)
    g = rng.standard_normal(out.shape)
    out.backward(g)
    wanted, back = pooled_by_hand(x, g, kernel, stride)
    np.testing.assert_array_equal(out.data, wanted)
    np.testing.assert_allclose(value.grad, back, rtol=1e-12, atol=1e-13)
    settings = {"kernel": kernel, "stride": stride, "padding": (0, 0)}
    found = pooling.largest_positive.raw(x - 1, **settings)
    np.testing.assert_array_equal(found, np.maximum(wanted - 1, 0))
    shared = pooling.share_positive.raw(g, x - 1, found, **settings)
    _, back = pooled_by_hand(x - 1, g * (wanted > 1), kernel, stride)
    np.testing.assert_allclose(shared, back, rtol=1e-12, atol=1e-13)
    mean = tg.avg_pool2d(x, kernel, stride)
    seen = sliding_window_view(x, kernel, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]
    np.testing.assert_allclose(mean, seen.mean(axis=(4, 5)), rtol=1e-12, atol=1e-13)


# -- elementwise ---------------------------------------------------------------------------------


def layouts():
    """Arrays of one content and different orders in memory, above the size of the fast path."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 7, 15, 14)).astype(np.float32)
    x[0, 0, 0, :5] = [np.nan, -0.0, 0.0, np.inf, -np.inf]
    yield "batch-first", x
    yield "batch-last", np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    yield "gaps", np.repeat(x, 2, axis=3)[..., ::2]
    yield "double", x.astype(np.float64)


@pytest.mark.parametrize("x", [pytest.param(x, id=name) for name, x in layouts()])
def test_relu_of_large_arrays(x):
    assert x.nbytes > large.LARGE
    value = Value(x)
    out = tg.relu(value)
    np.testing.assert_array_equal(out.data, np.maximum(x, 0))
    g = np.random.default_rng(1).standard_normal(x.shape).astype(x.dtype)
    out.backward(g)
    np.testing.assert_array_equal(value.grad, g * (np.maximum(x, 0) > 0))
    assert value.grad.dtype == x.dtype
    if memory.flat(x) is not None:
        assert out.data.strides == x.strides


def test_relu_writes_where_it_is_told_even_over_its_argument():
    x = np.random.default_rng(0).standard_normal((300, 400))
    wanted = np.maximum(x, 0)
    assert activations.relu.raw(x, out=x) is x
    np.testing.assert_array_equal(x, wanted)
    g = np.ones_like(x)
    assert activations.where_positive.raw(g, x, out=g) is g
    np.testing.assert_array_equal(g, wanted > 0)


@pytest.mark.parametrize("lying", ["batch-last", "batch-first"])
@pytest.mark.parametrize("dtype, rtol", [(np.float32, 2e-5), (np.float64, 1e-12)])
def test_normalisation_of_large_batches(lying, dtype, rtol, monkeypatch):
    rng = np.random.default_rng(0)
    x = (3 + 2 * rng.standard_normal((40, 6, 17, 19))).astype(dtype)
    if lying == "batch-last":
        x = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    g = rng.standard_normal(x.shape).astype(dtype)

    def both():
        value = Value(x)
        out, mean, variance = normalisation.normalise(value, axis=(0, 2, 3), eps=1e-3)
        (out * g + variance + mean).sum().backward()
        return out.data, mean.data, variance.data, value.grad

    fast = both()
    monkeypatch.setattr(normalisation, "LARGE", 1 << 40)
    for found, wanted in zip(fast, both(), strict=True):
        assert found.dtype == dtype and found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol)
    assert fast[0].strides == x.strides


# -- memory --------------------------------------------------------------------------------------


def batch_last(*shape):
    n, *others = shape
    return np.random.default_rng(0).random((*others, n)).transpose(-1, *range(len(others)))


PLAIN = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
X, W, Y = (
    batch_last(3, 2, 6, 6),
    np.random.default_rng(1).random((4, 2, 3, 3)),
    batch_last(3, 4, 6, 6),
)
POOL = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}
INTO = {
    "correlate": lambda **out: correlation.correlate.raw(X, W, np.ones(4), **PLAIN, **out),
    "spread": lambda **out: correlation.spread.raw(Y, W, size=(6, 6), **PLAIN, **out),
    "gather": lambda **out: correlation.gather_kernel.raw(Y, X, kernel=(3, 3), **PLAIN, **out),
    "largest": lambda **out: pooling.largest.raw(X, **POOL, **out),
    "positive": lambda **out: pooling.largest_positive.raw(X - 0.9, **POOL, **out),
    "share positive": lambda **out: pooling.share_positive.raw(
        pooling.largest.raw(X, **POOL), X, pooling.largest.raw(X, **POOL), **POOL, **out
    ),
    "sums": lambda **out: pooling.window_sums.raw(X, **POOL, **out),
    "share": lambda **out: pooling.share.raw(
        pooling.largest.raw(X, **POOL), X, pooling.largest.raw(X, **POOL), **POOL, **out
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INTO)
def test_results_are_written_where_they_are_told(name):
    wanted = INTO[name]()
    out = np.full_like(wanted, np.nan)
    assert np.shares_memory(INTO[name](out=out), out)
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("name", ["correlate", "spread"])
def test_memory_in_another_order_is_refused(name):
    wrong = np.empty(INTO[name]().shape)
    with pytest.raises(ValueError, match="batch-last in memory"):
        INTO[name](out=wrong)


def test_flat_is_a_view_in_the_order_of_memory():
    x = np.arange(24.0).reshape(2, 3, 4)
    for order in itertools.permutations(range(3)):
        turned = x.transpose(order)
        entries = memory.flat(turned)
        assert np.shares_memory(entries, x)
        np.testing.assert_array_equal(entries, np.arange(24.0))
    assert memory.flat(x[:, ::2]) is None
    assert memory.flat(x[..., :3]) is None


FAULTS = """
import resource
import numpy as np
from tinygrad_lite.rules.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        arrays = [np.ones(1 << 20) for _ in range(8)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
print(keep_freed_memory(), before, (faults(), faults())[1])
"""


def test_freed_memory_is_used_again_without_page_faults():
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC", "GLIBC"))}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env=environment, capture_output=True, text=True, check=True
    )
    kept, before, after = done.stdout.split()
    if kept == "False":
        pytest.skip("no malloc that can be told to keep memory")
    assert int(after) < int(before) / 10
