"""What those who come from PyTorch reach for and do not find, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping

_NO_DEVICE = "everything is NumPy, so there are no devices to move to: leave it out"
_ATTRIBUTE = "keep it as an attribute: self.name = "

IN_MODULE = {
    "to": f"{_NO_DEVICE}; for another dtype astype(dtype), double() or float()",
    "cuda": _NO_DEVICE,
    "cpu": _NO_DEVICE,
    "half": "astype(np.float16), or better astype(np.float32)",
    "requires_grad_": "freeze() and unfreeze() take parameters out of training and back",
    "register_buffer": f"{_ATTRIBUTE}array (a plain array is a buffer)",
    "register_parameter": f"{_ATTRIBUTE}Value(array) (a Value is a parameter)",
    "add_module": f"{_ATTRIBUTE}module",
    "register_forward_hook": "record what you want in forward, or draw the graph with tg.draw",
    "device": _NO_DEVICE,
}
"""By name of an attribute of a module."""

IN_ROOM = {
    "functional": "the functions are in tinygrad_lite (tg.relu, tg.softmax, tg.conv2d) and NumPy "
    "(np.tanh); losses are in nn (nn.cross_entropy)",
    "Parameter": "a tinygrad_lite.Value that is an attribute of a module is a parameter",
    "ModuleList": "a list of modules that is an attribute is found: self.layers = [...]",
    "ModuleDict": "a dict of modules that is an attribute is found: self.layers = {...}",
    "ParameterList": "a list of Values that is an attribute is found",
    "utils": "optim.clip_grad_norm_ and optim.clip_grad_value_ clip gradients",
    "Hardtanh": "np.clip(x, -1, 1)",
    "DataParallel": "products of matrices and convolutions use all cores by themselves",
}
"""By name in `nn`."""

IN_INIT = {
    theirs: f"it gives an array: layer(..., initialiser=init.{ours}), or "
    f"weight.data[...] = init.{ours}(weight.shape, generator)"
    for theirs, ours in {
        "xavier_uniform_": "glorot_uniform",
        "xavier_normal_": "glorot_normal",
        "kaiming_uniform_": "he_uniform",
        "kaiming_normal_": "he_normal",
        "orthogonal_": "orthogonal",
        "uniform_": "uniform",
        "normal_": "normal",
        "zeros_": "zeros",
    }.items()
}
"""By name in `nn.init`."""


def lacking(what: str, name: str, instead: Mapping[str, str]) -> AttributeError:
    """The error for a name that is not there."""
    told = f"{what} has no attribute {name!r}"
    return AttributeError(f"{told}: {instead[name]}" if name in instead else told)
