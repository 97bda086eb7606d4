"""``tinygrad-lite check``: compare gradients from another program with automatic ones."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tinygrad_lite.cli.errors import CommandError
from tinygrad_lite.cli.layout import HelpFormatter
from tinygrad_lite.cli.scripts import thing_in

if TYPE_CHECKING:
    from tinygrad_lite.engine.value import Value


def add(subcommands: Any) -> None:
    """Add the parser."""
    parser = subcommands.add_parser(
        "check",
        help="compare gradients from another program with automatic ones, and name the mistake",
        description=(
            "Compare gradients derived by hand, or by another program, with automatic and "
            "numerical ones. Exit status 0: all are right; 1: one is wrong; 2: a wrong call."
        ),
        epilog=(
            "examples:\n"
            "  tinygrad-lite check model.py:cost gradients.json\n"
            "  tinygrad-lite check model.py:cost w=w.npy b=b.npy --html report.html"
        ),
        formatter_class=HelpFormatter,
    )
    parser.add_argument(
        "model",
        metavar="FILE.py:FUNCTION",
        help="a function without arguments that returns the recorded cost, its Values named",
    )
    parser.add_argument(
        "gradients",
        nargs="+",
        metavar="GRADIENTS",
        help="FILE.npz or FILE.json with an array for each name, or NAME=FILE.npy",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--html", metavar="FILE", help="write the report as a page too")
    parser.add_argument(
        "--no-diagnosis", action="store_true", help="compare only, do not look for the mistake"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, print the report, and say by the status whether all gradients are right."""
    from tinygrad_lite.checking.compare import compare
    from tinygrad_lite.checking.files import gradients_in

    gradients: dict[str, Any] = {}
    for source in options.gradients:
        gradients.update(gradients_in(source))
    report = compare(_cost(options.model), gradients, explain_mistakes=not options.no_diagnosis)
    if options.html:
        with open(options.html, "w", encoding="utf-8") as page:
            page.write(report.to_html(title=f"Gradients of {options.model}"))
    print(report.to_json() if options.json else report)
    return 0 if report.ok else 1


def _cost(model: str) -> Value:
    from tinygrad_lite.engine.value import Value

    cost = thing_in(model)
    if type(cost) is not Value:
        raise CommandError(
            f"{model} gives a {type(cost).__name__}; name a function without arguments that "
            f"computes the cost from Values, with names, and returns it"
        )
    return cost
