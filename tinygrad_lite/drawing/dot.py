"""DOT text of a picture: byte-stable, and safe whatever Values and scopes are called."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.drawing.cards import Card, cut
from tinygrad_lite.drawing.palette import (
    EXPLODING,
    VANISHING,
    Stroke,
    Theme,
    diverging,
    stroke_of,
)  # fmt: skip
from tinygrad_lite.drawing.summary import number_text
from tinygrad_lite.drawing.view import Arrow, Frame, View

FONT = "Helvetica,Arial,sans-serif"

CROWDED = 60
"""With more arrows than this, they have no labels, which would hide each other and take up room."""

HUGE, HUGER = 400, 2000
"""With more boxes than this, dot is told to be quick rather than perfect."""

FAR, TOO_FAR = 20, 50_000
"""In a huge picture whose arrows cross more than TOO_FAR ranks in all, which is what dot's time and
memory grow with, an arrow that crosses more than FAR starts at a copy of its source nearby."""

TOOLTIP_LENGTH = 400


@dataclass(frozen=True, slots=True)
class Style:
    """How a view is written down.

    direction
        where the computation flows: LR, RL, TB or BT
    show
        out of `PARTS` of `drawing`
    """

    direction: str
    theme: Theme
    show: frozenset[str]
    title: str = ""


def dot_text(view: View, style: Style) -> str:
    """The whole picture in the DOT language."""
    theme = style.theme
    size = view.size()
    lines = [
        "digraph {",
        f'rankdir={style.direction} bgcolor="{theme.paper}" pad=0.3 nodesep=0.28 ranksep=0.5',
        f'fontname="{FONT}" fontsize=9 fontcolor="{theme.ink}" labelloc=b labeljust=l',
    ]
    if size > HUGE:
        # Without newrank dot 2.43 spends most of its time between ranking and ordering; the
        # limits bound the iterations of network simplex, each of which takes long on a long chain,
        # and of the ordering.
        limits = f"nslimit={0 if size > HUGER else 1} nslimit1=0.1 mclimit=0.05"
        lines.append(f"newrank=true {limits} splines=line nodesep=0.15 ranksep=0.3")
    far = _far(view) if size > HUGE else frozenset()
    caption = _caption(view, style, bool(far))
    if caption:
        lines.append(f"label=<{caption}>")
    lines.append(
        f'node [shape=box style="rounded,filled" fontname="{FONT}" fontsize=10 '
        f'fontcolor="{theme.ink}" margin="0.14,0.06" width=0.3 height=0.25]'
    )
    lines.append(
        f'edge [fontname="{FONT}" fontsize=9 fontcolor="{theme.ink}" arrowsize=0.6 '
        f'color="{theme.line}"]'
    )
    lines += _frame_lines(view, style, brief=size > HUGE)
    titles = {card.id: card.title for card in view.cards()}
    crowded = len(view.arrows) > CROWDED
    for i, arrow in enumerate(view.arrows):
        line = _arrow_line(arrow, view, style, crowded)
        if i in far:
            copy = f"{arrow.source}_{i}"
            title = quoted(titles[arrow.source])
            lines.append(f'{copy} [label={title} style="rounded,dashed" color="{theme.line}"]')
            line = line.replace(arrow.source, copy, 1)
        lines.append(line)
    lines.append("}")
    return "\n".join(lines) + "\n"


def _far(view: View) -> frozenset[int]:
    """Numbers of the arrows to be drawn from a copy of their source."""
    rank = {card.id: 0 for card in view.cards()}
    for arrow in view.arrows:  # in order of creation, but for those of groups
        rank[arrow.target] = max(rank[arrow.target], rank[arrow.source] + 1)
    nearest: dict[str, int] = {}  # dot puts a leaf right before the first that uses it
    for arrow in view.arrows:
        nearest[arrow.source] = min(nearest.get(arrow.source, 10**9), rank[arrow.target])
    sources = {arrow.target for arrow in view.arrows}
    spans = [
        rank[arrow.target]
        - (rank[arrow.source] if arrow.source in sources else nearest[arrow.source] - 1)
        for arrow in view.arrows
    ]
    if sum(spans) <= TOO_FAR:
        return frozenset()
    return frozenset(i for i, span in enumerate(spans) if span > FAR)


def text(raw: str, length: int = 48) -> str:
    """Any text as part of an HTML-like label: one line, bounded, nothing in it is markup."""
    return html.escape(cut(raw, length))


def quoted(raw: str, length: int = TOOLTIP_LENGTH) -> str:
    """Any text as a quoted attribute: one line, bounded, no escapes taken from it."""
    escaped = cut(raw, length).replace("\\", "\\\\").replace('"', '\\"')
    # Graphviz reads entities in attributes: & must not start one.
    return f'"{escaped.replace("&", "&amp;")}"'


def _frame_lines(view: View, style: Style, brief: bool) -> list[str]:
    """Boxes inside their frames, by an explicit stack: frames may nest deep."""
    lines: list[str] = []
    stack: list[Frame | str] = [view.everything]
    theme = style.theme
    while stack:
        frame = stack.pop()
        if isinstance(frame, str):
            lines.append(frame)
            continue
        if frame.id:
            lines.append(
                f'subgraph cluster_{frame.id} {{ style="rounded,filled" fillcolor="{theme.box}" '
                f'color="{theme.line}" penwidth=0.8 labelloc=t labeljust=l margin=10 '
                f'fontcolor="{theme.faint}" label=<<B>{text(frame.title)}</B>>'
            )
            stack.append("}")
        lines += [_card_line(card, view, style, brief) for card in frame.cards]
        stack += reversed(frame.frames)
    return lines


def _card_line(card: Card, view: View, style: Style, brief: bool) -> str:
    theme = style.theme
    fill, line = {
        "leaf": (theme.leaf, theme.leaf_line),
        "operation": (theme.operation, theme.operation_line),
        "cut": (theme.given, theme.line),
        "group": (theme.group, theme.group_line),
    }[card.kind]
    extra = ""
    if card.is_output:
        fill, line = theme.output, theme.output_line
    if card.kind == "cut":
        extra = ' style="rounded,filled,dashed"'
    if card.wrong:
        fill, line = theme.wrong, theme.wrong_line
        extra += " penwidth=4" if card.first_wrong else " penwidth=2"
    elif card.kind == "group":
        extra = " peripheries=2"
    label = quoted(card.title, 48) if brief else f"<{_table(card, view, style)}>"
    return (
        f'{card.id} [label={label} fillcolor="{fill}" color="{line}"{extra} '
        f"tooltip={quoted(_tooltip(card))}]"
    )


def _table(card: Card, view: View, style: Style) -> str:
    theme, show = style.theme, style.show
    rows = [f'<TR><TD ALIGN="LEFT"><B>{text(card.title)}</B></TD></TR>']
    wide = []
    if card.first_wrong:
        wide.append(("first wrong gradient", theme.wrong_line))
    if card.call:
        wide.append((card.call, theme.ink))
    if card.typed and "shape" in show:
        wide.append((card.typed, theme.faint))
    wide += [(line, theme.faint) for line in card.lines]
    if card.where and "source" in show:
        wide.append((card.where, theme.faint))
    for line, colour in wide:
        rows.append(f'<TR><TD ALIGN="LEFT"><FONT COLOR="{colour}">{text(line)}</FONT></TD></TR>')
    if card.id in view.thumbnails and "thumbnail" in show:
        picture = _thumbnail(view.thumbnails[card.id], theme)
        rows.append(f'<TR><TD ALIGN="LEFT">{picture}</TD></TR>')
    if card.data and "data" in show:
        rows.append(_row("data", text(card.data), theme))
        if card.sparkline and "sparkline" in show:
            bars = f'<FONT COLOR="{theme.line}">{text(card.sparkline)}</FONT>'
            rows.append(_row("", bars, theme))
    if card.gradient and "gradient" in show:
        stroke = stroke_of(card.summary, theme)
        words = f"{text(card.gradient)}{_kind_words(stroke)}"
        chip = f'<FONT COLOR="{stroke.colour}">■</FONT>&#160;'
        rows.append(_row("grad", chip + words, theme))
        if card.gradient_of:
            rows.append(_row("", f"= {text(card.gradient_of)}", theme))
    if card.hand:
        rows.append(_row("by hand", text(card.hand) + (" (wrong)" if card.wrong else ""), theme))
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{"".join(rows)}</TABLE>'
    )


def _row(what: str, markup: str, theme: Theme) -> str:
    label = f'<FONT COLOR="{theme.faint}">{what}&#160;</FONT>' if what else ""
    return f'<TR><TD ALIGN="LEFT">{label}{markup}</TD></TR>'


def _kind_words(stroke: Stroke) -> str:
    return f" ({stroke.kind})" if stroke.kind in ("vanishing", "exploding") else ""


def _thumbnail(matrix: np.ndarray[Any, Any], theme: Theme) -> str:
    """A matrix as a table of coloured cells, which every format of Graphviz can draw."""
    finite = matrix[np.isfinite(matrix)]
    largest = float(np.max(np.abs(finite), initial=0.0)) or 1.0
    cell = 7 if max(matrix.shape) <= 8 else 5
    rows = []
    for row in matrix:
        cells = "".join(
            f'<TD FIXEDSIZE="TRUE" WIDTH="{cell}" HEIGHT="{cell}" '
            f'BGCOLOR="{diverging(float(entry) / largest, theme)}"></TD>'
            for entry in row
        )
        rows.append(f"<TR>{cells}</TR>")
    # Of fixed size, or the cells are stretched to the width of the text around them.
    height, width = (cell * n + 2 for n in matrix.shape)
    return (
        f'<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" FIXEDSIZE="TRUE" '
        f'WIDTH="{width}" HEIGHT="{height}" COLOR="{theme.line}">{"".join(rows)}</TABLE>'
    )


def _tooltip(card: Card) -> str:
    parts = [card.title, card.call, card.typed, *card.lines]
    told = {"data": card.data, "gradient": card.gradient, "by hand": card.hand}
    parts += [f"{what} {words}" for what, words in told.items() if words]
    if card.gradient_of:
        parts.append(f"= {card.gradient_of}")
    if card.where:
        parts.append(card.where)
    return "; ".join(part for part in parts if part)


def _arrow_line(arrow: Arrow, view: View, style: Style, crowded: bool) -> str:
    attributes = [f"tooltip={quoted(arrow.words)}"]
    if view.with_gradients:
        stroke = stroke_of(arrow.summary, style.theme)
        attributes.append(f'color="{stroke.colour}"')
        attributes.append(f"penwidth={stroke.width:.1f}")
        if stroke.style != "solid":
            attributes.append(f"style={stroke.style}")
    wanted = "contributions" in style.show or arrow.count > 1
    if arrow.label and wanted and not crowded:
        attributes.append(f"label={quoted(' ' + arrow.label + ' ')}")
        attributes.append(f"labeltooltip={quoted(arrow.words)}")
    return f"{arrow.source} -> {arrow.target} [{' '.join(attributes)}]"


def _caption(view: View, style: Style, copies: bool) -> str:
    """What is shown, what is hidden, and how to read the colours."""
    theme = style.theme
    rows = []
    if style.title:
        rows.append(f"<B>{text(style.title, 100)}</B>")
    if "legend" in style.show:
        if view.with_gradients:
            rows.append(_legend(theme))
        if any(arrow.label.startswith("rms ") for arrow in view.arrows):
            rows.append("rms: root mean square of the entries of an array")
        rows += [text(note, 160) for note in (view.hidden, *view.notes)]
        if copies:
            rows.append("dashed boxes are copies of what is used far from where it is computed")
    if not rows:
        return ""
    body = "".join(f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{body}</TABLE>'


def _legend(theme: Theme) -> str:
    shades = "".join(
        f'<TD BGCOLOR="{shade}" FIXEDSIZE="TRUE" WIDTH="14" HEIGHT="9"></TD>'
        for shade in theme.shades
    )
    cells = [
        "gradient along an arrow:",
        f'<FONT COLOR="{theme.zero}">- - -</FONT>&#160;zero',
        f'<FONT COLOR="{theme.vanishing}">····</FONT>&#160;below {number_text(VANISHING)}',
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{shades}</TR>'
        "</TABLE>",
        f'<FONT COLOR="{theme.exploding}"><B>——</B></FONT>&#160;above {number_text(EXPLODING)}',
        f'<FONT COLOR="{theme.nan}"><B>- - -</B></FONT>&#160;NaN or ∞',
    ]
    row = "".join(f"<TD>{cell}</TD>" for cell in cells)
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2"><TR>{row}</TR></TABLE>'
    )
