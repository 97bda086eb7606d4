"""Products that keep an exactly zero cotangent zero, whatever it is multiplied by.

The derivative of sqrt at 0 is infinite, and 0 * inf is NaN; but a cotangent of 0 says that the
output does not matter, so nothing before it does. Rules of functions with infinite derivatives use
these two, so that ``np.where(x > 0, np.sqrt(x), 0)`` has gradient 0 at 0. Both are linear in `g`
and closed under differentiation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp


@primitive
def product(g: Any, factor: Any) -> Any:
    """``g * factor``, and 0 where `g` is 0."""
    if type(g) is float and type(factor) is float:
        return g * factor if g else 0.0
    if np.isfinite(factor).all():
        return g * factor
    with np.errstate(invalid="ignore"):
        return np.where(g == 0, np.zeros_like(g), g * factor)


@primitive
def quotient(g: Any, divisor: Any) -> Any:
    """``g / divisor``, and 0 where `g` is 0."""
    if type(g) is float and type(divisor) is float and divisor:
        return g / divisor
    if np.all(divisor):
        return g / divisor
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(g == 0, np.zeros_like(g), np.divide(g, divisor))


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
