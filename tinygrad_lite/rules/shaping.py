"""Rules of functions that rearrange entries without changing them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import defvjp


def _transpose_vjp(g: Any, out: Any, x: Any, axes: Any = None) -> Any:
    return np.transpose(g, None if axes is None else np.argsort(axes))


def _broadcast_to_vjp(g: Any, out: Any, x: Any, shape: Any) -> Any:
    return g  # the engine sums over the broadcast axes


defvjp(np.reshape, lambda g, out, x, shape, order="C": np.reshape(g, np.shape(x), order=order))
defvjp(np.transpose, _transpose_vjp)
defvjp(np.swapaxes, lambda g, out, x, axis1, axis2: np.swapaxes(g, axis1, axis2))
defvjp(np.expand_dims, lambda g, out, x, axis: np.reshape(g, np.shape(x)))
defvjp(np.broadcast_to, _broadcast_to_vjp)
