"""Three spiral arms: what depth is for.

No straight line separates arms that wind around each other, and with too few straight pieces a
curve of this length cannot be followed. The same points go to a linear classifier, which cannot,
and to a network with two hidden layers, which can. Both are judged against the arms themselves.

    python examples/spiral.py
"""

from __future__ import annotations

import numpy as np
from common import figure, options, save

from tinygrad_lite import data, nn, optim, training

TURN = 4.0  # radians from the centre to the end of an arm


def arms(along: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Points on the arms: `along` from 0 at the centre to 1 at the end; shape (n, 2)."""
    angle = TURN * along + 2 * np.pi / 3 * label
    return np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1)


def draw(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(count) % 3
    points = arms(generator.uniform(0.05, 1, count), labels)
    return (points + generator.normal(0, 0.03, points.shape)).astype(np.float32), labels


def nearest_arm(points: np.ndarray) -> np.ndarray:
    """Which arm runs nearest to each point."""
    along = np.linspace(0.05, 1, 300)
    distance = [
        ((points[:, None] - arms(along, np.full(300, label))) ** 2).sum(axis=2).min(axis=1)
        for label in range(3)
    ]
    return np.argmin(distance, axis=0)


def train(model: nn.Module, x: np.ndarray, y: np.ndarray, epochs: int) -> None:
    batches = data.Batches(x, y, batch_size=50, seed=0)
    optimiser = optim.AdamW(model.parameters(), lr=0.01)
    schedule = optim.CosineAnnealingLR(optimiser, epochs)
    training.fit(
        model, nn.cross_entropy, optimiser, batches,
        epochs=epochs, schedule=schedule, progress=False,
    )  # fmt: skip


def main() -> None:
    asked = options(__doc__)
    generator = np.random.default_rng(0)
    x, y = draw(900, generator)
    points, labels = draw(3_000, generator)
    models = {
        "linear": nn.Linear(2, 3, generator=generator),
        "network": nn.Sequential(
            nn.Linear(2, 32, generator=generator), nn.ReLU(),
            nn.Linear(32, 32, generator=generator), nn.ReLU(),
            nn.Linear(32, 3, generator=generator),
        ),
    }  # fmt: skip
    rates = {"nearest arm": training.accuracy(nn.one_hot(nearest_arm(points), 3), labels)}
    for name, model in models.items():
        train(model, x, y, epochs=20 if asked.quick else 100)
        rates[name] = training.evaluate(model, nn.cross_entropy, (points, labels))["accuracy"]
    for name, rate in rates.items():
        print(f"{name:<12} {100 * rate:6.2f} % of 3000 new points")

    if (picture := figure(9, 4.4)) is not None:
        ends = np.linspace(-1.15, 1.15, 160)
        across, up = np.meshgrid(ends, ends)
        grid = np.column_stack([across.ravel(), up.ravel()]).astype(np.float32)
        colours, light = ["#33618d", "#998811", "#cc4455"], ["#b4c9dd", "#ebe3b4", "#f8c2c9"]
        for axes, (name, model) in zip(picture.subplots(1, 2), models.items(), strict=True):
            region = training.predict(model, grid).argmax(axis=1).reshape(across.shape)
            levels = [-0.5, 0.5, 1.5, 2.5]
            axes.contourf(across, up, region, levels=levels, colors=light)
            axes.scatter(*x.T, c=[colours[label] for label in y], s=5, edgecolors="none")
            axes.set_title(f"{name}: {100 * rates[name]:.1f} %")
            axes.set_aspect("equal")
        save(picture, asked.output, "spiral.png")

    # -- check -----------------------------------------------------------------------------------
    assert rates["linear"] < 0.7
    assert rates["network"] > rates["nearest arm"] - (0.05 if asked.quick else 0.01)
    print("check: as good as knowing the arms, where a linear classifier is lost")


if __name__ == "__main__":
    main()
