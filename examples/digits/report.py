"""What is said of the runs: progress on the way, and the tables at the end."""

from __future__ import annotations

import statistics
import sys
import time

from networks import NETWORKS
from training import Run


class ProgressBar:
    """Cost and success rate as training goes: a bar on a terminal, a line at every tenth if not."""

    def __init__(self) -> None:
        self.bar = sys.stderr.isatty()
        self._shown = 0.0
        self._tenths = 0

    def __call__(self, run: Run, done: float) -> None:
        now = time.perf_counter()
        if self.bar and (now - self._shown > 0.05 or done == 1):
            self._shown = now
            filled = int(30 * done)
            bar = "█" * filled + "░" * (30 - filled)
            print(f"\r{_title(run)}  {bar} {done:4.0%}{_standing(run)}", end="", file=sys.stderr)
            if done == 1:
                print(file=sys.stderr)
        elif not self.bar and int(10 * done) != self._tenths:
            self._tenths = int(10 * done)
            print(f"{_title(run)}  {done:4.0%}{_standing(run)}", file=sys.stderr, flush=True)
        if done == 1:
            self._tenths = 0


def _title(run: Run) -> str:
    return f"network {run.network.title:<3}  seed {run.seed}"


def _standing(run: Run) -> str:
    if not run.rates:
        return ""
    return f"   average cost {run.costs[-1]:.4f}   success rate {run.rates[-1]:6.2f} %"


def grouped(runs: list[Run]) -> dict[str, list[Run]]:
    """Runs by network, networks in order."""
    return {
        title: [r for r in runs if r.network.title == title]
        for title in NETWORKS
        if any(r.network.title == title for r in runs)
    }


def table(runs: list[Run]) -> list[list[str]]:
    """Our success rates beside the published ones, a row for each network."""
    many = len({r.seed for r in runs}) > 1
    rows = [["network", "wiring", *(["median", "best"] if many else ["ours"]), "published", "time"]]
    for title, group in grouped(runs).items():
        rates = [r.rates[-1] for r in group]
        ours = [statistics.median(rates), max(rates)] if many else rates
        network = group[0].network
        rows.append(
            [
                title,
                network.wiring,
                *(f"{rate:.2f} %" for rate in ours),
                "-" if network.published is None else f"{network.published:.1f} %",
                f"{statistics.median(r.seconds for r in group):.1f} s",
            ]
        )
    return rows


def table_of_seeds(runs: list[Run]) -> list[list[str]]:
    """Success rates, a column for each seed; a star for every output that stays silent."""
    seeds = sorted({r.seed for r in runs})
    rows = [["network", "published", "best", "median", *(f"seed {s}" for s in seeds)]]
    for title, group in grouped(runs).items():
        rates = [r.rates[-1] for r in group]
        published = group[0].network.published
        cells = {r.seed: f"{r.rates[-1]:.2f}{'*' * len(r.silent)}" for r in group}
        rows.append(
            [
                title,
                "-" if published is None else f"{published:.1f}",
                f"{max(rates):.2f}",
                f"{statistics.median(rates):.2f}",
                *(cells.get(s, "") for s in seeds),
            ]
        )
    return rows


def silent_lines(runs: list[Run]) -> list[str]:
    """A line for every output that never answers, with the gradient that betrays it."""
    return [
        f"network {run.network.title}, seed {run.seed}: output {silent.digit} is saturated. It "
        f"recognises {silent.recognised:.1f} % of its digit, yet the gradient of its weights has "
        f"norm {silent.gradient:.1e} (the others' median: {silent.usual:.1e})"
        for run in runs
        for silent in run.silent
    ]


def plain(rows: list[list[str]]) -> str:
    """A table in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def markdown(rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]])
