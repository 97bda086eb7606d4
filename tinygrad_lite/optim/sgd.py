"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value
from tinygrad_lite.optim.optimizer import Array, Constraint, Optimizer, Parameters, checked


class SGD(Optimizer):
    """Steps against the gradient, with momentum if wanted; the formulas are PyTorch's.

    ``v = momentum * v + (1 - dampening) * g``, starting with v = g; then ``x -= lr * v``, or with
    `nesterov` ``x -= lr * (g + momentum * v)``.

    Args:
        parameters: Values to train, or groups of them (see `Optimizer`).
        lr: learning rate; may be set anew at any time.
        momentum: share of the previous step's velocity that is kept, 0 for none.
        dampening: share of the gradient that does not enter the velocity.
        weight_decay: share of the parameter that is added to its gradient.
        nesterov: look ahead along the velocity.
        constraints: functions called after each step, such as `Clamp`.

    Raises:
        TypeError, ValueError: as `Optimizer`; or a setting is negative, or nesterov without
            momentum or with dampening.

    >>> w = Value(np.array([1.0, 2.0]), name="w")
    >>> optimiser = SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimiser.step()
    >>> w.data
    array([0.8, 1.6])
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        constraints: Iterable[Constraint] = (),
    ) -> None:
        checked("SGD", momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(
                f"SGD: nesterov=True needs a momentum and no dampening, not momentum={momentum} "
                f"and dampening={dampening}"
            )
        settings = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov,
        }  # fmt: skip
        super().__init__(parameters, settings, constraints)

    def change(self, parameter: Value, gradient: Array) -> Any:
        settings = self.settings(parameter)
        momentum = settings["momentum"]
        if settings["weight_decay"]:
            decay = np.multiply(
                parameter.data, settings["weight_decay"], out=self.room(parameter, 1)
            )
            gradient = np.add(gradient, decay, out=decay)
        elif not momentum and not gradient.ndim:
            return settings["lr"] * float(gradient)  # networks of single numbers have many
        room = self.room(parameter)
        direction: Any = gradient
        if momentum:
            state = self.state.setdefault(parameter, {})
            direction = state.get("momentum_buffer")
            if direction is None:
                direction = state["momentum_buffer"] = gradient.copy()
            else:
                direction *= momentum
                if settings["dampening"]:
                    direction += np.multiply(gradient, 1 - settings["dampening"], out=room)
                else:
                    direction += gradient
            if settings["nesterov"]:
                np.multiply(direction, momentum, out=room)
                direction = np.add(room, gradient, out=room)
        return np.multiply(direction, settings["lr"], out=room)
