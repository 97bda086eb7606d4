"""The blog's four digit networks, out of neurons and connections one can point at.

python examples/digits/neurons.py                         network 1, as published: in 10 seconds
python examples/digits/neurons.py 4 --save network4.json  the best one, and keep it
python examples/digits/neurons.py 2 --quick               in seconds, to see it work

Trains on MNIST with the published schedule, tells the success rate beside the published one,
guesses at one digit, and checks that the network survives being written to a file and read back.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

# A second thread gains little here, and waits for whatever else keeps a core busy. Before NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from commandline import Parser, fail, load, seed

from tinygrad_lite.data import as_pixels
from tinygrad_lite.neurons import (
    EDGE_PATTERNS,
    HiddenLayer,
    InputLayer,
    Network,
    OutputLayer,
    relu,
    scan_pattern,
)


def network_1(seed: int = 0) -> Network:
    """Every pixel to every digit."""
    network = Network([InputLayer(28, 28), OutputLayer(10)], seed=seed)
    network.connect_adjacent_layers()
    return network


def network_2(seed: int = 0) -> Network:
    """Two hidden layers of ReLU neurons, each layer connected to the next."""
    hidden = [HiddenLayer(16, function=relu), HiddenLayer(16, function=relu)]
    network = Network([InputLayer(28, 28), *hidden, OutputLayer(10)], seed=seed)
    network.connect_adjacent_layers()
    return network


def network_3(seed: int = 0) -> Network:
    """Two hidden layers, and every layer connected to every later one."""
    layers = [InputLayer(28, 28), HiddenLayer(16), HiddenLayer(10), OutputLayer(10)]
    network = Network(layers, seed=seed)
    network.connect_all_layers()
    return network


def network_4(seed: int = 0) -> Network:
    """Four maps of edges, found by patterns that never learn, each connected to the digits."""
    pixels, digits = InputLayer(28, 28), OutputLayer(10)
    edge_maps = [scan_pattern(pixels, pattern, stride=2) for pattern in EDGE_PATTERNS.values()]
    network = Network([pixels, *edge_maps, digits], seed=seed)
    for edge_map in edge_maps:
        network.connect_layers(edge_map, digits)
    return network


NETWORKS = {"1": network_1, "2": network_2, "3": network_3, "4": network_4}
PUBLISHED = {"1": 91.0, "2": 68.5, "3": 91.2, "4": 96.6}
"""Success rates in percent that the blog's author reached, network 2 with gradients averaged where
the chain rule sums."""


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line, checked."""
    parser = Parser(__doc__)
    add = parser.add_argument
    add("network", nargs="?", choices=NETWORKS, default="1", help="which: 1 2 3 4 (1)", metavar="N")
    add("--iterations", type=count, metavar="N", help="how often images are drawn (12)")
    add("--samples", type=count, metavar="N", help="images in an iteration (10000)")
    add("--seed", type=seed, default=0, metavar="S", help="of initial weights and shuffling (0)")
    add("--quick", action="store_true", help="2 iterations of 500, to see that everything works")
    add("--data", type=Path, metavar="DIR", help="folder with the MNIST files (beside this script)")
    add("--save", type=target, metavar="FILE", help="where to write the network, as JSON")
    add("--plot", type=target, metavar="FILE", help="where to draw the course of training")
    add("--picture", type=target, metavar="FILE", help="where to draw a guess, as PNG")
    asked = parser.parse_args(arguments)
    if asked.plot and not find_spec("matplotlib"):
        fail("--plot needs Matplotlib: pip install 'tinygrad-lite[plots]'")
    asked.iterations = asked.iterations or (2 if asked.quick else 12)
    asked.samples = asked.samples or (500 if asked.quick else 10_000)
    return asked


def count(text: str) -> int:
    """A number of iterations or images from the command line."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, not {text!r}")
    return int(text)


def target(text: str) -> Path:
    """A file to write after training: better refused before it."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write a file {text!r}")
    return path


def main(arguments: list[str] | None = None) -> None:
    """Train one network and try it."""
    asked = options(arguments)
    mnist = load(asked.data)
    images, tests = as_pixels(mnist.train_images), as_pixels(mnist.test_images)
    network = NETWORKS[asked.network](asked.seed)
    print(f"network {asked.network}: {network}, {len(network.parameters)} of it learn")
    history = network.train(
        images,
        mnist.train_labels,
        test_images=tests,
        test_labels=mnist.test_labels,
        iterations=asked.iterations,
        samples=asked.samples,
        seed=asked.seed,
    )
    rate = 100 * network.success_rate(tests, mnist.test_labels)
    published = PUBLISHED[asked.network]
    print(f"{rate:.2f} % of {len(tests)} test images right (published: {published} %)")

    guess = network.guess(tests[0])
    print(f"the first test image is a {mnist.test_labels[0]}. Its guess: {guess.sentence}")

    try:
        text = network.to_json(asked.save)
        if asked.picture:
            network.save_activations(asked.picture)
        if asked.plot:
            history.plot(asked.plot)
    except (OSError, ValueError) as error:  # a disk that is full, or a format unknown to Matplotlib
        fail(str(error))
    again = Network.from_json(text).evaluate(tests)
    assert np.array_equal(again, network.evaluate(tests)), "the file holds another network"


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nneurons.py: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
