"""The weighted sum a neuron makes of what its connections bring, as one operation."""

from __future__ import annotations

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

    >>> weighted_sum(2.0, 10.0, 3.0, 1.0)
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
    shape = np.shape(activations[0])
    if len(shape) > 1 or any(map(np.ndim, weights)):
        return None
    if not all(np.shape(a) == shape for a in activations):
        return None
    matrix = np.array(activations)
    # As with any operator, a Python number takes on the dtype of the array it meets.
    widened = matrix.dtype.kind not in "fc" or not all(type(w) is float for w in weights)
    return np.array(weights, dtype=None if widened else matrix.dtype), matrix


class _Cotangents:
    """Cotangents of all terms, those of the weights and those of the activations each computed
    when first asked for: the activations are often constants."""

    def __init__(self, g: Any, terms: tuple[Any, ...]) -> None:
        self.g = g
        self.terms = terms
        self.rows = _as_rows(terms) if not _any_value(g, terms) else None
        self.of_weights: Any = None
        self.of_activations: Any = None

    def __getitem__(self, argnum: int) -> Any:
        term, is_activation = divmod(argnum, 2)
        if self.rows is None:
            return self.g * self.terms[argnum - 1 if is_activation else argnum + 1]
        weights, activations = self.rows
        if is_activation:
            if self.of_activations is None:
                self.of_activations = np.multiply.outer(weights, self.g)
            return self.of_activations[term]
        if self.of_weights is None:
            dot = np.matmul if activations.ndim == 2 else np.multiply
            self.of_weights = dot(activations, self.g).tolist()
        return self.of_weights[term]


def _any_value(g: Any, terms: tuple[Any, ...]) -> bool:
    return type(g) is Value or any(type(term) is Value for term in terms)


RULES[weighted_sum] = Operation(
    weighted_sum, JointVjp(lambda g, out, *terms: _Cotangents(g, terms))
)
