"""What the scripts here share: errors of one line, seeds, and the images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from tinygrad_lite.data import DataFileError, DownloadError, Mnist, load_mnist

HERE = Path(__file__).parent


class Parser(argparse.ArgumentParser):
    """An argument parser whose help keeps the lines of a description, and whose errors are one."""

    def __init__(self, description: str | None) -> None:
        super().__init__(
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        fail(f"{message} (--help shows the options)")


def fail(message: str) -> NoReturn:
    """End with one line and the exit code of a wrong request."""
    print(f"{Path(sys.argv[0]).name}: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(2)


def seed(text: str) -> int:
    """A seed from the command line."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0, not {text!r}")
    return int(text)


def load(folder: Path | None) -> Mnist:
    """The images, or an end with one line."""
    if folder is not None and not folder.exists():
        fail(f"no folder {folder}: give --data a folder with the four MNIST files, or leave it out")
    default = HERE / "data"
    try:
        return load_mnist(folder or (default if default.exists() else None))
    except (DataFileError, DownloadError, OSError) as error:
        fail(str(error))
