"""Plots of training: curves and histograms as SVG, or on matplotlib axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.drawing.palette import EXPLODING, VANISHING, Theme
from tinygrad_lite.drawing.summary import narrow, number_text
from tinygrad_lite.drawing.svg import Picture, tag, theme_of, words
from tinygrad_lite.engine.value import Value, data_of

# Okabe and Ito's order, each with a dash of its own so that colour is never all that tells.
LIGHT_LINES = ("#0072b2", "#d55e00", "#007a5a", "#b0568f", "#8a6d00", "#2f7fb8", "#444444")
DARK_LINES = ("#56b4e9", "#ff8c42", "#3ecf9f", "#e39cc6", "#f0e442", "#9ad0f5", "#cccccc")
DASHES = (None, "7 3", "2 3", "9 3 2 3", "12 4", "4 4", "1 4")

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 18, 40, 46
POINTS = 1200
"""Points of a curve that are drawn; of more, the smallest and largest of each stretch."""

Curve = Sequence[float] | tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True, slots=True)
class _Axis:
    """From numbers to pixels, linear or by powers of ten."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def at(self, number: float) -> float:
        low, high, number = (
            (math.log10(n) for n in (self.low, self.high, max(number, self.low)))
            if self.log
            else (self.low, self.high, number)
        )
        return self.start + (number - low) / ((high - low) or 1.0) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            every = max(1, (last - first) // 6)
            powers = [10.0**power for power in range(first, last + 1, every)]
            return [p for p in powers if self.low <= p * 1.0001 and p <= self.high * 1.0001]
        span = (self.high - self.low) or 1.0
        raw = span / 5
        size = 10.0 ** math.floor(math.log10(raw))
        step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def plot_curves(
    curves: Mapping[str, Curve] | Curve,
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    log: bool = False,
    marks: Mapping[str, float] | None = None,
    theme: str = "light",
    axes: Any = None,
) -> Any:
    """Plot curves over their number, or over given x.

    Args:
        curves: by name, or a single one without; either the y, or a pair of x and y. NaN and
            infinite points are left out, and with `log` those that are not positive.
        title, x_label, y_label: what is written.
        log: whether y goes by powers of ten.
        marks: horizontal lines, by name.
        theme: light or dark.
        axes: matplotlib axes to plot on, instead of making a picture.

    Returns:
        A `Picture`, or the axes.

    Raises:
        ValueError: x and y of a curve differ in length.

    >>> plot_curves({"cost": [3.0, 2.0, 1.5]}, x_label="batches")
    <Picture of 560 × 300>
    """
    read = {name: _read(name, curve, log) for name, curve in _named(curves).items()}
    if axes is not None:
        return _on_axes(axes, read, title, x_label, y_label, log, marks or {})
    paper = theme_of(theme)
    body = list(_panel(read, title, x_label, y_label, log, marks or {}, paper, theme, 0))
    return Picture(body, WIDTH, HEIGHT, paper)


def plot_training(history: Any, *, theme: str = "light", axes: Any = None) -> Any:
    """Plot how training went: costs, and success rates where there are any.

    Args:
        history: a mapping or an object with `costs` by batch, and if it has them
            `success_rates` and `average_costs` of the tests, which took place after
            `tested_after` batches, on what `tested_on` says: "validation" data, or "test" data.
        theme: light or dark.
        axes: a pair of matplotlib axes to plot on, instead of making a picture.

    Returns:
        A `Picture`, or the axes.

    >>> plot_training({"costs": [3.0, 2.0, 1.5]})
    <Picture of 560 × 300>
    """

    def found(name: str) -> Any:
        return history.get(name) if isinstance(history, Mapping) else getattr(history, name, None)

    def get(name: str) -> list[float]:
        entries = found(name)
        return [] if entries is None else [float(entry) for entry in entries]

    tested_on = found("tested_on") or "test"
    costs, tests = get("costs"), get("tested_after")
    cost_curves: dict[str, Curve] = {"cost of a batch": (range(1, len(costs) + 1), costs)}
    if get("average_costs"):
        cost_curves[f"{tested_on} cost"] = (tests, get("average_costs"))
    rates = [100 * rate for rate in get("success_rates")]
    rate_label = "validation accuracy, %" if tested_on == "validation" else "success rate, %"
    rate_curves: dict[str, Curve] = {rate_label: (tests or range(1, len(rates) + 1), rates)}
    panels: list[tuple[dict[str, Curve], str]] = [(cost_curves, "cost")]
    if rates:
        panels.append((rate_curves, rate_label))
    if axes is not None:
        for panel, (curves, label) in zip(np.ravel(axes), panels, strict=False):
            plot_curves(curves, x_label="batches", y_label=label, axes=panel)
        return axes
    paper = theme_of(theme)
    body: list[str] = []
    for i, (curves, label) in enumerate(panels):
        read = {name: _read(name, curve, False) for name, curve in curves.items()}
        body += _panel(read, label, "batches", "", False, {}, paper, theme, i * WIDTH)
    return Picture(body, WIDTH * len(panels), HEIGHT, paper)


def plot_gradient_norms(
    norms: Mapping[str, Sequence[float]], *, theme: str = "light", axes: Any = None
) -> Any:
    """Plot the gradient norm of each layer over the steps, on a log scale.

    Lines mark where gradients count as vanishing and exploding.

    Args:
        norms: by layer, one norm for each step; `gradient_norms` gives those of one step.
        theme: light or dark.
        axes: matplotlib axes to plot on, instead of making a picture.
    """
    every = [n for row in norms.values() for n in row if math.isfinite(n) and n > 0]
    marks = {}
    if every and min(every) < 100 * VANISHING:
        marks["vanishing"] = VANISHING
    if every and max(every) > EXPLODING / 100:
        marks["exploding"] = EXPLODING
    return plot_curves(
        norms, title="gradient norm by layer", x_label="steps", log=True, marks=marks, theme=theme,
        axes=axes,
    )  # fmt: skip


def gradient_norms(
    parameters: Mapping[str, Value] | Iterable[tuple[str, Value]],
) -> dict[str, float]:
    """Norm of the gradient of each layer, the parameters of a layer taken together.

    Args:
        parameters: by name, as `model.named_parameters()` gives them; what comes before the last
            dot or slash is the layer.

    >>> w = Value([3.0, 4.0])
    >>> (w * w).sum().backward()
    >>> gradient_norms({"hidden.weight": w})
    {'hidden': 10.0}
    """
    squares: dict[str, float] = {}
    for name, parameter in dict(parameters).items():
        layer = name.replace("/", ".").rpartition(".")[0] or name
        if parameter.grad is not None:
            gradient = np.asarray(data_of(parameter.grad), dtype=np.float64)
            squares[layer] = squares.get(layer, 0.0) + float(np.sum(np.abs(gradient) ** 2))
    return {layer: math.sqrt(square) for layer, square in squares.items()}


def plot_histogram(
    arrays: Any,
    *,
    bins: int = 40,
    title: str = "",
    theme: str = "light",
    axes: Any = None,
) -> Any:
    """Plot how the entries of arrays are distributed: weights, activations or gradients.

    Args:
        arrays: Values or arrays by name, or a single one without; their finite entries count.
        bins: over the range of them all.
        title: what is written.
        theme: light or dark.
        axes: matplotlib axes to plot on, instead of making a picture.

    Returns:
        A `Picture`, or the axes.
    """
    flat = {name: np.ravel(np.asarray(data_of(a), dtype=np.float64))
            for name, a in _named(arrays).items()}  # fmt: skip
    flat = {name: a[np.isfinite(a)] for name, a in flat.items()}
    some = [a for a in flat.values() if a.size]
    low = min((float(a.min()) for a in some), default=0.0)
    high = max((float(a.max()) for a in some), default=1.0)
    if high - low <= narrow(low, high, np.dtype(np.float64)):
        margin = max(0.5, abs(high) / 1000)
        low, high = low - margin, high + margin
    curves: dict[str, Curve] = {}
    for name, entries in flat.items():
        counts, edges = np.histogram(entries, bins=bins, range=(low, high))
        # Each bin as a step: its height from its left edge to its right one.
        x = np.repeat(edges, 2)[1:-1]
        curves[name] = (x.tolist(), np.repeat(counts, 2).astype(float).tolist())
    return plot_curves(
        curves, title=title, x_label="entry", y_label="count", theme=theme, axes=axes
    )  # fmt: skip


# -- drawing -------------------------------------------------------------------------------------

Points = list[tuple[float, float]]


def _named(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {"": given}


def _read(name: str, curve: Curve, log: bool) -> Points:
    x: Any
    y: Any
    if isinstance(curve, tuple) and len(curve) == 2 and np.ndim(curve[0]) == 1:
        x, y = curve
    else:
        x, y = range(1, len(curve) + 1), curve
    if len(x) != len(y):
        raise ValueError(f"curve {name!r} has {len(x)} x but {len(y)} y")
    pairs = ((float(a), float(b)) for a, b in zip(x, y, strict=True))
    return [(a, b) for a, b in pairs if math.isfinite(a + b) and (b > 0 or not log)]


def _panel(
    curves: Mapping[str, Points],
    title: str,
    x_label: str,
    y_label: str,
    log: bool,
    marks: Mapping[str, float],
    paper: Theme,
    theme: str,
    shift: float,
) -> Iterator[str]:
    x_axis, y_axis = _axes(curves, log, marks, shift)
    yield from _frame(x_axis, y_axis, paper)
    yield words(title, shift + LEFT, 22, font_weight="bold")
    middle = (x_axis.start + x_axis.end) / 2
    yield words(x_label, middle, HEIGHT - 8, text_anchor="middle", fill=paper.faint)
    if y_label:
        y = (y_axis.start + y_axis.end) / 2
        yield words(
            y_label, shift + 14, y, text_anchor="middle", fill=paper.faint,
            transform=f"rotate(-90 {shift + 14:g} {y:g})",
        )  # fmt: skip
    for name, height in marks.items():
        y = y_axis.at(height)
        yield tag("line", x1=x_axis.start, x2=x_axis.end, y1=y, y2=y, stroke=paper.exploding,
                  stroke_dasharray="3 3")  # fmt: skip
        yield words(name, x_axis.end - 4, y - 4, text_anchor="end", font_size=10, fill=paper.faint)
    colours = LIGHT_LINES if theme == "light" else DARK_LINES
    right = x_axis.end
    for i, (name, points) in reversed(list(enumerate(curves.items()))):
        colour, dash = colours[i % len(colours)], DASHES[i % len(DASHES)]
        yield _line(points, x_axis, y_axis, colour, dash)
        if len(curves) > 1:
            right -= 6.6 * min(len(name), 80) + 4
            yield words(name, right, 22, font_size=11)
            yield tag("line", x1=right - 24, x2=right - 5, y1=18, y2=18, stroke=colour,
                      stroke_width=2, stroke_dasharray=dash)  # fmt: skip
            right -= 36


def _axes(
    curves: Mapping[str, Points], log: bool, marks: Mapping[str, float], shift: float
) -> tuple[_Axis, _Axis]:
    points = [point for curve in curves.values() for point in curve] or [(0.0, 1.0)]
    xs = [x for x, _ in points]
    ys = [y for _, y in points] + list(marks.values())
    low, high = min(ys), max(ys)
    if log:
        low, high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))
        high = high if high > low else 10 * low
    else:
        low = 0.0 if 0 <= low < 0.5 * high else low
        margin = 0.06 * ((high - low) or abs(high) or 1.0)
        low, high = (low if low == 0.0 else low - margin), high + margin
    x_axis = _Axis(min(xs), max(xs), shift + LEFT, shift + WIDTH - RIGHT, False)
    return x_axis, _Axis(low, high, HEIGHT - BOTTOM, TOP, log)


