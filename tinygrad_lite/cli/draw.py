"""``tinygrad-lite draw``: pictures of networks and of computations."""

from __future__ import annotations

import argparse
from typing import Any

from tinygrad_lite.cli import examples, networks
from tinygrad_lite.cli.errors import CommandError, one_line
from tinygrad_lite.cli.layout import HelpFormatter
from tinygrad_lite.cli.scripts import is_script, thing_in


def add(subcommands: Any) -> None:
    """Add the parser."""
    parser = subcommands.add_parser(
        "draw",
        help="draw a network, or how a value was computed and how its gradient flows back",
        description=(
            "Draw a network with the activations of a sample: neurons as light bulbs, layers with "
            "shapes and kernels. Or, for a function that returns a Value, how that was computed, "
            "with values and gradients; an .html file can be explored."
        ),
        epilog=(
            "examples:\n"
            "  tinygrad-lite draw net.py:cost -o cost.html\n"
            "  tinygrad-lite draw digits.npz --data mnist --sample 7 -o digits.svg\n"
            "  tinygrad-lite draw digits.npz --data mnist --neurons -o bulbs.svg\n"
            "  tinygrad-lite draw 784-16-10 --operations -o operations.html"
        ),
        formatter_class=HelpFormatter,
    )
    parser.add_argument(
        "network",
        metavar="NETWORK|FILE.py:FUNCTION",
        help=f"a function that returns a Value; or a network: {networks.HELP}",
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        required=True,
        help="ends in .svg, .html, .png, .pdf, or for a computation .dot",
    )
    parser.add_argument("--weights", metavar="FILE", help="load these first (.npz, .safetensors)")
    examples.add_options(parser)
    parser.add_argument(
        "--sample", metavar="N", type=int, default=0, help="which of the first samples (0 to 7)"
    )
    parser.add_argument(
        "--operations", action="store_true", help="draw the operations, not the layers"
    )
    parser.add_argument(
        "--neurons",
        action="store_true",
        help="draw linear layers neuron by neuron, as light bulbs",
    )
    parser.add_argument(
        "--direction",
        choices=("right", "down", "left", "up"),
        help="where a computation flows (default: right)",
    )
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    parser.add_argument("--title", default="", help="written above")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Draw, and print the name of the file."""
    from tinygrad_lite.engine.value import Value

    thing = thing_in(options.network, seed=0) if is_script(options.network) else None
    if isinstance(thing, Value):
        picture: Any = _of_value(thing, options)
    else:
        picture = _of_network(options)
    print(picture.save(options.out))
    return 0


def _of_value(value: Any, options: argparse.Namespace) -> Any:
    for option in ("neurons", "weights", "data", "shape"):
        if getattr(options, option):
            raise CommandError(
                f"--{option} is for networks; {options.network} gives a Value, which is drawn as "
                f"the operations that it was computed by"
            )
    return _of_operations(value, options)


def _of_operations(value: Any, options: argparse.Namespace) -> Any:
    from tinygrad_lite.drawing import draw

    direction = options.direction or "right"
    return draw(value, direction=direction, theme=options.theme, title=options.title)


def _of_network(options: argparse.Namespace) -> Any:
    from tinygrad_lite.drawing import draw_network
    from tinygrad_lite.engine.value import Value

    network = networks.network(options.network, options.weights, seed=0)
    if network.is_graph:
        raise CommandError(
            f"{options.network} is a graph file, which is for running: draw the network it was "
            f"made from"
        )
    samples = examples.example_for(network, options.data, options.shape)
    if not 0 <= options.sample < len(samples):
        raise CommandError(f"--sample {options.sample}: give 0 to {len(samples) - 1}")
    sample = samples[options.sample : options.sample + 1]
    if network.module is not None:
        network.module.eval()
    if options.operations:
        if network.is_neurons:
            raise CommandError("--operations is for modules: a neuron's picture shows its sums")
        return _of_operations(network.thing(Value(sample, "input")), options)
    if options.direction:
        raise CommandError(
            "--direction is for computations: a function that returns a Value, or --operations"
        )
    model = network.thing
    if options.neurons and network.module is not None:
        model = _as_neurons(network)
    if options.neurons or network.is_neurons:
        sample = sample[0].reshape(-1)
    return draw_network(model, sample, theme=options.theme, title=options.title or options.network)


def _as_neurons(network: networks.NamedNetwork) -> Any:
    from tinygrad_lite.neurons import Network

    assert network.module is not None
    try:
        return Network.from_layers(network.module)
    except (TypeError, ValueError) as error:
        raise CommandError(
            f"--neurons draws linear layers and activations in an nn.Sequential, and "
            f"{network.name} is not of that form ({one_line(error)}); without --neurons its layers "
            f"are drawn"
        ) from error
