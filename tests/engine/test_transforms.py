"""grad, vjp, jvp, jacobian, hessian, hvp, checkpoint: of nested arguments, any order, closures."""

import math

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value

RNG = np.random.default_rng(0)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def test_grad_of_floats_and_arrays_are_plain():
    assert tg.grad(lambda x: x**3)(2.0) == 12.0
    assert type(tg.grad(lambda x: x**3)(2)) is float
    gradient = tg.grad(lambda x: (x**2).sum())(np.ones(3, np.float32))
    assert type(gradient) is np.ndarray and gradient.dtype == np.float32


def test_any_order():
    f = np.sin
    expected = [math.sin, math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x)]
    for order in range(8):
        assert f(0.7) == pytest.approx(expected[order % 4](0.7), rel=1e-12)
        f = tg.grad(f)


def test_argnums_and_structure():
    def f(a, b):
        return a["w"] * b[0] + np.sum(a["v"][0] * b[1])

    a = {"w": 2.0, "v": [np.array([1.0, 2.0])]}
    b = (3.0, np.array([4.0, 5.0]))
    value, gradient = tg.value_and_grad(f)(a, b)
    assert value == 6 + 14
    assert gradient["w"] == 3.0
    np.testing.assert_array_equal(gradient["v"][0], [4, 5])
    of_a, of_b = tg.grad(f, argnums=(0, 1))(a, b)
    assert of_a["w"] == 3.0 and of_b[0] == 2.0 and type(of_b) is tuple
    assert tg.grad(f, argnums=-1)(a, b)[0] == 2.0
    with pytest.raises(TypeError, match="argument 5"):
        tg.grad(f, argnums=5)(a, b)


def test_an_argument_that_does_not_matter_gets_zeros():
    of_x, of_y = tg.grad(lambda x, y: x * 2, argnums=(0, 1))(1.0, np.ones(2))
    assert of_x == 2.0
    np.testing.assert_array_equal(of_y, [0, 0])
    assert tg.grad(lambda x: 3.0)(1.0) == 0.0


def test_a_function_that_returns_an_array_is_refused():
    with pytest.raises(TypeError, match=r"single number.*\(3,\)"):
        tg.grad(lambda x: x * 2)(np.ones(3))


def test_the_nested_closure_trap():
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert (
        tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    )  # Siskind and Pearlmutter
    inner = lambda x: tg.grad(lambda y: x * y**2)(x)  # noqa: E731
    assert tg.grad(inner)(3.0) == pytest.approx(12.0)


def test_a_closure_over_a_value_gives_values():
    w = Value(3.0)
    slope = tg.grad(lambda x: w * x**2)(2.0)
    assert type(slope) is Value and slope.data == 12.0
    slope.backward()
    assert w.grad == 4.0
    with tg.no_grad():
        assert tg.grad(lambda x: w * x**2)(2.0) == 12.0
        assert type(tg.grad(lambda x: w * x**2)(2.0)) is float


def test_an_argument_that_is_a_value_gives_values():
    x = Value(2.0)
    slope = tg.grad(lambda y: y**3)(x)
    assert type(slope) is Value
    slope.backward()
    assert x.grad == 12.0


def test_vjp_many_times_on_one_forward_pass():
    a = RNG.random((3, 2))
    calls = []

    def f(x):
        calls.append(1)
        return np.matmul(a, x), x.sum()

    (out, total), pull = tg.vjp(f, np.array([1.0, 2.0]))
    np.testing.assert_allclose(out, a @ [1, 2])
    assert total == 3.0
    for row in range(3):
        (gradient,) = pull((np.eye(3)[row], 0.0))
        np.testing.assert_allclose(gradient, a[row])
    np.testing.assert_allclose(pull((np.zeros(3), 2.0))[0], [2, 2])
    assert len(calls) == 1
    with pytest.raises(ValueError, match="sequence of 2"):
        pull(np.ones(3))
    with pytest.raises(ValueError, match=r"\(2,\)"):
        pull((np.ones(2), 0.0))


def test_jvp_agrees_with_complex_step():
    def f(x, y):
        return np.exp(x) * np.sin(y), x * y

    x, y = RNG.random(4), RNG.random(4)
    dx, dy = RNG.random(4), RNG.random(4)
    out, tangent = tg.jvp(f, (x, y), (dx, dy))
    h = 1e-20
    stepped = f(x + 1j * h * dx, y + 1j * h * dy)
    for part in range(2):
        np.testing.assert_allclose(out[part], f(x, y)[part])
        np.testing.assert_allclose(tangent[part], stepped[part].imag / h, rtol=1e-12)
    with pytest.raises(ValueError, match="shapes"):
        tg.jvp(f, (x, y), (dx, 1.0))


