"""The layers of a tensor model: shapes, parameter counts, kernels and activations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lite.drawing.cards import call_of, cut
from tinygrad_lite.drawing.collect import Graph, collect
from tinygrad_lite.drawing.images import image_tag, largest_of
from tinygrad_lite.drawing.palette import Theme
from tinygrad_lite.drawing.summary import shape_text
from tinygrad_lite.drawing.svg import Picture, tag, theme_of, told, words
from tinygrad_lite.engine.value import Value

WIDTH, GAP, PER_ROW = 176, 44, 6
IMAGES = 12
"""Kernels or channels shown of a layer."""

MOST = 120
"""Layers in one picture."""


@dataclass
class _Layer:
    """Operations in a row that were recorded in one scope, or a single one outside of all."""

    scope: str
    values: list[Value]
    parameters: dict[Value, None] = field(default_factory=dict)
    sources: list[int] = field(default_factory=list)

    @property
    def out(self) -> Value:
        return self.values[-1]

    @property
    def title(self) -> str:
        return self.scope or call_of(self.out)

    @property
    def count(self) -> int:
        return sum(parameter.size for parameter in self.parameters)


def draw_layers(output: Value, *, theme: str = "light", title: str = "") -> Picture:
    """Draw the layers that an output was computed by, from left to right in rows.

    Operations recorded in the same `scope` one after the other are one layer: those of an
    `nn.Module` are, as calling it enters its scope.

    Raises:
        ValueError: the output was not computed.
    """
    if output.operation is None:
        raise ValueError(f"there are no layers to draw: {output!r} was not computed")
    paper = theme_of(theme)
    graph = collect([output], gradients=False)
    layers = _layers(graph)
    hidden = max(len(layers) - MOST, 0)
    layers = layers[-MOST:] if hidden else layers
    faces = [_face(layer, paper) for layer in layers]
    heights = [height for _, height in faces]
    body = [words(title, 24, 28, font_weight="bold", font_size=14)] if title else []
    top = 48.0 if title else 24.0
    corners: list[tuple[float, float]] = []
    y = top
    for start in range(0, len(layers), PER_ROW):
        tallest = max(heights[start : start + PER_ROW])
        corners += [
            (24 + i * (WIDTH + GAP), y) for i in range(len(layers[start : start + PER_ROW]))
        ]
        y += tallest + 56
    body += _arrows(layers, corners, hidden, paper)
    for (markup, _), (x, above) in zip(faces, corners, strict=True):
        body.append(tag("g", markup, transform=f"translate({x:g} {above:g})"))
    leaves = {parameter for layer in layers for parameter in layer.parameters}
    count = f"{len(layers)} layer{'s' * (len(layers) != 1)}"
    note = f"{sum(leaf.size for leaf in leaves):,} parameters in {count}"
    if hidden:
        note += f"; the first {hidden:,} are left out"
    body.append(words(note, 24, y - 22, font_size=11, fill=paper.faint))
    across = min(len(layers), PER_ROW)
    return Picture(body, 48 + across * (WIDTH + GAP) - GAP, y - 8, paper)


def _layers(graph: Graph) -> list[_Layer]:
    layers: list[_Layer] = []
    home: dict[Value, int] = {}
    for value in graph.values:
        if value.operation is None:
            continue
        if layers and value.scope and layers[-1].scope == value.scope:
            layers[-1].values.append(value)
        else:
            layers.append(_Layer(value.scope, [value]))
        here = len(layers) - 1
        home[value] = here
        layer = layers[here]
        for argument in value.args:
            if type(argument) is not Value:
                continue
            if argument.operation is None:
                layer.parameters[argument] = None
            elif home[argument] != here and home[argument] not in layer.sources:
                layer.sources.append(home[argument])
    return layers


def _arrows(
    layers: list[_Layer], corners: list[tuple[float, float]], hidden: int, theme: Theme
) -> Iterator[str]:
    """From each layer to those that use it; what skips layers bows above them."""
    for here, layer in enumerate(layers):
        x2, y2 = corners[here][0], corners[here][1] + 22
        for source in layer.sources:
            there = source - hidden
            if there < 0:
                continue
            x1, y1 = corners[there][0] + WIDTH, corners[there][1] + 22
            if there == here - 1 and y1 == y2:
                path, tip = f"M{x1:g},{y1:g}L{x2 - 7:g},{y2:g}", f"M{x2:g},{y2:g}l-9,-4v8z"
            elif y1 == y2:
                high = y1 - 38
                path = f"M{x1 - 12:g},{y1 - 22:g}C{x1:g},{high:g} {x2:g},{high:g} "
                path += f"{x2 + 14:g},{y2 - 27:g}"
                tip = f"M{x2 + 16:g},{y2 - 22:g}l-6,-8l9,1z"
            else:  # to a later row: through the gap above it
                gap = y2 - 50 - 5 * (here - there > 1)
                path = f"M{x1:g},{y1:g}h{GAP / 3:g}V{gap:g}H10V{y2:g}H{x2 - 7:g}"
                tip = f"M{x2:g},{y2:g}l-9,-4v8z"
            yield tag("path", d=path, fill="none", stroke=theme.line, stroke_width=1.5,
                      stroke_linejoin="round")  # fmt: skip
            yield tag("path", d=tip, fill=theme.line)


def _face(layer: _Layer, theme: Theme) -> tuple[str, float]:
    """What a layer's box shows, and how high it is."""
    names = [value.operation.name for value in layer.values if value.operation is not None]
    lines = [(cut(layer.title, 24), theme.ink)]
    if layer.scope:
        lines.append((cut(", ".join(dict.fromkeys(names)), 28), theme.faint))
    lines.append((f"→ {shape_text(layer.out.shape)}", theme.ink))
    if layer.parameters:
        lines.append((f"{layer.count:,} parameters", theme.faint))
    parts, y = [], 20.0
    for i, (line, colour) in enumerate(lines):
        bold = "bold" if i == 0 else None
        parts.append(words(line, 10, y, title=layer.title, font_weight=bold, fill=colour))
        y += 16
    y -= 6
    for what, images in _pictures(layer):
        parts.append(words(what, 10, y + 12, font_size=10, fill=theme.faint))
        markup, below = _mosaic(images, 10, y + 18, theme)
        parts.append(markup)
        y = below
    height = max(y + 8, 48)
    fill, stroke = (
        (theme.leaf, theme.leaf_line)
        if layer.parameters
        else (theme.operation, theme.operation_line)
    )
    box = tag(
        "rect", told(f"{layer.title}: {', '.join(names)}"), width=WIDTH, height=height, rx=9,
        fill=fill, stroke=stroke,
    )  # fmt: skip
    return box + "".join(parts), height


