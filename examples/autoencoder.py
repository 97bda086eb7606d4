"""An autoencoder on digits: eight numbers for an image of 784, and why not simply take PCA.

An autoencoder squeezes an image through a narrow layer and learns to undo that. A linear one cannot
do better than principal components (Eckart and Young, 1936), which a singular value decomposition
gives without any training; so PCA is the yardstick. With curved layers around the same eight
numbers it does much better, which shows how curved the set of digits is.

    python examples/autoencoder.py
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from common import HERE, figure, options, save

from tinygrad_lite import data, nn, optim, training

WIDTH = 8


class Autoencoder(nn.Module):
    def __init__(self, *between: int, generator: np.random.Generator) -> None:
        def layers(*sizes: int) -> nn.Sequential:
            parts: list[nn.Module] = []
            for size, following in pairwise(sizes):
                parts += [nn.Linear(size, following, generator=generator), nn.SiLU()]
            return nn.Sequential(*parts[:-1])

        self.encoder = layers(784, *between, WIDTH)
        self.decoder = layers(WIDTH, *reversed(between), 784)

    def forward(self, images):
        return self.decoder(self.encoder(images))


def pca(train: np.ndarray, images: np.ndarray) -> np.ndarray:
    """The images from their first principal components, those of the training images."""
    mean = train.mean(axis=0)
    directions = np.linalg.svd(np.cov(train.T))[0][:, :WIDTH]
    return (images - mean) @ directions @ directions.T + mean


def main() -> None:
    asked = options(__doc__)
    generator = np.random.default_rng(0)
    mnist = data.load_mnist(HERE / "digits" / "data")
    train = data.as_pixels(mnist.train_images).reshape(-1, 784)[: 4_000 if asked.quick else None]
    test = data.as_pixels(mnist.test_images).reshape(-1, 784)

    # A batch of a single array is input and target at once.
    batches = data.Batches(train, batch_size=100 if asked.quick else 200, seed=0)
    models = {
        "linear": Autoencoder(generator=generator),
        "curved": Autoencoder(*((128,) if asked.quick else (256, 64)), generator=generator),
    }
    for name, model in models.items():
        print(f"{name}:")
        epochs = 10 if asked.quick else 6
        optimiser = optim.Adam(
            model.parameters(), lr=1e-2 if asked.quick or name == "linear" else 4e-3
        )
        training.fit(
            model, nn.squared_error, optimiser, batches, epochs=epochs, schedule_each="batch",
            schedule=optim.CosineAnnealingLR(optimiser, epochs * len(batches)),
        )  # fmt: skip

    def errors(rebuild) -> tuple[float, float]:
        return tuple(float(nn.squared_error(rebuild(x), x)) for x in (train, test))

    found = {"PCA": errors(lambda images: pca(train, images))}
    for name, model in models.items():
        found[name] = errors(lambda images, model=model: training.predict(model, images))
    print(f"squared error of an image from {WIDTH} numbers: training, test")
    for name, (of_train, of_test) in found.items():
        print(f"  {name:<7} {of_train:6.2f} {of_test:6.2f}")

    if (picture := figure(8, 2.7)) is not None:
        first = [int(np.argmax(mnist.test_labels == digit)) for digit in range(10)]
        rows = {
            "image": test[first],
            f"PCA, {WIDTH}": pca(train, test[first]),
            f"curved, {WIDTH}": training.predict(models["curved"], test[first]),
        }
        axes = picture.subplots(3, 10)
        for line, (name, images) in zip(axes, rows.items(), strict=True):
            for place, image in zip(line, images, strict=True):
                place.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
                place.set(xticks=[], yticks=[])
            line[0].set_ylabel(name)
        save(picture, asked.output, "autoencoder.png")

    # -- check -----------------------------------------------------------------------------------
    pca_train, pca_test = found["PCA"]
    assert found["linear"][0] > pca_train * (1 - 1e-6), "nothing linear can beat PCA on its data"
    assert found["linear"][0] < pca_train * (1.25 if asked.quick else 1.02)
    assert found["curved"][1] < pca_test * (0.95 if asked.quick else 0.6)
    print("check: the linear one comes to PCA and never below, the curved one well below")


if __name__ == "__main__":
    main()
