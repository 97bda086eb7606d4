"""The pull-back: accumulation, seeds, what gets a gradient, and what it refuses."""

import gc
import weakref

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.backward import pull_back
from tinygrad_lite.extend import defvjp, primitive


def test_calling_backward_twice_accumulates():
    x = Value(3.0)
    y = x**3
    y.backward()
    assert x.grad == 27.0
    y.backward()
    assert x.grad == 54.0
    assert x.passes == 2
    x.grad = None
    y.backward()
    assert x.grad == 27.0 and x.passes == 1


def test_a_value_used_twice_gets_the_sum():
    x = Value(3.0)
    (x * x + x).backward()
    assert x.grad == 7.0
    a = Value(2.0)
    (a + a).backward()
    assert a.grad == 2.0


def test_only_leaves_and_those_that_asked_get_a_gradient():
    x = Value(2.0)
    h = x * 3
    k = (h * h).retain_grad()
    (k * 5).backward()
    assert x.grad == 5 * 2 * 6 * 3
    assert h.grad is None
    assert k.grad == 5.0


def test_a_non_scalar_asks_for_a_gradient():
    x = Value([1.0, 2.0], name="x")
    y = x * x
    with pytest.raises(ValueError, match=r"\.sum\(\).*\(2,\)"):
        y.backward()
    y.backward(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(x.grad, [2, 40])
    with pytest.raises(ValueError, match=r"\(3,\)"):
        y.backward(np.ones(3))


def test_a_leaf_is_its_own_derivative():
    x = Value(3.0)
    x.backward()
    assert x.grad == 1.0


@pytest.mark.parametrize(
    "x_shape, y_shape",
    [((2, 3), (3,)), ((2, 3), (2, 1)), ((4, 1, 3), (2, 1)), ((2,), ()), ((), (2, 2))],
)
def test_broadcast_axes_are_summed(x_shape, y_shape):
    rng = np.random.default_rng(0)
    x, y = rng.random(x_shape), rng.random(y_shape)
    vx, vy = Value(x), Value(y)
    out = vx * vy
    g = rng.random(out.shape)
    out.backward(g)
    ones = np.ones(out.shape)
    for value, other in ((vx, y), (vy, x)):
        full = g * (ones * other)
        extra = full.ndim - value.ndim
        axes = tuple(range(extra)) + tuple(
            i + extra for i, n in enumerate(value.shape) if n == 1 and full.shape[i + extra] != 1
        )
        expected = full.sum(axis=axes).reshape(value.shape)
        np.testing.assert_allclose(value.grad, expected)


def test_gradients_of_leaves_are_separate_writable_arrays():
    x, y = Value(np.ones(3)), Value(np.ones(3))
    seed = np.ones(3)
    (x + y).backward(seed)
    x.grad *= 5
    np.testing.assert_array_equal(y.grad, np.ones(3))
    np.testing.assert_array_equal(seed, np.ones(3))
    z = Value(np.ones((2, 2)))
    z.sum().backward()
    z.grad += 1  # would fail on a broadcast view
    np.testing.assert_array_equal(z.grad, np.full((2, 2), 2.0))


def test_create_graph_leaves_values_in_grad():
    x = Value(2.0)
    (x**4).backward(create_graph=True)
    assert type(x.grad) is Value and x.grad.data == 32.0
    first = x.grad
    x.grad = None
    first.backward()
    assert x.grad == 48.0


def test_pull_back_computes_only_what_is_wanted():
    calls = []

    @primitive
    def watched(x):
        return x * 2

    def rule(g, out, x):
        calls.append(1)
        return 2 * g

    defvjp(watched, rule)
    x, w = Value(1.0), Value(1.0)
    out = watched(x) * w
    found = pull_back({out: 1.0}, wrt=[w])
    assert found == {w: 2.0} and not calls
    assert pull_back({out: 1.0}, wrt=[x]) == {x: 2.0} and calls == [1]


def test_the_gradient_of_an_intermediate_can_be_asked_for():
    x = Value(2.0)
    h = x * 3
    out = h * h
    assert pull_back({out: 1.0}, wrt=[h, x]) == {h: 12.0, x: 36.0}
    assert pull_back({out: 1.0}, wrt=[h, x], boundary=[h]) == {h: 12.0}


def test_a_rule_of_the_wrong_shape_is_reported_with_operation_and_argument():
    @primitive
    def faulty(x):
        return x * 2

    defvjp(faulty, lambda g, out, x: np.ones(7))
    with pytest.raises(ValueError, match=r"faulty.*\(7,\).*'w'.*\(3,\)"):
        faulty(Value(np.ones(3), name="w")).sum().backward()


def test_an_argument_without_a_rule_is_refused_by_name():
    @primitive
    def shifted(x, by):
        return x + by

    defvjp(shifted, lambda g, out, x, by: g, None)
    x, by = Value(1.0), Value(2.0, name="by")
    with pytest.raises(TypeError, match=r"shifted.*argument 1.*'by'"):
        shifted(x, by).backward()
    y = shifted(x, 2.0)
    y.backward()
    assert x.grad == 1.0


def test_a_graph_is_freed_by_reference_counting():
    gc.disable()
    try:
        array = np.ones(10)
        alive = weakref.ref(array)
        x = Value(1.0)
        loss = (x * array).sum()
        loss.backward()
        del array
        assert alive() is not None
        del loss
        assert alive() is None
    finally:
        gc.enable()


def test_a_real_leaf_of_a_complex_computation_gets_a_real_gradient():
    x = Value(np.array([1.0, 2.0]))
    y = x * (2 + 3j)
    assert y.dtype == np.complex128
    np.real(y).sum().backward()
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad, [2, 2])


