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


def is_mostly_convolution(calls: Iterable[Instruction]) -> bool:
    """Whether more is multiplied in convolutions, large enough for threads, than in products."""
    convolved = multiplied = 0
    for step in calls:
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


def sharing_cores(run: Callable[..., Any], steps: Iterable[Step]) -> Callable[..., Any]:
    """What runs some steps, with BLAS's threads asleep, or with ours where those are needed."""
    calls = [step for step in steps if isinstance(step, Instruction)]
    if _CONVOLUTIONS.isdisjoint(step.function for step in calls):
        return run
    mode = blas.single_threaded if is_mostly_convolution(calls) else blas.awake

    @wraps(run)
    def shared(*args: Any) -> Any:
        with mode():
            return run(*args)

    return shared


_CORRELATE, _SPREAD = RULES[correlate], RULES[spread]
_CONVOLUTIONS: set[Any] = {_CORRELATE, _SPREAD, RULES[gather_kernel]}
