"""Gradients that are right, but were rounded or clipped before they were handed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tinygrad_lite.checking.changes import Array
from tinygrad_lite.checking.targets import Target
from tinygrad_lite.engine.value import Value

KEPT = 10  # units of the last place that the largest entry must have, so that rounding says much
EXACT = 1e-9  # relative difference up to which a number is the rounded one

Rounding = Callable[[Array], Array]


def what_was_lost(targets: Sequence[Target], automatic: Mapping[Value, Array]) -> str:
    """How the right gradients were made less precise to give the hand-derived ones; "" if they
    were not.

    Args:
        targets: those that differ.
        automatic: the right gradients, by key.
    """
    pairs = [(t.hand, np.asarray(automatic[t.key], dtype=np.float64)) for t in targets]
    if not pairs or any(h.shape != a.shape or not np.isfinite(h).all() for h, a in pairs):
        return ""
    hand, right = (np.concatenate([np.ravel(x) for x in some]) for some in zip(*pairs, strict=True))
    return _rounded(hand, right) or _clipped(hand, right)


def _rounded(hand: Array, right: Array) -> str:
    size = float(np.max(np.abs(right), initial=0.0))
    # A single number is soon a rounded other one: it must agree in more places.
    least = KEPT if right.size > 2 else KEPT**2
    with np.errstate(all="ignore"):
        if _same(hand, right.astype(np.float16).astype(np.float64)):
            return "rounded to half precision (float16: 11 bits)"
        for bits, name in ((8, "bfloat16 (8 bits)"), (11, "TF32 (11 bits)")):
            if _same(hand, _to_bits(right, bits)):
                return f"rounded to {name}"
        for places in range(1, 8):
            if size * 10.0**places >= least and _same(hand, np.round(right, places)):
                return f"rounded to {places} decimal places"
        for digits in range(2 if right.size > 2 else 3, 8):
            if _same(hand, _to_digits(right, digits)):
                return f"rounded to {digits} significant digits"
    return ""


def _clipped(hand: Array, right: Array) -> str:
    """Entries limited to a largest size, those below it left as they were."""
    limit = float(np.max(np.abs(hand), initial=0.0))
    beyond = np.abs(right) > limit * (1 + EXACT)
    if np.count_nonzero(beyond) < 2 or not np.any(right[~beyond]):
        return ""
    if not _same(hand, np.clip(right, -limit, limit), 1e-7):
        return ""
    return f"clipped to ±{limit:.6g}"


def _same(hand: Array, rounded: Array, close: float = EXACT) -> bool:
    return bool(np.all(np.abs(hand - rounded) <= close * np.abs(rounded)))


def _to_bits(x: Array, bits: int) -> Array:
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)


def _to_digits(x: Array, digits: int) -> Array:
    return np.array([float(f"{entry:.{digits - 1}e}") for entry in x.tolist()])
