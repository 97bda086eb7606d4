"""L-BFGS: a quasi-Newton method that remembers the last steps instead of a Hessian."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from tinygrad_lite.engine.tracing import current
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.optim.line_search import strong_wolfe
from tinygrad_lite.optim.optimizer import Array, Constraint, Optimizer, Parameters, checked


class LBFGS(Optimizer):
    """Newton steps with an inverse Hessian built from the last steps, for smooth costs of all data.

    Source: J. Nocedal and S. Wright, Numerical optimization, 2006, algorithms 7.4 and 7.5; which
    steps are kept, and when it stops, as PyTorch's.

    Args:
        parameters: Values to train, all in one group.
        lr: length of a step, of the Newton step.
        max_iter: most iterations of one call of `step`.
        max_eval: most evaluations of one call, by default 1.25 max_iter.
        tolerance_grad: the call ends when no entry of the gradient is larger,
        tolerance_change: or when neither parameters nor cost change by more.
        history_size: how many steps are remembered.
        line_search_fn: "strong_wolfe" for steps of the length that serves, or None for `lr`.
        constraints: functions called after each call of `step`, such as `Clamp`.

    Raises:
        TypeError, ValueError: as `Optimizer`; or a setting is negative, unknown, or of a group.

    >>> from tinygrad_lite import Value
    >>> w = Value(np.array([-1.2, 1.0]))
    >>> optimiser = LBFGS([w], line_search_fn="strong_wolfe", max_iter=50, tolerance_change=0)
    >>> def closure():
    ...     optimiser.zero_grad()
    ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2  # Rosenbrock's valley
    ...     loss.backward()
    ...     return loss
    >>> _ = optimiser.step(closure)
    >>> w.data.round(6)
    array([1., 1.])
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        constraints: Iterable[Constraint] = (),
    ) -> None:
        checked("LBFGS", tolerance_grad=tolerance_grad, tolerance_change=tolerance_change)
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(
                f"LBFGS: line_search_fn is 'strong_wolfe' or None, not {line_search_fn!r}"
            )
        settings = {
            "lr": lr, "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(parameters, settings, constraints)
        if len(self.param_groups) > 1:
            raise ValueError("LBFGS takes one group: a quasi-Newton step has one length")
        self._memory = _Memory()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Iterate until a tolerance or a limit is reached.

        Args:
            closure: resets the gradients, computes the cost, calls `backward` and returns it.

        Returns:
            What the closure returned first.

        Raises:
            TypeError: there is no closure, as the cost is needed at several places.
            RuntimeError: while a function is captured, as the number of evaluations varies.
        """
        if closure is None:
            raise TypeError(
                "LBFGS.step needs a closure that resets the gradients, computes the cost, calls "
                "backward() and returns it"
            )
        if current() is not None:
            raise RuntimeError(
                "LBFGS evaluates its closure as often as it needs, which cannot be captured: "
                "capture the closure instead"
            )
        settings = self.param_groups[0]
        first = closure()
        self._iterate(closure, float(data_of(first)), settings)
        for constraint in self.constraints:
            constraint()
        return first

    def _iterate(self, closure: Callable[[], Any], loss: float, settings: dict[str, Any]) -> None:
        memory, gradient, evaluations = self._memory, self._gradient(), 1

        def evaluate(start: Array, direction: Array, length: float) -> tuple[float, Array]:
            self._put(start + length * direction)
            return float(data_of(closure())), self._gradient()

        for iteration in range(1, settings["max_iter"] + 1):
            if np.abs(gradient).max() <= settings["tolerance_grad"]:
                return
            length = settings["lr"]
            if memory.previous is None:
                length *= min(1.0, 1.0 / np.abs(gradient).sum())
            direction = memory.direction(gradient, settings["history_size"])
            slope = float(gradient @ direction)
            if slope > -settings["tolerance_change"]:
                return
            before, start = loss, self._vector()
            if settings["line_search_fn"] is not None:
                length, loss, gradient, count = strong_wolfe(
                    partial(evaluate, start, direction), direction, length, loss, gradient, slope,
                    settings["tolerance_change"],
                )  # fmt: skip
                self._put(start + length * direction)
                evaluations += count
            elif iteration < settings["max_iter"]:
                loss, gradient = evaluate(start, direction, length)
                evaluations += 1
            else:  # nothing would look at what the cost is there
                self._put(start + length * direction)
            memory.step = length * direction
            still = np.abs(memory.step).max() <= settings["tolerance_change"]
            if still or abs(loss - before) < settings["tolerance_change"]:
                return
            if evaluations >= settings["max_eval"]:
                return

    # -- parameters as one vector ----------------------------------------------------------------

    def _vector(self) -> Array:
        return np.concatenate([np.ravel(p.data) for p in self.parameters])

    def _gradient(self) -> Array:
        """The gradients as one vector; zero for a parameter without one."""
        parts = [
            np.zeros(p.size, p.dtype) if p.grad is None else np.ravel(data_of(p.grad))
            for p in self.parameters
        ]
        return np.concatenate(parts)

    def _put(self, vector: Array) -> None:
        start = 0
        for parameter in self.parameters:
            part = vector[start : start + parameter.size]
            start += parameter.size
            if type(parameter.data) is float:
                parameter.data = float(part[0])
            else:
                parameter.data[...] = part.reshape(parameter.shape)

    # -- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "memory": self._memory.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._memory = _Memory()
        self._memory.load_state_dict(state["memory"])


class _Memory:
    """The last steps, and how the gradient changed along them.

    previous
        the gradient at the last iteration, None before the first
    step
        what was added to the parameters since
    """

    # Not as attributes in a dictionary: a captured closure that knows its optimiser would take
    # them for numbers that it depends on, and be recorded anew at every step.
    __slots__ = ("changes", "previous", "scale", "step", "steps")

    def __init__(self) -> None:
        self.previous: Array | None = None
        self.step: Array | None = None
        self.steps: list[Array] = []
        self.changes: list[Array] = []
        self.scale = 1.0

    def direction(self, gradient: Array, history_size: int) -> Array:
        """Minus the inverse Hessian times the gradient, after remembering the last step."""
        if self.previous is not None and self.step is not None:
            change = gradient - self.previous
            curvature = float(change @ self.step)
            if curvature > 1e-10:
                if len(self.steps) == history_size:
                    del self.steps[0], self.changes[0]
                self.steps.append(self.step)
                self.changes.append(change)
                self.scale = curvature / float(change @ change)
        self.previous = gradient
        direction = -gradient
        shares = []
        for step, change in zip(reversed(self.steps), reversed(self.changes), strict=True):
            share = (step @ direction) / (change @ step)
            shares.append(share)
            direction = direction - share * change
        direction = direction * self.scale
        for step, change in zip(self.steps, self.changes, strict=True):
            share = shares.pop()
            direction = direction + (share - (change @ direction) / (change @ step)) * step
        return direction

    def state_dict(self) -> dict[str, Any]:
        """Plain arrays and a number."""
        if self.previous is None or self.step is None:
            return {}
        rows = (len(self.steps), self.previous.size)
        return {
            "previous": self.previous.copy(),
            "step": self.step.copy(),
            "steps": np.reshape(self.steps, rows).astype(self.step.dtype),
            "changes": np.reshape(self.changes, rows).astype(self.step.dtype),
            "scale": self.scale,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state:
            self.previous, self.step = np.array(state["previous"]), np.array(state["step"])
            self.steps, self.changes = list(state["steps"]), list(state["changes"])
            self.scale = float(state["scale"])
