"""Bounds on gradients, between `backward` and `step`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value, data_of


def clip_grad_norm_(
    parameters: Value | Iterable[Value],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Any:
    """Scale all gradients by one factor, so that their joint norm is at most `max_norm`.

    Args:
        parameters: whose gradients are changed, in place; those without one are left out.
        max_norm: the largest norm allowed.
        norm_type: 2 for the Euclidean norm; any p, infinity included.
        error_if_nonfinite: whether to refuse a norm that is NaN or infinite.

    Returns:
        The norm before.

    Raises:
        RuntimeError: the norm is not finite, and that is an error.

    >>> w = Value(np.array([3.0, 4.0]))
    >>> (w * w).sum().backward()
    >>> clip_grad_norm_([w], 1.0).round(6)
    np.float64(10.0)
    >>> w.grad.round(4)
    array([0.6, 0.8])
    """
    trained = _with_gradients(parameters)
    norm: Any = np.float64(0.0)
    gradients = [data_of(p.grad) for p in trained]
    if norm_type == 2:
        norm = np.sqrt(sum((np.vdot(g, g) for g in gradients), norm))
    elif norm_type == np.inf:
        norm = reduce(np.maximum, (np.max(np.abs(g)) for g in gradients if np.size(g)), norm)
    else:
        total = sum((np.sum(np.abs(g) ** norm_type) for g in gradients), norm)
        norm = total ** (1 / norm_type)
    if error_if_nonfinite and not np.isfinite(norm):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of the gradients is {norm}; detect_anomaly() finds where "
            f"that begins"
        )
    factor = np.minimum(max_norm / (norm + 1e-6), 1.0)
    for parameter in trained:
        gradient = data_of(parameter.grad)
        if type(gradient) is np.ndarray:
            gradient *= factor
        else:
            _replace(parameter, gradient * factor.astype(parameter.dtype))
    return norm


def clip_grad_value_(parameters: Value | Iterable[Value], clip_value: float) -> None:
    """Bring every entry of the gradients into [-clip_value, clip_value], in place.

    >>> w = Value(np.array([3.0, 0.1]))
    >>> (w * w).sum().backward()
    >>> clip_grad_value_([w], 1.0)
    >>> w.grad
    array([1. , 0.2])
    """
    for parameter in _with_gradients(parameters):
        gradient = data_of(parameter.grad)
        if type(gradient) is np.ndarray:
            np.clip(gradient, -clip_value, clip_value, out=gradient)
        else:
            _replace(parameter, np.clip(gradient, -clip_value, clip_value))


def _with_gradients(parameters: Value | Iterable[Value]) -> list[Value]:
    several = [parameters] if isinstance(parameters, Value) else parameters
    return [p for p in several if p.grad is not None]


def _replace(parameter: Value, gradient: Any) -> None:
    """Put another gradient there, without counting that as a reset."""
    passes = parameter.passes
    parameter.grad = float(gradient) if isinstance(gradient, float) else gradient
    parameter.passes = passes
