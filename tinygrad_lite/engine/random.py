"""Random draws that a captured function makes anew at each replay."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.modes import ENTERED, MODE


def draw(generator: np.random.Generator, method: str, *args: Any, **settings: Any) -> Any:
    """``generator.method(*args, **settings)``; fresh numbers at each replay, too.

    Args:
        generator: the source of the numbers.
        method: name of one of its methods.
        *args, **settings: of that method; while a function is captured they must not depend on
            its data.

    >>> draw(np.random.default_rng(0), "random", 2)
    array([0.63696169, 0.26978671])
    """
    trace = MODE.get().trace if ENTERED.count else None
    if trace is not None:
        return trace.draw(generator, method, args, settings)
    return getattr(generator, method)(*args, **settings)
