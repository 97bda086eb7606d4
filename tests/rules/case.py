"""What a rule is tested on: a function, arguments inside its domain, settings.

A family of rules has a file `rules/cases/<family>.py` with two lists: ``CASES``, checked to second
order against finite differences, and ``SPECIAL_POINTS``, the derivatives at kinks and poles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A call to differentiate.

    function
        called as ``function(*args, **settings)`` on Values, on arrays, and with the settings
        given by position
    args
        arrays and Python floats, or lists of them; differentiated by each of type float or complex
    settings
        what is not differentiated by
    fixed
        positions in args that stay plain
    order
        derivatives are checked up to this order
    result
        what of the output is compared, where not everything is determined: eigenvectors only up to
        sign, for instance
    prepare
        makes the arguments from free ones, as a symmetric matrix; a function of Values
    reference
        computes the value from plain arrays, independently; `function` itself if it is NumPy's
    float32
        whether float32 arguments must give float32 results
    rtol
        tolerance of derivatives, relative to the largest
    """

    function: Callable[..., Any]
    args: Sequence[Any]
    settings: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    fixed: tuple[int, ...] = ()
    order: int = 2
    result: Callable[[Any], Any] = lambda out: out
    prepare: Callable[..., Sequence[Any]] = lambda *args: args
    reference: Callable[..., Any] | None = None
    float32: bool = True
    rtol: float = 1e-6

    def __str__(self) -> str:
        shapes = ",".join(_shapes(a) for a in self.args)
        if self.id:
            return self.id
        shown = {k: v for k, v in self.settings.items() if not isinstance(v, np.ndarray)}
        settings = ",".join(f"{k}={v}" for k, v in shown.items())
        return f"{self.function.__name__}({shapes}{';' if settings else ''}{settings})"

    def __call__(self, *args: Any) -> Any:
        """The result on these arguments."""
        return self.result(self.function(*self.prepare(*args), **self.settings))


@dataclass(frozen=True)
class SpecialPoint:
    """The derivative at a kink, a pole or far out.

    gradients
        expected for each argument (a number or an array), None for one not checked
    cotangent
        what is pulled back
    result
        what of the output is differentiated
    """

    function: Callable[..., Any]
    args: Sequence[Any]
    gradients: Sequence[Any]
    settings: dict[str, Any] = field(default_factory=dict)
    cotangent: float = 1.0
    result: Callable[[Any], Any] = lambda out: out
    id: str = ""

    def __str__(self) -> str:
        return self.id or f"{self.function.__name__}{tuple(self.args)}"


def smooth(*shape: int, seed: int = 0, dtype: type = float) -> np.ndarray:
    """Numbers between -2 and 2. Arrays of one shape are equal unless their seeds differ."""
    rng = np.random.default_rng([seed, *shape])
    real = rng.uniform(-2, 2, shape)
    return real + 1j * rng.uniform(-2, 2, shape) if dtype is complex else real


def between(low: float, high: float, *shape: int, seed: int = 0) -> np.ndarray:
    """Numbers in an open interval."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers between 0.5 and 2."""
    return between(0.5, 2, *shape, seed=seed)


def away_from(*points: float, shape: tuple[int, ...], gap: float = 0.1, seed: int = 0):
    """Numbers between -2 and 2, none closer than `gap` to any of the points."""
    numbers = smooth(*shape, seed=seed)
    for point in points:
        near = np.abs(numbers - point) < gap
        numbers = np.where(near, point + np.where(numbers < point, -gap, gap) * 1.5, numbers)
    return numbers


def distinct(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers between -2 and 2, shuffled, no two closer than a step apart; none is 0."""
    count = int(np.prod(shape))
    steps = (np.arange(count) + 0.5 + 0.1 * seed / (1 + seed)) / max(count, 1) * 3.9 - 1.93
    return np.random.default_rng([seed, *shape]).permutation(steps).reshape(shape)


def invertible(*shape: int, seed: int = 0, dtype: type = float) -> np.ndarray:
    """Square matrices far from singular."""
    return smooth(*shape, seed=seed, dtype=dtype) + 5 * np.eye(shape[-1])


def _shapes(argument: Any) -> str:
    if isinstance(argument, (list, tuple)):
        return f"[{','.join(_shapes(a) for a in argument)}]"
    kind = "c" if np.iscomplexobj(argument) else ""
    if not isinstance(argument, np.ndarray):
        return type(argument).__name__
    return kind + ("x".join(map(str, argument.shape)) or "0d")
