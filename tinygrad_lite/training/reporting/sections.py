"""The sections of the report, each a function that returns HTML, or nothing if it has none."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.drawing.layers import draw_layers
from tinygrad_lite.drawing.summary import number_text, summarise, thumbnail
from tinygrad_lite.drawing.svg import Picture
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.training.history import History, counted, named
from tinygrad_lite.training.reporting.charts import Line, line_chart, scatter_chart
from tinygrad_lite.training.reporting.images import (
    Array,
    image_shape_of,
    mosaic,
    photograph,
    signed,
)
from tinygrad_lite.training.reporting.results import Results

TENSORS = 12
"""Parameters shown as pictures."""

KERNELS = 64
"""Images of one parameter."""

OUTPUTS = 6
"""Outputs that are each shown against their targets; of more, such as an image's, none is."""

CLASSES = 30
"""Classes of a confusion matrix that can still be read."""


def tiles(history: History, results: Results | None, parameters: int) -> str:
    """The figures that matter most."""
    shown: list[tuple[str, str]] = []
    if results is not None and results.kind == "classes":
        right = np.mean(results.guesses == results.targets)
        shown.append((f"{100 * right:.2f} %", f"right of {len(results.targets):,} rows"))
    elif results is not None and results.outputs.shape == results.targets.shape:
        error = np.sqrt(np.mean(np.abs(results.outputs - results.targets) ** 2))
        shown.append((number_text(float(error)), "root mean square error"))
    best = history.best_epoch
    if best is not None:
        shown.append(
            (f"{best} of {history.epochs}", "epoch kept" if history.kept else "best epoch")
        )
    else:
        shown.append((f"{history.epochs:,}", "epoch" if history.epochs == 1 else "epochs"))
    column = "validation_loss" if "validation_loss" in history else "loss"
    if column in history:
        epoch = best if best is not None and history.kept else history.epochs
        cost = float(history[column][epoch - 1])
        shown.append((number_text(cost), f"{named(column)} in epoch {epoch}"))
    shown.append((f"{history.batches:,}", "batches"))
    shown.append((f"{parameters:,}", "parameters"))
    if "seconds" in history:
        shown.append((duration(float(np.nansum(history["seconds"]))), "of training"))
    cells = "".join(f"<div><b>{figure}</b><span>{what}</span></div>" for figure, what in shown)
    return f'<section><div class="tiles">{cells}</div>{_verdict(history)}</section>'


def _verdict(history: History) -> str:
    """Which epoch was the best and why; where another had the lowest cost, that too."""
    told = history.verdict
    if not told:
        return ""
    costs = history["validation_loss"] if "validation_loss" in history else np.empty(0)
    if np.isfinite(costs).any():
        lowest = int(np.nanargmin(costs))
        if lowest + 1 != history.best_epoch:
            told += f". The validation cost is lowest, {costs[lowest]:.4f}, in epoch {lowest + 1}"
    return f'<p class="note">{html.escape(told)}.</p>'


def curves(history: History, model: Any) -> str:
    """How cost, success, learning rate and gradients went."""
    batches = np.arange(1, history.batches + 1)
    cost: dict[str, Line] = {"each batch": (batches, history.costs)}
    if history.batches > 200:
        cost["average of 50"] = _averaged(history.costs, 50)
    charts = [line_chart("Cost of the batches", cost, "batches")]
    by_epoch = np.arange(1.0, history.epochs + 1)
    if "validation_loss" in history:
        lines = {
            "training": (by_epoch, history["loss"]),
            "validation": (by_epoch, history["validation_loss"]),
        }
        charts.append(line_chart("Cost by epoch", lines, "epochs"))
    for name in history.names:
        what = name.removeprefix("validation_")
        if what == name or what == "loss":
            continue
        column = history[name]
        unit = ""
        if what == "accuracy":
            column, unit = 100 * column, ", %"
        lines = {what: (by_epoch, column)}
        charts.append(line_chart(f"Validation {what}{unit}", lines, "epochs"))
    if "learning_rate" in history and np.ptp(history["learning_rate"]) > 0:
        lines = {"learning rate": (by_epoch, history["learning_rate"])}
        charts.append(line_chart("Learning rate", lines, "epochs"))
    kinds = {path: type(part).__name__ for path, part in model.named_modules()}
    norms: dict[str, Line] = {
        # "0" says little; "Linear 0" does.
        (f"{kinds[layer]} {layer}" if layer.isdigit() and layer in kinds else layer): (
            history.gradient_batches,
            column,
        )
        for layer, column in history.gradient_norms.items()
    }
    note = "norm of the gradient of all parameters of a layer, after clipping if there was any"
    charts.append(line_chart("Gradient norm by layer", norms, "batches", log=True, note=note))
    return _section("Training", f'<div class="cards">{"".join(charts)}</div>')


