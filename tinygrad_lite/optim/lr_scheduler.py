"""Schedules: how the learning rate moves from step to step.

Each is a function of the number of calls of `step`, computed from the rates the optimiser had when
the schedule was made; nothing is multiplied up, so a resumed run goes on with the very same rates.
Names, arguments and formulas are PyTorch's.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_lite.optim.optimizer import Optimizer


class LRScheduler:
    """Base of the schedules: a subclass writes `rate`.

    Making one sets the rate of step 0. Call `step` after the optimiser's, once for each batch or
    each epoch, as the schedule's numbers are meant.

    Args:
        optimizer: whose groups' "lr" are set.

    Attributes:
        base_lrs: the rates of its groups when the first schedule was made.
        last_epoch: how often `step` was called.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = 0
        self._set()

    def rate(self, base_lr: float, epoch: int) -> float:
        """The learning rate after so many steps of a group that begins with `base_lr`."""
        raise NotImplementedError(f"{type(self).__name__} has no rate(base_lr, epoch)")

    def step(self) -> None:
        """Set the next rates."""
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """The rates as they are now, one for each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything the next rates depend on beside the arguments: plain numbers."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave, and set the rates of that step."""
        self.last_epoch = int(state["last_epoch"])
        self.base_lrs = list(state["base_lrs"])
        self._set()

    def _set(self) -> None:
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(base_lr, self.last_epoch)


class LambdaLR(LRScheduler):
    """The base rate times a function of the number of steps.

    >>> from tinygrad_lite import nn, optim
    >>> optimiser = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> schedule = LambdaLR(optimiser, lambda epoch: 1 / (1 + epoch))
    >>> schedule.step()
    >>> optimiser.lr
    0.5
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def rate(self, base_lr: float, epoch: int) -> float:
        return base_lr * self.lr_lambda(epoch)


class StepLR(LRScheduler):
    """Times `gamma` every `step_size` steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        _positive("StepLR", step_size=step_size)
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base_lr: float, epoch: int) -> float:
        return base_lr * float(self.gamma ** (epoch // self.step_size))


class MultiStepLR(LRScheduler):
    """Times `gamma` at each of the milestones."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base_lr: float, epoch: int) -> float:
        return base_lr * float(self.gamma ** bisect_right(self.milestones, epoch))


class ExponentialLR(LRScheduler):
    """Times `gamma` every step; the blog's is ``ExponentialLR(optimiser, 0.97)``."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base_lr: float, epoch: int) -> float:
        return base_lr * float(self.gamma**epoch)


class LinearLR(LRScheduler):
    """From `start_factor` to `end_factor` times the base rate in `total_iters` steps: a warm-up."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        _positive("LinearLR", total_iters=total_iters)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def rate(self, base_lr: float, epoch: int) -> float:
        done = min(epoch, self.total_iters) / self.total_iters
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)


class CosineAnnealingLR(LRScheduler):
    """Down to `eta_min` along half a cosine in `T_max` steps, and up again after them.

    Source: I. Loshchilov and F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        _positive("CosineAnnealingLR", T_max=T_max)
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer)

    def rate(self, base_lr: float, epoch: int) -> float:
        return _cosine(base_lr, self.eta_min, epoch / self.T_max)


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down again within `total_steps`, the momentum the other way round.

    Source: L. Smith and N. Topin, Super-convergence, 2018. Call `step` after every batch.

    Args:
        optimizer: whose groups' "lr" are set, and their "momentum" or first "betas".
        max_lr: the highest rate, one for all groups or a list.
        total_steps: of the cycle; or give `epochs` and `steps_per_epoch`.
        pct_start: share of the steps that go up.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether the momentum moves.
        base_momentum, max_momentum: between what.
        div_factor: the cycle starts at max_lr / div_factor,
        final_div_factor: and ends at this start divided by final_div_factor.
        three_phase: down as fast as up, then on to the end.

    Raises:
        ValueError: a setting is out of range, or after `total_steps` calls of `step`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        _positive("OneCycleLR", total_steps=total_steps)
        if not 0 <= pct_start <= 1 or anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: pct_start lies between 0 and 1 and anneal_strategy is 'cos' or "
                f"'linear', not {pct_start} and {anneal_strategy!r}"
            )
        if cycle_momentum and not optimizer.defaults.keys() & {"momentum", "betas"}:
            raise ValueError(
                f"OneCycleLR: {type(optimizer).__name__} has no momentum to cycle; give "
                f"cycle_momentum=False"
            )
        self.total_steps = total_steps
        self.anneal = _cosine if anneal_strategy == "cos" else _straight
        self.cycle_momentum = cycle_momentum
        groups = optimizer.param_groups
        peaks = list(max_lr) if isinstance(max_lr, Sequence) else [max_lr] * len(groups)
        for group, peak in zip(groups, peaks, strict=True):
            group["initial_lr"] = peak / div_factor
        # Where each phase ends, with the rate in units of the start, and the momentum.
        up = float(pct_start * total_steps) - 1
        low, high = base_momentum, max_momentum
        phases: list[tuple[float, float, float]] = [(0, 1, high), (up, div_factor, low)]
        if three_phase:
            phases.append((2 * up, 1, high))
        self.phases = [*phases, (total_steps - 1, 1 / final_div_factor, high)]
        super().__init__(optimizer)

    def rate(self, base_lr: float, epoch: int) -> float:
        return self._at(epoch, 1, base_lr)

    def _at(self, epoch: int, column: int, unit: float) -> float:
        for begin, end in zip(self.phases, self.phases[1:], strict=False):
            if epoch <= end[0] or end is self.phases[-1]:
                share = (epoch - begin[0]) / (end[0] - begin[0]) if end[0] > begin[0] else 1.0
                return self.anneal(begin[column] * unit, end[column] * unit, share)
        raise AssertionError("there are two phases at least")

    def _set(self) -> None:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {self.last_epoch} of a cycle of {self.total_steps} steps"
            )
        super()._set()
        if self.cycle_momentum:
            momentum = self._at(self.last_epoch, 2, 1.0)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum


