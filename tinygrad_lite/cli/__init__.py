"""The command line: ``tinygrad-lite SUBCOMMAND``.

Each subcommand is a module here with a function `add`, which adds its parser and sets `run`. What a
subcommand needs is imported when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from tinygrad_lite.cli.errors import plain_warnings, told

SUBCOMMANDS = ("train", "evaluate", "draw", "check", "export", "demo")

_EPILOG = """\
examples:
  tinygrad-lite train 784-16-10 --data mnist --out digits.npz
  tinygrad-lite evaluate digits.npz --data mnist
  tinygrad-lite draw digits.npz -o digits.html
  tinygrad-lite export digits.npz -o digits.onnx

A network is named by FILE.py:NAME (a module, a network of neurons, or a function that returns one),
by a short form (784-16-10: layers of neurons; cnn: a small convolutional network for digits), or by
a file that train or export wrote (.npz, .safetensors, .json). SUBCOMMAND --help tells the rest.

exit status: 0 if all is well, 1 for "no" (a wrong gradient, a rate that is not reached), 2 for a
call that cannot be carried out, told in one line, 130 if Ctrl-C ended it (train writes its files
all the same).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit status: 0, 1 for "no", 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="tinygrad-lite",
        description="Build networks, train them, see their graphs, check gradients.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    parser.add_argument(
        "--traceback", action="store_true", help="show where in the program an error arose"
    )
    known = "{" + ",".join(SUBCOMMANDS) + "}"
    subcommands = parser.add_subparsers(required=True, metavar=known, title="subcommands")
    for name in SUBCOMMANDS:
        import_module(f"tinygrad_lite.cli.{name}").add(subcommands)
    options = parser.parse_args(arguments)
    try:
        with plain_warnings():
            status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # What reads the output, such as head, has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("tinygrad-lite: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if options.traceback:
            raise
        print(f"tinygrad-lite: {told(error)}", file=sys.stderr)
        return 2
    return status


class _Version(argparse.Action):
    """Print the version; found out only when asked for, as that reads the disk."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"tinygrad-lite {version('tinygrad-lite')}")
        parser.exit()
