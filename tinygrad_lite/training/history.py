"""What happened during training, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class History:
    """The costs of all batches, and a row of figures for every epoch.

    ``history["loss"]`` is the column of that name, shape (epochs,): "loss" (average over the
    epoch's rows, as trained), "validation_loss", every metric as "validation_accuracy",
    "learning_rate", "seconds" and "batches" (trained so far). NaN where an epoch has no such
    figure. `tinygrad_lite.plot_training(history)` draws it.

    Attributes:
        costs: the cost of every batch, shape (batches,).
        gradient_norms: by layer, the gradient's norm after each batch of `gradient_batches`.
        gradient_batches: numbers of the batches, from 1, at which they were taken.
        best_epoch: the epoch, from 1, with the best figure (the first of equals); None if nobody
            asked for it. `verdict` says which figure that was.
        monitor: the name of the column that told.
        highest: whether more of it was better.
        kept: whether the model has the parameters of that epoch, else those of the last.
        ended: why training ended, None while it goes on.
        settings: how it was trained, as texts and numbers by name.

    >>> history = History()
    >>> history.add_batch(0.7); history.add_epoch({"loss": 0.7})
    >>> history.add_batch(0.3); history.add_epoch({"loss": 0.3, "validation_loss": 0.4})
    >>> history["validation_loss"]
    array([nan, 0.4])
    """

    def __init__(self) -> None:
        self._costs: list[float] = []
        self._columns: dict[str, list[float]] = {}
        self.gradient_norms: dict[str, list[float]] = {}
        self.gradient_batches: list[int] = []
        self.best_epoch: int | None = None
        self.monitor = "loss"
        self.highest = False
        self.kept = False
        self.ended: str | None = None
        self.settings: dict[str, Any] = {}
        self.epochs = 0

    @property
    def costs(self) -> Array:
        """The cost of every batch."""
        return np.array(self._costs)

    @property
    def batches(self) -> int:
        """How many batches were trained."""
        return len(self._costs)

    @property
    def names(self) -> list[str]:
        """What columns there are."""
        return list(self._columns)

    def __getitem__(self, name: str) -> Array:
        if name not in self._columns:
            raise KeyError(f"the history has no {name!r}; it has {', '.join(self.names) or 'none'}")
        return np.array(self._columns[name])

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def last(self, name: str) -> float:
        """The figure of the last epoch, NaN if it has none."""
        column = self._columns.get(name)
        return column[-1] if column else np.nan

    @property
    def verdict(self) -> str:
        """Which epoch was the best and why, in a sentence; "" if nobody asked.

        >>> history = History()
        >>> for loss in (0.5, 0.2, 0.3): history.add_epoch({"validation_loss": loss})
        >>> history.monitor, history.best_epoch, history.kept = "validation_loss", 2, True
        >>> history.verdict
        'Epoch 2 of 3 is kept: its validation cost, 0.2000, is the lowest'
        """
        if self.best_epoch is None:
            return ""
        figures = self[self.monitor]
        best = figures[self.best_epoch - 1]
        text = (
            f"Epoch {self.best_epoch} of {self.epochs} {'is kept' if self.kept else 'was the best'}"
            f": its {named(self.monitor)}, {figure_text(self.monitor, best)}, is the "
            f"{'highest' if self.highest else 'lowest'}"
        )
        equal = int(np.count_nonzero(figures == best)) - 1
        if equal:
            text += f" (the first of {equal + 1} epochs with it)"
        return text

    def __repr__(self) -> str:
        told = [counted(self.epochs, "epoch"), counted(self.batches, "batch", "batches")]
        told += [
            f"{name.replace('_', ' ')} {self.last(name):.4g}"
            for name in self._columns
            if name not in ("seconds", "batches", "learning_rate")
        ]
        ends = [] if self.best_epoch is None else [f"best epoch {self.best_epoch}"]
        ends += [self.ended] if self.ended else []
        return f"<History: {'; '.join([', '.join(told), *ends])}>"

    # -- as `plot_training` asks for it ----------------------------------------------------------

    tested_on = "validation"

    @property
    def tested_after(self) -> list[int]:
        """The number of batches after which each epoch ended."""
        return [int(count) for count in self._columns.get("batches", [])]

    @property
    def average_costs(self) -> list[float]:
        """The validation loss of every epoch, none if there was no validation."""
        return list(self._columns.get("validation_loss", []))

    @property
    def success_rates(self) -> list[float]:
        """The validation accuracy of every epoch, none if there was none."""
        return list(self._columns.get("validation_accuracy", []))

    # -- as it grows -----------------------------------------------------------------------------

    def add_batch(self, cost: float) -> None:
        """Note the cost of a batch."""
        self._costs.append(cost)

    def add_epoch(self, figures: Mapping[str, float]) -> None:
        """Note the figures of an epoch."""
        for name in figures:
            self._columns.setdefault(name, [np.nan] * self.epochs)
        self.epochs += 1
        for name, column in self._columns.items():
            column.append(float(figures.get(name, np.nan)))

    def add_gradient_norms(self, norms: Mapping[str, float]) -> None:
        """Note the gradient norms of the latest batch."""
        for layer in norms:
            self.gradient_norms.setdefault(layer, [np.nan] * len(self.gradient_batches))
        self.gradient_batches.append(self.batches)
        for layer, column in self.gradient_norms.items():
            column.append(float(norms.get(layer, np.nan)))

    def state_dict(self) -> dict[str, Any]:
        """All of it, as arrays and numbers."""
        return {
            "costs": self.costs,
            "columns": {name: np.array(column) for name, column in self._columns.items()},
            "gradient_norms": {name: np.array(c) for name, c in self.gradient_norms.items()},
            "gradient_batches": list(self.gradient_batches),
            "best_epoch": self.best_epoch,
            "monitor": self.monitor,
            "highest": self.highest,
            "kept": self.kept,
            "ended": self.ended,
            "epochs": self.epochs,
            "settings": self.settings,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` told of."""
        self._costs = state["costs"].tolist()
        self._columns = {name: column.tolist() for name, column in state["columns"].items()}
        self.gradient_norms = {name: c.tolist() for name, c in state["gradient_norms"].items()}
        self.gradient_batches = list(state["gradient_batches"])
        self.best_epoch, self.ended = state["best_epoch"], state["ended"]
        self.monitor, self.highest = state["monitor"], state["highest"]
        self.kept = state["kept"]
        self.epochs = state["epochs"]
        self.settings = state["settings"]


def named(column: str) -> str:
    """How people call a column: "validation cost", "validation accuracy"."""
    return " ".join("cost" if part == "loss" else part for part in column.split("_"))


def figure_text(column: str, figure: float) -> str:
    """A figure of a column; an accuracy in per cent."""
    if column.endswith("accuracy"):
        return f"{100 * figure:.2f} %"
    return f"{figure:.2e}" if 0 < abs(figure) < 1e-3 else f"{figure:.4f}"


def counted(count: int, one: str, more: str = "") -> str:
    """1 epoch, 2 epochs."""
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"
