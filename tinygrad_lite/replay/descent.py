"""Plain gradient descent as calls of the plan: other optimisers are called at each replay."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.replay.form import Update
from tinygrad_lite.replay.packs import Pack

# Settings of a group of parameters under which a step of SGD is `x -= lr * g`.
_OFF = ("momentum", "weight_decay")


def is_plain(step: Update) -> bool:
    """Whether a step subtracts gradients times the learning rate, and nothing else."""
    optimizer = step.optimizer
    kind = type(optimizer)
    return (
        (kind.__module__, kind.__name__) == ("tinygrad_lite.optim.sgd", "SGD")
        and not optimizer.constraints
        and not any(isinstance(parameter, Pack) for parameter in step.parameters)
        and not any(group[name] for group in optimizer.param_groups for name in _OFF)
        and not any(slot.is_number for slot in step.data)
    )


def taken_for_granted(optimizer: Any) -> list[tuple[dict[str, Any], str]]:
    """The settings that must stay zero."""
    return [(group, name) for group in optimizer.param_groups for name in _OFF]


class Rate:
    """The learning rate of a group at the time of the call, as an array of a dtype."""

    def __init__(self, group: dict[str, Any], dtype: Any) -> None:
        self.group = group
        self.dtype = dtype
        self.__name__ = "rate"

    def __call__(self) -> Any:
        return np.array(self.group["lr"], self.dtype)
