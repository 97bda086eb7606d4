"""``tinygrad-lite evaluate``: how well a network does on data."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.cli import datasets, networks
from tinygrad_lite.cli.errors import CommandError
from tinygrad_lite.cli.layout import HelpFormatter

Array = np.ndarray[Any, Any]


def add(subcommands: Any) -> None:
    """Add the parser."""
    parser = subcommands.add_parser(
        "evaluate",
        help="how often a network is right, class by class, and what it takes for what",
        description=(
            "Run a network on test data and print how often it is right, class by class, and the "
            "confusion matrix; for values to predict, how far off it is. Exit status 1 if "
            "--at-least is not reached."
        ),
        epilog=(
            "examples:\n"
            "  tinygrad-lite evaluate digits.npz --data mnist\n"
            "  tinygrad-lite evaluate net.py:Net --weights net.npz --data mine.npz --json\n"
            "  tinygrad-lite evaluate network.json --data mnist --at-least 0.96"
        ),
        formatter_class=HelpFormatter,
    )
    networks.add_argument(parser)
    datasets.add_option(parser, datasets.DEFAULT_NOTE)
    parser.add_argument("--weights", metavar="FILE", help="load these first (.npz, .safetensors)")
    parser.add_argument(
        "--at-least", metavar="RATE", type=float, help="exit with status 1 below this rate, 0 to 1"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate, print, and say by the status whether the rate is reached."""
    network = networks.network(options.network, options.weights)
    if network.short_form == options.network and options.weights is None:
        raise CommandError(
            f"{options.network} has no weights yet: train it, or give --weights FILE"
        )
    data, whose = datasets.chosen(options)
    network.fit_to(data.sample, whose)
    result: Any
    if data.classes:
        result = Classification.of(network.scores(data.test_inputs), data)
    else:
        if options.at_least is not None:
            raise CommandError(f"--at-least is for classes; {options.data} holds values to predict")
        result = Regression.of(network.scores(data.test_inputs), data)
    if options.json:
        print(json.dumps({"network": options.network, "data": options.data, **result.as_json()}))
    else:
        colour = sys.stdout.isatty()
        print(f"{options.network} on {len(data.test_inputs):,} samples of {whose}\n")
        print(result.as_text(colour))
    return 1 if options.at_least is not None and result.rate < options.at_least else 0


@dataclass(frozen=True)
class Classification:
    """How often each class is taken for which.

    confusion
        entry (i, j): how many of class i were taken for class j
    """

    confusion: Array
    classes: Sequence[str]

    @classmethod
    def of(cls, scores: Array, data: datasets.Dataset) -> Classification:
        """From the outputs for the test data."""
        if scores.ndim != 2 or scores.shape[1] < len(data.classes):
            raise CommandError(
                f"the network gives outputs of shape {scores.shape[1:]}, and {data.name} has "
                f"{len(data.classes)} classes: it must give a score for each"
            )
        count = scores.shape[1]
        answers = np.argmax(scores, axis=1)
        pairs = data.test_targets * count + answers
        confusion = np.bincount(pairs, minlength=count * count).reshape(count, count)
        more = [str(c) for c in range(len(data.classes), count)]
        return cls(confusion, [*data.classes, *more])

    @property
    def rate(self) -> float:
        """Share of the samples that are taken for what they are."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    def as_json(self) -> dict[str, Any]:
        """For tools."""
        totals, answers = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        right = np.diag(self.confusion)
        return {
            "samples": int(totals.sum()),
            "rate": self.rate,
            "classes": [
                {
                    "name": name,
                    "samples": int(total),
                    "right": int(hits),
                    "rate": float(hits / total) if total else None,
                    "precision": float(hits / given) if given else None,
                }
                for name, total, hits, given in zip(
                    self.classes, totals, right, answers, strict=True
                )
            ],
            "confusion": self.confusion.tolist(),
        }

    def as_text(self, colour: bool = False) -> str:
        """For people."""
        told = self.as_json()
        names = [name[:12] for name in self.classes]
        wide = max(5, *map(len, names))
        lines = [f"{told['rate']:.2%} right ({int(np.trace(self.confusion)):,})", ""]
        lines.append(f"{'class':{wide}}  samples  right    rate  precision  most often taken for")
        for position, row in enumerate(told["classes"]):
            wrong = self.confusion[position].copy()
            wrong[position] = 0
            most = int(np.argmax(wrong))
            mistake = f"{names[most]} ({wrong[most]})" if wrong[most] else ""
            lines.append(
                f"{names[position]:{wide}}  {row['samples']:7}  {row['right']:5}  "
                f"{_percent(row['rate']):>6}  {_percent(row['precision']):>9}  {mistake}".rstrip()
            )
        return "\n".join([*lines, "", *self._matrix(names, wide, colour)])

    def _matrix(self, names: list[str], wide: int, colour: bool) -> list[str]:
        cell = max(4, *map(len, names), len(str(self.confusion.max())))
        lines = ["rows: what it is; columns: what it is taken for"]
        lines.append(" " * wide + "".join(f" {name:>{cell}}" for name in names))
        worst = max(1, int((self.confusion - np.diag(np.diag(self.confusion))).max()))
        for i, name in enumerate(names):
            cells = []
            for j, count in enumerate(self.confusion[i].tolist()):
                text = f" {count if count else '.':>{cell}}"
                if colour and count and (i == j or 2 * count > worst):
                    text = f"\x1b[{32 if i == j else 31}m{text}\x1b[0m"
                cells.append(text)
            lines.append(f"{name:{wide}}" + "".join(cells))
        return lines


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


@dataclass(frozen=True)
class Regression:
    """How far predicted values are off."""

    samples: int
    mean_squared_error: float
    mean_absolute_error: float
    explained: float

    @classmethod
    def of(cls, scores: Array, data: datasets.Dataset) -> Regression:
        """From the outputs for the test data."""
        targets = data.test_targets
        if scores.size == targets.size:
            scores = scores.reshape(targets.shape)
        if scores.shape != targets.shape:
            raise CommandError(
                f"the network gives outputs of shape {scores.shape[1:]}, and {data.name} has "
                f"targets of shape {targets.shape[1:]}"
            )
        off = scores.astype(np.float64) - targets
        spread = float(np.sum((targets - targets.mean(axis=0)) ** 2))
        squared = float(np.sum(off**2))
        return cls(
            len(targets),
            squared / off.size,
            float(np.mean(np.abs(off))),
            1 - squared / spread if spread else float("nan"),
        )

    def as_json(self) -> dict[str, Any]:
        """For tools."""
        return {
            "samples": self.samples,
            "mean_squared_error": self.mean_squared_error,
            "mean_absolute_error": self.mean_absolute_error,
            "explained_variance": None if self.explained != self.explained else self.explained,
        }

    def as_text(self, colour: bool = False) -> str:
        """For people."""
        return (
            f"mean squared error   {self.mean_squared_error:.6g}\n"
            f"mean absolute error  {self.mean_absolute_error:.6g}\n"
            f"explained variance   {self.explained:.2%}"
        )
