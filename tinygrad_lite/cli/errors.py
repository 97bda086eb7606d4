"""Errors for people at a command line: one line each."""

from __future__ import annotations


class CommandError(Exception):
    """A call that cannot be carried out; its text says what to do."""


def one_line(error: BaseException) -> str:
    """What an error says, without line breaks."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__