def _pictures(layer: _Layer) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Kernels, weights that belong to square images, and activations of the first sample."""
    for parameter in layer.parameters:
        shape = parameter.shape
        if len(shape) == 4 and shape[2] * shape[3] > 1:
            yield "kernels", parameter.data.reshape(-1, *shape[2:])
        elif len(shape) == 2 and min(shape) > 1:
            square = [n for n in shape if n >= 64 and math.isqrt(n) ** 2 == n]
            if square and (shape[0] != square[0] or shape[1] in square):
                side = math.isqrt(square[-1])
                flat = parameter.data if shape[1] == square[-1] else parameter.data.T
                yield "weights by unit", flat.reshape(-1, side, side)
    out = layer.out.data
    if (
        isinstance(out, np.ndarray)
        and out.ndim == 4
        and out.size
        and out.shape[2] * out.shape[3] > 1
    ):
        yield "activations", out[0]


def _mosaic(images: np.ndarray[Any, Any], x: float, y: float, theme: Theme) -> tuple[str, float]:
    """Some images in rows that fit into the box."""
    rows, columns = images.shape[1:]
    some = images[:IMAGES]
    across = 4 if len(some) >= 4 else max(len(some), 1)
    zoom = min((WIDTH - 20 - 4 * (across - 1)) / across / columns, 36 / rows)
    largest = largest_of(some)
    parts = []
    for i, image in enumerate(some):
        left = x + (i % across) * (columns * zoom + 4)
        top = y + (i // across) * (rows * zoom + 4)
        parts.append(image_tag(image.astype(np.float64), left, top, zoom, theme, largest))
    below = y + math.ceil(len(some) / across) * (rows * zoom + 4)
    if len(images) > len(some):
        parts.append(
            words(f"and {len(images) - len(some):,} more", x, below + 10, font_size=10,
                  fill=theme.faint)
        )  # fmt: skip
        below += 16
    return "".join(parts), below
