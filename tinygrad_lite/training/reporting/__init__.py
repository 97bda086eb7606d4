"""report: one HTML page that tells how a training run went, made for looking at."""

from __future__ import annotations

import html
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.drawing import LayoutError, draw
from tinygrad_lite.drawing.palette import THEMES, Theme
from tinygrad_lite.drawing.plots import DARK_LINES, LIGHT_LINES
from tinygrad_lite.engine.value import Value
from tinygrad_lite.export.atomic import replacing
from tinygrad_lite.training.history import History
from tinygrad_lite.training.reporting import sections
from tinygrad_lite.training.reporting.images import image_shape_of
from tinygrad_lite.training.reporting.results import Results, results_of


def report(
    path: str | os.PathLike[str],
    model: Any,
    history: History,
    *,
    validation: Any = None,
    classes: Sequence[str] | None = None,
    image_shape: tuple[int, int] | None = None,
    settings: Mapping[str, Any] | None = None,
    title: str = "Training report",
) -> Path:
    """Write a page about a training run: one HTML file that needs no other and no network.

    It shows the curves and the norms of the gradients, which class was taken for which, the rows
    that went worst (as pictures, if they are some), weights and kernels as pictures, the layers
    and the graph of the model, settings and versions; in light and dark, on a phone as well.

    Args:
        path: the file to write.
        model: the `nn.Module` that was trained.
        history: what `fit` returned.
        validation: batches, or a tuple of arrays, that the model is shown to find its mistakes.
            Integer targets are classes, others numbers.
        classes: names of the classes; their numbers by default.
        image_shape: height and width of inputs that are pictures, but given as flat rows.
        settings: more that should be noted, such as the seed.
        title: of the page.

    Returns:
        The path.

    Raises:
        ValueError: there are fewer names than classes.
        OSError: the file cannot be written.
    """
    path = Path(path)
    results = results_of(model, validation) if validation is not None else None
    names = _names(results, classes)
    shape = image_shape
    if shape is None and results is not None and results.worst:
        shape = image_shape_of(results.worst[0][1])
    example = () if results is None else results.example
    parts = [sections.tiles(history, results, sum(p.size for p in model.parameters()))]
    if history.batches:
        parts.append(sections.curves(history, model))
    if results is not None:
        if results.kind == "classes":
            parts.append(sections.confusion(results, names))
        else:
            parts.append(sections.errors_of_numbers(results))
        parts.append(sections.mistakes(results, names, shape))
    parts.append(sections.weights(model, shape))
    parts.append(sections.model_section(model, example, _graphs(model, example)))
    groups = {
        "This run": settings or {},
        "Training": history.settings | {"ended": history.ended or "not yet"},
        "Versions": _versions(),
    }
    parts.append(sections.settings(groups))
    with replacing(path) as file:
        file.write(_page(title, "".join(parts)).encode())
    return path


def _names(results: Results | None, classes: Sequence[str] | None) -> list[str]:
    count = results.outputs.shape[1] if results is not None and results.kind == "classes" else 0
    if classes is None:
        return [str(i) for i in range(count)]
    if len(classes) < count:
        raise ValueError(f"report: {len(classes)} names were given for {count} classes")
    return [str(name) for name in classes]


def _graphs(model: Any, example: tuple[Any, ...]) -> dict[str, str]:
    """Pictures of the model, where it can be drawn."""
    if not example:
        return {}
    mode = model.training
    model.eval()
    try:
        graphs = {}
        layers = sections.layers_in_both(model, example)
        if layers:
            graphs["Layers, with the activations of one row"] = layers
        output = model(*example)
        if isinstance(output, Value):
            settings: Any = {
                "direction": "down",
                "detail": "brief",
                "limit": 40,
                "gradients": False,
            }
            try:
                light, dark = (
                    draw(output, theme=theme, **settings).pipe("svg").decode() for theme in THEMES
                )
            except LayoutError:
                pass  # without Graphviz there is no graph; the layers are drawn all the same
            else:
                light, dark = (svg[svg.index("<svg") :] for svg in (light, dark))
                graphs["Graph of one row"] = (
                    f'<div class="in-light">{light}</div><div class="in-dark">{dark}</div>'
                )
        return graphs
    finally:
        model.train(mode)


def _versions() -> dict[str, str]:
    try:
        own = version("tinygrad-lite")
    except PackageNotFoundError:
        own = "not installed"
    return {
        "tinygrad_lite": own,
        "NumPy": np.__version__,
        "Python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "written": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    }


def _page(title: str, body: str) -> str:
    folder = files("tinygrad_lite.training.reporting")
    style, script = ((folder / name).read_text("utf-8") for name in ("page.css", "page.js"))
    light, dark = (
        _variables(THEMES[name], lines)
        for name, lines in (("light", LIGHT_LINES), ("dark", DARK_LINES))
    )
    colours = (
        f":root{{color-scheme:light;{light}}}"
        f"@media(prefers-color-scheme:dark){{:root:not([data-theme]){{color-scheme:dark;{dark}}}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}"
    )
    name = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{name}</title>\n<style>\n{colours}\n{style}</style>\n</head>\n<body>\n"
        f'<header><h1>{name}</h1><nav></nav><button id="theme" type="button">Dark</button>'
        "</header>\n"
        f"<main>{body}</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _variables(theme: Theme, lines: Sequence[str]) -> str:
    names = ("paper", "ink", "faint", "line", "box", "group", "positive", "negative", "wrong")
    colours = {name: getattr(theme, name) for name in names}
    colours |= {"accent": theme.leaf_line, "wrong-ink": theme.wrong_line}
    colours |= {f"s{i}": colour for i, colour in enumerate(lines)}
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
