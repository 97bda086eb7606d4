"""A blog post's own back-propagation, checked: which of its equations is wrong, and what it cost.

Its author derived the gradients of a digit recogniser by hand and wrote "It is quite possible that
I derived some of the equations incorrectly, but be as it may, the end results are decent". Here are
his equations, neuron by neuron, compared with the recorded network; then the training run of his
second network (784-16-16-10), once with his rule and once with the right one.

    python examples/hand_derived/blog_equations.py [--quick]
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from tinygrad_lite import Value, compare
from tinygrad_lite.data import as_pixels, load_mnist
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer

DATA = Path(__file__).parents[1] / "digits" / "data"


def blog_gradients(network: Network) -> dict[Value, float]:
    """Steps 4 and 5 of the blog's training algorithm, for the sample that is on the network."""
    gradients: dict[Value, float] = {}
    passed_back: dict[object, list[float]] = {}
    for layer in reversed(network.layers[1:]):
        for neuron in layer:
            activation = float(neuron.activation)
            slope = activation * (1 - activation)  # of the sigmoid
            if layer is network.output_layer:
                received = [2 * (activation - neuron.desired)]
            else:
                received = passed_back[neuron]
            average = sum(slope * d for d in received) / len(received)  # "averageBy"
            gradients[neuron.bias] = average
            for connection in neuron.inputs:
                source = connection.source
                gradients[connection.weight] = float(source.activation) * average
                passed_back.setdefault(source, []).append(connection.weight.data * average)
    return gradients


def train(pixels, labels, test, rule, *, rounds: int, samples: int, seed: int = 0) -> float:
    """The published schedule for 784-16-16-10 with ReLU, ReLU and sigmoid; returns the rate."""
    rng = np.random.default_rng(seed)
    sizes = (784, 16, 16, 10)
    weights = [rng.uniform(-0.5, 0.5, shape) for shape in pairwise(sizes)]
    biases = [np.zeros(n) for n in sizes[1:]]

    def forward(x):
        layers = [x]
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            z = layers[-1] @ w + b
            layers.append(np.maximum(z, 0) if i < 2 else 1 / (1 + np.exp(-z)))
        return layers

    for iteration in range(rounds):
        batch, step = 50 + 10 * iteration, 0.97**iteration
        drawn = rng.permutation(len(pixels))[:samples]
        for start in range(0, samples - batch + 1, batch):
            chosen = drawn[start : start + batch]
            layers = forward(pixels[chosen])
            a = layers[-1]
            g = 2 * (a - np.eye(10)[labels[chosen]]) * a * (1 - a) / batch
            for i in reversed(range(3)):
                dw, db = layers[i].T @ g, g.sum(axis=0)
                if i:
                    g = rule(g, weights[i]) * (layers[i] > 0)
                weights[i] -= step * dw
                biases[i] = np.clip(biases[i] - step * db, -0.8, 0.8)
    images, answers = test
    return float(np.mean(forward(images)[-1].argmax(axis=1) == answers))


def averaged(g, w):
    """The blog's rule: the mean of what the outgoing connections pass back."""
    return g @ w.T / w.shape[1]


def summed(g, w):
    """The chain rule: their sum."""
    return g @ w.T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rounds of training, not twelve")
    rounds = 2 if parser.parse_args().quick else 12

    mnist = load_mnist(DATA)
    network = Network([InputLayer(28, 28), HiddenLayer(16), OutputLayer(10)], seed=1)
    network.connect_adjacent_layers()
    image, label = mnist.train_images[0] / 255.0, int(mnist.train_labels[0])
    cost = network.cost(image, label)
    by_hand = blog_gradients(network)
    start = time.perf_counter()
    report = compare(cost, by_hand)
    seconds = time.perf_counter() - start
    print(report)
    print(f"\n{len(by_hand):,} gradients compared and diagnosed in {seconds:.1f} s\n")
    assert report.mistakes[0].kind == "averaged-paths"

    pixels = as_pixels(mnist.train_images, np.float64).reshape(-1, 784)
    test = as_pixels(mnist.test_images, np.float64).reshape(-1, 784), mnist.test_labels
    print(f"Network 2 (784-16-16-10) after {rounds} rounds of 10,000 samples:")
    rates = {}
    for name, rule in (("average, as in the blog", averaged), ("sum, as the chain rule", summed)):
        rates[rule] = train(pixels, mnist.train_labels, test, rule, rounds=rounds, samples=10_000)
        print(f"  {name:26} {100 * rates[rule]:.1f} % of the test images")
    assert rates[summed] > rates[averaged] + 0.05


if __name__ == "__main__":
    main()
