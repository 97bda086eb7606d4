"""The error function and its complement, which NumPy lacks; the normal distribution needs them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.rules.zero import product, quiet

# Interpolated at Chebyshev points with 60 digits, and brought into powers. Largest relative errors
# found, in float64: erf 4.4e-16, erfc 1.8e-15 up to 20.
# erf(x) / x in powers of x², for abs(x) <= 1.
_NEAR = (
    1.1283791670955126, -0.37612638903183748, 0.11283791670954882, -0.026866170645077334,
    0.0052239776248232226, -0.0008548326981129666, 0.00012055331122299265, -1.4925595519506043e-5,
    1.6461004480962035e-6, -1.6350354461959656e-7, 1.4660051998394848e-8, -1.1373902296430912e-9,
    5.9589307431349412e-11,
)  # fmt: skip
# (1 + 2x) exp(x²) erfc(x) in powers of (x - 3) / (x + 3), for x >= 0: a smooth function on [-1, 1].
_FAR = (
    1.2530080582697296, -0.13562110612458116, -0.047562294353449197, 0.12964515870275939,
    -0.11927366341538638, 0.068308027344009904, -0.023770514917171337, 0.0025293918156939695,
    0.0018886903449991719, -0.00077983226965433068, -0.00010515971958448066,
    0.00012509934245837302, 4.949196649968419e-6, -2.0100542268525938e-5, -7.3082814687860383e-7,
    3.4723709449777875e-6, 3.5576086684130178e-7, -6.1660114604062908e-7, -1.4047654315492372e-7,
    1.0183620603900234e-7, 4.1064013668445363e-8, -1.3312919661285728e-8, -8.2175950589348557e-9,
    9.8625335108036254e-10, 8.3937348591145004e-10,
)  # fmt: skip


@primitive
def erf(x: Any) -> Any:
    """The error function, ``2 / sqrt(pi) * integral of exp(-t²) from 0 to x``, entry by entry.

    >>> erf(np.array([-np.inf, 0.0, 1.0])).round(6)
    array([-1.      ,  0.      ,  0.842701])
    """
    x = _floating(x)
    size = np.abs(x)
    small = np.minimum(size, 1)
    near = small * _polynomial(_NEAR, small * small)
    return np.copysign(np.where(size <= 1, near, 1 - _upper(size)), x)[()]


@primitive
def erfc(x: Any) -> Any:
    """``1 - erf(x)``, entry by entry, without the loss of digits where it is small.

    >>> erfc(np.array([0.0, 10.0, np.inf]))
    array([1.00000000e+00, 2.08848758e-45, 0.00000000e+00])
    """
    x = _floating(x)
    return np.where(x < 0.5, 1 - erf.raw(x), _upper(np.maximum(x, 0)))[()]


def _upper(x: Any) -> Any:
    """erfc of what is not negative."""
    x = np.minimum(x, 40)  # erfc is 0 from 28 on, and infinity would make NaN below
    with np.errstate(under="ignore"):
        return np.exp(-x * x) * _polynomial(_FAR, (x - 3) / (x + 3)) / (1 + 2 * x)


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    out = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        out *= x
        out += coefficient
    return out


def _floating(x: Any) -> Any:
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


_SLOPE = 2 / math.sqrt(math.pi)

defvjp(
    erf,
    quiet(lambda g, out, x: product(g, _SLOPE * np.exp(-x * x))),
    scalar=math.erf,
)
defvjp(
    erfc,
    quiet(lambda g, out, x: product(g, -_SLOPE * np.exp(-x * x))),
    scalar=math.erfc,
)