def test_jvp_at_singular_points_warns_of_nothing():
    _, tangent = tg.jvp(lambda x: np.where(x > 0, x, 0) * 3, (np.array([0.0, 1.0]),), (np.ones(2),))
    np.testing.assert_array_equal(tangent, [0, 3])


def test_jacobian_and_hessian():
    a = RNG.random((3, 2))
    np.testing.assert_allclose(tg.jacobian(lambda x: np.matmul(a, x))(np.ones(2)), a)
    np.testing.assert_allclose(
        tg.jacobian(lambda x: x * 2)(np.ones((2, 2))), 2 * np.eye(4).reshape(2, 2, 2, 2)
    )
    x = np.array([0.5, -1.0, 2.0])
    hessian = tg.hessian(rosenbrock)(x)
    h = 1e-5
    gradient = tg.grad(rosenbrock)
    numerical = np.stack([(gradient(x + h * e) - gradient(x - h * e)) / (2 * h) for e in np.eye(3)])
    np.testing.assert_allclose(hessian, numerical, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(hessian, hessian.T)
    assert tg.hessian(lambda x: x**3)(2.0) == 12.0


def test_hvp_is_hessian_times_vector():
    x, v = RNG.random(5), RNG.random(5)
    (product,) = tg.hvp(rosenbrock, (x,), (v,))
    np.testing.assert_allclose(product, tg.hessian(rosenbrock)(x) @ v, rtol=1e-10)
    f = lambda a, b: (a * b).sum()  # noqa: E731
    of_a, of_b = tg.hvp(f, (x, v), (np.ones(5), np.zeros(5)))
    np.testing.assert_array_equal(of_a, np.zeros(5))
    np.testing.assert_array_equal(of_b, np.ones(5))


def test_hessian_of_a_linear_function_is_zero():
    np.testing.assert_array_equal(tg.hessian(lambda x: (3 * x).sum())(np.ones(2)), np.zeros((2, 2)))


class TestCheckpoint:
    def test_gradients_of_arguments_and_closures(self):
        w = Value(RNG.random((3, 3)), name="w")
        x = Value(RNG.random((2, 3)))

        def block(h, scale=1.0):
            return np.tanh(np.matmul(h, w)) * scale

        plain = block(block(x), scale=2.0).sum()
        plain.backward()
        expected = x.grad, w.grad
        x.grad = w.grad = None
        saved = tg.checkpoint(block)
        out = saved(saved(x), scale=2.0).sum()
        assert out.data == plain.data
        out.backward()
        np.testing.assert_allclose(x.grad, expected[0], rtol=1e-14)
        np.testing.assert_allclose(w.grad, expected[1], rtol=1e-14)

    def test_runs_the_function_once_more_and_keeps_nothing_inside(self):
        calls = []

        def f(x):
            calls.append(1)
            return ((x * 2).exp() * 3).log()

        x = Value(np.ones(4))
        out = tg.checkpoint(f)(x)
        assert len(calls) == 1
        assert len(tg.Program(out)) == 1
        out.sum().backward()
        assert len(calls) == 2
        np.testing.assert_allclose(x.grad, [2, 2, 2, 2])

    def test_second_order_also_where_an_argument_is_closed_over(self):
        def f(x):
            return tg.checkpoint(lambda y: y**2 * x)(x)

        assert tg.grad(f)(3.0) == pytest.approx(27.0)
        assert tg.grad(tg.grad(f))(3.0) == pytest.approx(18.0)

    def test_under_no_grad_it_is_the_function(self):
        with tg.no_grad():
            assert tg.checkpoint(lambda x: x * 2)(Value(3.0)).is_leaf

    def test_several_results_nested(self):
        w = Value(3.0)

        def f(pair):
            return {"sum": pair[0] + w, "same": [pair[0], w, 7.0], "product": pair[0] * pair[1]}

        def loss(out):
            return out["sum"] * 2 + out["same"][0] * out["same"][1] + out["product"] * 5

        gradients = []
        for function in (f, tg.checkpoint(f)):
            x, y, w.grad = Value(2.0), Value(4.0), None
            out = function((x, y))
            assert out["same"][2] == 7.0
            loss(out).backward()
            gradients.append((x.grad, y.grad, w.grad))
        assert gradients[0] == gradients[1]
        assert tg.grad(tg.grad(lambda x: loss(tg.checkpoint(f)((x, x)))))(2.0) == 10.0

    def test_replayed_with_other_arguments_but_not_other_closures(self):
        w, x = Value(3.0, name="w"), Value(2.0)
        program = tg.Program(tg.checkpoint(lambda x: (x * w).tanh())(x), [x, w])
        assert program(0.5, 3.0)[0] == math.tanh(1.5)
        with pytest.raises(ValueError, match=r"'w'.*as an argument"):
            program(0.5, 4.0)

    def test_keeps_the_name_and_documentation(self):
        @tg.checkpoint
        def layer(x):
            """What it does."""
            return x

        assert layer.__name__ == "layer" and layer.__doc__ == "What it does."


def test_zeros_keep_float32_also_of_numbers():
    two, three = np.float32(2), np.array(3, np.float32)
    gradients = tg.grad(lambda a, b: b * b, argnums=(0, 1))(two, three)
    _, tangents = tg.jvp(lambda a: (np.array(1, np.float32) * (a > 0), a * 2), (two,), (two,))
    jacobians = tg.jacobian(lambda a, b: b * np.ones(3, np.float32), (0, 1))(two, three)
    for found in (*gradients, tangents[1], *jacobians, *tg.hvp(lambda a: a * 1, (two,), (two,))):
        assert np.asarray(found).dtype == np.float32
    assert tg.jacobian(lambda a: a[:0])(np.ones(3, np.float32)).dtype == np.float32


def test_a_structure_is_matched_by_key_not_by_order():
    def f(d):
        return d["a"] ** 2 * d["b"]

    point, direction = {"a": 3.0, "b": 2.0}, {"b": 0.0, "a": 1.0}
    assert tg.jvp(f, (point,), (direction,))[1] == 12.0
    assert tg.hvp(f, (point,), (direction,)) == ({"a": 4.0, "b": 6.0},)
    _, pull = tg.vjp(lambda x: {"p": x, "q": x**2}, 3.0)
    assert pull({"q": 0.0, "p": 1.0}) == (1.0,)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: tg.jvp(lambda d: d["a"], ({"a": 1.0},), ({"b": 1.0},)), r"jvp.*keys \['a'\]"),
        (lambda: tg.jvp(lambda d: d[0], ([1.0],), (1.0,)), "sequence of 1, not 1.0"),
        (lambda: tg.jvp(lambda x, y: x * y, (1.0, 2.0), (1.0,)), "sequence of 2, not 1"),
        (lambda: tg.jvp(lambda x: x, (np.ones(3),), (np.ones(2),)), r"\(2,\).*\(3,\)"),
        (lambda: tg.hvp(lambda x: x**2, (1.0,), ([1.0],)), "hvp.*number or array"),
        (lambda: tg.vjp(lambda x: {"a": x}, 1.0)[1]({"b": 1.0}), "cotangent.*keys"),
    ],
)
def test_another_structure_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_argnums_are_checked():
    def f(x, y):
        return x * y

    assert tg.grad(f, np.int64(1))(2.0, 3.0) == 2.0
    assert tg.grad(f, [1, 0])(2.0, 3.0) == (2.0, 3.0)
    for wrong in ("x", 1.0, None):
        with pytest.raises(TypeError, match="integer or several"):
            tg.grad(f, wrong)(2.0, 3.0)
    with pytest.raises(TypeError, match="twice"):
        tg.grad(f, (0, -2))(2.0, 3.0)


