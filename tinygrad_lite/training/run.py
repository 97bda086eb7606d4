"""A training run: all that changes while `fit` trains, and that a checkpoint must hold."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinygrad_lite.drawing.plots import gradient_norms
from tinygrad_lite.nn.module import Module
from tinygrad_lite.optim import ReduceLROnPlateau
from tinygrad_lite.training.best import Best
from tinygrad_lite.training.checkpoint import load_checkpoint, save_checkpoint
from tinygrad_lite.training.container import CheckpointError
from tinygrad_lite.training.evaluation import split_batch
from tinygrad_lite.training.history import History
from tinygrad_lite.training.step import Step

NORMS_PER_EPOCH = 20
"""How often in an epoch the gradient norms of the layers are noted."""

NORMS_EVERY = 50
"""The same in batches, where nobody knows how many an epoch has."""


class Run:
    """What callbacks are given.

    Attributes:
        model, optimiser, data, schedule: as given to `fit`.
        history: everything so far.
        epoch: the one that is trained, from 1; to `on_epoch`, the one that has ended.
        batch: how many batches of it are trained.
        cost: of the latest batch.
        rows: in the latest batch.
        best: the best epoch's figure, and how long ago it was.
    """

    def __init__(
        self,
        model: Module,
        optimiser: Any,
        data: Any,
        schedule: Any,
        step: Step,
        best: Best,
        callbacks: Sequence[Any],
        validation: Any,
    ) -> None:
        self.model = model
        self.optimiser = optimiser
        self.data = data
        self.schedule = schedule
        self.history = History()
        self.best = best
        self.batch = 0
        self.cost = math.nan
        self.rows = 0
        self._step = step
        self._callbacks = callbacks
        self._total = 0.0
        self._rows = 0
        self._began = time.monotonic()  # less the time before a checkpoint
        self._skip = 0
        self._between = False  # epochs
        parts = {
            "model": model, "optimiser": optimiser, "schedule": schedule, "data": data,
            "validation": validation, "step": step, "best": best, "history": self.history,
            "run": self,
        }  # fmt: skip
        for number, callback in enumerate(callbacks):
            parts[f"callback {number}"] = callback
        self._parts = {
            name: part
            for name, part in parts.items()
            if isinstance(part, Module) or hasattr(part, "state_dict")
        }

    @property
    def epoch(self) -> int:
        """The epoch that is trained, from 1; once it has ended, that one until the next begins."""
        return self.history.epochs + (not self._between)

    def stop(self, reason: str = "stopped by a callback") -> None:
        """End training after this batch."""
        self.history.ended = reason

    def batches(self) -> Iterator[Any]:
        """What is left of the epoch."""
        self._between = False
        batches: Iterator[Any] = iter(self.data)
        if "data" not in self._parts:  # Batches skips by itself
            for _ in range(self._skip):
                next(batches, None)
        self._skip = 0
        return batches

    def train(self, batch: Any) -> None:
        """One step.

        Raises:
            FloatingPointError: the cost is not finite.
        """
        self.cost = cost = self._step(batch)
        self.rows = rows = len(split_batch(batch)[1])
        self.history.add_batch(cost)
        self.batch += 1
        self._total += cost * rows
        self._rows += rows
        if not math.isfinite(cost):
            self.best.restore(self.model)
            raise FloatingPointError(
                f"the cost became {cost} at batch {self.batch} of epoch {self.epoch}, with "
                f"lr={getattr(self.optimiser, 'lr', math.nan):.4g}: try a smaller lr or clip=1.0, "
                f"or train inside tinygrad_lite.detect_anomaly() to see where it comes from"
            )
        length = self._length()
        if self.batch % (NORMS_EVERY if length is None else max(1, length // NORMS_PER_EPOCH)) == 0:
            self.history.add_gradient_norms(gradient_norms(self.model.named_parameters()))

    def end_epoch(self, figures: Mapping[str, float]) -> None:
        """Note an epoch's figures, and whether it was the best.

        Args:
            figures: of the validation, by name.

        Raises:
            ValueError: the epoch had no batches; or there is no figure to tell the best epoch by.
        """
        if not self._rows:
            raise ValueError(
                f"the data gave no batches in epoch {self.epoch}: give something that can be "
                f"iterated over again, such as data.Batches, data.Stream or a list"
            )
        row = {"loss": self._total / self._rows}
        row |= {f"validation_{name}": figure for name, figure in figures.items()}
        if self.best.wanted:
            if self.best.monitor not in row:
                raise ValueError(
                    f"fit: monitor={self.best.monitor!r} is none of the figures of an epoch: "
                    f"{', '.join(row)}"
                )
            if self.best.look(row[self.best.monitor], self.model):
                self.history.best_epoch = self.epoch
        row["learning_rate"] = float(getattr(self.optimiser, "lr", math.nan))
        row["seconds"] = time.monotonic() - self._began
        row["batches"] = self.history.batches
        self.history.add_epoch(row)
        if self.best.exhausted:
            self.stop(
                f"stopped early: {self.best.monitor} was no better for {self.best.waited} epochs"
            )
        self.batch, self._total, self._rows, self._began = 0, 0.0, 0, time.monotonic()
        self._between = True

    def step_schedule(self) -> None:
        """One step of the schedule at the end of an epoch."""
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(self.history.last(self.best.monitor))
        else:
            self.schedule.step()

    def call(self, what: str) -> None:
        """Call the callbacks: `on_batch` or `on_epoch` of objects; functions at every epoch."""
        for callback in self._callbacks:
            method = getattr(callback, what, None)
            if what == "on_epoch" and not hasattr(callback, "on_batch"):
                method = method or callback
            if method is not None:
                method(self)

    def _length(self) -> int | None:
        """How many batches an epoch has, if the data can tell."""
        return len(self.data) if hasattr(self.data, "__len__") else None

    # -- checkpoints -----------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        save_checkpoint(path, self._parts)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            CheckpointError: it cannot be read or does not fit; nothing was changed.
        """
        history = self.history
        asked = history.settings, history.monitor, history.highest, history.kept
        try:
            load_checkpoint(path, self._parts)
        except CheckpointError as error:
            raise CheckpointError(
                f"{error}. Name another file, or remove this one to start anew"
            ) from error
        history.settings, history.monitor, history.highest, history.kept = asked  # by this call
        # More epochs may be wanted now, or more patience.
        self.history.ended = None
        if self.best.exhausted:
            self.stop("stopped early, before this call")

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch stands."""
        return {
            "batches": self._length(),
            "batch": self.batch,
            "total": self._total,
            "rows": self._rows,
            "seconds": time.monotonic() - self._began,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` told of.

        Raises:
            ValueError: an epoch has another number of batches now.
        """
        if state["batches"] != self._length():
            raise ValueError(
                f"its epochs had {state['batches']} batches, and this data gives "
                f"{self._length()}: give what was given then"
            )
        self.batch = self._skip = state["batch"]
        self._total, self._rows = state["total"], state["rows"]
        self._began = time.monotonic() - state["seconds"]
