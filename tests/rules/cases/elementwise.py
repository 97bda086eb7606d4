"""Exponentials, logarithms, trigonometry, hyperbolic functions, complex parts."""

import numpy as np

from rules.case import Case, SpecialPoint, away_from, between, positive, smooth
from tinygrad_lite.rules.elementwise import i0_derivative, sinc_derivative

UNIT = between(-0.9, 0.9, 2, 3)

EVERYWHERE = [
    np.exp, np.exp2, np.expm1, np.sin, np.cos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh,
    np.deg2rad, np.radians, np.rad2deg, np.degrees,
]  # fmt: skip
POSITIVE = [np.log, np.log2, np.log10, np.log1p, np.sqrt, np.cbrt]
HOLOMORPHIC = [
    np.exp, np.log, np.sqrt, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh,
    np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh, np.exp2, np.expm1, np.log1p, np.log2,
    np.log10,
]  # fmt: skip
# In the first quadrant and inside the unit disc: away from every branch cut.
QUADRANT = between(0.2, 0.6, 3) + 1j * between(0.2, 0.6, 3, seed=1)

CASES = [
    *(Case(f, [smooth(2, 3)]) for f in EVERYWHERE),
    *(Case(f, [0.7]) for f in EVERYWHERE + POSITIVE),
    *(Case(f, [positive(2, 3)]) for f in POSITIVE),
    *(Case(f, [QUADRANT]) for f in HOLOMORPHIC),
    Case(np.cbrt, [-positive(3)], id="cbrt of negatives"),
    Case(np.tan, [between(-1.2, 1.2, 2, 3)]),
    Case(np.tan, [0.7]),
    *(Case(f, [UNIT]) for f in (np.arcsin, np.arccos, np.arctanh)),
    *(Case(f, [0.5]) for f in (np.arcsin, np.arccos, np.arctanh)),
    Case(np.arccosh, [between(1.2, 3, 2, 3)]),
    Case(np.arccosh, [1.5]),
    *(
        Case(f, [away_from(0, shape=(2, 3), gap=0.3), away_from(0, shape=(3,), gap=0.3)])
        for f in (np.arctan2, np.hypot, np.logaddexp, np.logaddexp2)
    ),
    *(Case(f, [0.5, -1.5]) for f in (np.arctan2, np.hypot, np.logaddexp, np.logaddexp2)),
    *(Case(f, [away_from(0, shape=(2, 3))]) for f in (np.absolute, np.fabs)),
    *(Case(f, [-0.5]) for f in (np.absolute, np.fabs)),
    Case(np.absolute, [1 + QUADRANT]),
    Case(np.sinc, [smooth(2, 3)]),
    Case(np.sinc, [np.array([0.0, 1e-9, 1e-4, 0.01, 1.0, -1.0])], id="sinc around 0"),
    Case(np.sinc, [0.7]),
    *(
        Case(sinc_derivative, [np.array([0.0, 1e-4, 0.3, -1.0, 2.5, 40.0])], {"order": order})
        for order in (1, 2, 3)
    ),
    Case(np.i0, [smooth(2, 3)], float32=False),
    Case(np.i0, [between(5, 12, 3)], float32=False, id="i0 of large"),
    *(Case(i0_derivative, [smooth(3)], {"order": order}) for order in (1, 2)),
    Case(np.conjugate, [smooth(3)]),
    Case(np.conjugate, [smooth(3, dtype=complex)]),
    Case(np.real, [smooth(3)]),
    Case(np.real, [smooth(3, dtype=complex)]),
    Case(np.imag, [smooth(3)]),
    Case(np.imag, [smooth(3, dtype=complex)]),
    Case(np.angle, [1 + QUADRANT]),
    Case(np.angle, [1 + QUADRANT], {"deg": True}),
    Case(np.real_if_close, [smooth(3, dtype=complex)]),
    Case(np.real_if_close, [smooth(3).astype(complex)], order=0, id="real_if_close of reals"),
    Case(np.sign, [1 + QUADRANT]),
]

NOTHING_USED = [  # a cotangent of 0 stays 0 at poles and outside the domain
    (np.sqrt, [0.0]), (np.sqrt, [-1.0]), (np.cbrt, [0.0]),
    (np.log, [0.0]), (np.log, [-1.0]), (np.log2, [0.0]), (np.log10, [0.0]), (np.log1p, [-1.0]),
    (np.exp, [1000.0]), (np.exp2, [2000.0]), (np.expm1, [1000.0]),
    (np.sinh, [1000.0]), (np.cosh, [1000.0]), (np.i0, [800.0]),
    (np.sin, [np.inf]), (np.cos, [np.inf]), (np.tan, [np.inf]),
    (np.arcsin, [1.0]), (np.arcsin, [2.0]), (np.arccos, [-1.0]), (np.arccos, [2.0]),
    (np.arccosh, [1.0]), (np.arccosh, [0.5]), (np.arctanh, [1.0]), (np.arctanh, [2.0]),
    (np.hypot, [0.0, 0.0]), (np.arctan2, [0.0, 0.0]),
]  # fmt: skip

SPECIAL_POINTS = [
    *(SpecialPoint(f, x, [0.0] * len(x), cotangent=0.0) for f, x in NOTHING_USED),
    SpecialPoint(np.absolute, [0.0], [0.0]),
    SpecialPoint(np.fabs, [0.0], [0.0]),
    SpecialPoint(np.angle, [np.array(0j)], [0.0]),
    SpecialPoint(np.sqrt, [0.0], [np.inf]),
    SpecialPoint(np.log, [0.0], [np.inf]),
    SpecialPoint(np.cbrt, [0.0], [np.inf]),
    SpecialPoint(np.hypot, [0.0, 0.0], [0.0, 0.0]),
    SpecialPoint(np.hypot, [3e30, 4e30], [0.6, 0.8]),
    SpecialPoint(np.arctan2, [0.0, 0.0], [0.0, 0.0]),
    SpecialPoint(np.arctan2, [3e-30, 4e-30], [1.6e29, -1.2e29]),
    SpecialPoint(np.arctan, [1e30], [0.0], id="arctan far out"),
    SpecialPoint(np.sinc, [0.0], [0.0]),
    SpecialPoint(np.logaddexp, [-np.inf, -np.inf], [0.5, 0.5]),
    SpecialPoint(np.logaddexp, [-np.inf, 1.0], [0.0, 1.0]),
    SpecialPoint(np.logaddexp, [np.inf, 1.0], [1.0, 0.0]),
    SpecialPoint(np.logaddexp, [1e30, -1e30], [1.0, 0.0]),
    SpecialPoint(np.logaddexp2, [-np.inf, -np.inf], [0.5, 0.5]),
]
