"""Lifting: a recording of many operations on numbers becomes one of few on matrices.

From recording to recording, each step a file:

    graph      the recording in numbers: every slot and constant an integer
    sums       chains of additions become sums with all their terms, products among them
    leaves     scalar leaves, such as weights, are packed into vectors
    writer     level by level, operations that do the same become one
    products   sums of products become matrix products, long sums reductions
    grids      which sums of products make up a matrix product
    table      which array holds which captured number, and how to fetch many of them
    views      slices and transposes that serve in the place of copies
    builder    writes instructions, and runs them on the examples
    lift       the whole, and whether it pays

Nothing here knows of networks: what repeats is found by comparing what operations do, and where
their arguments come from. What does not fit stays as it was.
"""

from tinygrad_lite.replay.lifting.lift import lift

__all__ = ["lift"]
