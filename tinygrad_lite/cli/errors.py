"""Errors and warnings for people at a command line: one line each."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from difflib import get_close_matches
from pathlib import Path

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_TOLD = (OSError, ValueError, TypeError, KeyError, ImportError, ArithmeticError)


class CommandError(Exception):
    """A call that cannot be carried out; its text says what to do."""


def one_line(error: BaseException) -> str:
    """What an error says, without line breaks."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


def file_told(error: OSError) -> str:
    """What an error of the system says of a file, in words; "" if it names none."""
    if error.filename is None or error.strerror is None:
        return ""
    path = Path(os.fsdecode(error.filename))
    if isinstance(error, FileNotFoundError):
        if not path.parent.is_dir():
            return f"{path}: there is no folder {path.parent}"
        near = get_close_matches(path.name, os.listdir(path.parent), 1, 0.8)
        return f"there is no file {path}" + (
            f"; is {path.with_name(near[0])} meant?" if near else ""
        )
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder; a file was expected"
    return f"{path}: {error.strerror}"


def told(error: Exception) -> str:
    """What to tell of an error: its text; where a script of the user's or we are wrong, the place.

    The library's own errors are of the types in `_TOLD`, and say what to do.
    """
    if isinstance(error, (CommandError, *_TOLD)):
        return (isinstance(error, OSError) and file_told(error)) or one_line(error)
    text = f"{type(error).__name__}: {one_line(error)}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_users(frame.filename)]
    if own:
        return f"{os.path.relpath(own[-1].filename)}:{own[-1].lineno}: {text}"
    return f"{text} (a mistake of ours; tinygrad-lite --traceback SUBCOMMAND ... shows where)"


def _is_users(filename: str) -> bool:
    path = os.path.abspath(filename)
    installed = f"{os.sep}site-packages{os.sep}" in path or f"{os.sep}lib{os.sep}python" in path
    return os.path.isfile(path) and not path.startswith(_PACKAGE) and not installed


class plain_warnings(warnings.catch_warnings):
    """Warnings as lines for people, without the place in the program."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.showwarning = lambda message, *_, **__: print(
            f"tinygrad-lite: {message}", file=sys.stderr
        )
