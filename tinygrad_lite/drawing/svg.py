"""Pictures written as SVG directly: networks, images and plots, which need no layout program."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tinygrad_lite.drawing.cards import cut
from tinygrad_lite.drawing.engines import converted
from tinygrad_lite.drawing.palette import THEMES, Theme

FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


class Picture:
    """A finished picture, which shows itself in a notebook.

    Attributes:
        svg: its text.
        width, height: in pixels.
    """

    def __init__(self, body: Iterable[str], width: float, height: float, theme: Theme) -> None:
        self.width = round(width)
        self.height = round(height)
        parts = "\n".join(body)
        self.svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="{html.escape(FONT)}" '
            f'font-size="12" fill="{theme.ink}">\n'
            f'<rect width="100%" height="100%" rx="6" fill="{theme.paper}"/>\n{parts}\n</svg>\n'
        )

    def __repr__(self) -> str:
        return f"<Picture of {self.width} × {self.height}>"

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture, in the format that the name ends with.

        Args:
            path: ends with .svg or .html, which need nothing, or with .png or .pdf, which
                rsvg-convert or the cairosvg package makes.

        Raises:
            ValueError: the ending is none of these.
            LayoutError: nothing here makes the format; the message says how to get it.
        """
        path = Path(path)
        format = path.suffix.lower().lstrip(".")
        if format in ("png", "pdf"):
            path.write_bytes(converted(self.svg, format))
        elif format == "svg":
            path.write_text(self.svg, encoding="utf-8", newline="\n")
        elif format in ("html", "htm"):
            page = f'<!doctype html><meta charset="utf-8"><title>Picture</title>\n{self.svg}'
            path.write_text(page, encoding="utf-8", newline="\n")
        else:
            raise ValueError(
                f"cannot save as {path.name!r}: end the name with .svg, .png, .pdf or .html"
            )
        return path


def tag(name: str, content: str = "", **attributes: Any) -> str:
    """An element; attributes are escaped, `content` is markup already.

    Underscores in attribute names become hyphens; numbers are rounded to two digits, attributes
    that are None left out.

    >>> tag("circle", cx=1.23456, stroke_width=2)
    '<circle cx="1.23" stroke-width="2"/>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{told}>{content}</{name}>" if content else f"<{name}{told}/>"


def words(raw: Any, x: float, y: float, *, title: str = "", **attributes: Any) -> str:
    """A text with its baseline at a point; cut to one line of bounded length."""
    content = html.escape(cut(str(raw), 80))
    if title:
        content += tag("title", html.escape(cut(title, 300)))
    return tag("text", content, x=x, y=y, **attributes)


def told(raw: str) -> str:
    """What appears when the pointer rests on an element: put it inside."""
    return tag("title", html.escape(cut(raw, 300)))


def theme_of(name: str) -> Theme:
    """The theme of a name.

    Raises:
        ValueError: there is no such theme.
    """
    if name not in THEMES:
        raise ValueError(f"theme={name!r} must be one of {', '.join(THEMES)}")
    return THEMES[name]


def _attribute(value: Any) -> str:
    if isinstance(value, float):
        value = f"{value:.2f}".rstrip("0").rstrip(".")
    return html.escape(str(value))