def _frame(x_axis: _Axis, y_axis: _Axis, paper: Theme) -> Iterator[str]:
    for tick in y_axis.ticks():
        y = y_axis.at(tick)
        yield tag("line", x1=x_axis.start, x2=x_axis.end, y1=y, y2=y, stroke=paper.line,
                  stroke_opacity=0.3)  # fmt: skip
        yield words(number_text(tick), x_axis.start - 6, y + 4, text_anchor="end", font_size=11)
    for tick in x_axis.ticks():
        x = x_axis.at(tick)
        yield tag("line", x1=x, x2=x, y1=y_axis.start, y2=y_axis.start + 4, stroke=paper.line)
        yield words(
            number_text(tick), x, y_axis.start + 17, text_anchor="middle", font_size=11
        )  # fmt: skip
    yield tag("line", x1=x_axis.start, x2=x_axis.end, y1=y_axis.start, y2=y_axis.start,
              stroke=paper.line)  # fmt: skip


def _line(points: Points, x_axis: _Axis, y_axis: _Axis, colour: str, dash: str | None) -> str:
    placed = [f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y in _thinned(points)]
    if len(placed) == 1:
        x, y = placed[0].split(",")
        return tag("circle", cx=x, cy=y, r=3, fill=colour)
    return tag("polyline", points=" ".join(placed), fill="none", stroke=colour, stroke_width=1.8,
               stroke_linejoin="round", stroke_dasharray=dash)  # fmt: skip


def _thinned(points: Points) -> Points:
    """Few enough points that still show every peak."""
    if len(points) <= POINTS:
        return points
    size = math.ceil(2 * len(points) / POINTS)
    kept: Points = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        ends = {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept


def _on_axes(
    axes: Any, curves: Mapping[str, Points], title: str, x_label: str, y_label: str, log: bool,
    marks: Mapping[str, float],
) -> Any:  # fmt: skip
    for name, points in curves.items():
        axes.plot([x for x, _ in points], [y for _, y in points], label=name)
    for name, height in marks.items():
        axes.axhline(height, linestyle=":", color="0.4", label=name)
    if log:
        axes.set_yscale("log")
    axes.set_title(title)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if len(curves) + len(marks) > 1:
        axes.legend()
    return axes
