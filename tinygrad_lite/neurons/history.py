"""What happened in training, to be looked at afterwards."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any


@dataclass(repr=False)
class History:
    """The course of a training run.

    Attributes:
        iterations: of each batch, from 0 on.
        batch_sizes: images in each batch.
        step_sizes: of the nudge after each batch.
        costs: of each batch, before the nudge.
        tested_after: the number of batches after which each test took place.
        success_rates: of each test, 0 to 1.
        average_costs: of each test.
    """

    iterations: list[int] = field(default_factory=list)
    batch_sizes: list[int] = field(default_factory=list)
    step_sizes: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    tested_after: list[int] = field(default_factory=list)
    success_rates: list[float] = field(default_factory=list)
    average_costs: list[float] = field(default_factory=list)

    def __repr__(self) -> str:
        tests = f", {100 * self.success_rates[-1]:.2f} % right" if self.success_rates else ""
        return f"<History of {self.batches} batches and {len(self.success_rates)} tests{tests}>"

    @property
    def batches(self) -> int:
        """How many batches were learned from."""
        return len(self.costs)

    def add_batch(self, iteration: int, size: int, step_size: float, cost: float) -> None:
        """Enter a batch."""
        self.iterations.append(iteration)
        self.batch_sizes.append(size)
        self.step_sizes.append(step_size)
        self.costs.append(cost)

    def add_test(self, success_rate: float, average_cost: float) -> None:
        """Enter a test after the batches so far."""
        self.tested_after.append(self.batches)
        self.success_rates.append(success_rate)
        self.average_costs.append(average_cost)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Cost and success rate against batches, as a matplotlib figure.

        Args:
            path: also write the figure there; the ending says in which format.

        Raises:
            ImportError: matplotlib is missing; it comes with the extra `plots`.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError(
                "plotting needs matplotlib: pip install 'tinygrad-lite[plots]'"
            ) from None
        figure = Figure(figsize=(7, 4), layout="constrained")
        cost_axes = figure.add_subplot()
        cost_axes.plot(range(1, self.batches + 1), self.costs, color="0.7", label="cost of a batch")
        cost_axes.set_xlabel("batches")
        cost_axes.set_ylabel("cost")
        cost_axes.set_ylim(bottom=0)
        if self.tested_after:
            cost_axes.plot(self.tested_after, self.average_costs, color="C1", label="test cost")
            rate_axes = cost_axes.twinx()
            percent = [100 * rate for rate in self.success_rates]
            rate_axes.plot(self.tested_after, percent, color="C0", label="success rate")
            rate_axes.set_ylabel("success rate, %")
            rate_axes.set_ylim(0, 100)
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
        if path is not None:
            figure.savefig(path)
        return figure
