"""Optimisers that scale every entry by its own past gradients: Adam, AdamW, RMSprop, Adagrad."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value
from tinygrad_lite.optim.optimizer import (
    Array,
    Constraint,
    Optimizer,
    Parameters,
    checked,
    shares,
)


class _Adaptive(Optimizer):
    """What they share: weight decay added to the gradient, and averages of its square."""

    def decayed(self, parameter: Value, gradient: Array, decay: float) -> Array:
        """The gradient with a share of the parameter added, in room 1."""
        if not decay:
            return gradient
        room = self.room(parameter, 1)
        np.multiply(parameter.data, decay, out=room)
        return np.add(room, gradient, out=room)

    def average(self, mean: Array, entries: Array, keep: float, room: Array) -> None:
        """``mean = keep * mean + (1 - keep) * entries``, in place."""
        mean *= keep
        mean += np.multiply(entries, 1 - keep, out=room)

    def begun(self, parameter: Value, *names: str) -> dict[str, Any]:
        """The state of a parameter, one step further; at first, zeros by these names."""
        state = self.state.get(parameter)
        if state is None:
            state = self.state[parameter] = {"step": 0}
            for name in names:
                state[name] = np.zeros_like(parameter.data)
        state["step"] += 1
        return state


class Adam(_Adaptive):
    """Steps along the average gradient divided by the root of the average square.

    Source: D. Kingma and J. Ba, Adam: a method for stochastic optimization, 2015; the order of
    operations is PyTorch's.

    Args:
        parameters: Values to train, or groups of them (see `Optimizer`).
        lr: learning rate; may be set anew at any time.
        betas: shares of the past in the two averages.
        eps: added to the root.
        weight_decay: share of the parameter that is added to its gradient.
        amsgrad: divide by the largest average square so far (S. Reddi and others, 2018).
        constraints: functions called after each step, such as `Clamp`.

    Raises:
        TypeError, ValueError: as `Optimizer`; or a setting is out of range.

    >>> w = Value(np.array([1.0, -2.0]), name="w")
    >>> optimiser = Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimiser.step()
    >>> w.data.round(6)
    array([ 0.9, -1.9])
    """

    decoupled = False  # whether weight decay acts on the parameter itself

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        constraints: Iterable[Constraint] = (),
    ) -> None:
        kind = type(self).__name__
        shares(kind, **{"betas[0]": betas[0], "betas[1]": betas[1]})
        checked(kind, eps=eps, weight_decay=weight_decay)
        settings = {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad,
        }  # fmt: skip
        super().__init__(parameters, settings, constraints)

    def change(self, parameter: Value, gradient: Array) -> Any:
        settings = self.settings(parameter)
        lr, (keep, keep_square) = settings["lr"], settings["betas"]
        decay, amsgrad = settings["weight_decay"], settings["amsgrad"]
        names = ("exp_avg", "exp_avg_sq", *["max_exp_avg_sq"] * amsgrad)
        state = self.begun(parameter, *names)
        if not self.decoupled:
            gradient = self.decayed(parameter, gradient, decay)
        room = self.room(parameter)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        self.average(mean, gradient, keep, room)
        squared = np.multiply(gradient, gradient, out=room)
        self.average(square, squared, keep_square, room)
        if amsgrad:
            square = np.maximum(state["max_exp_avg_sq"], square, out=state["max_exp_avg_sq"])
        # The averages start at zero: divided by the share of them that is not that start.
        step = state["step"]
        np.sqrt(square, out=room)
        room *= 1 / math.sqrt(1 - keep_square**step)
        room += settings["eps"]
        np.divide(mean, room, out=room)
        room *= lr / (1 - keep**step)
        if self.decoupled and decay:
            room += np.multiply(parameter.data, lr * decay, out=self.room(parameter, 1))
        return room


class AdamW(Adam):
    """`Adam` whose weight decay shrinks the parameter itself, by ``lr * weight_decay``.

    Source: I. Loshchilov and F. Hutter, Decoupled weight decay regularization, 2019. Arguments as
    of `Adam`; the weight decay is 0.01 unless told otherwise.
    """

    decoupled = True

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        constraints: Iterable[Constraint] = (),
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay, amsgrad, constraints=constraints)


class RMSprop(_Adaptive):
    """Steps along the gradient divided by the root of its average square.

    Source: T. Hinton, Neural networks for machine learning, lecture 6e, 2012; the formulas are
    PyTorch's.

    Args:
        parameters: Values to train, or groups of them (see `Optimizer`).
        lr: learning rate; may be set anew at any time.
        alpha: share of the past in the average.
        eps: added to the root.
        weight_decay: share of the parameter that is added to its gradient.
        momentum: share of the previous step's velocity that is kept, 0 for none.
        centered: subtract the square of the average gradient, which leaves the variance.
        constraints: functions called after each step, such as `Clamp`.

    Raises:
        TypeError, ValueError: as `Optimizer`; or a setting is out of range.
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        constraints: Iterable[Constraint] = (),
    ) -> None:
        checked("RMSprop", alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        settings = {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
            "momentum": momentum, "centered": centered,
        }  # fmt: skip
        super().__init__(parameters, settings, constraints)

    def change(self, parameter: Value, gradient: Array) -> Any:
        settings = self.settings(parameter)
        alpha, momentum = settings["alpha"], settings["momentum"]
        names = ["square_avg", *["grad_avg"] * settings["centered"]]
        state = self.begun(parameter, *names, *["momentum_buffer"] * bool(momentum))
        gradient = self.decayed(parameter, gradient, settings["weight_decay"])
        room = self.room(parameter)
        self.average(state["square_avg"], np.multiply(gradient, gradient, out=room), alpha, room)
        if settings["centered"]:
            mean = state["grad_avg"]
            self.average(mean, gradient, alpha, room)
            np.multiply(mean, mean, out=room)
            np.subtract(state["square_avg"], room, out=room)
            np.sqrt(room, out=room)
        else:
            np.sqrt(state["square_avg"], out=room)
        room += settings["eps"]
        np.divide(gradient, room, out=room)
        if momentum:
            velocity = state["momentum_buffer"]
            velocity *= momentum
            velocity += room
            np.copyto(room, velocity)
        room *= settings["lr"]
        return room


class Adagrad(_Adaptive):
    """Steps along the gradient divided by the root of the sum of its squares.

    Source: J. Duchi and others, Adaptive subgradient methods, 2011; the formulas are PyTorch's.

    Args:
        parameters: Values to train, or groups of them (see `Optimizer`).
        lr: learning rate; may be set anew at any time.
        lr_decay: the rate is divided by 1 + lr_decay times the number of steps before.
        weight_decay: share of the parameter that is added to its gradient.
        initial_accumulator_value: where the sums start.
        eps: added to the root.
        constraints: functions called after each step, such as `Clamp`.

    Raises:
        TypeError, ValueError: as `Optimizer`; or a setting is negative.
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        constraints: Iterable[Constraint] = (),
    ) -> None:
        settings = {
            "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps,
            "initial_accumulator_value": initial_accumulator_value,
        }  # fmt: skip
        checked("Adagrad", **settings)
        super().__init__(parameters, {"lr": lr, **settings}, constraints)

    def change(self, parameter: Value, gradient: Array) -> Any:
        settings = self.settings(parameter)
        state = self.begun(parameter, "sum")
        if state["step"] == 1:
            state["sum"] += settings["initial_accumulator_value"]
        gradient = self.decayed(parameter, gradient, settings["weight_decay"])
        room = self.room(parameter)
        state["sum"] += np.multiply(gradient, gradient, out=room)
        np.sqrt(state["sum"], out=room)
        room += settings["eps"]
        np.divide(gradient, room, out=room)
        room *= settings["lr"] / (1 + (state["step"] - 1) * settings["lr_decay"])
        return room
