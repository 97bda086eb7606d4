"""Clothes instead of digits: the first data set to try after MNIST, downloaded when needed.

Fashion-MNIST has MNIST's form and is harder: shirts, pullovers and coats look alike in 28 x 28
grey pixels. A convolutional network is compared with the simplest thing that could work: the class
whose average picture is nearest.

    python examples/fashion_mnist.py                downloads 30 MB once, then trains for minutes
    python examples/fashion_mnist.py --quick        downloads nothing: uses what is there already
    python examples/fashion_mnist.py --data DIR     the four IDX files from a folder
"""

from __future__ import annotations

import sys

import numpy as np
from common import figure, options, save

from tinygrad_lite import data, nn, optim, training
from tinygrad_lite.data import FASHION_MNIST_CLASSES, FASHION_MNIST_MIRRORS


def network(generator: np.random.Generator) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2, generator=generator), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, generator=generator), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25, generator=generator),
        nn.Linear(32 * 7 * 7, 10, generator=generator),
    )  # fmt: skip


def nearest_average(images: np.ndarray, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each of the others: the class whose average image is nearest."""
    averages = np.stack([images[labels == label].mean(axis=0).ravel() for label in range(10)])
    flat = others.reshape(len(others), -1)
    return np.argmin((averages**2).sum(axis=1) - 2 * flat @ averages.T, axis=1)


def main() -> None:
    asked = options(__doc__, data=True)
    try:
        fashion = data.load_fashion_mnist(
            asked.data, mirrors=() if asked.quick else FASHION_MNIST_MIRRORS
        )
    except (data.DataFileError, data.DownloadError, OSError) as error:
        print(f"no Fashion-MNIST here ({error}). Run without --quick when online, or give --data")
        sys.exit(0 if asked.quick else 2)

    generator = np.random.default_rng(0)
    kept, tested = (3_000, 2_000) if asked.quick else (None, None)
    images = data.as_pixels(fashion.train_images[:kept])[:, None]
    labels = fashion.train_labels[:kept].astype(int)
    new = data.as_pixels(fashion.test_images[:tested])[:, None]
    right = fashion.test_labels[:tested].astype(int)

    (x, y), validation = data.split(images, labels, validation=0.1, stratify=labels)
    model = network(generator)
    print(model.summary(x[:1]))
    epochs = 2 if asked.quick else 10
    optimiser = optim.AdamW(model.parameters(), lr=2e-3)
    batches = data.Batches(x, y, batch_size=64, seed=0)
    training.fit(
        model, nn.cross_entropy, optimiser, batches, epochs=epochs, validation=validation,
        schedule=optim.OneCycleLR(optimiser, 2e-3, epochs * len(batches)), schedule_each="batch",
    )  # fmt: skip

    outputs = training.predict(model, new)
    rate = training.accuracy(outputs, right)
    simple = np.mean(nearest_average(images, labels, new) == right)
    print(f"on {len(new)} new images: network {100 * rate:.2f} %, "
          f"nearest average image {100 * simple:.2f} %")  # fmt: skip

    if (picture := figure(9, 3.2)) is not None:
        wrong = np.flatnonzero(outputs.argmax(axis=1) != right)
        chances = np.take_along_axis(outputs, right[:, None], axis=1)[:, 0] - outputs.max(axis=1)
        for place, i in zip(
            picture.subplots(2, 8).ravel(), wrong[np.argsort(chances[wrong])], strict=False
        ):
            place.imshow(new[i, 0], cmap="gray_r")
            place.set(xticks=[], yticks=[])
            taken = FASHION_MNIST_CLASSES[outputs[i].argmax()]
            place.set_title(f"{FASHION_MNIST_CLASSES[right[i]]}\nas {taken}", fontsize=7)
        save(picture, asked.output, "fashion_mnist.png")

    # -- check -----------------------------------------------------------------------------------
    assert rate > simple + (0.02 if asked.quick else 0.15)
    print("check: far better than the nearest average image")


if __name__ == "__main__":
    main()
