"""The rules in words belong to operations that exist, and say what the rules do."""

import numpy as np
import pytest

from tinygrad_lite import Value
from tinygrad_lite.drawing.words import ALIKE, WORDS, rule_in_words
from tinygrad_lite.engine.rulebook import RULES, VariadicVjp
from tinygrad_lite.extend import defvjp, primitive

ENGINE = {"identity", "pick", "astype", "checkpoint", "weighted_sum"}


def test_words_are_about_operations_that_exist():
    known = {operation.name for operation in RULES.values()}
    assert set(WORDS) - known - ENGINE == set()


def test_every_rule_can_be_told():
    for operation in RULES.values():
        count = 2 if isinstance(operation.vjps, VariadicVjp) else len(operation.vjps)
        for position in range(count):
            told = rule_in_words(operation, position)
            assert told and "0x" not in told and "\n" not in told


def test_a_rule_without_words_is_told_as_it_is_written():
    @primitive
    def cube(x):
        return x**3

    defvjp(cube, lambda g, out, x: g * (3 * x**2))
    assert rule_in_words(RULES[cube], 0) == "g * (3 * x**2)"
    del RULES[cube]


# A function and its derivative, by the words.
TOLD = {
    "exp": (np.exp, lambda x, out: out, "times the result itself"),
    "log": (np.log, lambda x, out: 1 / x, "divided by the argument"),
    "sqrt": (np.sqrt, lambda x, out: 1 / (2 * out), "divided by twice the result"),
    "tanh": (np.tanh, lambda x, out: 1 - out**2, "1 - result²"),
    "tan": (np.tan, lambda x, out: 1 + out**2, "1 + result²"),
    "arctan": (np.arctan, lambda x, out: 1 / (1 + x * x), "divided by 1 + argument²"),
    "sinh": (np.sinh, lambda x, out: np.cosh(x), "the hyperbolic cosine"),
    "sin": (np.sin, lambda x, out: np.cos(x), "the cosine of the argument"),
    "cos": (np.cos, lambda x, out: -np.sin(x), "minus the sine of the argument"),
    "arcsin": (np.arcsin, lambda x, out: 1 / (1 - x**2) ** 0.5, "the root of 1 - argument²"),
    "arccos": (np.arccos, lambda x, out: -1 / (1 - x**2) ** 0.5, "minus the root of 1 - argument²"),
    "arcsinh": (np.arcsinh, lambda x, out: (x**2 + 1) ** -0.5, "the root of argument² + 1"),
}


@pytest.mark.parametrize("name", TOLD)
def test_words_agree_with_the_derivative(name):
    function, derivative, words = TOLD[name]
    assert words in WORDS[name][0]
    x = Value(0.7)
    out = function(x)
    out.backward()
    assert x.grad == pytest.approx(derivative(0.7, out.data))


def test_rules_told_as_those_of_another_operation_are_the_same():
    known = {operation.name for operation in RULES.values()}
    assert known >= set(ALIKE) and set(WORDS) >= set(ALIKE.values())
    assert not set(ALIKE) & set(WORDS)


def test_few_rules_are_left_without_words():
    # other tests enter rules of their own
    ours = [
        o for o in RULES.values() if (o.function.__module__ or "numpy")[:5] in ("numpy", "tinyg")
    ]
    told = [rule_in_words(operation, 0) for operation in ours]
    assert sum(words.startswith("the rule of") for words in told) < len(told) / 10