def confusion(results: Results, classes: Sequence[str]) -> str:
    """Which class was taken for which, as a table."""
    count = results.outputs.shape[1]
    if count > CLASSES:
        return _section("Confusions", _most_confused(results, classes))
    table = np.zeros((count, count), int)
    np.add.at(table, (results.targets, results.guesses), 1)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    head = "".join(f"<th scope=col>{html.escape(name)}</th>" for name in classes)
    rows = []
    for i, name in enumerate(classes):
        cells = "".join(
            _cell(f"{name} taken for {classes[j]}", table[i, j], share[i, j], i == j)
            for j in range(count)
        )
        rate = f"{100 * share[i, i]:.1f} %"
        rows.append(
            f"<tr><th scope=row>{html.escape(name)}</th>{cells}<td class=rate>{rate}</td></tr>"
        )
    body = (
        f'<div class="scroll"><table class="confusion"><caption>What it is (rows), and what it was '
        f"taken for (columns)</caption><thead><tr><th></th>{head}<th class=rate>right</th></tr>"
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>{_most_confused(results, classes)}"
    )
    return _section("Confusions", body)


def mistakes(results: Results, classes: Sequence[str], shape: tuple[int, int] | None) -> str:
    """The rows that went worst."""
    entries = results.worst
    if results.kind == "classes":
        entries = [e for e in entries if int(np.argmax(e[2])) != int(e[3])]
        if not entries:
            return ""
    if not entries:
        return ""
    cards = [_mistake(results.kind, entry, classes, shape) for entry in entries]
    pictures = "img" in cards[0]
    what = "Worst mistakes" if results.kind == "classes" else "Largest errors"
    return _section(
        what, f'<div class="{"pictures" if pictures else "rows"}">{"".join(cards)}</div>'
    )


def errors_of_numbers(results: Results) -> str:
    """Outputs against targets, where both are numbers."""
    outputs, targets = results.outputs, results.targets
    if outputs.size != targets.size or outputs[0].size > OUTPUTS:
        return ""
    outputs, targets = outputs.reshape(len(outputs), -1), targets.reshape(len(outputs), -1)
    charts = []
    for i in range(outputs.shape[1]):
        error, spread = np.mean((outputs[:, i] - targets[:, i]) ** 2), np.var(targets[:, i])
        name = "Outputs" if outputs.shape[1] == 1 else f"Output {i}"
        title = (
            f"{name}: {100 * (1 - error / spread):.2f} % of the variance explained"
            if spread
            else name
        )
        charts.append(scatter_chart(title, targets[:, i], outputs[:, i], "target", "output"))
    return _section("Outputs and targets", f'<div class="cards">{"".join(charts)}</div>')


