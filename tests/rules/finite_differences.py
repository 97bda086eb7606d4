"""Derivatives checked against central differences along random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite import vjp
from tinygrad_lite.engine.trees import flatten

STEP = 6e-6  # the cube root of float64's precision balances truncation and rounding


def check_derivatives(
    function: Callable[..., Any],
    args: Sequence[np.ndarray | float | complex],
    order: int = 2,
    rtol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Assert that pull-backs agree with central differences, and theirs in turn, up to an order.

    The pairing is ``Re(sum(cotangent * change))``, so that the pull-back of a holomorphic function
    is the multiplication by its derivative.
    """
    rng = np.random.default_rng(seed)
    out, pull = vjp(function, *args)
    outputs, _ = flatten(out)
    cotangents = [_random_like(o, rng) for o in outputs]
    directions = [_random_like(a, rng) for a in args]

    def forward(step: float) -> list[np.ndarray]:
        moved = [_moved(a, step, d) for a, d in zip(args, directions, strict=True)]
        return flatten(vjp(function, *moved)[0])[0]

    pulled = pull(_like(out, cotangents))
    for gradient, argument in zip(pulled, args, strict=True):
        assert np.shape(gradient) == np.shape(argument)
    analytic = _pairing(pulled, directions)
    rates = [
        (np.asarray(after) - np.asarray(before)) / (2 * STEP)
        for after, before in zip(forward(STEP), forward(-STEP), strict=True)
    ]
    numeric = _pairing(cotangents, rates)
    scale = sum(np.abs(np.asarray(c) * r).sum() for c, r in zip(cotangents, rates, strict=True))
    scale += sum(np.abs(g * d).sum() for g, d in zip(pulled, directions, strict=True))
    assert abs(analytic - numeric) <= rtol * scale + 1e-9, (
        f"derivative along a random direction: rule {analytic:.12g}, "
        f"finite differences {numeric:.12g}"
    )
    if order > 1:
        count = len(args)

        def pull_back(*both: Any) -> Any:
            again, pull_again = vjp(function, *both[:count])
            return pull_again(_like(again, both[count:]))

        check_derivatives(pull_back, [*args, *cotangents], order - 1, rtol, seed + 1)


def _random_like(array: Any, rng: np.random.Generator) -> Any:
    numbers = rng.standard_normal(np.shape(array))
    if np.iscomplexobj(array):
        numbers = numbers + 1j * rng.standard_normal(np.shape(array))
    return float(numbers) if isinstance(array, float) else np.asarray(numbers)


def _moved(argument: Any, step: float, direction: Any) -> Any:
    moved = argument + step * direction
    return float(moved) if isinstance(argument, float) else np.asarray(moved)


def _like(out: Any, leaves: Sequence[Any]) -> Any:
    """Leaves nested as the output is: alone, or in a tuple or list."""
    return list(leaves) if isinstance(out, (tuple, list)) else leaves[0]


def _pairing(left: Sequence[Any], right: Sequence[Any]) -> float:
    return sum(
        float(np.real(np.sum(np.asarray(a) * np.asarray(b))))
        for a, b in zip(left, right, strict=True)
    )
