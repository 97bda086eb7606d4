"""tinygrad_lite: build networks, see their graphs, check hand-derived gradients."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import tinygrad_lite.engine.protocol
import tinygrad_lite.rules  # noqa: F401 (enters the rules)
from tinygrad_lite.engine.anomaly import AnomalyError, detect_anomaly
from tinygrad_lite.engine.checkpoint import checkpoint
from tinygrad_lite.engine.modes import enable_grad, no_grad, scope
from tinygrad_lite.engine.program import Program
from tinygrad_lite.engine.transforms import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from tinygrad_lite.engine.value import Value
from tinygrad_lite.functions import elu, gelu, leaky_relu, log_sigmoid, one_hot
from tinygrad_lite.rules.activations import (
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
)
from tinygrad_lite.rules.adaptive_pooling import adaptive_avg_pool2d, adaptive_max_pool2d
from tinygrad_lite.rules.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from tinygrad_lite.rules.error_function import erf, erfc
from tinygrad_lite.rules.indexing import add_at, set_at
from tinygrad_lite.rules.likelihood import xlogy
from tinygrad_lite.rules.linear import linear
from tinygrad_lite.rules.rectifiers import silu
from tinygrad_lite.rules.sliding_pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d

if TYPE_CHECKING:
    from tinygrad_lite.checking import assert_gradients, check_grads, compare, explain
    from tinygrad_lite.drawing import (
        draw,
        draw_images,
        draw_network,
        gradient_norms,
        plot_curves,
        plot_gradient_norms,
        plot_histogram,
        plot_training,
    )
    from tinygrad_lite.replay import CaptureError, capture

__version__ = "0.1.0"

__all__ = [
    "AnomalyError",
    "CaptureError",
    "Program",
    "Value",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "add_at",
    "assert_gradients",
    "avg_pool1d",
    "avg_pool2d",
    "capture",
    "check_grads",
    "checkpoint",
    "compare",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "detect_anomaly",
    "draw",
    "draw_images",
    "draw_network",
    "elu",
    "enable_grad",
    "erf",
    "erfc",
    "explain",
    "gelu",
    "grad",
    "gradient_norms",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "max_pool1d",
    "max_pool2d",
    "no_grad",
    "one_hot",
    "plot_curves",
    "plot_gradient_norms",
    "plot_histogram",
    "plot_training",
    "relu",
    "scope",
    "set_at",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "value_and_grad",
    "vjp",
    "xlogy",
]


# What is imported when first asked for; together they would double the time of the import.
_LATER = {
    "CaptureError": "tinygrad_lite.replay",
    "assert_gradients": "tinygrad_lite.checking",
    "capture": "tinygrad_lite.replay",
    "check_grads": "tinygrad_lite.checking",
    "compare": "tinygrad_lite.checking",
    "draw": "tinygrad_lite.drawing",
    "draw_images": "tinygrad_lite.drawing",
    "draw_network": "tinygrad_lite.drawing",
    "explain": "tinygrad_lite.checking",
    "gradient_norms": "tinygrad_lite.drawing",
    "plot_curves": "tinygrad_lite.drawing",
    "plot_gradient_norms": "tinygrad_lite.drawing",
    "plot_histogram": "tinygrad_lite.drawing",
    "plot_training": "tinygrad_lite.drawing",
}
_ROOMS = {
    "checking", "data", "drawing", "export", "extend", "neurons", "nn", "optim", "replay",
    "training",
}  # fmt: skip


# What those who come from PyTorch may look for.
_INSTEAD = {
    "Tensor": "a Value(data), or a plain array if it needs no gradient",
    "tensor": "Value(data), or a plain array if it needs no gradient",
    "from_numpy": "arrays are used as they are",
    "manual_seed": "whatever draws takes a generator: np.random.default_rng(seed)",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _ROOMS:
        return import_module(f"tinygrad_lite.{name}")
    told = f"module 'tinygrad_lite' has no attribute {name!r}"
    raise AttributeError(f"{told}: {_INSTEAD[name]}" if name in _INSTEAD else told)
