"""The report of a comparison: data, text, HTML and JSON."""

from __future__ import annotations

import json
import linecache
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.checking.numeric import Estimate
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.backward import consumers_first
from tinygrad_lite.engine.value import Value

if TYPE_CHECKING:
    from tinygrad_lite.checking.answers import Answer

ROWS = 24  # rows of the table that are printed


class WrongGradientError(AssertionError):
    """Hand-derived gradients are wrong; the message is the report, `report` the data."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True)
class Mistake:
    """What is wrong, where, and how to mend it.

    kind
        a name out of a fixed list, such as "sign" or "averaged-paths"
    where
        the operation or Value, with file and line
    value, source
        the same as data: the Value, and its file and line if it was computed
    alternative
        0 for the first answer; another answer that reproduces the same numbers has 1, 2 ...
    """

    kind: str
    where: str
    value: Value
    source: tuple[str, int] | None
    sentence: str
    correction: str
    alternative: int = 0

    @property
    def line(self) -> str:
        """The line of source that recorded the place, "" if its file is not at hand."""
        return linecache.getline(*self.source).strip() if self.source else ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}\n  where: {self.where}\n  mend: {self.correction}"


@dataclass(frozen=True, eq=False)
class Gradient:
    """One gradient in three columns.

    verdict
        "right", "right up to rounding", "right at a kink", "wrong" or "wrong shape"
    wrong
        mask of the wrong entries
    worst
        index of the entry that is furthest off
    numerical
        the derivative by that entry; None if it was not among the sampled ones
    """

    value: Value
    hand: Any
    automatic: Any
    numerical: Estimate | None
    verdict: str
    wrong: Any
    worst: tuple[int, ...]

    @property
    def name(self) -> str:
        """What the report calls the Value."""
        return called(self.value)

    @property
    def ok(self) -> bool:
        """Whether it is right, rounding and conventions at kinks included."""
        return self.verdict.startswith("right")

    @property
    def share_wrong(self) -> float:
        """Share of the entries that are wrong, 0 to 1."""
        return float(np.mean(self.wrong)) if np.size(self.wrong) else 0.0

    @property
    def at_worst(self) -> tuple[float, float]:
        """Hand-derived and automatic value of the worst entry; NaN if the shape does not fit."""
        fits = np.shape(self.hand) == np.shape(self.automatic)
        hand = float(self.hand[self.worst]) if fits and np.size(self.hand) else float("nan")
        automatic = float(self.automatic[self.worst]) if np.size(self.automatic) else float("nan")
        return hand, automatic

    @property
    def absolute_error(self) -> float:
        """Difference at the worst entry."""
        hand, automatic = self.at_worst
        return abs(hand - automatic)

    @property
    def relative_error(self) -> float:
        """Difference at the worst entry relative to the larger of the two values there."""
        hand, automatic = self.at_worst
        size = max(abs(hand), abs(automatic))
        return abs(hand - automatic) / size if size else 0.0

    @property
    def lie(self) -> str:
        """Where the wrong entries lie, in words."""
        return where_they_lie(np.asarray(self.wrong))


@dataclass
class Report:
    """What `compare` found; `tinygrad_lite.draw(report)` marks it in the graph.

    ok
        whether every gradient is right
    mistakes
        the first answer (one mistake, or two), then other answers that fit the same numbers
    first_wrong, last_right
        of the given Values: the wrong one nearest to the cost, and the right one before it
    engine_doubts
        where automatic and numerical derivatives disagree: then our own rules are at fault
    sampled
        what was compared numerically
    sought
        whether the mistake was looked for
    """

    cost: Value
    gradients: list[Gradient] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    first_wrong: Value | None = None
    last_right: Value | None = None
    engine_doubts: list[str] = field(default_factory=list)
    sampled: str = ""
    sought: bool = True
    notes: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every gradient is right."""
        return all(gradient.ok for gradient in self.gradients)

    @property
    def verdicts(self) -> dict[Value, str]:
        """Verdict by Value, for drawing."""
        return {gradient.value: gradient.verdict for gradient in self.gradients}

    def row(self, value: Value) -> Gradient:
        """The comparison of one Value."""
        return next(g for g in self.gradients if g.value is value)

    def raise_if_wrong(self) -> Report:
        """Return the report if every gradient is right.

        Raises:
            WrongGradientError: one is not. An AssertionError whose message is the report.
        """
        if not self.ok:
            raise WrongGradientError(self)
        return self

    # -- text ------------------------------------------------------------------------------------

    def __str__(self) -> str:
        right = sum(g.ok for g in self.gradients)
        lines = [counted(right, len(self.gradients))]
        lines += _table(self.shown())
        if len(self.gradients) > ROWS:
            lines.append(f"  and {len(self.gradients) - ROWS} more")
        lines.append(f"  {self.sampled}")
        for gradient in self.gradients:
            if not gradient.ok and 0 < gradient.share_wrong < 1 and np.ndim(gradient.wrong) >= 2:
                lines += [f"  wrong entries of {gradient.name}:", *picture(gradient)]
                break
        lines += [f"  {note}" for note in self.notes]
        if self.engine_doubts:
            lines.append("automatic and numerical derivatives disagree, so a rule is wrong:")
            lines += [f"  {doubt}" for doubt in self.engine_doubts]
        return "\n".join([*lines, "", *self._conclusion()]).rstrip()

    def shown(self) -> list[Gradient]:
        """The rows of the table, the wrong ones first."""
        return sorted(self.gradients, key=lambda g: g.ok)[:ROWS]

    def _conclusion(self) -> list[str]:
        lines = []
        first = [m for m in self.mistakes if m.alternative == 0]
        for number, mistake in enumerate(first, 1):
            head = f"Mistake {number} of {len(first)}" if len(first) > 1 else "The mistake"
            if mistake.kind == "precision":
                head = "Not a mistake"
            lines += [
                f"{head}: {mistake.kind}",
                f"  {mistake.sentence}.",
                f"  where: {mistake.where}",
                *([f"    {mistake.line}"] if mistake.line else []),
                f"  to mend it: {mistake.correction}",
            ]
        for several in self.alternatives():
            if len(several) == 1:
                (mistake,) = several
                lines.append(f"Or {mistake.kind}: {mistake.sentence} ({mistake.where})")
            else:
                kinds = " and ".join(m.kind for m in several)
                both = ", ".join(f"{m.sentence} ({m.where})" for m in several)
                lines.append(f"Or {kinds}: {both}")
        if any(m.alternative for m in self.mistakes):
            lines.append(self.telling_apart())
        if not self.ok and not first and self.sought:
            lines += self.narrowed()
        return lines

    def alternatives(self) -> list[list[Mistake]]:
        """The other answers, each with the mistakes that it takes."""
        others: dict[int, list[Mistake]] = {}
        for mistake in self.mistakes:
            if mistake.alternative:
                others.setdefault(mistake.alternative, []).append(mistake)
        return list(others.values())

    def narrowed(self) -> list[str]:
        """Where the fault lies if nothing explains it."""
        if self.first_wrong is None:
            return ["No known mistake gives these numbers."]
        before, first = "", self.first_wrong
        if self.last_right is not None:
            before = f"right up to {called(self.last_right)}, "
        given = {gradient.value for gradient in self.gradients}
        between = [
            node.name for node in consumers_first(self.cost)
            if node.name and node not in given and node.serial > first.serial
        ]  # fmt: skip
        such = f", such as {', '.join(between[:3])}," if between else ""
        return [
            f"No known mistake, and no two together, give these numbers. Going back from the cost "
            f"the gradient is {before}wrong from {called(first)} on. Give the hand-derived "
            f"gradients of Values{such} between the cost and {called(first)} to narrow it further."
        ]

    def telling_apart(self) -> str:
        """An input at which the answers would differ, if there are several."""
        from tinygrad_lite.checking.telling_apart import telling_input

        return telling_input(self)

    # -- for tools and notebooks -----------------------------------------------------------------

    def to_json(self, indent: int | None = 2) -> str:
        """The report as JSON text."""
        return json.dumps(self.as_dict(), indent=indent, allow_nan=False)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain lists, dicts, numbers and strings."""
        return {
            "ok": self.ok,
            "gradients": [_gradient_dict(g) for g in self.gradients],
            "mistakes": [
                {
                    "kind": m.kind, "where": m.where, "sentence": m.sentence,
                    "correction": m.correction, "alternative": m.alternative,
                    "source": list(m.source) if m.source else None,
                }
                for m in self.mistakes
            ],
            "first_wrong": called(self.first_wrong) if self.first_wrong is not None else None,
            "last_right": called(self.last_right) if self.last_right is not None else None,
            "engine_doubts": self.engine_doubts,
            "sampled": self.sampled,
            "notes": self.notes,
        }  # fmt: skip

    def to_html(self, title: str = "") -> str:
        """The report as HTML: what is wrong, the table, and a picture of the error of each matrix.

        Args:
            title: of a whole page; without it, a fragment for a page or notebook that is there.
        """
        from tinygrad_lite.checking.html_report import fragment, page

        return page(self, title) if title else fragment(self)

    def _repr_html_(self) -> str:
        return self.to_html()


HEADINGS = (
    "gradient of", "hand-derived", "automatic", "numerical", "at", "relative", "absolute", "wrong",
)  # fmt: skip


def counted(right: int, total: int) -> str:
    """How many of the gradients are right, in words."""
    if total == 1:
        return f"the gradient is {'right' if right else 'wrong'}"
    if right == total:
        return f"all {total} gradients are right"
    return f"{right or 'none'} of {total} gradients {'are' if right else 'is'} right"


def cells(g: Gradient) -> list[str]:
    """A row of the table."""
    hand, automatic = g.at_worst
    given = f"{hand:.6g}" if np.isfinite(hand) else f"shape {np.shape(g.hand)}"
    numerical = f"{float(g.numerical.value):.6g}" if g.numerical is not None else "not sampled"
    wrong = f"{100 * g.share_wrong:.3g} % {g.lie}".strip() if not g.ok else g.verdict
    errors = [f"{e:.1e}" if np.isfinite(e) else "" for e in (g.relative_error, g.absolute_error)]
    index = str(g.worst) if g.worst else ""
    name = f"{g.name} {g.value.shape}" if g.value.ndim else g.name
    return ["✓" if g.ok else "✗", name, given, f"{automatic:.6g}", numerical, index, *errors, wrong]


def _table(gradients: list[Gradient]) -> list[str]:
    rows = [["", *HEADINGS], *(cells(g) for g in gradients)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(c.ljust(w) if i < 2 or i == len(row) - 1 else c.rjust(w)
                  for i, (c, w) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]  # fmt: skip


def where_they_lie(wrong: np.ndarray[Any, Any]) -> str:
    """In words, where the marked entries of an array lie: along one row, one column ..."""
    if wrong.ndim == 0 or not wrong.any() or wrong.all():
        return ""
    parts = []
    for axis in range(wrong.ndim):
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        hit = np.flatnonzero(wrong.any(axis=others))
        if len(hit) < wrong.shape[axis]:
            whole = bool(wrong.take(hit, axis=axis).all())
            rest = np.setdiff1d(np.arange(wrong.shape[axis]), hit)
            names = {0: "row", 1: "column"} if wrong.ndim == 2 else {}
            name = names.get(axis, "index")
            of_axis = "" if names or wrong.ndim == 1 else f" of axis {axis}"
            words = f"{_counted(name, hit)}{of_axis}"
            if whole and len(rest) < len(hit):
                words += f"; {_counted(name, rest)} {'is' if len(rest) == 1 else 'are'} right"
            parts.append(("all of " if whole and names else "" if whole else "in ") + words)
    return f"({'; '.join(parts)})" if parts else "(scattered)"


def _counted(name: str, indices: np.ndarray[Any, Any]) -> str:
    """Indices in words, those that follow one another as a range: columns 0-7, 9."""
    runs = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    words = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    plural = {"index": "indices"}.get(name, f"{name}s") if len(indices) > 1 else name
    return f"{plural} {', '.join(words[:4])}" + (", ..." if len(words) > 4 else "")


def blocks(g: Gradient, rows: int, columns: int) -> np.ndarray[Any, Any]:
    """Relative error of a matrix, the largest in each block of a coarser grid."""
    if np.shape(g.hand) != np.shape(g.automatic) or np.ndim(g.hand) < 2:
        return np.zeros((0, 0))
    error = np.abs(g.hand - g.automatic) / (np.max(np.abs(g.automatic)) or 1.0)
    flat = error.reshape(-1, error.shape[-1])
    flat = np.where(np.isfinite(flat), flat, 1.0)
    for axis, limit in ((0, rows), (1, columns)):
        starts = np.unique(np.linspace(0, flat.shape[axis], limit, endpoint=False).astype(int))
        flat = np.maximum.reduceat(flat, starts, axis=axis)
    return np.clip(flat, 0, 1)


def picture(g: Gradient) -> list[str]:
    """The error of a matrix in characters, darker where it is larger."""
    shades = " ░▒▓█"
    levels = np.ceil(blocks(g, 12, 60) ** 0.3 * (len(shades) - 1)).astype(int)
    return [f"    |{''.join(shades[i] for i in row)}|" for row in levels]


def _gradient_dict(g: Gradient) -> dict[str, Any]:
    hand, automatic = g.at_worst
    numbers = {
        "hand_derived": hand,
        "automatic": automatic,
        "numerical": None if g.numerical is None else float(g.numerical.value),
        "numerical_error": None if g.numerical is None else float(g.numerical.error),
        "relative_error": g.relative_error,
        "absolute_error": g.absolute_error,
    }
    finite = {k: v if v is None or np.isfinite(v) else None for k, v in numbers.items()}
    return {
        "name": g.name, "shape": list(g.value.shape), "verdict": g.verdict, "ok": g.ok,
        "worst": list(g.worst), **finite, "share_wrong": g.share_wrong, "lie": g.lie,
    }  # fmt: skip
