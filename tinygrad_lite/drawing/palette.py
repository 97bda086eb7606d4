"""Colours: one scale for the size of gradients, and the few hues that tell kinds of node apart.

The hues are those of Okabe and Ito ("Color Universal Design", 2008), which people with any of the
common colour deficiencies can tell apart; whatever a colour says is said by a line style or a
word as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinygrad_lite.drawing.summary import Summary

VANISHING = 1e-6
"""Gradients smaller than this, and not zero, are drawn as vanishing."""

EXPLODING = 1e3
"""Gradients larger than this are drawn as exploding."""

STEPS = 9
"""Shades between vanishing and exploding: one per power of ten."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one kind of paper, as six-digit hex.

    shades
        of gradient magnitude, from small to large; each contrasts with the paper
    """

    paper: str
    ink: str
    faint: str
    line: str
    operation: str
    operation_line: str
    leaf: str
    leaf_line: str
    output: str
    output_line: str
    given: str
    group: str
    group_line: str
    box: str
    wrong: str
    wrong_line: str
    shades: tuple[str, ...]
    vanishing: str
    exploding: str
    zero: str
    nan: str
    positive: str
    negative: str


LIGHT = Theme(
    paper="#ffffff", ink="#1b1f24", faint="#57606a", line="#8c959f",
    operation="#f6f8fa", operation_line="#8c959f",
    leaf="#e3f1fb", leaf_line="#0072b2",
    output="#fdf3d6", output_line="#9a6b00",
    given="#ffffff",
    group="#e9edf1", group_line="#57606a", box="#fafbfc",
    wrong="#ffe3da", wrong_line="#b3261e",
    shades=("#b9cfe2", "#a3bfda", "#8cafd1", "#749fc8", "#5d8ebe", "#457db3", "#2f6ca4",
            "#1b5a91", "#0b4779"),
    vanishing="#b0568f", exploding="#d55e00", zero="#8c959f", nan="#000000",
    positive="#d55e00", negative="#0072b2",
)  # fmt: skip

DARK = Theme(
    paper="#0d1117", ink="#e6edf3", faint="#9da7b3", line="#6e7681",
    operation="#1a212a", operation_line="#6e7681",
    leaf="#10283c", leaf_line="#56b4e9",
    output="#332a10", output_line="#e6b54a",
    given="#0d1117",
    group="#232b35", group_line="#9da7b3", box="#12181f",
    wrong="#40191a", wrong_line="#ff7b72",
    shades=("#2b4a66", "#33597b", "#3c6890", "#4678a5", "#5389ba", "#649bcd", "#7aaedd",
            "#97c3ea", "#b9d9f5"),
    vanishing="#cc79a7", exploding="#ff8c42", zero="#6e7681", nan="#f0e442",
    positive="#ff8c42", negative="#56b4e9",
)  # fmt: skip

THEMES = {"light": LIGHT, "dark": DARK}


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a gradient is drawn: what it is, and colour, width and style of its line."""

    kind: str
    colour: str
    width: float
    style: str


def kind_of(summary: Summary | None) -> str:
    """Which of: none, nan, zero, vanishing, normal, exploding.

    An infinite entry counts as nan: neither can be trained with.
    """
    if summary is None:
        return "none"
    if summary.nan or summary.infinite:
        return "nan"
    if summary.rms == 0:
        return "zero"
    if summary.rms < VANISHING:
        return "vanishing"
    return "exploding" if summary.rms > EXPLODING else "normal"


def step_of(magnitude: float) -> int:
    """Shade of a magnitude on the log scale: 0 at `VANISHING`, STEPS - 1 at `EXPLODING`."""
    span = math.log10(EXPLODING / VANISHING)
    position = math.log10(magnitude / VANISHING) / span * STEPS
    return min(max(int(position), 0), STEPS - 1)


def stroke_of(summary: Summary | None, theme: Theme) -> Stroke:
    """Colour, width and line style of a gradient."""
    kind = kind_of(summary)
    if kind == "normal":
        assert summary is not None
        step = step_of(summary.rms)
        return Stroke(kind, theme.shades[step], 1.0 + 0.3 * step, "solid")
    return {
        "none": Stroke(kind, theme.line, 1.0, "solid"),
        "nan": Stroke(kind, theme.nan, 3.5, "dashed"),
        "zero": Stroke(kind, theme.zero, 1.0, "dashed"),
        "vanishing": Stroke(kind, theme.vanishing, 1.2, "dotted"),
        "exploding": Stroke(kind, theme.exploding, 4.5, "solid"),
    }[kind]


def diverging(share: float, theme: Theme) -> str:
    """Colour of a signed entry, share of the largest: negative blue, zero paper, positive orange.

    >>> diverging(0.0, LIGHT), diverging(1.0, LIGHT), diverging(float("nan"), LIGHT)
    ('#ffffff', '#d55e00', '#000000')
    """
    if math.isnan(share):
        return theme.nan
    share = min(max(share, -1.0), 1.0)
    return mixed(theme.paper, theme.positive if share > 0 else theme.negative, abs(share))


def mixed(a: str, b: str, share: float) -> str:
    """A colour between two, as six hexadecimal digits."""
    one, two = (bytes.fromhex(colour[1:]) for colour in (a, b))
    return "#" + bytes(round(x + (y - x) * share) for x, y in zip(one, two, strict=True)).hex()
