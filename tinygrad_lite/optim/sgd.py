"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value
from tinygrad_lite.optim.optimizer import Constraint, Optimizer


class SGD(Optimizer):
    """Steps against the gradient, with momentum if wanted; the formulas are PyTorch's.

    ``v = momentum * v + g``, starting with v = g; then ``x -= lr * v``, or with `nesterov`
    ``x -= lr * (g + momentum * v)``.

    Args:
        parameters: Values to train.
        lr: learning rate; may be set anew at any time.
        momentum: share of the previous step's velocity that is kept, 0 for none.
        nesterov: look ahead along the velocity.
        constraints: functions called after each step, such as `Clamp`.

    Raises:
        TypeError, ValueError: as `Optimizer`; or a momentum is negative, or missing for `nesterov`.

    >>> w = Value(np.array([1.0, 2.0]), name="w")
    >>> optimiser = SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimiser.step()
    >>> w.data
    array([0.8, 1.6])
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        constraints: Iterable[Constraint] = (),
    ) -> None:
        super().__init__(parameters, lr, constraints)
        if momentum < 0 or (nesterov and momentum == 0):
            raise ValueError(
                f"SGD: momentum={momentum} must not be negative, nor zero with nesterov=True"
            )
        self.momentum = momentum
        self.nesterov = nesterov
        self._velocity: dict[Value, Any] = {}
        self._room: dict[Value, Any] = {}

    def change(self, parameter: Value, gradient: Any) -> Any:
        """``lr`` times the gradient or the velocity, written into the same array each time."""
        if type(parameter.data) is float:
            return self.lr * self._scalar_direction(parameter, gradient)
        room = self._room.get(parameter)
        if room is None or room.shape != gradient.shape:
            room = self._room[parameter] = np.empty_like(gradient)
        direction = gradient
        if self.momentum:
            velocity = self._velocity.get(parameter)
            if velocity is None:
                velocity = self._velocity[parameter] = gradient.copy()
            else:
                velocity *= self.momentum
                velocity += gradient
            direction = velocity
            if self.nesterov:
                np.multiply(velocity, self.momentum, out=room)
                direction = np.add(room, gradient, out=room)
        return np.multiply(direction, self.lr, out=room)

    def _scalar_direction(self, parameter: Value, gradient: float) -> float:
        if not self.momentum:
            return gradient
        before: float = self._velocity.get(parameter, 0.0)
        velocity = self._velocity[parameter] = self.momentum * before + gradient
        return gradient + self.momentum * velocity if self.nesterov else velocity