def weights(model: Any, shape: tuple[int, int] | None) -> str:
    """The parameters: their numbers, and pictures of those that have axes."""
    parameters = dict(model.named_parameters())
    rows: list[str] = []
    pictures: list[str] = []
    for name, value in parameters.items():
        array = np.asarray(data_of(value))
        told = summarise(array)
        rows.append(
            f"<tr><th scope=row>{html.escape(name)}</th>"
            f"<td>{' × '.join(map(str, array.shape))}</td>"
            f"<td class=spark>{told.sparkline}</td><td>{html.escape(told.text)}</td></tr>"
        )
        if array.ndim >= 2 and len(pictures) < TENSORS:
            pictures.append(_picture_of(name, array.astype(float), shape))
    table = (
        f'<div class="scroll"><table class="plain"><thead><tr><th>parameter</th><th>shape</th>'
        f"<th>distribution</th><th>entries</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
    return _section("Weights", f'<div class="cards">{"".join(pictures)}</div>{table}')


def model_section(model: Any, example: tuple[Any, ...], graphs: Mapping[str, str]) -> str:
    """Summary, layers and graph of a model."""
    summary = html.escape(str(model.summary(*example)))
    body = f'<div class="scroll"><pre>{summary}</pre></div>'
    body += "".join(
        f"<details open><summary>{html.escape(name)}</summary>"
        f'<div class="scroll">{svg}</div></details>'
        for name, svg in graphs.items()
    )
    return _section("Model", body)


def settings(groups: Mapping[str, Mapping[str, Any]]) -> str:
    """Tables of settings."""
    tables = []
    for name, rows in groups.items():
        cells = "".join(
            f"<dt>{html.escape(str(key))}</dt><dd>{html.escape(_text(value))}</dd>"
            for key, value in rows.items()
        )
        if cells:
            tables.append(f'<div class="card"><h3>{html.escape(name)}</h3><dl>{cells}</dl></div>')
    return _section("Settings", f'<div class="cards">{"".join(tables)}</div>')


def layers_in_both(model: Any, example: tuple[Any, ...]) -> str:
    """The picture of a model's layers in both themes; nothing if it is not drawn as layers."""
    output = model(*example)
    if not isinstance(output, Value):
        return ""
    light, dark = (draw_layers(output, theme=theme) for theme in ("light", "dark"))
    return in_both(light, dark)


def in_both(light: Picture, dark: Picture) -> str:
    """Two pictures of which the page shows one."""
    return f'<div class="in-light">{light.svg}</div><div class="in-dark">{dark.svg}</div>'


def duration(seconds: float) -> str:
    """12.3 s, 4 min 5 s."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# -- pieces --------------------------------------------------------------------------------------


def _section(title: str, body: str) -> str:
    name = title.lower().replace(" ", "-")
    return f'<section id="{name}"><h2>{html.escape(title)}</h2>{body}</section>'


def _cell(what: str, count: int, share: float, right: bool) -> str:
    """A cell of the confusion matrix; mistakes are rare, so their colour rises steeply."""
    strength = 0.7 * share if right else min(0.9, 1.6 * math.sqrt(share))
    told = html.escape(f"{what}: {count:,} ({100 * share:.1f} %)")
    return (
        f'<td class="{"right" if right else "wrong"}" style="--share:{100 * strength:.0f}%" '
        f'title="{told}">{count or ""}</td>'
    )


def _most_confused(results: Results, classes: Sequence[str]) -> str:
    wrong = results.guesses != results.targets
    if not wrong.any():
        return '<p class="note">No row was taken for another.</p>'
    pairs, counts = np.unique(
        np.stack([results.targets[wrong], results.guesses[wrong]], axis=1), axis=0,
        return_counts=True,
    )  # fmt: skip
    items = "".join(
        f"<li><b>{html.escape(classes[pairs[i, 0]])}</b> taken for "
        f"<b>{html.escape(classes[pairs[i, 1]])}</b>: {counts[i]:,}</li>"
        for i in np.argsort(-counts, kind="stable")[:6]
    )
    return f'<p class="note">Most often:</p><ul class="inline">{items}</ul>'


def _mistake(
    kind: str,
    entry: tuple[float, Array, Array, Any],
    classes: Sequence[str],
    shape: tuple[int, int] | None,
) -> str:
    badness, given, output, target = entry
    if kind == "classes":
        guess = int(np.argmax(output))
        told = (
            f"<b>{html.escape(classes[int(target)])}</b> taken for "
            f"<b class=wrong-text>{html.escape(classes[guess])}</b>"
            f"<span>{100 * output[guess]:.0f} % sure; {_percent(output[int(target)])} "
            f"for {html.escape(classes[int(target)])}</span>"
        )
        return f"<figure>{_input(given, shape, 3)}<figcaption>{told}</figcaption></figure>"
    if image_shape_of(np.asarray(output)) is not None or (
        shape and np.size(output) == shape[0] * shape[1]
    ):
        pictures = _input(given, shape, 2) + _input(np.asarray(output), shape, 2)
        told = f"<span>input and output; error {number_text(badness)}</span>"
        return f"<figure>{pictures}<figcaption>{told}</figcaption></figure>"
    told = (
        f"<b class=wrong-text>{html.escape(_numbers(output))}</b> instead of "
        f"<b>{html.escape(_numbers(target))}</b>"
    )
    return f"<figure>{_input(given, shape, 3)}<figcaption>{told}</figcaption></figure>"


def _input(given: Array, shape: tuple[int, int] | None, zoom: float) -> str:
    """An input as a picture if it is one, else its numbers."""
    array = np.asarray(given)
    if shape is not None and array.size == shape[0] * shape[1]:
        array = array.reshape(shape)
    found = image_shape_of(array)
    if found is None:
        return f"<code>{html.escape(_numbers(array))}</code>"
    return photograph(array, zoom * 28 / max(28, *found), f"{found[0]} × {found[1]}")


def _picture_of(name: str, array: Array, shape: tuple[int, int] | None) -> str:
    """A parameter as images, or as one."""
    largest = float(np.max(np.abs(array[np.isfinite(array)]), initial=0.0)) or 1.0
    note = f"±{number_text(largest)}"
    if array.ndim == 4 and min(array.shape[2:]) > 1:
        images = array.reshape(-1, *array.shape[2:])
        what = "kernels"
    elif array.ndim == 2 and shape is not None and array.shape[1] == shape[0] * shape[1]:
        images = array.reshape(-1, *shape)
        what = "units, each with a weight for every pixel"
    elif array.ndim == 2 and shape is not None and array.shape[0] == shape[0] * shape[1]:
        images = array.T.reshape(-1, *shape)
        what = "inputs, each with a weight to every pixel"
    else:
        matrix = thumbnail(array, 96)
        if matrix is None:
            matrix = array.reshape(array.shape[0], -1)
        zoom = max(1, min(10, 300 // max(matrix.shape)))
        picture = signed(matrix, largest, zoom, name)
        rows, columns = array.shape[0], math.prod(array.shape[1:])
        note += f"; {counted(rows, 'row')}, {counted(columns, 'column')}"
        return _weights_card(name, picture, note)
    shown = images[:KERNELS]
    side = max(shown.shape[1:])
    zoom = max(1, min(12, 48 // side))
    columns = max(1, min(len(shown), 380 // (shown.shape[2] * zoom + zoom)))
    whole, gaps = mosaic(shown, columns)
    picture = signed(whole, largest, zoom, name, gaps)
    note += f"; {len(images):,} {what}"
    if len(shown) < len(images):
        note += f", {len(shown)} shown"
    return _weights_card(name, picture, note)


def _weights_card(name: str, picture: str, note: str) -> str:
    return (
        f'<figure class="card weights"><figcaption>{html.escape(name)}</figcaption>{picture}'
        f'<p class="note">{html.escape(note)}; blue negative, orange positive</p></figure>'
    )


def _averaged(costs: Array, size: int) -> tuple[Array, Array]:
    """Running average, at the last batch of each window."""
    sums = np.cumsum(np.insert(costs, 0, 0.0))
    return np.arange(size, len(costs) + 1), (sums[size:] - sums[:-size]) / size


def _numbers(array: Any) -> str:
    flat = np.ravel(array)
    text = ", ".join(number_text(float(entry)) for entry in flat[:8])
    return text + (", …" if flat.size > 8 else "")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
