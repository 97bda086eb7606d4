"""The programs that lay a graph out: the system's `dot`, else the one that pip can install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass

FORMATS = ("svg", "png", "pdf")

TIMEOUT = 120
"""Seconds after which a layout is given up."""

HOW_TO_GET_DOT = (
    "install Graphviz (apt-get install graphviz, brew install graphviz), or "
    'pip install "tinygrad-lite[graphviz]"'
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
        found.append(Engine("graphviz-pure", command, ("svg", "png")))
    return found


def engine_for(format: str) -> Engine | None:
    """The best installed program that makes a format, None if there is none."""
    return next((engine for engine in engines() if format in engine.formats), None)


def render(engine: Engine, source: str, format: str, timeout: float = TIMEOUT) -> bytes:
    """A picture of DOT text.

    Raises:
        LayoutError: the program fails or takes too long.
    """
    try:
        done = subprocess.run(
            [engine.command, f"-T{format}"],
            input=source.encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LayoutError(
            f"{engine.name} took more than {timeout:g} s for this graph: collapse more of it with "
            f"a smaller limit=, or save it as .html"
        ) from None
    except OSError as error:
        raise LayoutError(f"{engine.name} cannot be run ({error}): {HOW_TO_GET_DOT}") from None
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip().splitlines() or ["no output"]
        raise LayoutError(f"{engine.name} failed: {reason[0]}")
    return done.stdout
