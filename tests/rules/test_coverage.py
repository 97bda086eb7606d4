"""How much of NumPy is covered, and that the page which says so is up to date."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from tinygrad_lite import Value
from tinygrad_lite.engine.rulebook import COMPOSED, CONSTANT, RULES

GENERATOR = Path(__file__).parents[2] / "docs" / "generate_numpy_coverage.py"


def test_page_is_up_to_date():
    generated = runpy.run_path(str(GENERATOR))
    written = generated["PAGE"].read_text(encoding="utf-8")
    if f"With NumPy {generated['VERSION']}," not in written:
        pytest.skip("the page is of another version of NumPy, which has other functions")
    assert written == generated["page"]()


def test_at_least_150_numpy_functions_are_differentiable():
    generated = runpy.run_path(str(GENERATOR))
    assert len(set(generated["differentiable"]()) & set(generated["names"]())) >= 150


def test_no_function_is_served_twice():
    assert not set(RULES) & set(COMPOSED)
    assert not set(CONSTANT) & (set(RULES) | set(COMPOSED))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.nextafter(x, x + 1),
        lambda x: np.histogram(x),
        lambda x: np.setdiff1d(x, x),
    ],
    ids=["nextafter", "histogram", "setdiff1d"],
)
def test_function_without_a_rule_says_so(call):
    with pytest.raises(TypeError, match=r"has no differentiation rule.*defvjp|plain array"):
        call(Value([1.0, 2.0]))


@pytest.mark.parametrize(
    "call, setting",
    [
        (lambda x: np.quantile(x, 0.5, method="lower"), "method='lower'"),
        (lambda x: np.var(x, mean=0.5), "mean="),
        (lambda x: np.exp(x, where=[True, False]), "where="),
        (lambda x: np.interp(x, [0, 1], [0, 1], period=2.0), "period="),
        (lambda x: np.add(x, 1, out=np.zeros(2)), "out="),
    ],
)
def test_setting_without_a_rule_is_refused_by_name(call, setting):
    with pytest.raises(TypeError, match=setting):
        call(Value([1.0, 2.0]))
