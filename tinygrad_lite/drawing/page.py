"""The interactive page: one self-contained HTML text, with the graph and a layout engine inside."""

from __future__ import annotations

import heapq
import html
import json
import math
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from tinygrad_lite.drawing.cards import Card, card_of_group, card_of_value, cut
from tinygrad_lite.drawing.collect import Graph
from tinygrad_lite.drawing.comparison import Comparison
from tinygrad_lite.drawing.dot import Style
from tinygrad_lite.drawing.grouping import Group, Tree, collapse_to
from tinygrad_lite.drawing.palette import (
    EXPLODING,
    LIGHT,
    STEPS,
    THEMES,
    VANISHING,
    Theme,
    kind_of,
    step_of,
)  # fmt: skip
from tinygrad_lite.drawing.png import coloured, data_uri
from tinygrad_lite.drawing.summary import Summary, number_text, thumbnail
from tinygrad_lite.drawing.view import arrows_between

CARD_LIMIT = 4_000
"""How many Values a page holds; beyond, the inside of the largest groups stays out."""

THUMBNAIL = 28
"""Rows and columns of the pictures of arrays."""

BOXES = 1000
"""How many boxes a page opens with at most; the browser needs seconds to lay out more."""

FULL_NAME = 300


def page_of(
    graph: Graph,
    tree: Tree,
    comparison: Comparison | None,
    style: Style,
    hidden: str,
) -> str:
    """The page of a graph, its groups closed as they are in the tree."""
    collapse_to(tree, BOXES)
    sealed = _sealed(tree)
    content = _content(graph, tree, sealed, comparison)
    content |= {
        "direction": style.direction,
        "hidden": hidden,
        "notes": graph.notes,
        "withGradients": graph.with_gradients,
        "shades": STEPS,
        "vanishing": number_text(VANISHING),
        "exploding": number_text(EXPLODING),
    }
    return _filled(
        THEME="dark" if style.theme is THEMES["dark"] else "auto",
        TITLE=html.escape(cut(style.title or "Computation graph", 100)),
        STYLE=_colours() + _asset("page.css"),
        DATA=_json(content),
        VIZ=_asset("viz-global.js"),
        MODEL=_asset("model.js"),
        LAYOUT=_asset("layout.js"),
        CARDS=_asset("cards.js"),
        STEPS=_asset("steps.js"),
        PAGE=_asset("page.js"),
        CAMERA=_asset("camera.js"),
        START=_asset("start.js"),
    )


def framed(page: str, message: str) -> str:
    """A page as it is put into a notebook, with a line that says why it is one."""
    return (
        f"<p>{html.escape(message)}. Below, the browser has laid the graph out.</p>"
        f'<iframe srcdoc="{html.escape(page)}" sandbox="allow-scripts" '
        f'style="width:100%;height:560px;border:1px solid #8c959f"></iframe>'
    )


def _content(
    graph: Graph, tree: Tree, sealed: set[Group], comparison: Comparison | None
) -> dict[str, Any]:
    """Cards, groups and edges; of what is sealed only the outermost group."""
    cover: dict[Group, Group] = {}
    for group in tree.root.everything():
        parent = group.parent
        if parent in cover:
            cover[group] = cover[parent]
        elif group in sealed:
            cover[group] = group
    box_of = [cover.get(group, i) for i, group in enumerate(tree.home)]
    boxes = dict.fromkeys(box_of)
    arrows, received = arrows_between(graph, box_of, boxes)
    last: dict[Group, int] = {}
    for i, home in enumerate(tree.home):
        outer: Group | None = home
        while outer is not None and outer.parent is not None:
            last[outer] = i
            outer = outer.parent
    cards = []
    for box in boxes:
        if isinstance(box, Group):
            continue
        card = replace(card_of_value(graph, box, comparison), gradient_of=received.get(box, ""))
        value = graph.values[box]
        cards.append(
            _card(card)
            | {
                "home": _home(tree.home[box]),
                "at": box,
                "full": cut(value.name, FULL_NAME) if value.name else "",
                "scope": cut(value.scope, FULL_NAME),
                "thumbnail": _thumbnail(value.data),
            }
        )
    groups = []
    for group in tree.groups:
        if group in cover and cover[group] is not group:
            continue
        groups.append(
            _card(card_of_group(graph, group))
            | {
                "home": _home(group.parent),
                "at": last.get(group, 0),
                "path": cut(group.path, FULL_NAME),
                "fold": group.fold,
                "closed": group.collapsed or group in sealed,
                "sealed": group in sealed,
            }
        )
    edges = [
        {
            "id": f"e{i}",
            "source": arrow.source,
            "target": arrow.target,
            "count": arrow.count,
            "label": arrow.label if arrow.count == 1 else "",
            "words": arrow.words,
            "number": None if arrow.summary is None else _number(arrow.summary.number),
        }
        | _strength(arrow.summary)
        for i, arrow in enumerate(arrows)
    ]
    output = box_of[graph.outputs[0]]
    return {
        "cards": cards,
        "groups": groups,
        "edges": edges,
        "output": f"g{output.number}" if isinstance(output, Group) else f"n{output}",
    }


