"""CaptureError: what cannot be replayed is refused."""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_NUMPY = "numpy"


class CaptureError(RuntimeError):
    """A function cannot be captured, as its replay would not do what the function does."""


def place() -> tuple[str, int] | None:
    """File and line of the user's code that is running, outside this package and NumPy."""
    frame = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        inside = filename.startswith(_PACKAGE) or frame.f_globals.get("__name__", "").startswith(
            _NUMPY
        )
        if not inside:
            return filename, frame.f_lineno
        if frame.f_back is None:
            return None
        frame = frame.f_back


def told(source: tuple[str, int] | None) -> str:
    """A place as text, to be put into a message."""
    return f" ({source[0]}:{source[1]})" if source else ""
