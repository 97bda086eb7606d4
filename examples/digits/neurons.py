"""The blog's four digit networks, out of neurons and connections one can point at.

    python examples/digits/neurons.py            # network 1, as published: about a minute
    python examples/digits/neurons.py 4 --save network4.json
    python examples/digits/neurons.py 2 --iterations 2 --samples 1000

Trains on MNIST with the published schedule, tells the success rate beside the published one,
guesses at one digit, and checks that the network survives being written to a file and read back.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tinygrad_lite.data import as_pixels, load_mnist
from tinygrad_lite.neurons import (
    EDGE_PATTERNS,
    HiddenLayer,
    InputLayer,
    Network,
    OutputLayer,
    relu,
    scan_pattern,
)

DATA = Path(__file__).parent / "data"


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


NETWORKS = {1: network_1, 2: network_2, 3: network_3, 4: network_4}
PUBLISHED = {1: 91.0, 2: 68.5, 3: 91.2, 4: 96.6}
"""Success rates in percent that the blog's author reached, network 2 with gradients averaged where
the chain rule sums."""


def main() -> None:
    """Train one network and try it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", type=int, choices=NETWORKS, default=1)
    parser.add_argument("--iterations", type=int, default=12)
    parser.add_argument("--samples", type=int, default=10_000, help="images in an iteration")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", metavar="FILE", help="where to write the network, as JSON")
    parser.add_argument("--plot", metavar="FILE", help="where to draw the course of training")
    parser.add_argument("--picture", metavar="FILE", help="where to draw a guess, as PNG")
    arguments = parser.parse_args()

    mnist = load_mnist(DATA)
    images, tests = (as_pixels(x, np.float64) for x in (mnist.train_images, mnist.test_images))
    network = NETWORKS[arguments.network](arguments.seed)
    print(f"network {arguments.network}: {network}, {len(network.parameters)} of it learn")
    history = network.train(
        images,
        mnist.train_labels,
        test_images=tests,
        test_labels=mnist.test_labels,
        iterations=arguments.iterations,
        samples=arguments.samples,
        seed=arguments.seed,
    )
    rate = 100 * network.success_rate(tests, mnist.test_labels)
    published = PUBLISHED[arguments.network]
    print(f"{rate:.2f} % of {len(tests)} test images right (published: {published} %)")

    guess = network.guess(tests[0])
    print(f"the first test image is a {mnist.test_labels[0]}. Its guess: {guess.sentence}")

    text = network.to_json(arguments.save)
    if arguments.plot:
        history.plot(arguments.plot)
    if arguments.picture:
        network.save_activations(arguments.picture)
    again = Network.from_json(text).evaluate(tests)
    assert np.array_equal(again, network.evaluate(tests)), "the file holds another network"


if __name__ == "__main__":
    main()
