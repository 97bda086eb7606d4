"""Products in which an exact zero wins over infinity and NaN.

The derivative of sqrt at 0 is infinite, and 0 * inf is NaN; but a cotangent of 0 says that the
output does not matter, so nothing before it does. Rules of functions with infinite or undefined
derivatives use these two, so that ``np.where(x > 0, np.sqrt(x), 0)`` has gradient 0 at 0 and
below. Both are closed under differentiation. When gradients are differentiated again, what was a
cotangent becomes a factor; so a product is zero where either of its factors is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import Vjp, defvjp


def quiet(rule: Vjp) -> Vjp:
    """Decorator of a rule that may evaluate something outside its domain, or overflow where the
    derivative is 0 anyway: no warnings, as the forward pass has given them."""
    return np.errstate(all="ignore")(rule)


@primitive
def product(g: Any, factor: Any) -> Any:
    """``g * factor``, and 0 where either is 0.

    >>> product(0.0, math.inf)
    0.0
    """
    if type(g) is float and type(factor) is float:
        return g * factor if g and factor else 0.0
    if np.shape(g) == np.shape(factor) and math.isfinite(abs(np.vdot(g, factor))):
        return g * factor  # a sum of products is finite only if all of them are
    with np.errstate(invalid="ignore"):
        out = np.multiply(g, factor)
    return out if _all_finite(out) else _where_not((g == 0) | (factor == 0), out)


@primitive
def quotient(g: Any, divisor: Any) -> Any:
    """``g / divisor``, and 0 where `g` is 0.

    >>> quotient(np.array([0.0, 1.0]), 0.0)
    array([ 0., inf])
    """
    if type(divisor) is float or type(divisor) is int:
        if type(g) is float and not g:
            return 0.0
        if divisor and math.isfinite(divisor):
            return g / divisor
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.divide(g, divisor)
    return out if _all_finite(out) else _where_not(g == 0, out)


def _all_finite(array: Any) -> bool:
    # A sum of squares is finite only if all entries are; it costs half of isfinite().all().
    return math.isfinite(abs(np.vdot(array, array))) or bool(np.isfinite(array).all())


def _where_not(zero: Any, array: Any) -> Any:
    kept: Any = np.where(zero, 0, array)
    return kept[()]  # a number if it has no axes


defvjp(
    product,
    lambda c, out, g, factor: product(c, factor),
    lambda c, out, g, factor: product(c, g),
)
defvjp(
    quotient,
    lambda c, out, g, divisor: quotient(c, divisor),
    lambda c, out, g, divisor: -quotient(product(c, out), divisor),
)
