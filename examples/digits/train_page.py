"""Train the two networks of the draw-a-digit page and write them where the page is built from.

python examples/digits/train_page.py                 both, about ten minutes
python examples/digits/train_page.py edge_maps       the blog's fourth network, seconds
python examples/digits/train_page.py convolutional --quick    to see that it works

Then build the page: npm ci && npm run build, in examples/digits/web.
"""

from __future__ import annotations

import argparse
import gzip
import os
import tempfile
from pathlib import Path

# The products here are small; a second thread gains little. Before NumPy comes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import training
from commandline import HERE, Parser
from networks import Network4
from no_digits import no_digits

import neurons
import tinygrad_lite as tg
from tinygrad_lite import nn, optim
from tinygrad_lite.data import Affine, Compose, Elastic, Mnist, Thickness, as_pixels, load_mnist
from tinygrad_lite.export import save_graph
from tinygrad_lite.nn import init

MEAN, DEVIATION = 0.1307, 0.3081
"""Of all training pixels."""

# How people draw on a screen differs from how they wrote in 1990: in slant, in shape and, above
# all, in the width of the pen, which the page lets them choose.
AUGMENT = Compose(
    [
        Affine(degrees=12, translate=0.06, scale=(0.85, 1.15), shear=15),
        Elastic(alpha=25, sigma=4),
        Thickness(thin=0.6, thick=1.0),
    ]
)

NO_DIGITS_IN_A_BATCH = 5


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "which", nargs="*", choices=[[], *TRAIN], default=[], metavar="NETWORK",
        help=f"{' or '.join(TRAIN)} (both)",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, default=8, help="of the convolutional one (8)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    parser.add_argument("--quick", action="store_true", help="little training, to see it work")
    parser.add_argument("--output", type=Path, default=HERE / "web" / "networks", metavar="DIR")
    asked = parser.parse_args()
    mnist = load_mnist(HERE / "data")
    asked.output.mkdir(parents=True, exist_ok=True)
    for which in asked.which or TRAIN:
        content = TRAIN[which](mnist, asked)
        target = asked.output / f"{which}.json.gz"
        # Without name and time, so that the same network gives the same file.
        target.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
        print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


def train_edge_maps(mnist: Mnist, asked: argparse.Namespace) -> bytes:
    """Network 4 as published, but for a quiet start; in the original's JSON."""
    generator = np.random.default_rng(asked.seed)
    tensors = Network4(init.glorot_uniform, generator)
    recipe = training.recipe_of(tensors, asked.quick)
    run = training.train(tensors, recipe, mnist, generator, quiet=True)
    network = neurons.network_4()
    weights, bias = tensors.output.weight.data, tensors.output.bias.data
    for digit, neuron in enumerate(network.output_layer):
        neuron.bias = float(bias[digit])
        for connection, weight in zip(neuron.inputs, weights[digit], strict=True):
            # Eight digits tell single precision apart, and make a shorter file.
            connection.weight = float(f"{weight:.8g}")
    tests = as_pixels(mnist.test_images, np.float64)
    rate = 100 * network.success_rate(tests, mnist.test_labels)
    print(f"edge maps: {rate:.2f} % of the test images (in tensor form {run.rates[-1]:.2f} %)")
    return network.to_json().encode()


class ConvolutionalNetwork(nn.Module):
    """Two convolutions and two linear layers, for pictures of shape (N, 1, 28, 28)."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.convolution1 = nn.Conv2d(1, 16, 5, generator=generator)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.convolution2 = nn.Conv2d(16, 32, 5, generator=generator)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(32 * 4 * 4, 64, generator=generator)
        self.relu3 = nn.ReLU()
        self.logits = nn.Linear(64, 10, generator=generator)

    def scores(self, x: object) -> object:
        x = self.pool1(self.relu1(self.convolution1(x)))
        x = self.pool2(self.relu2(self.convolution2(x)))
        return self.logits(self.relu3(self.hidden(self.flatten(x))))

    def forward(self, x: object) -> object:
        return tg.softmax(self.scores(x), axis=-1)


def train_convolutional(mnist: Mnist, asked: argparse.Namespace) -> bytes:
    """The page's best network; as a graph file."""
    generator = np.random.default_rng(asked.seed)
    model = ConvolutionalNetwork(generator)
    images = as_pixels(mnist.train_images)[:, None]
    strange = no_digits(images[:, 0], 300 if asked.quick else 4000, generator)[:, None]
    targets = np.eye(10, dtype=np.float32)[mnist.train_labels]
    batch, epochs = 96, 1 if asked.quick else asked.epochs
    count = 3000 if asked.quick else len(images)
    steps = epochs * (count // batch)
    optimiser = optim.SGD(model.parameters(), 0.0, momentum=0.9)
    step = 0
    for epoch in range(epochs):
        order = generator.permutation(len(images))[:count]
        for first in range(0, count - batch + 1, batch):
            rows = order[first : first + batch]
            odd = generator.integers(len(strange), size=NO_DIGITS_IN_A_BATCH)
            x = np.concatenate([AUGMENT(images[rows], generator), strange[odd]])
            t = np.concatenate([targets[rows], np.full((len(odd), 10), 0.1, np.float32)])
            optimiser.lr = one_cycle(step / steps)
            optimiser.zero_grad()
            scores = model.scores(standardised(x))
            loss = -(t * tg.log_softmax(scores, axis=-1)).sum() / len(t)
            loss.backward()
            optimiser.step()
            step += 1
        wrong = wrong_of(model, mnist)
        print(f"epoch {epoch + 1:2} of {epochs}: {100 - wrong / 100:.2f} % of the test images")
    samples = standardised(as_pixels(mnist.test_images[:4])[:, None])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.json"
        save_graph(
            model,
            path,
            samples,
            title="convolutions",
            classes=[str(digit) for digit in range(10)],
            normalisation={"image": "mnist", "mean": MEAN, "standard_deviation": DEVIATION},
            gradient="logits",
            vectors=3,
        )
        return path.read_bytes()


def standardised(images: np.ndarray) -> np.ndarray:
    return (images - np.float32(MEAN)) / np.float32(DEVIATION)


def one_cycle(done: float) -> float:
    """Step size after a share of the training: up to 0.04 in the first fifth, then down to 0."""
    return 0.04 * (done / 0.2 if done < 0.2 else (1 + np.cos(np.pi * (done - 0.2) / 0.8)) / 2)


def wrong_of(model: nn.Module, mnist: Mnist) -> int:
    """How many of the 10,000 test images are not recognised."""
    wrong = 0
    with tg.no_grad():
        for first in range(0, len(mnist.test_images), 500):
            images = as_pixels(mnist.test_images[first : first + 500])[:, None]
            guesses = model(standardised(images)).data.argmax(axis=1)
            wrong += int((guesses != mnist.test_labels[first : first + 500]).sum())
    return wrong


TRAIN = {"edge_maps": train_edge_maps, "convolutional": train_convolutional}

if __name__ == "__main__":
    main()
