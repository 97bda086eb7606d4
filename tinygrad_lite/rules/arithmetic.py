"""Rules of the operators, + - * / ** %, and of functions that round or split numbers."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import composed, defvjp, handed_on
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.rules.zero import product, quotient

_ndarray = np.ndarray


def _divide_vjp_dividend(g: Any, out: Any, x: Any, y: Any) -> Any:
    if type(y) is not int or not y:
        return quotient(g, y)
    if type(g) is _ndarray and not g.ndim:  # the division of a loss, as in `record`
        return np.asarray(g[()] / y)
    return g / y


def _power(x: Any, exponent: Any) -> Any:
    # The operator has fast paths for exponents 2, 0.5 and -1 that np.power lacks.
    return np.power(x, exponent) if type(x) is float else x**exponent


def _power_vjp_base(g: Any, out: Any, x: Any, exponent: Any) -> Any:
    if type(exponent) is not int and type(exponent) is not float:
        return _power_vjp_any_base(g, out, x, exponent)
    if exponent == 2:
        return g * (x + x)  # quicker than 2 * x on an array, and the same
    if exponent == 0:
        return 0.0
    if type(x) is float:
        try:
            return g * (exponent * math.pow(x, exponent - 1)) if g else 0.0
        except (ArithmeticError, ValueError):
            return _power_vjp_any_base(g, out, x, exponent)
    if exponent >= 1 and exponent == int(exponent):
        return g * (exponent * x ** (exponent - 1))
    with np.errstate(all="ignore"):
        return product(g, exponent * x ** (exponent - 1))


def _power_vjp_any_base(g: Any, out: Any, x: Any, exponent: Any) -> Any:
    # x ** (exponent - 1) is infinite at 0 for exponents below 1, and 0 * inf is not meant where
    # the exponent is 0.
    with np.errstate(all="ignore"):
        slope = np.power(x, np.where(exponent == 0, 1, exponent) - 1)
    return product(product(g, exponent), slope)


def _power_vjp_exponent(g: Any, out: Any, x: Any, exponent: Any) -> Any:
    with np.errstate(all="ignore"):
        logarithm = np.log(np.where(x == 0, 1, x))
    return product(
        product(g, logarithm), out
    )  # in this order, as 0 * log 0 is 0 and out may be inf


defvjp(np.add, handed_on, handed_on, scalar=operator.add)
defvjp(np.subtract, handed_on, lambda g, out, x, y: -g, scalar=operator.sub)
defvjp(np.multiply, lambda g, out, x, y: g * y, lambda g, out, x, y: g * x, scalar=operator.mul)
defvjp(
    np.divide,
    _divide_vjp_dividend,
    lambda g, out, x, y: -quotient(product(g, out), y),
    scalar=operator.truediv,
)
_POWER_KINK = "0**p: by the base infinite for 0 < p < 1; by the exponent 0"
defvjp(
    np.power, _power_vjp_base, _power_vjp_exponent,
    evaluate=_power, scalar=math.pow, kink=_POWER_KINK,
)  # fmt: skip
defvjp(np.float_power, _power_vjp_any_base, _power_vjp_exponent, scalar=math.pow, kink=_POWER_KINK)
defvjp(np.negative, lambda g, out, x: -g, scalar=operator.neg)
defvjp(np.positive, lambda g, out, x: g, scalar=operator.pos)
defvjp(np.square, lambda g, out, x: g * (2 * x), scalar=lambda x: x * x)
defvjp(np.reciprocal, lambda g, out, x: -product(product(g, out), out), scalar=lambda x: 1 / x)

# x mod y is x - y * floor(x / y), and the floor is constant almost everywhere.
defvjp(
    np.remainder,
    lambda g, out, x, y: g,
    lambda g, out, x, y: -g * np.floor(data_of(x) / data_of(y)),
    scalar=operator.mod,
    kink="multiples of the divisor: as just above them",
)
defvjp(
    np.fmod,
    lambda g, out, x, y: g,
    lambda g, out, x, y: -g * np.trunc(data_of(x) / data_of(y)),
    scalar=math.fmod,
    kink="multiples of the divisor: as just beyond them",
)
defvjp(
    np.copysign,
    lambda g, out, x, y: g * (np.sign(x) * np.copysign(1.0, data_of(y))),
    lambda g, out, x, y: 0.0,
    scalar=math.copysign,
    kink="x = 0: derivative 0",
)
defvjp(np.ldexp, lambda g, out, x, exponent: np.ldexp(g, exponent), None)


@composed(np.divmod, kink="multiples of the divisor: as just above them")
def _divmod(x: Any, y: Any) -> tuple[Any, Any]:
    return np.floor_divide(x, y), np.remainder(x, y)


@composed(np.modf, kink="integers: as just beyond them")
def _modf(x: Any) -> tuple[Any, Any]:
    return np.fmod(x, 1.0), np.trunc(x)


@composed(np.frexp)
def _frexp(x: Any) -> tuple[Any, Any]:
    _, exponent = np.frexp(x.data)
    return np.ldexp(x, -exponent), exponent
