"""What those who come from PyTorch ask of a tensor and a Value lacks: errors say what to write.

Looking these names up fails as for any other, so `hasattr` is False; no other access gets slower.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.engine.value import Value

_NO_DEVICE = "there are no devices: leave it out"
_NO_FLAG = (
    "every Value has a gradient; what needs none is a plain array, and Module.freeze makes one"
)

INSTEAD = {
    "detach": "x.data is the plain array",
    "numpy": "x.data is the array",
    "cpu": _NO_DEVICE,
    "cuda": _NO_DEVICE,
    "device": _NO_DEVICE,
    "to": f"{_NO_DEVICE}, or for another dtype x.astype(dtype)",
    "float": "x.astype(np.float32)",
    "double": "x.astype(np.float64)",
    "requires_grad": _NO_FLAG,
    "requires_grad_": _NO_FLAG,
    "view": "x.reshape(...)",
    "permute": "x.transpose(...)",
    "t": "x.T",
    "unsqueeze": "x[:, None], or np.expand_dims(x, axis)",
    "expand": "np.broadcast_to(x, shape)",
    "contiguous": "leave it out",
    "clone": "leave it out, as Values do not change; x.copy() records a copy",
    "matmul": "x @ y",
    "mm": "x @ y",
    "softmax": "tinygrad_lite.softmax(x, axis=-1)",
    "masked_fill": "np.where(mask, value, x)",
    "norm": "np.linalg.norm(x)",
}


class _Lacking:
    """An attribute that is not there, and says what is."""

    def __init__(self, name: str, instead: str) -> None:
        self.told = f"'Value' object has no attribute {name!r}: {instead}"

    def __get__(self, value: Any, owner: Any = None) -> Any:
        raise AttributeError(self.told)

    def __set__(self, value: Any, new: Any) -> None:
        raise AttributeError(self.told)


for _name, _instead in INSTEAD.items():
    if not hasattr(Value, _name):
        setattr(Value, _name, _Lacking(_name, _instead))
