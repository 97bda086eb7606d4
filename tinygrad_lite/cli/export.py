"""``tinygrad-lite export``: networks as files for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinygrad_lite.cli import examples, networks
from tinygrad_lite.cli.errors import CommandError
from tinygrad_lite.cli.layout import HelpFormatter
from tinygrad_lite.cli.networks import NamedNetwork

ENDINGS = (".onnx", ".json", ".npz", ".safetensors")


def add(subcommands: Any) -> None:
    """Add the parser."""
    parser = subcommands.add_parser(
        "export",
        help="write a network as ONNX, graph file, or weights",
        description=(
            "Write a network as a file for other programs, by the ending of its name: .onnx "
            "(needs the package onnx), .json (a graph file, which the web page draws with; of a "
            "network of neurons, the neurons' own format), .npz or .safetensors (weights only; "
            "the latter needs the package safetensors)."
        ),
        epilog=(
            "examples:\n"
            "  tinygrad-lite export digits.npz -o digits.onnx\n"
            "  tinygrad-lite export net.py:Net --weights net.npz --data mnist --gradient "
            "-o net.json"
        ),
        formatter_class=HelpFormatter,
    )
    networks.add_argument(parser)
    parser.add_argument("-o", "--out", metavar="FILE", required=True, help="the file to write")
    parser.add_argument("--weights", metavar="FILE", help="load these first (.npz, .safetensors)")
    examples.add_options(parser)
    parser.add_argument("--title", default="", help="a name for people, kept in the file")
    parser.add_argument(
        "--gradient",
        action="store_true",
        help="graph files: add how to compute the gradient of an output by the input",
    )
    parser.add_argument(
        "--precision",
        choices=("float16", "float32", "float64"),
        default="float32",
        help="graph files: of the weights; float16 halves the file (default: float32)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the file, and print its name and size."""
    network = networks.network(options.network, options.weights, seed=0)
    write(
        network,
        options.out,
        data=options.data,
        shape=options.shape,
        title=options.title,
        gradient=options.gradient,
        precision=options.precision,
    )
    print(f"{options.out} ({_size(Path(options.out).stat().st_size)})")
    return 0


def write(
    network: NamedNetwork,
    out: str,
    *,
    data: str | None = None,
    shape: str | None = None,
    title: str = "",
    gradient: bool = False,
    precision: str = "float32",
    notes: dict[str, str] | None = None,
) -> None:
    """Write a network to a file in the format that its name ends with.

    Raises:
        CommandError: the ending is none of `ENDINGS`, or the network has no such form.
        ExportError, OSError, ModuleNotFoundError: see `tinygrad_lite.export`.
    """
    suffix = Path(out).suffix.lower()
    if suffix not in ENDINGS:
        raise CommandError(f"{out}: end the name with {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    from tinygrad_lite import export

    model = network.thing
    if network.is_neurons:
        if suffix == ".json":
            model.to_json(out)
            return
        model = model.to_layers()
    if suffix in (".npz", ".safetensors"):
        if network.is_graph:
            raise CommandError(f"{network.name} is a graph file: {suffix} is for modules")
        known = {"network": network.short_form or network.name, **(notes or {})}
        export.save(model, out, notes=known)
        return
    example = examples.example_for(network, data, shape)
    if suffix == ".onnx":
        export.onnx(model, out, example, title=title)
        return
    about = _about(data)
    tolerance = 1e-2 if precision == "float16" else 1e-5
    export.save_graph(
        model,
        out,
        example,
        title=title,
        gradient=gradient,
        weights=precision,
        tolerance=tolerance,
        **about,
    )


def _about(data: str | None) -> dict[str, Any]:
    """What a graph file tells of the data."""
    if data is None:
        return {}
    from tinygrad_lite.cli.datasets import dataset

    known = dataset(data)
    return {
        "classes": known.classes,
        **({"normalisation": {"image": "mnist"}} if known.is_drawing else {}),
    }


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
