"""What every optimiser does: hold parameters, check gradients, step, keep constraints."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_lite.engine.tracing import current
from tinygrad_lite.engine.value import Value, describe

Array = np.ndarray[Any, Any]
Constraint = Callable[[], None]

# What `Value.passes` is set to once a step has used the gradient: far below zero, so that passes
# added without a reset in between leave it negative, while a reset makes it zero.
_USED = -(1 << 40)


class Optimizer:
    """Base of the optimisers: a subclass writes `change`.

    Args:
        parameters: Values to train; their arrays are updated in place.
        lr: learning rate; may be set anew at any time.
        constraints: functions called after each step, such as `Clamp`.

    Raises:
        TypeError: a parameter is not a Value, or not a leaf.
        ValueError: there are no parameters, one is given twice, or `lr` is negative.
    """

    def __init__(
        self, parameters: Iterable[Value], lr: float, constraints: Iterable[Constraint] = ()
    ) -> None:
        self.parameters = list(parameters)
        self.lr = lr
        self.constraints = list(constraints)
        self._warned = False
        if not self.parameters:
            raise ValueError("an optimiser needs parameters to train; it was given none")
        for position, parameter in enumerate(self.parameters):
            if not isinstance(parameter, Value):
                raise TypeError(
                    f"an optimiser trains Values; parameter {position} is a "
                    f"{type(parameter).__name__}. Wrap the array in Value(...)"
                )
            if not parameter.is_leaf:
                raise TypeError(
                    f"an optimiser trains leaves; parameter {position}, {describe(parameter)}, was "
                    f"computed from other Values: train those, or Value(x.data)"
                )
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("an optimiser was given the same parameter twice")
        if not lr >= 0:
            raise ValueError(f"lr must not be negative, but is {lr}")

    def change(self, parameter: Value, gradient: Any) -> Any:
        """What to subtract from a parameter; may be overwritten by the next call for it."""
        raise NotImplementedError(f"{type(self).__name__} has no change(parameter, gradient)")

    def step(self) -> None:
        """Move every parameter that has a gradient, in place, then apply the constraints.

        Raises:
            RuntimeError: no parameter has a gradient.

        Warns (once):
            RuntimeWarning: gradients of an earlier step were added to, not reset.
        """
        trace = current()
        if trace is not None:
            trace.update(self)
            return
        stepped = False
        for parameter in self.parameters:
            gradient = parameter.grad
            if gradient is None:
                continue
            stepped = True
            if _USED < parameter.passes < 0:
                self._warn_of_accumulation(parameter)
            parameter.passes = _USED
            gradient = gradient.data if type(gradient) is Value else gradient
            if type(parameter.data) is float:
                parameter.data -= float(self.change(parameter, gradient))
            else:
                parameter.data -= self.change(parameter, gradient)
        if not stepped:
            raise RuntimeError(
                f"step() found no gradient on any of {len(self.parameters)} parameters "
                f"({describe(self.parameters[0])}, ...): call loss.backward() before it, with a "
                f"loss computed from these very Values"
            )
        for constraint in self.constraints:
            constraint()

    def zero_grad(self) -> None:
        """Forget the gradients, as before each new backward()."""
        for parameter in self.parameters:
            parameter.grad = None

    def _warn_of_accumulation(self, parameter: Value) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"the gradient of {describe(parameter)} still holds what the previous step used, "
                f"and a backward() was added to it: call zero_grad() between steps",
                RuntimeWarning,
                stacklevel=3,
            )


class Clamp:
    """A constraint: keep parameters within [low, high], as the blog does with biases.

    >>> from tinygrad_lite import nn, optim
    >>> net = nn.Linear(3, 2)
    >>> clamp = optim.Clamp([net.bias], -0.8, 0.8)
    >>> optimiser = optim.SGD(net.parameters(), lr=0.1, constraints=[clamp])
    """

    def __init__(self, parameters: Iterable[Value], low: float, high: float) -> None:
        self.parameters = list(parameters)
        self.low = low
        self.high = high
        if not low <= high:
            raise ValueError(f"Clamp: low={low} must not be above high={high}")

    def __call__(self) -> None:
        for parameter in self.parameters:
            if type(parameter.data) is float:
                parameter.data = min(max(parameter.data, self.low), self.high)
            else:
                np.clip(parameter.data, self.low, self.high, out=parameter.data)
