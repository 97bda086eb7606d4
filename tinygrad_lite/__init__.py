"""tinygrad_lite: build networks, see their graphs, check hand-derived gradients."""

from tinygrad_lite import rules as _rules
from tinygrad_lite.engine import protocol as _protocol
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
)  # fmt: skip
from tinygrad_lite.engine.value import Value
from tinygrad_lite.rules.activations import relu, sigmoid
