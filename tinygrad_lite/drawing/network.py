"""The network view: neurons as light bulbs, or the layers of a tensor model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.drawing.layers import draw_layers
from tinygrad_lite.drawing.palette import Theme, mixed
from tinygrad_lite.drawing.summary import number_text
from tinygrad_lite.drawing.svg import Picture, tag, theme_of, told, words
from tinygrad_lite.engine.modes import no_grad
from tinygrad_lite.engine.value import Value, data_of

CONNECTIONS = 300
"""Connections drawn; of more, for every neuron those that contribute most to its activation."""

COLUMN = 24
"""Neurons that stand in a column; more lie in a grid."""

LIT, UNLIT = "#ffd23f", "#3a3f47"


def draw_network(
    model: Any,
    sample: Any = None,
    *,
    connections: int = CONNECTIONS,
    theme: str = "light",
    title: str = "",
) -> Picture:
    """Draw a network with the activations of one sample.

    A network of neurons is drawn neuron by neuron: every neuron a light bulb, as bright as its
    activation, in a column by layer; every connection orange if its weight is positive, blue if
    negative, and the wider the stronger. Of a tensor model the layers are drawn, with shapes,
    parameter counts, kernels and activations.

    Args:
        model: a `neurons.Network`, an `nn.Module`, any function of a sample, or a Value that was
            computed from one.
        sample: one input. A network of neurons is lit by it; without it, it is drawn as last lit.
            A model or function is called with it, as it is, so give it the axis of samples that it
            expects.
        connections: about how many to draw at most: for every neuron those that contribute most,
            weight times activation; how many there are is stated.
        theme: light or dark.
        title: written above.

    Raises:
        TypeError: it is neither, or a model without a sample.

    >>> from tinygrad_lite.neurons import InputLayer, Network, OutputLayer
    >>> network = Network([InputLayer(2), OutputLayer(1)])
    >>> network.connect_adjacent_layers()
    >>> draw_network(network, [0.0, 1.0])
    <Picture of 420 × 230>
    """
    if type(model) is Value:
        return draw_layers(model, theme=theme, title=title)
    if hasattr(model, "layers") and hasattr(model, "propagate"):
        if sample is not None:
            with no_grad():
                model.set_inputs(np.asarray(data_of(sample), dtype=np.float64))
                model.propagate()
        return _draw_bulbs(model.layers, connections, theme_of(theme), title)
    if not callable(model):
        raise TypeError(
            f"draw_network takes a network of neurons, a model, or a Value; got "
            f"{type(model).__name__}"
        )
    if sample is None:
        raise TypeError("draw_network of a model needs a sample to call it with")
    out = model(sample)
    if type(out) is not Value:
        raise TypeError(
            f"the model returned {type(out).__name__}, not a Value, so nothing was recorded: were "
            f"its parameters Values, and was it not called under no_grad()?"
        )
    return draw_layers(out, theme=theme, title=title or type(model).__name__)


@dataclass(frozen=True, slots=True)
class _Column:
    """Where the neurons of one layer stand."""

    layer: Any
    x: float
    top: float
    columns: int
    rows: int
    step: float

    @property
    def width(self) -> float:
        return self.columns * self.step

    def place(self, index: int) -> tuple[float, float]:
        """The middle of a neuron."""
        x, y = index % self.columns, index // self.columns
        return self.x + (x + 0.5) * self.step, self.top + (y + 0.5) * self.step

    def lamps(self) -> bool:
        """Whether there is room for round bulbs."""
        return self.step >= 16


def _draw_bulbs(layers: Any, most: int, theme: Theme, title: str) -> Picture:
    grids = [_grid(layer) for layer in layers]
    height = max(150.0, *(rows * step for _, rows, step in grids)) if grids else 150.0
    columns, x = [], 40.0
    top = 58.0 if title else 40.0
    for layer, (across, down, step) in zip(layers, grids, strict=True):
        above = top + (height - down * step) / 2
        columns.append(_Column(layer, x, above, across, down, step))
        x += across * step + 150
    by_layer = {id(column.layer): column for column in columns}
    lines, drawn, total = _lines(columns, by_layer, most, theme)
    body = [words(title, 24, 28, font_weight="bold", font_size=14)] if title else []
    for column in columns:
        if not column.lamps():
            body += _bulbs(column, theme, last=False)
    body += lines  # over the pixels of a grid, behind round bulbs
    for i, column in enumerate(columns):
        if column.lamps():
            body += _bulbs(column, theme, last=i == len(columns) - 1)
        body.append(_heading(column, i, len(columns), top - 12))
    note = f"{total:,} connections"
    if drawn < total:
        note += f"; drawn are the {drawn:,} that contribute most"
    y = top + height
    body += _key(note, y + 22, theme)
    return Picture(body, max(x - 150 + 90, 420), y + 40, theme)


def _grid(layer: Any) -> tuple[int, int, float]:
    """Columns, rows and distance of a layer's neurons."""
    count = len(layer)
    if layer.height > 1:
        across, down = layer.width, layer.height
    elif count <= COLUMN:
        across, down = 1, count
    else:
        across = math.ceil(math.sqrt(count))
        down = math.ceil(count / across)
    return (
        across,
        down,
        26.0 if max(across, down) <= 12 else max(5.0, min(26.0, 300 / max(across, down))),
    )


