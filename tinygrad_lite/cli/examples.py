"""An input to try a network on, where the command names no data."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from tinygrad_lite.cli.errors import CommandError
from tinygrad_lite.cli.networks import NamedNetwork

Array = np.ndarray[Any, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--data`` and ``--shape``."""
    from tinygrad_lite.cli import datasets

    datasets.add_option(parser)
    parser.add_argument(
        "--shape",
        metavar="SIZES",
        help="shape of one sample, such as 1,28,28, if there is no --data; found out if possible",
    )


def example_for(network: NamedNetwork, data: str | None, shape: str | None) -> Array:
    """A few samples that the network takes, the batch first.

    Raises:
        CommandError: it takes none of what is known or likely.
    """
    if data is not None:
        from tinygrad_lite.cli.datasets import dataset

        sample = dataset(data).sample
        network.fit_to(sample)
        return network.given(sample)
    generator = np.random.default_rng(0)
    shapes = [_sizes(shape)] if shape is not None else _likely(network)
    failure: CommandError | None = None
    for sizes in shapes:
        sample = generator.uniform(0, 1, (2, *sizes)).astype(np.float32)
        try:
            network.fit_to(sample)
        except CommandError as error:
            failure = failure or error
        else:
            return network.given(sample)
    if shape is not None and failure is not None:
        raise failure
    raise CommandError(
        f"what {network.name} takes is not known: give --shape, such as --shape 1,28,28, or --data"
    )


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise CommandError(f"--shape {text}: give sizes with commas between, such as 1,28,28")
    return sizes


def _likely(network: NamedNetwork) -> list[tuple[int, ...]]:
    """Shapes of a sample, judging by the first weight."""
    if network.is_neurons:
        layer = network.thing.input_layer
        return [(layer.height, layer.width)]
    if network.is_graph:
        known = [size for size in network.thing.inputs[0].shape[1:] if isinstance(size, int)]
        return [tuple(known)]
    module = network.module
    assert module is not None
    first = next((p.shape for _, p in module.named_parameters() if p.ndim > 1), ())
    if len(first) == 4:
        return [(first[1], 28, 28), (first[1], 32, 32)]
    return [(first[1],), (1, 28, 28)] if len(first) == 2 else []
