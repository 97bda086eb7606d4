"""L-BFGS and the bridge to SciPy, against SciPy, normal equations and each other."""

import sys

import numpy as np
import pytest
import scipy.optimize

import tinygrad_lite as tg
from tinygrad_lite import Value, nn, optim
from tinygrad_lite.optim.line_search import strong_wolfe


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def closure_of(optimiser, cost):
    calls = []

    def closure():
        calls.append(1)
        optimiser.zero_grad()
        loss = cost()
        loss.backward()
        return loss

    return closure, calls


def test_a_valley_takes_about_as_many_evaluations_as_scipy():
    start = np.full(10, -1.0)
    reference = scipy.optimize.minimize(
        lambda x: (rosenbrock(x), scipy.optimize.rosen_der(x)), start, jac=True, method="L-BFGS-B",
        options={"gtol": 1e-8, "ftol": 0},
    )  # fmt: skip
    x = Value(start.copy())
    optimiser = optim.LBFGS(
        [x], max_iter=200, max_eval=1000, tolerance_grad=1e-8, tolerance_change=0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    closure, calls = closure_of(optimiser, lambda: rosenbrock(x))
    optimiser.step(closure)
    np.testing.assert_allclose(x.data, 1, atol=1e-7)
    assert len(calls) < 1.5 * reference.nfev


def test_a_linear_model_ends_at_the_normal_equations():
    rng = np.random.default_rng(0)
    inputs, targets = rng.standard_normal((50, 4)), rng.standard_normal((50, 2))
    model = nn.Linear(4, 2, dtype=np.float64, generator=0)
    optimiser = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", tolerance_change=0)
    closure, _ = closure_of(optimiser, lambda: nn.mse_loss(model(inputs), targets))
    first = optimiser.step(closure)
    exact = np.linalg.lstsq(np.c_[inputs, np.ones(50)], targets, rcond=None)[0].T
    np.testing.assert_allclose(model.weight.data, exact[:, :4], atol=1e-6)
    np.testing.assert_allclose(model.bias.data, exact[:, 4], atol=1e-6)
    assert first.item() > nn.mse_loss(model(inputs), targets).item()


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_a_resumed_run_is_the_same_to_the_last_bit(search):
    def begin(values):
        optimiser = optim.LBFGS(values, 0.5, max_iter=3, line_search_fn=search, history_size=4)
        w, b = values
        return optimiser, closure_of(optimiser, lambda: (w**4).sum() + (w.sum() - b) ** 2)[0]

    def values():
        return [Value(np.array([1.0, -2.0, 0.5])), Value(0.3)]

    whole, broken = values(), values()
    optimiser, closure = begin(whole)
    for _ in range(6):
        optimiser.step(closure)
    optimiser, closure = begin(broken)
    for _ in range(2):
        optimiser.step(closure)
    state = optimiser.state_dict()
    resumed = [Value(np.array(v.data)) for v in broken]
    optimiser, closure = begin(resumed)
    optimiser.load_state_dict(state)
    for _ in range(4):
        optimiser.step(closure)
    for mine, other in zip(resumed, whole, strict=True):
        assert np.array_equal(mine.data, other.data)
    assert type(resumed[1].data) is float


@pytest.mark.parametrize(
    "cost, slope",
    [
        (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
        (lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4,
         lambda t: 5 * (t + 0.004) ** 4 - 8 * (t + 0.004) ** 3),
        (lambda t: np.exp(t) - 3 * t, lambda t: np.exp(t) - 3),
        (lambda t: -np.sin(5 * t) - t, lambda t: -5 * np.cos(5 * t) - 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0])
def test_line_searches_end_where_both_conditions_hold(cost, slope, first):
    """The first two functions: J. Moré and D. Thuente, Line search algorithms, 1994, section 5."""
    length, loss, gradient, count = strong_wolfe(
        lambda t: (cost(t), np.array([slope(t)])), np.array([1.0]), first, cost(0.0),
        np.array([slope(0.0)]), slope(0.0),
    )  # fmt: skip
    assert length > 0 and count <= 25
    assert loss == cost(length) and gradient == slope(length)
    assert loss <= cost(0.0) + 1e-4 * length * slope(0.0)
    assert abs(slope(length)) <= 0.9 * abs(slope(0.0))


def test_a_captured_closure_is_recorded_once():
    ends = []
    for wrapped in (lambda function: function, tg.capture):
        w = Value(np.array([-1.2, 1.0]))
        optimiser = optim.LBFGS([w], max_iter=40, line_search_fn="strong_wolfe", tolerance_change=0)

        def closure(w=w, optimiser=optimiser):
            optimiser.zero_grad()
            loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
            loss.backward()
            return loss

        function = wrapped(closure)
        for _ in range(2):
            optimiser.step(function)
        ends.append(w.data)
    np.testing.assert_allclose(ends[1], [1, 1], atol=1e-6)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-9)
    assert function.calls_replayed > 20


def test_a_bracket_that_rounding_closes_ends_the_search():
    def cliff(length):
        return (-length, np.array([-5.0])) if length <= 1 else (1e6, np.array([1e9]))

    slope = np.array([-5.0])
    length, loss, _, count = strong_wolfe(
        cliff, np.array([1.0]), 1.0, 0.0, slope, -5.0, tolerance=0, most=100
    )
    assert (length, loss) == (1, -1) and count < 100


def test_lbfgs_says_what_it_needs():
    w = Value(np.ones(2))
    with pytest.raises(TypeError, match="needs a closure"):
        optim.LBFGS([w]).step()
    with pytest.raises(ValueError, match="'strong_wolfe' or None, not 'armijo'"):
        optim.LBFGS([w], line_search_fn="armijo")
    with pytest.raises(ValueError, match="one group"):
        optim.LBFGS([{"params": [w]}, {"params": [Value(1.0)]}])


METHODS = [
    "L-BFGS-B", "BFGS", "CG", "TNC", "SLSQP", "Newton-CG", "trust-ncg", "trust-krylov",
    "trust-exact", "dogleg", "trust-constr", "Nelder-Mead", None,
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_scipy_methods_find_the_minimum_of_nested_arguments(method):
    # convex, so that dogleg has a positive Hessian everywhere
    def cost(p, shift):
        return (np.exp(p["a"] - shift) - p["a"]).sum() + (p["b"][0] - 2) ** 2 + p["b"][0] ** 4

    start = {"a": np.array([0.5, 1.5], np.float32), "b": [0.5]}
    found = optim.minimize(cost, start, args=(1.0,), method=method, tol=1e-7)
    np.testing.assert_allclose(found.x["a"], 1, atol=1e-3)
    assert found.x["a"].dtype == np.float32
    root = scipy.optimize.brentq(lambda b: 2 * (b - 2) + 4 * b**3, 0, 2)
    assert found.x["b"][0] == pytest.approx(root, abs=1e-3)
    assert type(found.x["b"][0]) is float


def test_newton_methods_get_exact_curvature():
    """A quadratic is minimised by one Newton step, if the Hessian is right."""
    matrix = np.array([[4.0, 1.0], [1.0, 3.0]])
    for method, most in (("Newton-CG", 5), ("trust-exact", 3)):
        found = optim.minimize(
            lambda x: 0.5 * x @ (matrix @ x) - x.sum(), np.array([0.2, 0.1]), method=method
        )
        np.testing.assert_allclose(found.x, np.linalg.solve(matrix, np.ones(2)), atol=1e-8)
        assert found.nit <= most


def test_bounds_are_passed_on():
    found = optim.minimize(lambda x: (x - 3) ** 2, 0.0, method="L-BFGS-B", bounds=[(-1, 2)])
    assert found.x == 2.0 and type(found.x) is float


def test_without_scipy_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad-lite\[scipy\]'"):
        optim.minimize(lambda x: x * x, 1.0)


def test_what_cannot_be_minimised_is_told():
    with pytest.raises(TypeError, match="number or array to start from"):
        optim.minimize(lambda x: 0.0, [])
    with pytest.raises(TypeError, match="single number"):
        optim.minimize(lambda x: x, np.ones(2))
