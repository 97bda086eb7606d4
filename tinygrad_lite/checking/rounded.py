"""Gradients that are right, but were rounded or clipped before they were handed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tinygrad_lite.checking.changes import Array
from tinygrad_lite.checking.targets import Target
from tinygrad_lite.engine.value import Value

CLOSE = 1e-5  # to a norm that was chosen: PyTorch adds 1e-6 to the norm before it divides
MOST = 10.0  # roundings to half precision that a gradient computed in it may carry
KEPT = 10  # units of the last place that the largest entry must have, so that rounding says much
EXACT = 1e-9  # relative difference up to which a number is the rounded one

Rounding = Callable[[Array], Array]

UNROUNDED = "hand over all digits, as computed"
UNCLIPPED = "hand over the gradients as they are before clipping"


class Loss(NamedTuple):
    """What was done to right gradients, in words, and how to mend it."""

    words: str
    mend: str


def what_was_lost(
    targets: Sequence[Target],
    automatic: Mapping[Value, Array],
    right: Sequence[Target],
    noise: Callable[[], Mapping[Value, Array]],
) -> Loss | None:
    """How the right gradients were made less precise to give the hand-derived ones; None if they
    were not.

    Args:
        targets: those that differ.
        automatic: the right gradients, by key.
        right: the hand-derived ones that do not differ.
        noise: tells how much rounding each entry may carry.
    """
    pairs = [(t.hand, np.asarray(automatic[t.key], dtype=np.float64)) for t in targets]
    if not pairs or any(h.shape != a.shape or not np.isfinite(h).all() for h, a in pairs):
        return None
    hand, exact = (np.concatenate([np.ravel(x) for x in some]) for some in zip(*pairs, strict=True))
    rounded = _rounded(hand, exact) or _in_half_precision(targets, hand, exact, noise)
    if rounded:
        return Loss(rounded, UNROUNDED)
    others = [t.hand for t in right]
    clipped = _clipped(hand, exact) or _only_signs(pairs) or _scaled_down(pairs, others)
    return Loss(clipped, UNCLIPPED) if clipped else None


def _in_half_precision(
    targets: Sequence[Target], hand: Array, right: Array, noise: Callable[[], Mapping[Value, Array]]
) -> str:
    """Numbers of few bits that are off by no more than a pass with so many bits may be."""
    for bits, name in ((8, "bfloat16: 8 bits"), (11, "float16: 11 bits")):
        full = hand != _to_bits(hand, bits - 3)  # whole numbers and halves have few
        if not np.array_equal(hand, _to_bits(hand, bits)):
            continue
        if np.count_nonzero(full) < max(3, hand.size / 2):
            return ""
        measured = noise()
        carried = np.concatenate([np.ravel(measured[t.key]) for t in targets])
        if np.all(np.abs(hand - right) <= MOST * 0.5**bits * carried):
            return f"computed in half precision ({name})"
    return ""


def _only_signs(pairs: Sequence[tuple[Array, Array]]) -> str:
    """Several gradients of which every entry is beyond the limit they were clipped to."""
    hand = np.concatenate([np.ravel(h) for h, _ in pairs])
    limit = float(np.max(np.abs(hand), initial=0.0))
    alike = all(np.array_equal(h, np.clip(a, -limit, limit)) for h, a in pairs)
    several = len(pairs) > 1 and hand.size > 4 and len(np.unique(hand)) == 2
    return f"clipped to ±{limit:.6g}" if alike and several else ""


def _scaled_down(pairs: Sequence[tuple[Array, Array]], others: Sequence[Array]) -> str:
    """Gradients shortened to a norm that people choose: all together, or each on its own."""
    norms, factors = [], []
    for hand, right in pairs:
        size = float(np.sum(right * right))
        c = float(np.sum(hand * right)) / size if size else 0.0
        if not 0 < c < 1 or np.max(np.abs(hand - c * right)) > CLOSE * np.max(np.abs(hand)):
            return ""
        norms.append(float(np.linalg.norm(hand)))
        factors.append(c)
    if sum(hand.size for hand, _ in pairs) < 3:
        return ""  # one number or two can always be had by scaling
    together = float(np.linalg.norm(norms))
    alike = np.ptp(factors) <= CLOSE * max(factors) and not any(map(np.any, others))
    if alike and _is_chosen(together):
        all_of_them = " all together" * (len(pairs) > 1)
        return f"scaled down (by {factors[0]:.3g}) to a norm of {together:.4g}{all_of_them}"
    within = all(np.linalg.norm(other) <= norms[0] * (1 + CLOSE) for other in others)
    if within and _is_chosen(norms[0]) and np.ptp(norms) <= CLOSE * norms[0]:
        return f"scaled down to a norm of {norms[0]:.4g} each"
    return ""


def _is_chosen(norm: float) -> bool:
    """Whether a norm is a number with one digit, or with a half after it."""
    with np.errstate(all="ignore"):
        digits = (float(f"{norm:.0e}"), np.round(2 * norm) / 2)
        return any(d > 0 and abs(norm - d) <= CLOSE * d for d in digits)


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
            if _same(hand, _to_bits(right.astype(np.float32), bits, np.trunc)):
                return f"cut to {name}, not rounded"
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


def _to_bits(x: Array, bits: int, to_whole: Rounding = np.round) -> Array:
    mantissa, exponent = np.frexp(np.asarray(x, dtype=np.float64))
    return np.ldexp(to_whole(np.ldexp(mantissa, bits)), exponent - bits)


def _to_digits(x: Array, digits: int) -> Array:
    return np.array([float(f"{entry:.{digits - 1}e}") for entry in x.tolist()])
