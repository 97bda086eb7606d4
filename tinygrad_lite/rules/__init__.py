"""The calculus: a row of the rulebook for every operation, a file for every family."""

from tinygrad_lite.rules import (
    activations,
    arithmetic,
    constants,
    convolution,
    decompositions,
    diagonals,
    differences,
    einsum,
    elementwise,
    embedding,
    error_function,
    fft,
    gates,
    indexing,
    joining,
    likelihood,
    linalg,
    linear,
    normalisation,
    piecewise,
    pooling,
    products,
    rectifiers,
    reductions,
    selecting,
    shaping,
    statistics,
    zero,
)

from tinygrad_lite.rules import methods  # isort: skip (after the rows it attaches)
from tinygrad_lite.rules import habits  # isort: skip (after the methods there are)
