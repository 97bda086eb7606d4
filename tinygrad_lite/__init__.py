"""tinygrad_lite: build networks, see their graphs, check hand-derived gradients."""

import tinygrad_lite.engine.protocol
import tinygrad_lite.rules  # noqa: F401 (enters the rules)
from tinygrad_lite.checking.check_grads import check_grads
from tinygrad_lite.engine.anomaly import AnomalyError, detect_anomaly
from tinygrad_lite.engine.modes import enable_grad, no_grad, scope
from tinygrad_lite.engine.program import Program
from tinygrad_lite.engine.transforms import (
    checkpoint,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from tinygrad_lite.engine.value import Value
from tinygrad_lite.rules.activations import relu, sigmoid

__all__ = [
    "AnomalyError",
    "Program",
    "Value",
    "check_grads",
    "checkpoint",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "no_grad",
    "relu",
    "scope",
    "sigmoid",
    "value_and_grad",
    "vjp",
]
