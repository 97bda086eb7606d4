"""The report of a comparison as HTML: the conclusion first, then the numbers behind it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from tinygrad_lite.checking.report import HEADINGS, Gradient, Mistake, blocks, cells, counted

if TYPE_CHECKING:
    from tinygrad_lite.checking.report import Report

PICTURES = 8  # matrices whose error is drawn
GRID = 48  # rows and columns of such a picture
LONGER = {
    "at": "worst entry", "relative": "relative error", "absolute": "absolute error",
    "wrong": "entries that are wrong",
}  # fmt: skip

# Colours that are told apart on light and on dark paper: a notebook's theme is not ours to know.
STYLE = """
.tg-check { font: 15px/1.45 Helvetica, Arial, "Liberation Sans", sans-serif; max-width: 1100px; }
.tg-check h2 { font-size: 20px; margin: 0 0 12px; }
.tg-check h3 { font-size: 15px; margin: 0 0 6px; }
.tg-check section { border: 1px solid rgb(128 128 128 / 0.35); border-left: 4px solid #d1453b;
  border-radius: 8px; padding: 12px 16px; margin: 0 0 12px; overflow-wrap: anywhere; }
.tg-check section.or { border-left-color: #b07d00; }
.tg-check section.fine { border-left-color: #2e8b57; }
.tg-check p { margin: 0 0 8px; }
.tg-check dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 0; }
.tg-check dt, .tg-check .faint { opacity: 0.7; }
.tg-check dd { margin: 0; }
.tg-check .faint { font-size: 13px; }
.tg-check .scroll { overflow-x: auto; margin: 16px 0 8px; }
.tg-check table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
.tg-check th, .tg-check td { padding: 4px 16px 4px 0; text-align: right; white-space: nowrap;
  background: none; }
.tg-check th { font-weight: 400; opacity: 0.7; }
.tg-check tbody tr > * { border-top: 1px solid rgb(128 128 128 / 0.25); }
.tg-check tr > :nth-child(-n+2), .tg-check tr > :last-child { text-align: left; }
.tg-check .wrong > :first-child, .tg-check .wrong > :last-child { color: #d1453b; }
.tg-check .right > :first-child, .tg-check .right > :last-child { color: #2e8b57; }
.tg-check .pictures { display: flex; flex-wrap: wrap; gap: 16px; }
.tg-check figure { margin: 8px 0; }
.tg-check figcaption { font-size: 13px; opacity: 0.7; }
.tg-check svg { display: block; max-width: 100%; height: auto; }
"""
PAGE = """
:root { color-scheme: light dark;
  --paper: #ffffff; --box: #fafbfc; --ink: #1b1f24; --line: #e9edf1; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --box: #12181f; --ink: #e6edf3; --line: #232b35; }
}
body { margin: 0; background: var(--box); color: var(--ink); }
header { padding: 10px max(16px, calc((100vw - 1100px) / 2)); background: var(--paper);
  border-bottom: 1px solid var(--line);
  font: 18px/1.45 Helvetica, Arial, "Liberation Sans", sans-serif; }
h1 { font-size: 18px; margin: 0; overflow-wrap: anywhere; }
main { max-width: 1100px; margin: 0 auto; padding: 20px 16px; }
.tg-check section { background: var(--paper); }
"""


def page(report: Report, title: str) -> str:
    """The report as a whole page."""
    name = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{name}</title>\n<style>{PAGE}</style>\n</head>\n'
        f"<body>\n<header><h1>{name}</h1></header>\n<main>{fragment(report)}</main>\n</body>\n"
        "</html>\n"
    )


def fragment(report: Report) -> str:
    """The report as a part of a page."""
    right = sum(g.ok for g in report.gradients)
    head = counted(right, len(report.gradients))
    shown = report.shown()
    columns = "".join(f"<th>{html.escape(LONGER.get(h, h))}</th>" for h in ("", *HEADINGS))
    rows = "".join(
        f'<tr class="{"right" if g.ok else "wrong"}">'
        + "".join(f"<td>{html.escape(c)}</td>" for c in cells(g))
        + "</tr>"
        for g in shown
    )
    more = len(report.gradients) - len(shown)
    pictures = "".join(_picture(g) for g in shown[:PICTURES] if not g.ok)
    return (
        f'<div class="tg-check"><style>{STYLE}</style><h2>{html.escape(head[0].upper() + head[1:])}'
        f"</h2>{_conclusion(report)}"
        f'<div class="scroll"><table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>'
        "</div>"
        + (f'<p class="faint">and {more} more</p>' if more > 0 else "")
        + (f'<div class="pictures">{pictures}</div>' if pictures else "")
        + f'<p class="faint">{html.escape(report.sampled)}</p></div>'
    )


def _conclusion(report: Report) -> str:
    first = [m for m in report.mistakes if m.alternative == 0]
    parts = []
    for number, mistake in enumerate(first, 1):
        head = f"Mistake {number} of {len(first)}" if len(first) > 1 else "The mistake"
        fine = mistake.kind == "precision"
        parts.append(_card(mistake, "Not a mistake" if fine else head, "fine" if fine else ""))
    others = report.alternatives()
    for members in others:
        parts += [_card(m, "Or" if m is members[0] else "and", "or") for m in members]
    if others:
        parts.append(f"<p>{html.escape(report.telling_apart())}</p>")
    if not report.ok and not first and report.sought:
        parts.append(_section("", "".join(_paragraph(line) for line in report.narrowed())))
    if report.engine_doubts:
        told = "automatic and numerical derivatives disagree, so a rule is wrong:"
        lines = [told, *report.engine_doubts]
        parts.append(_section("", "".join(map(_paragraph, lines))))
    parts += [_section("fine", _paragraph(note)) for note in report.notes]
    return "".join(parts)


def _card(mistake: Mistake, head: str, kind: str) -> str:
    facts = "".join(
        f"<dt>{name}</dt><dd>{html.escape(text)}</dd>"
        for name, text in (
            ("where", mistake.where),
            ("recorded by", mistake.line),
            ("to mend it", mistake.correction),
        )
        if text
    )
    sentence = html.escape(mistake.sentence[:1].upper() + mistake.sentence[1:])
    if mistake.value.name and mistake.sentence.startswith(mistake.value.name):
        sentence = html.escape(mistake.sentence)  # a name keeps its spelling
    return _section(
        kind, f"<h3>{head}: {html.escape(mistake.kind)}</h3><p>{sentence}.</p><dl>{facts}</dl>"
    )


def _section(kind: str, content: str) -> str:
    return f'<section class="{kind}">{content}</section>'


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _picture(g: Gradient) -> str:
    """The error of a matrix, stronger where it is larger."""
    errors = blocks(g, GRID, GRID)
    if not errors.size:
        return ""
    side = max(5, 120 // max(errors.shape))
    cells = "".join(
        f'<rect x="{x * side}" y="{y * side}" width="{side}" height="{side}" fill="#d55e00" '
        f'fill-opacity="{error**0.3:.2f}"/>'
        for y, row in enumerate(errors)
        for x, error in enumerate(row)
        if error > 0
    )
    height, width = errors.shape[0] * side, errors.shape[1] * side
    return (
        f'<figure><svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="error of {html.escape(g.name)}"><rect width="{width}" height="{height}" '
        f'fill="none" stroke="gray"/>{cells}</svg><figcaption>error of {html.escape(g.name)}'
        f"</figcaption></figure>"
    )
