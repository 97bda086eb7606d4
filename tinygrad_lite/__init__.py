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
from tinygrad_lite.rules.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from tinygrad_lite.rules.pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d

__all__ = [
    "AnomalyError",
    "Program",
    "Value",
    "avg_pool1d",
    "avg_pool2d",
    "check_grads",
    "checkpoint",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "max_pool1d",
    "max_pool2d",
    "no_grad",
    "relu",
    "scope",
    "sigmoid",
    "value_and_grad",
    "vjp",
]
