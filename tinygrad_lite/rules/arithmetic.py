"""Rules of the operators: + - * / ** % and their kin."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.rules.zero import product, quotient


def _power(x: Any, exponent: Any) -> Any:
    # The operator has fast paths for exponents 2, 0.5 and -1 that np.power lacks.
    return np.power(x, exponent) if type(x) is float else x**exponent


def _power_vjp_base(g: Any, out: Any, x: Any, exponent: Any) -> Any:
    if type(exponent) is int or type(exponent) is float:
        if exponent == 2:
            return g * (2 * x)
        if exponent == 0:
            return 0 * g
        if exponent >= 1 and type(x) is not float:
            return g * (exponent * x ** (exponent - 1))
    # x ** (exponent - 1) is infinite at 0 for exponents below 1, and 0 * inf is not meant where
    # the exponent is 0
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.power(x, np.where(exponent == 0, 1, exponent) - 1)
    return product(product(g, exponent), slope)


def _power_vjp_exponent(g: Any, out: Any, x: Any, exponent: Any) -> Any:
    # out is 0 where x is 0, and 0 * log 0 there means 0
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.log(np.where(x == 0, 1, x))
    return g * (out * logarithm)


defvjp(np.add, lambda g, out, x, y: g, lambda g, out, x, y: g, scalar=operator.add)
defvjp(np.subtract, lambda g, out, x, y: g, lambda g, out, x, y: -g, scalar=operator.sub)
defvjp(np.multiply, lambda g, out, x, y: g * y, lambda g, out, x, y: g * x, scalar=operator.mul)
defvjp(
    np.divide,
    lambda g, out, x, y: quotient(g, y),
    lambda g, out, x, y: -quotient(product(g, out), y),
    scalar=operator.truediv,
)
defvjp(
    np.power,
    _power_vjp_base,
    _power_vjp_exponent,
    evaluate=_power,
    scalar=math.pow,
    kink="0**p: derivative by the base is infinite for p < 1, by the exponent 0",
)
defvjp(np.negative, lambda g, out, x: -g, scalar=operator.neg)
defvjp(np.positive, lambda g, out, x: g, scalar=operator.pos)
defvjp(
    np.remainder,
    lambda g, out, x, y: g,
    lambda g, out, x, y: -g * np.floor(data_of(x) / data_of(y)),
    kink="at multiples of the divisor: as just above",
)
