"""Properties that hold for every shape, axis and dtype."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tl
from tinygrad_lite import Value, vjp

quick = settings(max_examples=40)
FLOATS = st.sampled_from([np.float64, np.float32])
BINARY = [
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.maximum,
    np.hypot,
    np.logaddexp,
    np.arctan2,
]
UNARY = [
    np.exp, np.sin, np.tanh, np.square, np.arctan, np.absolute, np.sinc, np.sign, np.conjugate,
    tl.relu, tl.sigmoid, tl.softplus, tl.silu, tl.gelu, tl.elu, tl.log_sigmoid,
]  # fmt: skip
REDUCTIONS = [
    np.sum, np.mean, np.prod, np.max, np.min, np.std, np.var, np.ptp, np.median, np.nansum,
    np.nanmax, tl.logsumexp,
]  # fmt: skip


def numbers(shape, dtype, seed):
    """Between 0.5 and 2, the same in every dtype."""
    return (np.random.default_rng(seed).integers(512, 2048, shape) / 1024).astype(dtype)


@st.composite
def pairs(draw):
    """Two arrays that broadcast, one of them perhaps empty, 0-d or a Python float."""
    shapes = draw(
        hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0)
    )
    arrays = [numbers(s, draw(FLOATS), draw(st.integers(0, 99))) for s in shapes.input_shapes]
    return [float(a) if a.ndim == 0 and draw(st.booleans()) else a for a in arrays]


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@given(arrays=pairs())
@quick
def test_broadcasting_is_undone_in_the_pull_back(function, arrays):
    x, y = (Value(a) for a in arrays)
    out = function(x, y)
    # A float64 without axes became a Python float, which doesn't widen a float32 array.
    expected = function(x.data, y.data)
    assert out.shape == np.shape(expected)
    assert out.dtype == np.asarray(expected).dtype
    out.backward(np.ones(out.shape, out.dtype))
    for value in (x, y):
        assert np.shape(value.grad) == value.shape
        assert np.asarray(value.grad).dtype == value.dtype
    # broadcasting first, by hand, and summing afterwards gives the same
    whole = [Value(np.broadcast_to(np.asarray(a, float), out.shape).copy()) for a in arrays]
    function(*whole).backward(np.ones(out.shape))
    for value, spread in zip((x, y), whole, strict=True):
        lead = tuple(range(out.ndim - value.ndim))
        kept = tuple(a + len(lead) for a, n in enumerate(value.shape) if n == 1)
        gradient = np.sum(spread.grad, axis=lead + kept).reshape(value.shape)
        assert_allclose(value.grad, gradient, rtol=1e-4)


@pytest.mark.parametrize("function", UNARY, ids=lambda f: getattr(f, "__name__", "?"))
@given(shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3), dtype=FLOATS)
@quick
def test_elementwise_functions_keep_shape_and_dtype(function, shape, dtype):
    x = Value(numbers(shape, dtype, 0))
    out = function(x)
    data = out.data if type(out) is Value else out
    assert np.shape(data) == x.shape
    assert np.asarray(data).dtype == x.dtype
    if type(out) is Value:
        out.backward(np.ones(out.shape, out.dtype))
        assert np.shape(x.grad) == x.shape
        assert np.asarray(x.grad).dtype == x.dtype


@st.composite
def reductions(draw):
    """An array without empty axes, axes to reduce, and whether to keep them."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, max_side=3))
    axes = draw(
        st.none() | st.lists(st.integers(0, max(len(shape) - 1, 0)), unique=True, min_size=1)
    )
    if not shape:
        axes = None
    elif axes is not None:
        axes = tuple(a - len(shape) if draw(st.booleans()) else a for a in axes)
        axes = axes[0] if len(axes) == 1 and draw(st.booleans()) else axes
    array = numbers(shape, draw(FLOATS), draw(st.integers(0, 99)))
    return array, {"axis": axes, "keepdims": draw(st.booleans())}


