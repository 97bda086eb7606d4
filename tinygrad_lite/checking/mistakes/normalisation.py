"""Normalisation to mean 0 and variance 1, pulled back by its closed formula with a part wrong.

For ``a = (z - mean) / s`` with ``s = sqrt(var + eps)``: dz = (g - mean(g) - a mean(g a)) / s
(Ioffe and Szegedy 2015, collected), the means over the axes of the normalisation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes
from tinygrad_lite.checking.links import Link
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.words import called

Axes = tuple[int, ...]
RIGHT = "dz = (g - mean(g) - a * mean(g * a)) / s"


def of_links(links: list[Link]) -> Iterator[Candidate]:
    """Wrong formulas for the normalisations among links that mix entries."""
    for link in links:
        if link.elementwise or len(link.inside) < 3:
            continue
        found = normalised_over(link)
        if found is not None:
            yield from _wrong_formulas(link, *found)


def normalised_over(link: Link) -> tuple[Axes, Array] | None:
    """The axes along which the far end is normalised to give the near one, and what its
    deviations are divided by; None if it is no normalisation."""
    z, a = (np.asarray(v.data, dtype=np.float64) for v in (link.z, link.a))
    if z.ndim == 0 or z.shape != a.shape or z.size < 4:
        return None
    for count in range(1, z.ndim + 1):
        for axes in combinations(range(z.ndim), count):
            away = z - z.mean(axis=axes, keepdims=True)
            variance = np.mean(away**2, axis=axes, keepdims=True)
            scaled = np.mean(a**2, axis=axes, keepdims=True)
            if not np.all(variance > 0) or not np.all(scaled > 0):
                continue
            s = np.sqrt(variance / scaled)
            if np.all(s >= 0.9 * np.sqrt(variance)) and np.allclose(a * s, away, rtol=1e-6):
                return axes, s
    return None


def _wrong_formulas(link: Link, axes: Axes, s: Array) -> Iterator[Candidate]:
    def mean(x: Array, over: Axes = axes) -> Array:
        return np.mean(x, axis=over, keepdims=True)

    def total(x: Array) -> Array:
        return np.sum(x, axis=axes, keepdims=True)

    if not link.is_pulled_back_by(lambda g, a: (g - mean(g) - a * mean(g * a)) / s):
        return  # such as deviations alone, or a variance divided by n - 1
    z = np.asarray(link.z.data, dtype=np.float64)
    forms: list[tuple[str, Callable[[Array, Array], Array], str, float]] = [
        ("derivative-missing", lambda g, a: g - mean(g) - a * mean(g * a),
         "without dividing by the standard deviation", 0.15),
        ("derivative-twice", lambda g, a: (g - mean(g) - a * mean(g * a)) / s**2,
         "dividing by the variance instead of the standard deviation", 0.2),
        ("sign", lambda g, a: (g - mean(g) + a * mean(g * a)) / s,
         "with a plus before the mean of g * a", 0.2),
        ("sign", lambda g, a: (g + mean(g) - a * mean(g * a)) / s,
         "with a plus before the mean of g", 0.2),
        ("sign", lambda g, a: (g + mean(g) + a * mean(g * a)) / s,
         "with a plus before both means", 0.25),
        ("wrong-operand", lambda g, a: (g - mean(g) - mean(g * a)) / s,
         "without the normalised values before the mean of g * a", 0.25),
        ("wrong-operand", lambda g, a: (g - mean(g) - a * mean(g)) / s,
         "with the mean of g in the place of that of g * a", 0.25),
        ("wrong-operand", lambda g, a: (g - mean(g) - a * mean(g * z)) / s,
         "with the values before normalisation in the mean of g * a", 0.3),
        ("summed-batch", lambda g, a: (g - total(g) - a * total(g * a)) / s,
         "with sums in the place of both means", 0.1),
        ("summed-batch", lambda g, a: (g - total(g) - a * mean(g * a)) / s,
         "with a sum in the place of the mean of g", 0.2),
        ("summed-batch", lambda g, a: (g - mean(g) - a * total(g * a)) / s,
         "with a sum in the place of the mean of g * a", 0.2),
    ]  # fmt: skip
    for count in range(1, z.ndim + 1):
        for other in combinations(range(z.ndim), count):
            if other == axes:
                continue
            words = f"over {_words(other)} instead of {_words(axes)}"
            forms += [
                ("wrong-axis", lambda g, a, o=other: (g - mean(g, o) - a * mean(g * a, o)) / s,  # type: ignore[misc]
                 f"with both means {words}", 0.1),
                ("wrong-axis", lambda g, a, o=other: (g - mean(g, o) - a * mean(g * a)) / s,  # type: ignore[misc]
                 f"with the mean of g {words}", 0.2),
                ("wrong-axis", lambda g, a, o=other: (g - mean(g) - a * mean(g * a, o)) / s,  # type: ignore[misc]
                 f"with the mean of g * a {words}", 0.2),
            ]  # fmt: skip
    near, far = called(link.a), called(link.z)
    for kind, form, words, prior in forms:

        def jump(g: Array, z: Array, a: Array, form: Callable[..., Array] = form) -> Array:
            return form(np.asarray(g), np.asarray(a))

        yield Candidate(
            kind, Changes(links={link.a: (link.z, jump)}), link.z, link.a,
            f"the normalisation from {far} to {near} is pulled back {words}",
            f"{RIGHT}, the means over {_words(axes)}", f"normalisation-{words}", prior,
        )  # fmt: skip


def _words(axes: Axes) -> str:
    return f"{'axes' if len(axes) > 1 else 'axis'} {', '.join(map(str, axes))}"