def _lines(
    columns: list[_Column], by_layer: dict[int, _Column], most: int, theme: Theme
) -> tuple[list[str], int, int]:
    """The strongest connections, the weakest drawn first."""
    every, total = _connections(columns, most)
    strengths = np.abs([weight for _, _, weight in every]) if every else np.zeros(0)
    largest = float(strengths[np.isfinite(strengths)].max(initial=0.0)) or 1.0
    lines = []
    for i in np.argsort(strengths, kind="stable"):
        source, target, weight = every[i]
        x1, y1 = by_layer[id(source.layer)].place(source.index)
        x2, y2 = by_layer[id(target.layer)].place(target.index)
        share = min(abs(weight) / largest, 1.0) if math.isfinite(weight) else 1.0
        bend = (x2 - x1) / 2
        colour = theme.positive if weight > 0 else theme.negative
        lines.append(
            tag(
                "path",
                told(f"{source.name} to {target.name}: weight {number_text(weight)}"),
                d=f"M{x1:.1f},{y1:.1f}C{x1 + bend:.1f},{y1:.1f} {x2 - bend:.1f},{y2:.1f} "
                f"{x2:.1f},{y2:.1f}",
                fill="none",
                stroke=colour if math.isfinite(weight) else theme.nan,
                stroke_width=0.4 + 2.0 * share,
                stroke_opacity=0.12 + 0.6 * share,
                stroke_dasharray=None if weight >= 0 else "5 2",
            )
        )
    return lines, len(every), total


def _connections(columns: list[_Column], most: int) -> tuple[list[tuple[Any, Any, float]], int]:
    """Connections to draw as source, target and weight, and how many there are in all."""
    receivers = [n for column in columns for n in column.layer if getattr(n, "inputs", None)]
    each = max(1, most // max(len(receivers), 1))
    total = sum(len(neuron.inputs) for neuron in receivers)
    chosen = []
    for neuron in receivers:
        weighed = [(c.source, neuron, float(data_of(c.weight))) for c in neuron.inputs]
        if total > most and len(weighed) > each:
            weighed.sort(key=lambda c: (-abs(c[2] * _light(c[0])), -abs(c[2])))
            weighed = weighed[:each]
        chosen += weighed
    return chosen, total


def _light(neuron: Any) -> float:
    """Its activation; of a batch that of the first sample."""
    return float(np.ravel(np.asarray(data_of(neuron.signal)))[0])


def _bulbs(column: _Column, theme: Theme, last: bool) -> Iterator[str]:
    layer = column.layer
    lights = [_light(neuron) for neuron in layer]
    brightest = max(1.0, *(abs(light) for light in lights if math.isfinite(light)), 1.0)
    for index, light in enumerate(lights):
        x, y = column.place(index)
        share = min(max(light / brightest, 0.0), 1.0) if math.isfinite(light) else 0.0
        colour = mixed(UNLIT, LIT, share) if math.isfinite(light) else theme.nan
        tip = told(f"{layer.name}[{index}]: activation {number_text(light)}")
        if not column.lamps():
            side = column.step
            yield tag(
                "rect", tip, x=x - side / 2, y=y - side / 2, width=side, height=side, fill=colour
            )
            continue
        radius = column.step * 0.36
        if share > 0.15:
            yield tag("circle", cx=x, cy=y, r=radius * 1.55, fill=LIT, opacity=0.35 * share)
        yield tag(
            "path", d=_base(x, y, radius), fill=theme.line, stroke=theme.ink, stroke_width=0.5
        )
        yield tag(
            "circle", tip, cx=x, cy=y, r=radius, fill=colour, stroke=theme.ink, stroke_width=0.8
        )
        if last:
            best = light == max(lights)
            weight = "bold" if best else None
            yield words(
                f"{index}  {number_text(round(light, 4))}",
                x + radius + 7,
                y + 4,
                font_weight=weight,
            )


def _base(x: float, y: float, radius: float) -> str:
    """The screw of a light bulb, below its glass."""
    half = radius * 0.42
    return (
        f"M{x - half:.1f},{y + radius * 0.8:.1f}h{2 * half:.1f}v{radius * 0.6:.1f}h{-2 * half:.1f}z"
    )


def _heading(column: _Column, position: int, count: int, y: float) -> str:
    layer = column.layer
    kind = "input" if position == 0 else "output" if position == count - 1 else f"layer {position}"
    size = f"{layer.width} × {layer.height}" if layer.height > 1 else f"{len(layer)}"
    function = next((getattr(n, "function", None) for n in layer), None) if position else None
    name = getattr(function, "__name__", "")
    text = f"{kind}: {size}{f' {name}' if name and name != '<lambda>' else ''}"
    return words(text, column.x + column.width / 2, y, text_anchor="middle")


def _key(note: str, y: float, theme: Theme) -> Iterator[str]:
    yield tag("line", x1=24, y1=y - 4, x2=48, y2=y - 4, stroke=theme.positive, stroke_width=2.5)
    yield words("positive weight", 54, y, font_size=11)
    yield tag(
        "line", x1=148, y1=y - 4, x2=172, y2=y - 4, stroke=theme.negative, stroke_width=2.5,
        stroke_dasharray="5 2",
    )  # fmt: skip
    yield words("negative", 178, y, font_size=11)
    yield words(note, 240, y, font_size=11, fill=theme.faint)