@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
@given(case=reductions())
@quick
def test_reductions_agree_with_numpy_and_give_each_entry_its_part(function, case):
    array, setting = case
    x = Value(array)
    out = function(x, **setting)
    expected = getattr(function, "raw", function)(array, **setting)
    assert out.shape == np.shape(expected)
    assert out.dtype == np.asarray(expected).dtype
    assert_allclose(out.data, expected, rtol=1e-5, atol=1e-6)
    out.backward(np.ones(out.shape, out.dtype))
    assert np.shape(x.grad) == x.shape
    assert np.asarray(x.grad).dtype == x.dtype
    # Euler: what scales with its argument is its gradient times its argument
    if function in (np.sum, np.mean, np.max, np.min, np.std, np.ptp, np.median, np.nansum):
        assert_allclose(np.sum(x.grad * array), np.sum(out.data), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("function", [np.cumsum, np.cumprod, np.diff, np.sort])
@given(shape=hnp.array_shapes(max_dims=3, max_side=4), data=st.data())
@quick
def test_functions_along_an_axis(function, shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    array = numbers(shape, np.float64, 0)
    out, pull = vjp(lambda x: function(x, axis=axis), array)
    assert_array_equal(out, function(array, axis=axis))
    # moved to the front, the same is done along the first axis
    moved = np.moveaxis(array, axis, 0)
    _, pull_moved = vjp(lambda x: function(x, axis=0), moved)
    cotangent = np.random.default_rng(1).standard_normal(out.shape)
    (gradient,), (expected,) = pull(cotangent), pull_moved(np.moveaxis(cotangent, axis, 0))
    assert_allclose(gradient, np.moveaxis(expected, 0, axis), rtol=1e-12)


@given(
    x=hnp.arrays(
        np.float64,
        hnp.array_shapes(max_dims=2, max_side=4),
        elements=st.sampled_from([0.0, 1.0, 2.0]),
    )
)
@quick
def test_ties_share_everything_equally(x):
    value = Value(x)
    np.max(value).backward()
    assert_allclose(value.grad, (x == x.max()) / np.sum(x == x.max()))


@given(x=hnp.arrays(np.float64, st.integers(0, 6), elements=st.sampled_from([0.0, -1.0, 2.0, 0.5])))
@quick
def test_prod_of_any_zeros(x):
    value = Value(x)
    np.prod(value).backward()
    expected = [np.prod(np.delete(x, i)) for i in range(len(x))]
    assert_allclose(value.grad, expected)


@given(x=hnp.arrays(np.float64, st.integers(1, 6), elements=st.sampled_from([0.0, -1.0, 2.0, 0.5])))
@quick
def test_cumprod_of_any_zeros(x):
    value = Value(x)
    np.cumprod(value).sum().backward()
    count = len(x)
    expected = [
        sum(np.prod(np.delete(x[: k + 1], i)) for k in range(i, count)) for i in range(count)
    ]
    assert_allclose(value.grad, expected)


@given(x=hnp.arrays(np.float32, st.integers(1, 5), elements=st.floats(width=32, allow_nan=False)))
@quick
def test_activations_of_any_number_are_finite_or_as_they_should(x):
    for function in (tl.sigmoid, tl.softmax):
        value = Value(x)
        out = function(value)
        out.backward(np.ones_like(x))
        assert np.all((out.data >= 0) & (out.data <= 1))
        assert np.isfinite(value.grad).all()
    assert_allclose(np.sum(tl.softmax(x)), 1, rtol=1e-6)


@pytest.mark.parametrize("function", [np.sum, np.mean, np.var, np.cumsum, np.nansum, tl.logsumexp])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_reductions_of_empty_arrays_pull_back_to_empty_arrays(function, shape):
    x = Value(np.zeros(shape))
    out = function(x, axis=1 - shape.index(0))
    out.backward(np.ones(out.shape))
    assert x.grad.shape == shape
