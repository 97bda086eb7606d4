"""Whose threads a plan uses: those of BLAS, or in plans that mostly convolve our own alone.

OpenBLAS's threads wait for the next product for 0.1 s, and keep their core busy meanwhile: after a
linear layer, pooling on two threads took as long as on one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import RULES
from tinygrad_lite.replay.form import Instruction
from tinygrad_lite.replay.storage import Step
from tinygrad_lite.rules import blas
from tinygrad_lite.rules.correlation import WORTHWHILE, correlate, gather_kernel, spread


def is_mostly_convolution(steps: Iterable[Step]) -> bool:
    """Whether more is multiplied in convolutions, large enough for threads, than in products."""
    convolved = multiplied = 0
    for step in steps:
        if not isinstance(step, Instruction):
            continue
        if step.function in (np.matmul, np.dot):
            multiplied += math.prod(step.targets[0].shape) * np.shape(step.arguments[0])[-1]
        elif step.function in _CONVOLUTIONS:
            work = _multiplications(step)
            convolved += work if work > WORTHWHILE else 0
    return convolved > multiplied


def _multiplications(step: Instruction) -> int:
    """Those of a convolution: each entry of the smaller images takes part in a kernel of them."""
    (target,), (first, second, *_) = step.targets, step.arguments
    if step.function is _CORRELATE:
        images, kernels = target, second
    elif step.function is _SPREAD:
        images, kernels = first, second
    else:
        images, kernels = first, target
    multiplications: int = math.prod(np.shape(images)) * math.prod(np.shape(kernels)[1:])
    return multiplications


def holding_blas(run: Callable[..., Any]) -> Callable[..., Any]:
    """A function that runs with BLAS single-threaded, so that its threads sleep."""

    @wraps(run)
    def held(*args: Any) -> Any:
        with blas.single_threaded():
            return run(*args)

    return held


_CORRELATE, _SPREAD = RULES[correlate], RULES[spread]
_CONVOLUTIONS = {_CORRELATE, _SPREAD, RULES[gather_kernel]}
