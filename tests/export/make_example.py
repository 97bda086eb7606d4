"""Writes example_graph.json: a small convolutional network for digits, trained for a minute.

For readers of graph files in other languages, and for the tests. Run it when the format changes:

    python tests/export/make_example.py
"""

from pathlib import Path

import numpy as np

from tinygrad_lite import export, nn, optim
from tinygrad_lite.data import Batches, as_pixels, load_mnist

ROOT = Path(__file__).parents[2]


def main() -> None:
    mnist = load_mnist(ROOT / "examples/digits/data")
    generator = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, generator=generator),
        nn.ReLU(),
        nn.MaxPool2d(4),
        nn.Flatten(),
        nn.Linear(6 * 7 * 7, 10, generator=generator),
    )
    images = as_pixels(mnist.train_images)[:, None]
    optimiser = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for batch, labels in Batches(images, mnist.train_labels, batch_size=100, seed=0):
        optimiser.zero_grad()
        nn.cross_entropy(net(batch), labels).backward()
        optimiser.step()
    test = as_pixels(mnist.test_images)[:, None]
    graph = export.save_graph(
        net,
        Path(__file__).with_name("example_graph.json"),
        test[:8],
        title="Small convolutional network",
        classes="0123456789",
        normalisation={"image": "mnist"},
        gradient=True,
    )
    rate = np.mean(np.argmax(graph(test), axis=1) == mnist.test_labels)
    print(f"{rate:.2%} of the test set")


if __name__ == "__main__":
    main()
