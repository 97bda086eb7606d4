"""Charts of the report: SVG in the colours of the page, which tells numbers when pointed at."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_lite.drawing.plots import DASHES
from tinygrad_lite.drawing.summary import number_text
from tinygrad_lite.drawing.svg import tag, words

WIDTH, HEIGHT = 440, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 10, 42
POINTS = 400
"""Points of a line; of more, the smallest and largest of each stretch."""

Line = tuple[ArrayLike, ArrayLike]

_ONE = {"batches": "batch", "epochs": "epoch"}


def line_chart(
    title: str, lines: Mapping[str, Line], x_label: str, *, log: bool = False, note: str = ""
) -> str:
    """A figure with lines over x; by powers of ten if `log`. Nothing if no line has a point."""
    read = {name: _finite(x, y, log) for name, (x, y) in lines.items()}
    read = {name: line for name, line in read.items() if len(line)}
    if not read:
        return ""
    every = np.concatenate(list(read.values()))
    (x_low, low), (x_high, high) = every.min(axis=0), every.max(axis=0)
    low, high = _range_of(float(low), float(high), log)
    across = _Scale(float(x_low), float(x_high), LEFT, WIDTH - RIGHT, False)
    up = _Scale(low, high, HEIGHT - BOTTOM, TOP, log)
    body = _axes(across, up, x_label, whole=True)
    for i, line in enumerate(read.values()):
        points = [f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in _thinned(line)]
        style: dict[str, Any] = {
            "class_": f"series s{i % 7}",
            "stroke_dasharray": _dash(i),
        }
        if len(points) == 1:
            x, y = points[0].split(",")
            body += tag("circle", cx=x, cy=y, r=3, class_=f"dot s{i % 7}")
        else:
            body += tag("polyline", points=" ".join(points), **style)
    data = {
        "x": [LEFT, WIDTH - RIGHT, across.low, across.high],
        "label": _ONE.get(x_label, x_label),
        "lines": {name: _rounded(_thinned(line)) for name, line in read.items()},
    }
    legend = "".join(_key(i, name) for i, name in enumerate(read)) if len(read) > 1 else ""
    return _figure(title, body, legend, note, data)


def scatter_chart(title: str, x: ArrayLike, y: ArrayLike, x_label: str, y_label: str) -> str:
    """A figure with a dot for each pair, and the diagonal on which both are equal."""
    points = _finite(x, y, False)
    if not len(points):
        return ""
    low, high = float(points.min()), float(points.max())
    margin = 0.04 * ((high - low) or 1.0)
    across = _Scale(low - margin, high + margin, LEFT, WIDTH - RIGHT, False)
    up = _Scale(low - margin, high + margin, HEIGHT - BOTTOM, TOP, False)
    body = _axes(across, up, x_label)
    body += tag(
        "line", class_="diagonal", x1=across.at(low), y1=up.at(low), x2=across.at(high),
        y2=up.at(high),
    )  # fmt: skip
    shown = points[:: max(1, math.ceil(len(points) / 1500))]
    body += "".join(
        tag("circle", cx=across.at(a), cy=up.at(b), r=2.2, class_="dot s0 faint") for a, b in shown
    )
    note = f"{y_label} against {x_label}; on the line both are equal"
    if len(shown) < len(points):
        note += f"; {len(shown):,} of {len(points):,} rows shown"
    return _figure(title, body, "", note, None)


class _Scale:
    """From numbers to pixels, linear or by powers of ten."""

    def __init__(self, low: float, high: float, start: float, end: float, log: bool) -> None:
        self.low, self.high, self.start, self.end, self.log = low, high, start, end, log

    def at(self, number: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, number = (math.log10(n) for n in (low, high, number))
        return self.start + (number - low) / ((high - low) or 1.0) * (self.end - self.start)

    def ticks(self, whole: bool = False) -> Sequence[float]:
        """Round numbers, or whole ones where there is nothing between them."""
        if self.log:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1, max(1, (last - first) // 5))]
        raw = ((self.high - self.low) or 1.0) / 5
        size = 10.0 ** math.floor(math.log10(raw))
        step = next(size * m for m in (1, 2, 5, 10) if size * m >= raw)
        step = max(step, 1.0) if whole else step
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _axes(across: _Scale, up: _Scale, x_label: str, whole: bool = False) -> str:
    parts = []
    for tick in up.ticks():
        y = up.at(tick)
        parts.append(tag("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
        parts.append(words(number_text(tick), LEFT - 6, y + 4, text_anchor="end"))
    bottom = HEIGHT - BOTTOM
    for tick in across.ticks(whole):
        x = across.at(tick)
        parts.append(tag("line", class_="axis", x1=x, x2=x, y1=bottom, y2=bottom + 4))
        parts.append(words(number_text(tick), x, bottom + 18, text_anchor="middle"))
    parts.append(tag("line", class_="axis", x1=LEFT, x2=WIDTH - RIGHT, y1=bottom, y2=bottom))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(words(x_label, middle, HEIGHT - 5, text_anchor="middle", class_="label"))
    return "".join(parts)


def _figure(title: str, body: str, legend: str, note: str, data: object) -> str:
    told = "" if data is None else f' data-chart="{html.escape(json.dumps(data))}"'
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">{body}'
        f'<line class="cross" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/></svg>'
    )
    return (
        f'<figure class="card chart"{told}><figcaption>{html.escape(title)}</figcaption>'
        f"{f'<div class=legend>{legend}</div>' if legend else ''}{svg}<output></output>"
        f"{f'<p class=note>{html.escape(note)}</p>' if note else ''}</figure>"
    )


def _key(i: int, name: str) -> str:
    line = tag(
        "line", x1=0, x2=22, y1=5, y2=5, class_=f"series s{i % 7}", stroke_dasharray=_dash(i)
    )
    return f'<span><svg width="22" height="10">{line}</svg>{html.escape(name)}</span>'


def _dash(i: int) -> str | None:
    """That of a line: another one when the seven colours come round again."""
    return DASHES[(i + i // 7) % len(DASHES)]


def _finite(x: ArrayLike, y: ArrayLike, log: bool) -> NDArray[np.float64]:
    """Pairs that can be drawn, shape (points, 2)."""
    pairs = np.stack([np.asarray(x, float).ravel(), np.asarray(y, float).ravel()], axis=1)
    kept = np.isfinite(pairs).all(axis=1)
    finite: NDArray[np.float64] = pairs[kept & (pairs[:, 1] > 0) if log else kept]
    return finite


def _range_of(low: float, high: float, log: bool) -> tuple[float, float]:
    if log:
        low, high = 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))
        return low, high if high > low else 10 * low
    low = 0.0 if 0 <= low < 0.5 * high else low
    margin = 0.06 * ((high - low) or abs(high) or 1.0)
    return (low if low == 0.0 else low - margin), high + margin


def _thinned(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Few enough points that still show every peak."""
    if len(line) <= POINTS:
        return line
    size = math.ceil(2 * len(line) / POINTS)
    kept: list[int] = []
    for start in range(0, len(line), size):
        part = line[start : start + size, 1]
        kept += sorted({start + int(part.argmin()), start + int(part.argmax())})
    return line[kept]


def _rounded(line: NDArray[np.float64]) -> list[list[float]]:
    return [[float(f"{x:.6g}"), float(f"{y:.4g}")] for x, y in line]
