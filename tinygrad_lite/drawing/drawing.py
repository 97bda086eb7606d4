"""draw: the graph behind a Value as a picture that shows itself, and can be saved."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
import webbrowser
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.drawing import engines
from tinygrad_lite.drawing.collect import Graph, collect, collect_backward
from tinygrad_lite.drawing.comparison import Comparison, Report, comparison_of
from tinygrad_lite.drawing.dot import Style, dot_text
from tinygrad_lite.drawing.grouping import Group, Tree, collapse_to
from tinygrad_lite.drawing.palette import THEMES
from tinygrad_lite.drawing.view import View, view_of
from tinygrad_lite.engine.value import Value

DIRECTIONS = {"right": "LR", "left": "RL", "down": "TB", "up": "BT"}

PARTS = (
    "contributions", "data", "gradient", "legend", "shape", "source", "sparkline", "thumbnail",
)  # fmt: skip
"""What a picture can show beside names and operations."""

DETAIL = {
    "brief": frozenset({"shape", "legend"}),
    "normal": frozenset(PARTS) - {"source", "thumbnail"},
    "full": frozenset(PARTS),
}

THUMBNAIL = 12
"""Rows and columns of the small pictures of arrays."""

LIMIT = 60
"""Boxes that can still be read on one page: 80 tensors of a residual network fill 5 m by 1 m."""

MOST = 20_000
"""Boxes beyond which no picture is made: no layout program finishes, and nobody could read it."""


class NoDotWarning(UserWarning):
    """Something other than the system's `dot` made the picture; the message says what."""