class SequentialLR(LRScheduler):
    """One schedule after another, each from step 0 on, as a warm-up and what follows it.

    Args:
        optimizer: that of all the schedules.
        schedulers: in order.
        milestones: at how many steps the second, third ... begins.

    Raises:
        ValueError: there is not one milestone less than schedules.

    >>> from tinygrad_lite import nn, optim
    >>> optimiser = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> warm_up = optim.LinearLR(optimiser, start_factor=0.25, total_iters=3)
    >>> decay = optim.ExponentialLR(optimiser, 0.5)
    >>> schedule = SequentialLR(optimiser, [warm_up, decay], milestones=[3])
    >>> for _ in range(6):
    ...     print(round(optimiser.lr, 3), end=" ")
    ...     schedule.step()
    0.25 0.5 0.75 1.0 0.5 0.25
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]
    ) -> None:
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedules need {len(schedulers) - 1} milestones, "
                f"not {len(milestones)}"
            )
        self.schedulers = list(schedulers)
        self.milestones = list(milestones)
        super().__init__(optimizer)

    def _set(self) -> None:
        current = bisect_right(self.milestones, self.last_epoch)
        begun = self.milestones[current - 1] if current else 0
        schedule = self.schedulers[current]
        schedule.last_epoch = self.last_epoch - begun
        schedule._set()

    def state_dict(self) -> dict[str, Any]:
        inner = [schedule.state_dict() for schedule in self.schedulers]
        return {**super().state_dict(), "schedulers": inner}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for schedule, inner in zip(self.schedulers, state["schedulers"], strict=True):
            schedule.load_state_dict(inner)
        super().load_state_dict(state)


class ReduceLROnPlateau(LRScheduler):
    """Times `factor` when a measure has not become better for more than `patience` steps.

    Args:
        optimizer: whose groups' "lr" are set.
        mode: "min" if less is better, "max" if more is.
        factor, patience: as above.
        threshold: how much better counts, as a share of the best ("rel") or as it is ("abs").
        threshold_mode: which of the two.
        cooldown: steps after a change in which nothing counts.
        min_lr: the rate never goes below it.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs") or factor >= 1:
            raise ValueError(
                f"ReduceLROnPlateau: mode is 'min' or 'max', threshold_mode 'rel' or 'abs', and "
                f"factor below 1, not {mode!r}, {threshold_mode!r} and {factor}"
            )
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        super().__init__(optimizer)

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Take note of the measure, and lower the rates if it is time."""
        self.last_epoch += 1
        measure = float(metrics)
        if self._better(measure):
            self.best = measure
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group in self.optimizer.param_groups:
                lowered = max(group["lr"] * self.factor, self.min_lr)
                if group["lr"] - lowered > 1e-8:
                    group["lr"] = lowered
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0

    def _better(self, measure: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        bound = self.best
        if math.isfinite(bound):
            step = sign * self.threshold
            bound = bound * (1 + step) if self.threshold_mode == "rel" else bound + step
        return measure > bound if self.mode == "max" else measure < bound

    def _set(self) -> None:
        """The rates stay until a measure says otherwise."""

    def state_dict(self) -> dict[str, Any]:
        names = ("best", "num_bad_epochs", "cooldown_counter")
        return {**super().state_dict(), **{name: getattr(self, name) for name in names}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; the rates are in the optimiser's own state."""
        super().load_state_dict(state)
        self.best = float(state["best"])
        self.num_bad_epochs = int(state["num_bad_epochs"])
        self.cooldown_counter = int(state["cooldown_counter"])


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _straight(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


def _positive(schedule: str, **settings: int) -> None:
    for name, setting in settings.items():
        if setting < 1:
            raise ValueError(f"{schedule}: {name} must be at least 1, not {setting}")
