"""Rules of functions that work entry by entry: exponentials, trigonometry, complex parts.

Derivatives are the textbook ones. Where one can be infinite or undefined, `product` and `quotient`
keep a zero cotangent zero. For complex arguments the pull-back of a holomorphic function multiplies
by its derivative, without conjugation; so the gradient of a real function, pulled back, is twice
the Wirtinger derivative by z, as in HIPS autograd and JAX.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import composed, defvjp
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.rules.activations import sigmoid
from tinygrad_lite.rules.zero import product, quiet, quotient

LN2 = math.log(2)
LN10 = math.log(10)
DEGREE = math.pi / 180

# Exponentials and logarithms. A cotangent of 0 stays 0 where they overflow, at poles and outside
# the domain.
defvjp(np.exp, lambda g, out, x: product(g, out), scalar=math.exp)
defvjp(np.exp2, lambda g, out, x: product(g, out) * LN2, scalar=getattr(math, "exp2", None))
defvjp(np.expm1, quiet(lambda g, out, x: product(g, np.exp(x))), scalar=math.expm1)
defvjp(np.log, lambda g, out, x: quotient(g, x), scalar=math.log)
defvjp(np.log2, lambda g, out, x: quotient(g, x) / LN2, scalar=math.log2)
defvjp(np.log10, lambda g, out, x: quotient(g, x) / LN10, scalar=math.log10)
defvjp(np.log1p, lambda g, out, x: quotient(g, 1 + x), scalar=math.log1p)
defvjp(np.sqrt, lambda g, out, x: quotient(g, 2 * out), scalar=math.sqrt)
defvjp(np.cbrt, lambda g, out, x: quotient(quotient(g, out), 3 * out), scalar=math.cbrt)


def _share(x: Any, y: Any) -> Any:
    """Derivative of log(e**x + e**y) by x; a half where both are infinite alike."""
    with np.errstate(invalid="ignore"):
        return sigmoid(np.where(x == y, 0, x - y))


defvjp(np.logaddexp, lambda g, out, x, y: g * _share(x, y), lambda g, out, x, y: g * _share(y, x))
defvjp(
    np.logaddexp2,
    lambda g, out, x, y: g * _share(LN2 * x, LN2 * y),
    lambda g, out, x, y: g * _share(LN2 * y, LN2 * x),
)

# Trigonometry.
defvjp(np.sin, quiet(lambda g, out, x: product(g, np.cos(x))), scalar=math.sin)
defvjp(np.cos, quiet(lambda g, out, x: -product(g, np.sin(x))), scalar=math.cos)
defvjp(np.tan, lambda g, out, x: product(g, 1 + out * out), scalar=math.tan)
defvjp(np.arcsin, quiet(lambda g, out, x: quotient(g, np.sqrt(1 - x * x))), scalar=math.asin)
defvjp(np.arccos, quiet(lambda g, out, x: -quotient(g, np.sqrt(1 - x * x))), scalar=math.acos)
defvjp(np.arctan, quiet(lambda g, out, x: quotient(g, 1 + x * x)), scalar=math.atan)
for _to_radians in (np.deg2rad, np.radians):
    defvjp(_to_radians, lambda g, out, x: g * DEGREE, scalar=math.radians)
for _to_degrees in (np.rad2deg, np.degrees):
    defvjp(_to_degrees, lambda g, out, x: g / DEGREE, scalar=math.degrees)


def _turn(g: Any, part: Any, radius: Any) -> Any:
    # In two steps, as the square of the radius overflows or underflows long before the radius.
    return quotient(quotient(product(g, part), radius), radius)


defvjp(
    np.arctan2,
    quiet(lambda g, out, y, x: _turn(g, x, np.hypot(x, y))),
    quiet(lambda g, out, y, x: -_turn(g, y, np.hypot(x, y))),
    scalar=math.atan2,
    kink="origin: derivatives 0",
)
defvjp(
    np.hypot,
    lambda g, out, x, y: quotient(product(g, x), out),
    lambda g, out, x, y: quotient(product(g, y), out),
    scalar=math.hypot,
    kink="origin: derivatives 0",
)

# Hyperbolic functions.
defvjp(np.sinh, quiet(lambda g, out, x: product(g, np.cosh(x))), scalar=math.sinh)
defvjp(np.cosh, quiet(lambda g, out, x: product(g, np.sinh(x))), scalar=math.cosh)
defvjp(np.tanh, lambda g, out, x: g * (1 - out * out), scalar=math.tanh)
defvjp(np.arcsinh, quiet(lambda g, out, x: quotient(g, np.sqrt(x * x + 1))), scalar=math.asinh)
defvjp(
    np.arccosh,
    # two roots: 1 / sqrt(x*x - 1) has the wrong branch cut for complex x
    quiet(lambda g, out, x: quotient(quotient(g, np.sqrt(x - 1)), np.sqrt(x + 1))),
    scalar=math.acosh,
)
defvjp(np.arctanh, quiet(lambda g, out, x: quotient(g, 1 - x * x)), scalar=math.atanh)


# sinc and i0: derivatives of any order by one formula, as composing the textbook ones cancels
# catastrophically near 0.


@primitive
def sinc_derivative(x: Any, *, order: int) -> Any:
    """The derivative of ``sin(pi x) / (pi x)`` of an order.

    With y = pi x, the n-th derivative f_n of sin(y) / y obeys ``y f_n + n f_(n-1) = sin(y + n pi /
    2)``, which loses all digits for small y; there the Taylor series is summed.
    """
    y = np.pi * np.asarray(x)
    near = np.abs(y) < order + 2
    safe = np.where(near, 1, y)
    far = np.sin(safe) / safe
    for n in range(1, order + 1):
        far = (np.sin(safe + n * (np.pi / 2)) - n * far) / safe
    small = np.where(near, y, 0)
    series = np.zeros_like(y)
    power = np.ones_like(y)
    for k in range(2 * order + 40):
        sign = (1, 0, -1, 0)[(k + order) % 4]
        if sign:
            series = series + power * (sign / ((k + order + 1) * math.factorial(k)))
        power = power * small
    return np.where(near, series, far) * np.pi**order


@primitive
def i0_derivative(x: Any, *, order: int) -> Any:
    """The derivative of the modified Bessel function I0 of an order.

    From ``I0(x) = 1/pi * integral of exp(x cos t) over t from 0 to pi`` (DLMF 10.32.1): the
    midpoint rule converges exponentially for a periodic integrand.
    """
    x = np.asarray(x)
    nodes = 24 + order + int(8 * math.sqrt(np.abs(x).max(initial=0)))
    total = np.zeros_like(x)
    for cosine in np.cos((np.arange(nodes) + 0.5) * (np.pi / nodes)).tolist():
        total = total + cosine**order * np.exp(x * cosine)
    return total / nodes


defvjp(
    sinc_derivative,
    lambda g, out, x, order: g * sinc_derivative(x, order=order + 1),
)
defvjp(
    i0_derivative,
    quiet(lambda g, out, x, order: product(g, i0_derivative(x, order=order + 1))),
)
defvjp(np.sinc, lambda g, out, x: g * sinc_derivative(x, order=1))
defvjp(np.i0, quiet(lambda g, out, x: product(g, i0_derivative(x, order=1))))


# Complex parts. A change dz of z changes a real loss by Re(g * dz).


def _absolute_vjp(g: Any, out: Any, x: Any) -> Any:
    if np.iscomplexobj(x):
        return quotient(product(g, np.conj(x)), out)
    return g * np.sign(x)


def _imag_vjp(g: Any, out: Any, x: Any) -> Any:
    return -1j * g if np.iscomplexobj(x) else 0.0


defvjp(np.absolute, _absolute_vjp, scalar=abs, kink="0: derivative 0")
defvjp(np.fabs, lambda g, out, x: g * np.sign(x), scalar=abs, kink="0: derivative 0")
defvjp(np.conjugate, lambda g, out, x: np.conjugate(g), scalar=lambda x: x)
defvjp(np.real, lambda g, out, x: g)
defvjp(np.imag, _imag_vjp)


@composed(np.angle, kink="0: derivative 0")
def _angle(z: Any, deg: bool = False) -> Any:
    turn = np.arctan2(np.imag(z), np.real(z))
    return np.degrees(turn) if deg else turn


@composed(np.real_if_close)
def _real_if_close(a: Any, tol: float = 100) -> Any:
    return a if np.iscomplexobj(np.real_if_close(data_of(a), tol)) else np.real(a)


@composed(np.sign)
def _sign(x: Any) -> Any:
    """Plain for real numbers, where it is constant almost everywhere; z / abs(z) for complex."""
    return quotient(x, np.absolute(x)) if np.iscomplexobj(x) else np.sign(data_of(x))
