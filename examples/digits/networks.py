"""The networks: four of the blog's, out of operations, and one with learned convolutions."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.data import as_pixels
from tinygrad_lite.neurons import EDGE_PATTERNS as EDGES
from tinygrad_lite.nn.init import Initialiser

Array = np.ndarray[Any, Any]


class DigitNetwork(nn.Module):
    """What all have in common: images become features, then hidden activations, then ten outputs.

    `features` is the part without parameters, done once for a set of images; calling the network
    does the rest.
    """

    title: ClassVar[str]
    wiring: ClassVar[str]
    published: ClassVar[float | None] = None  # success rate that the blog's author reached
    output: nn.Linear

    def features(self, images: Array) -> Array:
        """The input of the learned part, from bytes of shape (N, 28, 28)."""
        raise NotImplementedError

    def hidden(self, features: Array) -> Any:
        """What the output layer is connected to."""
        raise NotImplementedError


class BlogNetwork(DigitNetwork):
    """Sigmoid outputs: the digit is that of the largest."""

    def forward(self, features: Array) -> Any:
        return tg.sigmoid(self.output(self.hidden(features)))


class Network1(BlogNetwork):
    """Every pixel to every output."""

    title = "1"
    wiring = "784 → 10 sigmoid"
    published = 91.0

    def __init__(self, initialiser: Initialiser, generator: np.random.Generator) -> None:
        self.output = nn.Linear(784, 10, initialiser=initialiser, generator=generator)

    def features(self, images: Array) -> Array:
        return flat(images)

    def hidden(self, features: Array) -> Any:
        return pixels(features)


class Network2(BlogNetwork):
    """Two hidden layers of ReLU, each connected to the next."""

    title = "2"
    wiring = "784 → 16 ReLU → 16 ReLU → 10 sigmoid"
    published = 68.5

    def __init__(self, initialiser: Initialiser, generator: np.random.Generator) -> None:
        settings = {"initialiser": initialiser, "generator": generator}
        self.hidden1 = nn.Linear(784, 16, **settings)
        self.hidden2 = nn.Linear(16, 16, **settings)
        self.output = nn.Linear(16, 10, **settings)

    def features(self, images: Array) -> Array:
        return flat(images)

    def hidden(self, features: Array) -> Any:
        return tg.relu(self.hidden2(tg.relu(self.hidden1(pixels(features)))))


class Network3(BlogNetwork):
    """Two hidden layers, and every layer connected to every later one."""

    title = "3"
    wiring = "784 → 16 → 10 → 10 sigmoid, each to all later"
    published = 91.2

    def __init__(self, initialiser: Initialiser, generator: np.random.Generator) -> None:
        settings = {"initialiser": initialiser, "generator": generator}
        self.hidden1 = nn.Linear(784, 16, **settings)
        self.hidden2 = nn.Linear(784 + 16, 10, **settings)
        self.output = nn.Linear(784 + 16 + 10, 10, **settings)

    def features(self, images: Array) -> Array:
        return flat(images)

    def hidden(self, features: Array) -> Any:
        x = pixels(features)
        x = np.concatenate([x, tg.sigmoid(self.hidden1(x))], axis=1)
        return np.concatenate([x, tg.sigmoid(self.hidden2(x))], axis=1)


class EdgeMaps(nn.Module):
    """Four maps of edges: fixed 7x7 patterns at every other pixel, ReLU of the sum minus one."""

    def __init__(self) -> None:
        # Plain arrays, not Values: nothing here is learned, so nothing is recorded.
        self.kernels = np.stack(list(EDGES.values()))[:, None].astype(np.float32)
        self.bias = np.full(len(EDGES), -1, np.float32)

    def forward(self, images: Array) -> Any:
        return tg.relu(tg.conv2d(images, self.kernels, self.bias, stride=2))


class Network4(BlogNetwork):
    """The edge maps, which never learn, to every output.

    The maps of an image are the same in every pass, so they are computed once and kept.
    """

    title = "4"
    wiring = "four fixed 11x11 edge maps → 10 sigmoid"
    published = 96.6

    def __init__(self, initialiser: Initialiser, generator: np.random.Generator) -> None:
        self.edge_maps = EdgeMaps()
        self.output = nn.Linear(4 * 11 * 11, 10, initialiser=initialiser, generator=generator)

    def features(self, images: Array) -> Array:
        maps = np.empty((len(images), 4 * 11 * 11), np.float32)
        for part in chunks(len(images), 500):
            found = self.edge_maps(as_pixels(images[part])[:, None])
            maps[part] = found.reshape(len(found), -1)
        return maps

    def hidden(self, features: Array) -> Any:
        return features


class ConvolutionalNetwork(DigitNetwork):
    """Learned convolutions, in place of patterns that somebody thought up."""

    title = "cnn"
    wiring = "two learned 5x5 convolutions → 10"

    def __init__(self, initialiser: Initialiser, generator: np.random.Generator) -> None:
        del initialiser  # the blog's is not for convolutions; see `nn.init.fan_in_uniform`
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 5, generator=generator),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 5, generator=generator),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.output = nn.Linear(16 * 4 * 4, 10, generator=generator)

    def features(self, images: Array) -> Array:
        return images[:, None]

    def hidden(self, features: Array) -> Any:
        return self.layers(pixels(features))

    def forward(self, features: Array) -> Any:
        return self.output(self.hidden(features))


NETWORKS = {n.title: n for n in (Network1, Network2, Network3, Network4, ConvolutionalNetwork)}


def start_quietly(network: BlogNetwork, features: Array, level: float = -1.5) -> None:
    """Shift the output layer, as little as possible, so that its sums average `level`.

    One digit in ten is right, so an output that starts in the middle is pushed down by nine images
    for each that pushes it up. The features of an image are many, so one step at the published
    step size of 1 can push it so far that its sigmoid is flat, and it never comes back. Outputs
    that start low (an activation of 0.18 at -1.5) are pushed about evenly from the beginning.

    The change of weights and bias that has the smallest sum of squares is along the mean input,
    the bias counting as a weight of the input 1. The bias stays within the published ±0.8.
    """
    with tg.no_grad():
        inputs = network.hidden(features)
        sums = network.output(inputs).data
    mean = np.mean(inputs.data if isinstance(inputs, tg.Value) else inputs, axis=0)
    change = (level - sums.mean(axis=0)) / (mean @ mean + 1)
    network.output.weight.data += np.outer(change, mean)
    network.output.bias.data += np.clip(change, -0.8, 0.8)


def flat(images: Array) -> Array:
    """Images as rows of pixels."""
    return images.reshape(len(images), -1)


def pixels(features: Array) -> Array:
    """Bytes as numbers from 0 to 1."""
    return as_pixels(features) if features.dtype == np.uint8 else features


def chunks(count: int, size: int) -> list[slice]:
    """Slices that cut `count` rows into pieces of at most `size`."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
