"""What both scripts share: digits, initial weights, the order of batches. NumPy alone."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[3] / "examples" / "digits" / "data"
BATCH, EPOCHS, RATE, MOMENTUM = 64, 3, 0.1, 0.9
TEST_EVERY, GOAL = 200, 99.0


def digits(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 1, 28, 28), float32 from 0 to 1, and labels; part is train or t10k."""
    with gzip.open(FOLDER / f"{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16)
    with gzip.open(FOLDER / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images.reshape(-1, 1, 28, 28).astype(np.float32) / 255, labels.astype(np.int64)


def weights() -> list[np.ndarray]:
    """Kernels and biases, uniform in ±1 / sqrt(fan in)."""
    rng = np.random.default_rng(0)
    shapes = [(16, 1, 5, 5), (16,), (32, 16, 5, 5), (32,), (10, 512), (10,)]
    fans = (25, 25, 400, 400, 512, 512)
    return [
        rng.uniform(-(n**-0.5), n**-0.5, shape).astype(np.float32)
        for shape, n in zip(shapes, fans, strict=True)
    ]


def batches(count: int) -> Iterator[tuple[int, float, np.ndarray]]:
    """Number, step size and indices of batch after batch, shuffled anew in every epoch; the step
    size falls linearly to zero."""
    rng = np.random.default_rng(1)
    total = count // BATCH * EPOCHS
    number = 0
    for _ in range(EPOCHS):
        order = rng.permutation(count)
        for start in range(0, count - BATCH + 1, BATCH):
            number += 1
            yield number, RATE * (1 - number / total), order[start : start + BATCH]