def _sealed(tree: Tree) -> set[Group]:
    """Groups whose inside is left out so that the page stays small.

    Room is given to outer groups before inner ones, and of a fold of alike groups to the first.
    """
    room = CARD_LIMIT - len(tree.root.members)
    sealed: set[Group] = set()
    waiting = [(0, 0, group.number, group) for group in tree.root.children]
    heapq.heapify(waiting)
    while waiting:
        later, depth, _, group = heapq.heappop(waiting)
        if len(group.members) + len(group.children) > room:
            sealed.add(group)
            continue
        room -= len(group.members) + len(group.children)
        for place, child in enumerate(group.children):
            after = later + (group.fold and place > 0)
            heapq.heappush(waiting, (after, depth + 1, child.number, child))
    return sealed


def _card(card: Card) -> dict[str, Any]:
    return {
        "id": card.id,
        "kind": card.kind,
        "title": cut(card.title),
        "call": cut(card.call),
        "typed": card.typed,
        "lines": card.lines,
        "data": card.data,
        "sparkline": card.bars,
        "gradient": card.gradient,
        "sum": card.gradient_of,
        "where": card.where,
        "output": card.is_output,
        "hand": card.hand,
        "wrong": card.wrong,
        "firstWrong": card.first_wrong,
    } | _strength(card.summary)


def _strength(summary: Summary | None) -> dict[str, Any]:
    """How a gradient is drawn: its kind, shade and size."""
    kind = kind_of(summary)
    if kind in ("none", "nan") or summary is None:
        return {"flow": kind}
    step = step_of(summary.rms) if kind == "normal" else 0
    return {"flow": kind, "step": step, "size": summary.rms}


def _number(number: float | None) -> float | None:
    """JSON has no NaN."""
    return number if number is not None and math.isfinite(number) else None


def _thumbnail(data: Any) -> dict[str, Any] | None:
    matrix = thumbnail(data, THUMBNAIL)
    if matrix is None:
        return None
    largest = float(np.max(np.abs(matrix[np.isfinite(matrix)]), initial=0.0))
    pixels = coloured(matrix, LIGHT.negative, LIGHT.paper, LIGHT.positive, largest)
    rows, columns = matrix.shape
    return {"source": data_uri(pixels), "rows": rows, "columns": columns}


def _home(group: Group | None) -> str:
    return "" if group is None or group.parent is None else f"g{group.number}"


def _colours() -> str:
    """The themes as CSS variables: the reader's preference unless one is chosen."""
    light, dark = _variables(THEMES["light"], 0), _variables(THEMES["dark"], 1)
    return (
        f":root{{{light}}}"
        f"@media (prefers-color-scheme: dark){{:root{{{dark}}}}}"
        f":root[data-theme=light]{{{light}}}:root[data-theme=dark]{{{dark}}}\n"
    )


def _variables(theme: Theme, is_dark: int) -> str:
    plain = {
        name.replace("_", "-"): colour
        for name in Theme.__slots__
        if isinstance(colour := getattr(theme, name), str)
    }
    plain |= {f"shade{i}": shade for i, shade in enumerate(theme.shades)}
    scheme = "dark" if is_dark else "light"
    body = "".join(f"--{name}:{colour};" for name, colour in plain.items())
    return f"--is-dark:{is_dark};color-scheme:{scheme};{body}"


def _json(content: dict[str, Any]) -> str:
    """JSON that no HTML parser takes for markup."""
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _asset(name: str) -> str:
    # Bytes, as reading text would change line ends, and with them the engine's packed code.
    return (files("tinygrad_lite.drawing") / "assets" / name).read_bytes().decode("utf-8")


def _filled(**parts: str) -> str:
    """The template with its parts put in; what a part holds is not looked at again."""
    pieces = _asset("page.html").split("%")
    return "".join(parts.get(piece, piece) if i % 2 else piece for i, piece in enumerate(pieces))
