"""The programs that lay a graph out, `dot` or the one that pip can install; or convert an SVG."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass

FORMATS = ("svg", "png", "pdf")
PURE_FORMATS = ("svg", "png")

TIMEOUT = 120
"""Seconds after which a layout is given up."""

GRAPHVIZ = "install Graphviz (apt-get install graphviz, brew install graphviz)"
HOW_TO_GET_DOT = f'{GRAPHVIZ}, or pip install "tinygrad-lite[graphviz]"'


HOW_TO_CONVERT = (
    "install rsvg-convert (apt-get install librsvg2-bin, brew install librsvg), or "
    "pip install cairosvg; or save it as .svg"
)


class LayoutError(RuntimeError):
    """No picture could be made; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that takes DOT text and gives pictures."""

    name: str
    command: str
    formats: tuple[str, ...]


def engines() -> list[Engine]:
    """The installed ones, best first."""
    found = []
    system = shutil.which("dot")
    if system:
        found.append(Engine("dot", system, FORMATS))
    pure = os.path.join(sysconfig.get_path("scripts"), "graphviz-pure")
    command = shutil.which(pure) or shutil.which("graphviz-pure")
    if command:
        found.append(Engine("graphviz-pure", command, PURE_FORMATS))
    return found


def engine_for(format: str) -> Engine | None:
    """The best installed program that makes a format, None if there is none."""
    return next((engine for engine in engines() if format in engine.formats), None)


def how_to_get(format: str) -> str:
    """What to install for a format."""
    return HOW_TO_GET_DOT if format in PURE_FORMATS else GRAPHVIZ


def render(engine: Engine, source: str, format: str, timeout: float = TIMEOUT) -> bytes:
    """A picture of DOT text.

    Raises:
        LayoutError: the program fails or takes too long.
    """
    try:
        return _output_of(engine.name, [engine.command, f"-T{format}"], source, timeout)
    except subprocess.TimeoutExpired:
        raise LayoutError(
            f"{engine.name} took more than {timeout:g} s for this graph: collapse more of it with "
            f"a smaller limit=, or save it as .html"
        ) from None
    except OSError as error:
        raise LayoutError(f"{engine.name} cannot be run ({error}): {HOW_TO_GET_DOT}") from None


def converted(svg: str, format: str) -> bytes:
    """A finished SVG as png or pdf, by rsvg-convert or else the cairosvg package.

    Raises:
        LayoutError: neither is installed, or it fails.
    """
    command = shutil.which("rsvg-convert")
    if command:
        try:
            return _output_of("rsvg-convert", [command, f"--format={format}"], svg, TIMEOUT)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LayoutError(f"rsvg-convert failed ({error}): save it as .svg") from None
    try:
        cairosvg = importlib.import_module("cairosvg")
    except (ImportError, OSError):  # OSError: the package without the Cairo library
        raise LayoutError(f"nothing here makes {format} of a picture: {HOW_TO_CONVERT}") from None
    made: bytes = getattr(cairosvg, f"svg2{format}")(bytestring=svg.encode())
    return made


def _output_of(name: str, command: list[str], text: str, timeout: float) -> bytes:
    done = subprocess.run(
        command, input=text.encode(), capture_output=True, timeout=timeout, check=False
    )
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip().splitlines() or ["no output"]
        raise LayoutError(f"{name} failed: {reason[0]}")
    return done.stdout
