"""The calculus: a row of the rulebook for every operation, a file for every family."""

from tinygrad_lite.rules import (
    activations,
    arithmetic,
    constants,
    convolution,
    elementwise,
    indexing,
    pooling,
    products,
    reductions,
    shaping,
    zero,
)

from tinygrad_lite.rules import methods  # isort: skip (after the rows it attaches)
