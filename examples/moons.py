"""Two moons: how near a small network comes to the best boundary there is.

The points come from two half circles, blurred. Because we know how they were made, we know the
best possible answer to every point (Bayes' rule), and how often even that is wrong. A network that
has seen 800 of them should be about as good, and draw about the same boundary.

    python examples/moons.py
"""

from __future__ import annotations

import numpy as np
from common import figure, options, save

import tinygrad_lite as tg
from tinygrad_lite import data, nn, optim, training

BLUR = 0.2


def moons(angle: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Points on the two half circles, shape (n, 2)."""
    side = np.where(label, -1, 1)
    return np.stack([side * np.cos(angle) + label, side * np.sin(angle) + label / 2], axis=1)


def draw(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(count) % 2
    points = moons(generator.uniform(0, np.pi, count), labels)
    return (points + generator.normal(0, BLUR, points.shape)).astype(np.float32), labels


def best_odds(points: np.ndarray) -> np.ndarray:
    """Logarithm of how much likelier moon 1 is: densities are integrals of Gaussians along arcs."""
    angle = np.linspace(0, np.pi, 200)
    logs = []
    for label in (0, 1):
        arc = moons(angle, np.full(200, label))
        exponents = -((points[:, None] - arc) ** 2).sum(axis=2) / (2 * BLUR**2)
        logs.append(tg.logsumexp(exponents, axis=1))
    return logs[1] - logs[0]


def main() -> None:
    asked = options(__doc__)
    generator = np.random.default_rng(0)
    (x, y), validation = data.split(*draw(1000, generator), validation=0.2)
    model = nn.Sequential(
        nn.Linear(2, 16, generator=generator), nn.Tanh(),
        nn.Linear(16, 16, generator=generator), nn.Tanh(),
        nn.Linear(16, 2, generator=generator),
    )  # fmt: skip
    print(model.summary(x[:1]))
    training.fit(
        model, nn.cross_entropy, optim.Adam(model.parameters(), lr=0.01),
        data.Batches(x, y, batch_size=32, seed=0),
        epochs=30 if asked.quick else 150, validation=validation, patience=20,
    )  # fmt: skip

    points, labels = draw(5_000, generator)
    found = training.predict(model, points).argmax(axis=1)
    best = best_odds(points) > 0
    rate, best_rate = np.mean(found == labels), np.mean(best == labels)
    alike = np.mean(found == best)
    print(f"on 5000 new points: network {100 * rate:.2f} %, best possible {100 * best_rate:.2f} %")
    print(f"network and best possible answer agree on {100 * alike:.2f} %")

    if (picture := figure(6, 4)) is not None:
        axes = picture.subplots()
        across, up = np.meshgrid(np.linspace(-1.7, 2.7, 120), np.linspace(-1.2, 1.7, 80))
        grid = np.column_stack([across.ravel(), up.ravel()]).astype(np.float32)
        logits = training.predict(model, grid)
        surface = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1])).reshape(across.shape)
        axes.contourf(across, up, surface, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6)
        axes.contour(across, up, surface, levels=[0.5], colors="black")
        edge = best_odds(grid).reshape(across.shape)
        axes.contour(across, up, edge, levels=[0], colors="black", linestyles="dashed")
        axes.scatter(*x.T, c=np.where(y, "#b2182b", "#2166ac"), s=6)
        axes.set_title("the network's boundary, and the best possible one (dashed)")
        axes.set_aspect("equal")
        save(picture, asked.output, "moons.png")

    # -- check -----------------------------------------------------------------------------------
    # Nothing can beat Bayes' rule by more than chance; twice the standard error of 5000 points.
    chance = 2 * np.sqrt(best_rate * (1 - best_rate) / 5_000)
    margin = 0.02 if asked.quick else 0.01
    assert best_rate - margin < rate < best_rate + chance
    print(f"check: as good as the best possible answer, within {100 * margin:.0f} %")


if __name__ == "__main__":
    main()