def test_zero_cotangents_stay_zero():
    x = Value(np.array([0.0, 4.0]))
    np.where(x > 0, np.sqrt(x), 0).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0.25])
    s = Value(0.0)
    (s.sqrt() * 0).backward()
    assert s.grad == 0.0


def test_scalars_outside_the_domain_give_what_numpy_gives():
    with pytest.warns(RuntimeWarning):
        assert Value(0.0).log().data == -np.inf
    with pytest.warns(RuntimeWarning):
        assert np.isnan((Value(-8.0) ** (1 / 3)).data)
    with pytest.warns(RuntimeWarning):
        assert (Value(1.0) / 0).data == np.inf
    with pytest.warns(RuntimeWarning):
        assert Value(1000.0).exp().data == np.inf


def test_backward_inside_no_grad_still_works_on_a_recorded_graph():
    x = Value(3.0)
    y = x * x
    with tg.no_grad():
        y.backward()
    assert x.grad == 6.0


@pytest.mark.parametrize("seed", range(20))
def test_a_tangled_graph_of_sums_counts_its_paths(seed):
    rng = np.random.default_rng(seed)
    values, paths = [Value(1.0) for _ in range(3)], list(np.eye(3))
    for _ in range(60):
        i, j, k = rng.integers(len(values), size=3)
        kind = rng.integers(4)
        if kind == 0:
            values.append(values[i] + values[j])
            paths.append(paths[i] + paths[j])
        elif kind == 1:
            values.append(values[i] - values[j])
            paths.append(paths[i] - paths[j])
        elif kind == 2:
            values.append(-values[i])
            paths.append(-paths[i])
        else:
            values.append(np.stack([values[i], values[j], values[k]]).sum())
            paths.append(paths[i] + paths[j] + paths[k])
    rng.shuffle(ends := np.arange(3, len(values)))
    total = sum(values[end] for end in ends)
    total.backward()
    expected = sum(paths[end] for end in ends)
    found = [0.0 if leaf.grad is None else leaf.grad for leaf in values[:3]]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)