class Drawing:
    """The picture of a graph. Made by `draw`.

    In a notebook it shows itself. Elsewhere save it, or open it with `view`.

    Attributes:
        source: the DOT text; the same for the same program on every run and machine.
    """

    def __init__(self, view: View, style: Style, page: Callable[[], str]) -> None:
        self.source = dot_text(view, style)
        self._view = view
        self._page = page

    @property
    def boxes(self) -> int:
        """How many boxes the picture has: Values and collapsed groups."""
        return self._view.size()

    @property
    def hidden(self) -> str:
        """How large the graph is and what the picture leaves out, in words."""
        return self._view.hidden

    def __repr__(self) -> str:
        return f"<Drawing of {self._view.hidden}>"

    def pipe(self, format: str = "svg") -> bytes:
        """The picture in a format of Graphviz: svg, png or pdf.

        Raises:
            LayoutError: no installed program can make it; the message says how to get one.
        """
        engine = engines.engine_for(_known(format))
        if engine is None:
            raise engines.LayoutError(f"{_nothing_for(format)}: {engines.how_to_get(format)}")
        return engines.render(engine, self.source, format)

    def html(self) -> str:
        """The interactive page: one self-contained text, with the layout engine inside."""
        return self._page()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, in the format that the name ends with.

        Args:
            path: ends with .svg, .png, .pdf (made by the system's `dot`, else by graphviz-pure),
                .html (interactive, needs neither), or .dot or .gv (the text).

        Returns:
            The file written. Where nothing can make the format, that is a page beside it, ending
            with .html, and a `NoDotWarning` says so and how to get more.

        Raises:
            ValueError: the ending is none of these.
            LayoutError: the layout program failed or took too long.
        """
        path = Path(path)
        format = path.suffix.lower().lstrip(".")
        if format in ("dot", "gv"):
            path.write_text(self.source, encoding="utf-8", newline="\n")
            return path
        if format in ("html", "htm"):
            path.write_text(self.html(), encoding="utf-8", newline="\n")
            return path
        if format not in engines.FORMATS:
            raise ValueError(
                f"cannot save as {path.name!r}: end the name with .svg, .png, .pdf, .html or .dot"
            )
        engine = engines.engine_for(format)
        if engine is None:
            page = path.with_suffix(".html")
            page.write_text(self.html(), encoding="utf-8", newline="\n")
            _notice(f"{_nothing_for(format)}, so {page.name} was written, which lays the graph "
                    f"out in the browser. For {format}: {engines.how_to_get(format)}")  # fmt: skip
            return page
        path.write_bytes(engines.render(engine, self.source, format))
        if engine.name != "dot":
            _notice(f"drawn by {engine.name}, as there is no dot here; it makes "
                    f"{' and '.join(engine.formats)} only. For pdf: install Graphviz")  # fmt: skip
        return path

    def view(self) -> Path:
        """Open the interactive page in the browser, and return the file it was written to."""
        folder = tempfile.mkdtemp(prefix="tinygrad_lite-")
        path = self.save(Path(folder) / "graph.html")
        webbrowser.open(path.as_uri())
        return path

    def to_graphviz(self) -> Any:
        """The picture as a `graphviz.Source`, for code that works with those.

        Raises:
            ImportError: the graphviz package is not installed.
        """
        try:
            import graphviz  # type: ignore[import-untyped]
        except ImportError:
            raise ImportError(
                "to_graphviz() needs the graphviz package: pip install graphviz"
            ) from None
        return graphviz.Source(self.source)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        try:
            bundle["image/svg+xml"] = self.pipe("svg").decode()
        except engines.LayoutError as error:
            from tinygrad_lite.drawing.page import framed

            bundle["text/html"] = framed(self.html(), str(error))
        return bundle


def draw(
    value: Value | Sequence[Value] | Report,
    *,
    direction: str = "right",
    detail: str = "normal",
    show: Iterable[str] | None = None,
    limit: int | None = LIMIT,
    expand: str | Iterable[str] = (),
    collapse: str | Iterable[str] = (),
    start: Value | Sequence[Value] = (),
    path_from: Value | Sequence[Value] = (),
    gradient: Any = None,
    gradients: bool | None = None,
    backward: bool = False,
    wrt: Value | Sequence[Value] | None = None,
    compare: Any = None,
    theme: str = "light",
    title: str = "",
) -> Drawing:
    """Draw how a Value was computed, and how its gradient flows back.

    Every box is a Value: a leaf in blue, the output in yellow, the rest grey. Every use of a Value
    is an arrow of its own, which carries the contribution that flows back along it; a Value's
    gradient is the sum over the arrows that leave it. Colour and width tell the contribution's
    size on a log scale; zero, vanishing, exploding and NaN have a style of their own.

    Args:
        value: the result, or several; gradients are of a single result. Or a report of
            `compare`, to draw its cost with the comparison.
        direction: where the computation flows: right, left, down or up.
        detail: brief, normal or full.
        show: instead of `detail`, which of contributions, data, gradient, legend, shape, source,
            sparkline and thumbnail to show.
        limit: collapse groups until so many boxes are left; None for everything. Values are
            grouped by the `scope` they were recorded in, and what repeats itself is folded.
        expand: names of groups to keep open, collapse: of groups to collapse; ``"layer *"`` works.
        start: draw only what lies between these Values and the result, and its other inputs.
        path_from: draw only the paths from these Values to the result.
        gradient: cotangent of the result to pull back, if it is not a single number.
        gradients: whether to; by default if possible and there are at most 200,000 Values.
        backward: draw the graph of the gradients instead: the pull-back as it is recorded for
            second derivatives.
        wrt: with `backward`, by which Values; all leaves by default.
        compare: hand-derived gradients, as a mapping from Values to them or as a report; shown
            beside the automatic ones, the first wrong one marked.
        theme: light or dark.
        title: written below.

    Returns:
        A `Drawing`, which shows itself in a notebook; `save` writes svg, png, pdf, html or dot.

    Raises:
        TypeError: something other than a Value is to be drawn.
        ValueError: an argument is out of its range, there is nothing to draw, or more than 20,000
            boxes would be drawn.

    >>> from tinygrad_lite import Value, draw
    >>> a = Value(2.0, name="a")
    >>> draw(a * a + a)
    <Drawing of 2 operations and 1 leaf>
    """
    if hasattr(value, "first_wrong") and hasattr(value, "cost"):
        value, compare = value.cost, value
    outputs = _values(value, "draw() takes a Value or several")
    if not outputs:
        raise ValueError("draw() takes a Value or several, got none")
    style = Style(
        _choice("direction", direction, DIRECTIONS),
        _choice("theme", theme, THEMES),
        _choice("detail", detail, DETAIL) if show is None else _parts(show),
        title,
    )
    if limit is not None and limit < 1:
        raise ValueError(f"limit is a number of boxes, at least 1, or None; got {limit}")
    if backward:
        if len(outputs) != 1:
            raise ValueError(f"backward=True draws the gradients of one Value, got {len(outputs)}")
        by = None if wrt is None else _values(wrt, "wrt= takes a Value or several")
        graph = collect_backward(outputs[0], by, gradient)
    else:
        graph = collect(
            outputs,
            start=_values(start, "start= takes a Value or several"),
            path_from=_values(path_from, "path_from= takes a Value or several"),
            gradient=gradient,
            gradients=gradients,
        )
    comparison = None if compare is None else comparison_of(compare, outputs[0])
    return _drawing(graph, style, comparison, limit, expand, collapse)


def _drawing(
    graph: Graph,
    style: Style,
    comparison: Comparison | None,
    limit: int | None,
    expand: str | Iterable[str],
    collapse: str | Iterable[str],
) -> Drawing:
    tree = Tree(graph)
    for group in _matching(tree, collapse, "collapse"):
        group.collapsed = True
    keep = set(_matching(tree, expand, "expand"))
    boxes = collapse_to(tree, sys.maxsize if limit is None else limit, keep)
    if min(boxes, sys.maxsize if limit is None else limit) > MOST:
        raise ValueError(
            f"a picture of {boxes:,} boxes cannot be laid out; at most {MOST:,} are drawn. Leave "
            f"limit at its default to have groups collapsed, or draw a part with start="
        )
    thumbnails = THUMBNAIL if "thumbnail" in style.show else 0
    view = view_of(
        graph, tree, comparison=comparison, limit=limit, thumbnails=thumbnails
    )  # fmt: skip

    def page() -> str:
        from tinygrad_lite.drawing.page import page_of

        return page_of(graph, tree, comparison, style, view.hidden)

    return Drawing(view, style, page)


def _matching(tree: Tree, patterns: str | Iterable[str], argument: str) -> list[Group]:
    """The groups whose path or title fits a pattern.

    Raises:
        ValueError: none fits one of the patterns.
    """
    listed = [patterns] if isinstance(patterns, str) else list(patterns)
    found = []
    for pattern in listed:
        fitting = [
            group
            for group in tree.groups
            if not group.fold
            and (fnmatchcase(group.path, pattern) or fnmatchcase(group.title, pattern))
        ]
        if not fitting:
            known = list(dict.fromkeys(group.path for group in tree.groups if not group.fold))
            some = ", ".join(known[:8]) + (" ..." if len(known) > 8 else "")
            raise ValueError(f"{argument}={pattern!r} fits no group; there are: {some or 'none'}")
        found += fitting
    return found


def _values(given: Any, what: str) -> list[Value]:
    listed = [given] if type(given) is Value else given
    if not isinstance(listed, (list, tuple)) or any(type(v) is not Value for v in listed):
        found = type(given).__name__
        if isinstance(given, np.ndarray):
            found = (
                f"an array of shape {given.shape}, which remembers no operations: wrap what it is "
                f"computed from in Value(...)"
            )
        elif hasattr(given, "forward") or hasattr(given, "input_layer"):
            found += (
                " itself: draw what it computes, as in draw(model(x)), or its layers or neurons "
                "with draw_network(model, x)"
            )
        raise TypeError(f"{what}, got {found}")
    return list(listed)


def _choice(argument: str, given: str, choices: dict[str, Any]) -> Any:
    if given not in choices:
        raise ValueError(f"{argument}={given!r} must be one of {', '.join(choices)}")
    return choices[given]


def _parts(show: Iterable[str]) -> frozenset[str]:
    parts = frozenset([show] if isinstance(show, str) else show)
    unknown = sorted(parts - set(PARTS))
    if unknown:
        raise ValueError(f"show={unknown[0]!r} must be out of {', '.join(PARTS)}")
    return parts


def _known(format: str) -> str:
    if format not in engines.FORMATS:
        raise ValueError(f"format={format!r} must be one of {', '.join(engines.FORMATS)}")
    return format


def _nothing_for(format: str) -> str:
    names = [engine.name for engine in engines.engines()]
    return f"{names[0]} cannot make {format}" if names else "there is no dot on this machine"


def _notice(message: str) -> None:
    warnings.warn(message, NoDotWarning, stacklevel=3)
