"""One step of training, captured once and replayed where that is possible."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.nn.module import Module
from tinygrad_lite.optim import clip_grad_norm_
from tinygrad_lite.training.checkpoint import set_state, state_of
from tinygrad_lite.training.evaluation import Loss, split_batch

SHAPES = 8
"""Shapes of batches that are captured; each needs a plan, so further ones run as written."""

CALLS_TO_PLAN = 2
"""`capture` records in the first call, compares in the second, and from then on replays."""


class _Written:
    """The step as written; it holds what capturing must look at, and nothing else."""

    def __init__(self, model: Module, loss: Loss, optimiser: Any, clip: float | None) -> None:
        self.model = model
        self.loss = loss
        self.optimiser = optimiser
        self.clip = clip

    def run(self, *batch: Any) -> Any:
        """Forward, backward and update on one batch; the cost before."""
        inputs, target = split_batch(batch)
        self.optimiser.zero_grad()
        cost = self.loss(self.model(*inputs), target)
        if type(cost) is not Value:
            raise TypeError(
                f"fit: the loss gave a {type(cost).__name__}, so no Value reached it: forward must "
                f"return what it computed from the parameters, not a plain array such as x.data"
            )
        cost.backward()
        if self.clip is not None:
            clip_grad_norm_(self.optimiser.parameters, self.clip)
        self.optimiser.step()
        return cost


class Step:
    """Trains with one batch at a time, by a plan where that is possible.

    Whatever is trained with a plan is trained with it from the first batch on: a plan may round
    otherwise than the functions it was recorded from, and a run that is resumed records anew. So
    what recording a plan has trained is undone, and the batch trained by the plan.
    """

    def __init__(
        self, model: Module, loss: Loss, optimiser: Any, clip: float | None, capture: bool
    ) -> None:
        self.model = model
        self.optimiser = optimiser
        self.as_written = _Written(model, loss, optimiser, clip).run
        self.captured: Any = None
        self.shapes: list[str] = []  # those with a plan, in this run or before it was resumed
        self._recorded: set[str] = set()
        if capture:
            from tinygrad_lite.replay import capture as captured

            self.captured = captured(self.as_written)

    def __call__(self, batch: Any) -> float:
        """Train with a batch; its cost before."""
        batch = batch if isinstance(batch, (tuple, list)) else (batch,)
        if self.captured is None:
            return float(data_of(self.as_written(*batch)))
        problem = None
        if self._has_plan(batch):
            try:
                self._record(batch)
                return float(data_of(self.captured(*batch)))
            except Exception as error:
                problem, self.captured = error, None
        cost = float(data_of(self.as_written(*batch)))
        if problem is not None:  # the step's own mistakes have been raised as such by now
            warnings.warn(
                f"fit trains without capturing the step, which is slower: {problem}. With "
                f"capture=False nothing is captured",
                RuntimeWarning,
                stacklevel=4,
            )
        return cost

    def _has_plan(self, batch: Any) -> bool:
        """Whether batches of this shape are trained by a plan."""
        shape = _shape_of(batch)
        if shape is None or shape in self.shapes:
            return shape is not None
        if len(self.shapes) == SHAPES:
            return False
        self.shapes.append(shape)
        return True

    def _record(self, batch: Any) -> None:
        """Make the plan for batches of this shape, unless there is one, and undo what it trains."""
        shape = _shape_of(batch)
        if shape is None or shape in self._recorded:
            return
        parts = {"model": self.model, "optimiser": self.optimiser}
        before = {name: state_of(name, part) for name, part in parts.items()}
        try:
            for _ in range(CALLS_TO_PLAN):
                self.captured(*batch)
            self._recorded.add(shape)
        finally:
            for name, part in parts.items():
                set_state(part, before[name])

    def state_dict(self) -> dict[str, Any]:
        """Which shapes have a plan."""
        return {"shapes": list(self.shapes)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Note which shapes had a plan."""
        self.shapes = list(state["shapes"])


def _shape_of(batch: Any) -> str | None:
    """Shapes and dtypes of a batch as text; None if it is not made of arrays."""
    if not all(isinstance(array, np.ndarray) for array in batch):
        return None
    return "; ".join(f"{array.dtype.str}{array.shape}" for array in batch)
