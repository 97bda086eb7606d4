"""``tinygrad-lite demo``: draw a digit in the browser, and a network names it."""

from __future__ import annotations

import argparse
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.cli import networks
from tinygrad_lite.cli.errors import CommandError, one_line

DIGITS = 10


def add(subcommands: Any) -> None:
    """Add the parser."""
    parser = subcommands.add_parser(
        "demo",
        help="draw a digit in the browser, and a network names it",
        description=(
            "Show a page on which one draws a digit and a network names it while one draws. It is "
            "served to this machine alone, until Control C."
        ),
        epilog=("examples:\n  tinygrad-lite demo\n  tinygrad-lite demo --network digits.npz"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--network",
        metavar="NETWORK",
        help=f"begin with this one, of 28x28 pixels and ten outputs: {networks.HELP}",
    )
    parser.add_argument(
        "--port", metavar="N", type=int, default=0, help="where to serve it (any that is free)"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address, do not open a browser"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the page until interrupted."""
    from tinygrad_lite.demo import page_with, server_of

    if not 0 <= options.port < 1 << 16:
        raise CommandError(f"--port {options.port}: give 0 to 65535")
    name, content = "", b""
    if options.network is not None:
        name, content = Path(options.network).name, content_of(options.network)
    try:
        server = server_of(page_with(name, content), options.port)
    except OSError as error:
        raise CommandError(
            f"--port {options.port} cannot be used ({error.strerror}): give another, or none for "
            "any that is free"
        ) from error
    with server:
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"Draw a digit at {address} (Control C ends)", flush=True)
        if not options.no_browser:
            # Beside the server: a browser in the terminal does not return until it is left.
            threading.Thread(target=_open, args=(address,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


def _open(address: str) -> None:
    if not webbrowser.open(address):
        print("No browser could be opened: open the address in one.", flush=True)


def content_of(name: str) -> bytes:
    """A network as a file that the page reads.

    Raises:
        CommandError: it is not one of 28x28 pixels and ten outputs.
    """
    network = networks.network(name)
    examples = np.random.default_rng(0).random((3, 1, 28, 28)).astype(np.float32)
    try:
        network.fit_to(examples)
    except CommandError as error:
        why = one_line(error.__cause__ or error)
        raise CommandError(
            f"{name} is no network for the page, whose pictures have 28x28 pixels: {why}"
        ) from error
    outputs = network.scores(examples).shape[1:]
    if outputs != (DIGITS,):
        found = outputs[0] if len(outputs) == 1 else f"an output of shape {outputs}"
        raise CommandError(
            f"{name} is no network for the page, which wants ten outputs, one for each digit: it "
            f"has {found}"
        )
    if network.is_neurons:
        text: str = network.thing.to_json()
        return text.encode()
    if network.is_graph and name.lower().endswith(".json"):
        return Path(name).read_bytes()
    if network.is_graph and networks.is_compressed(name):
        return networks.uncompressed(name)
    from tinygrad_lite.export import save_graph

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.json"
        save_graph(network.thing, path, network.given(examples), gradient=not network.is_graph)
        return path.read_bytes()
