"""The weighted sum a neuron makes of what its connections bring, as one operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import RULES, JointVjp, Operation
from tinygrad_lite.engine.value import Value


@primitive
def weighted_sum(*terms: Any) -> Any:
    """``w0 * a0 + w1 * a1 + ...`` of arguments w0, a0, w1, a1, ... that broadcast together.

    One operation in the place of a chain twice as long as there are terms, each of whose arguments
    keeps its own gradient. Quickest with numbers as weights, and as activations numbers, or
    vectors of one length (a batch).

    >>> print(weighted_sum(2.0, 10.0, 3.0, 1.0))
    23.0
    """
    rows = _as_rows(terms)
    if rows is None:
        return sum(w * a for w, a in zip(terms[::2], terms[1::2], strict=True))
    weights, activations = rows
    return weights @ activations


def _as_rows(terms: tuple[Any, ...]) -> tuple[Any, Any] | None:
    """Weights as a vector and activations as a matrix of a row each (a vector, if they are
    numbers); None if they are of other shapes than that."""
    weights, activations = terms[::2], terms[1::2]
    kinds = set(map(type, activations))
    if kinds == {np.ndarray} and {a.ndim for a in activations} == {1}:
        if len(set(map(len, activations))) > 1:
            return None
        # Several times as quick as np.array or np.stack, which look into every row.
        matrix = np.concatenate(activations).reshape(len(activations), -1)
    elif kinds <= _NUMBERS:
        matrix = np.array(activations, dtype=np.float64)
    else:
        return None
    if set(map(type, weights)) <= _NUMBERS:
        # As with any operator, a Python number takes on the dtype of the array it meets.
        return np.array(weights, dtype=matrix.dtype if matrix.dtype.kind in "fc" else None), matrix
    return None


_NUMBERS = {float, int}


class _Cotangents:
    """Cotangents of all terms, those of the weights and those of the activations each computed
    when first asked for: the activations are often constants."""

    def __init__(self, g: Any, terms: Sequence[Any]) -> None:
        self.g = g
        self.terms = terms
        recorded = type(g) is Value or Value in set(map(type, terms))
        self.rows = None if recorded else _as_rows(tuple(terms))
        self.of_weights: Any = None
        self.of_activations: Any = None

    def __getitem__(self, argnum: int) -> Any:
        if self.rows is None:
            return self.g * self.terms[argnum ^ 1]  # each is the factor of its neighbour
        if argnum & 1:
            if self.of_activations is None:
                self.of_activations = np.multiply.outer(self.rows[0], self.g)
            return self.of_activations[argnum >> 1]
        if self.of_weights is None:
            activations = self.rows[1]
            dot = np.matmul if activations.ndim == 2 else np.multiply
            self.of_weights = dot(activations, self.g).tolist()
        return self.of_weights[argnum >> 1]


RULES[weighted_sum] = Operation(
    weighted_sum, JointVjp(lambda g, out, *terms: _Cotangents(g, terms))
)