def test_jacobian_of_nested_results():
    def f(d):
        return {"outer": np.outer(d["x"], d["x"]), "scaled": [d["x"] * d["k"]]}

    point = {"x": np.array([1.0, 2.0]), "k": 3.0}
    found = tg.jacobian(f)(point)
    np.testing.assert_array_equal(found["scaled"][0]["x"], 3 * np.eye(2))
    np.testing.assert_array_equal(found["scaled"][0]["k"], [1, 2])
    np.testing.assert_array_equal(
        found["outer"]["x"], tg.jacobian(lambda x: np.outer(x, x))(point["x"])
    )
    np.testing.assert_array_equal(found["outer"]["k"], np.zeros((2, 2)))
    with pytest.raises(TypeError, match="returned None"):
        tg.jacobian(lambda x: None)(1.0)


def test_hessian_of_several_and_of_nested_arguments():
    def f(x, y):
        return np.sum(x**2 * y)

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    (xx, xy), (yx, yy) = tg.hessian(f, argnums=(0, 1))(x, y)
    np.testing.assert_array_equal(xx, np.diag(2 * y))
    np.testing.assert_array_equal(xy, np.diag(2 * x))
    np.testing.assert_array_equal(yx, np.diag(2 * x))
    np.testing.assert_array_equal(yy, np.zeros((2, 2)))
    nested = tg.hessian(lambda d: f(d["x"], d["y"]))({"x": x, "y": y})
    np.testing.assert_array_equal(nested["x"]["y"], xy)
    np.testing.assert_array_equal(nested["y"]["x"], yx)


def test_values_made_inside_do_not_make_the_result_a_value():
    along_tangent = tg.grad(lambda d: tg.jvp(lambda x: x**3, (2.0,), (d,))[1])(1.0)
    assert type(along_tangent) is float and along_tangent == 12.0
    inner = tg.grad(lambda c: tg.vjp(lambda x: x**3, 2.0)[1](c)[0])(1.0)
    assert type(inner) is float and inner == 12.0
    assert type(tg.grad(lambda x: x * Value(5.0))(2.0)) is float
