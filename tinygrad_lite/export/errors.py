"""What goes wrong when models are written to files or read from them."""

from __future__ import annotations


class ExportError(ValueError):
    """A model has no form in the format asked for; says what, and where in the model."""


class FileFormatError(ValueError):
    """A file is not in its format: says which file, where, what was expected and what found."""
