"""Drawings that are no digits: what a network should not be sure about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinygrad_lite.data import normalise_drawing

SIDE = 56


def no_digits(
    images: NDArray[np.float32], count: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Normalised pictures of scribbles, dots, strokes, and digits written over one another.

    Args:
        images: of digits, shape (N, 28, 28), from 0 to 1.
        count: how many are wanted.

    Returns:
        Shape (count, 28, 28).
    """
    kinds = (_scribble, _scribble, _tangle, _blot, _overwritten)
    pictures = np.empty((count, 28, 28), np.float32)
    for row in range(count):
        ink = kinds[row % len(kinds)](images, generator)
        pictures[row] = normalise_drawing(np.clip(ink, 0, 1))
    return pictures


def _scribble(images: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float64]:
    """One long line that wanders about: a few waves of random frequency across and down."""
    time = np.linspace(0, 2 * np.pi, 400)
    place = np.zeros((2, 400))
    for _ in range(3):
        amplitude, phase = generator.normal(size=(2, 1)), generator.uniform(0, 7, (2, 1))
        place += amplitude * np.sin(generator.integers(3, 11, (2, 1)) * time + phase)
    return _drawn(place, generator)


def _tangle(images: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float64]:
    """Many straight strokes to and fro, or some across one another."""
    corners = generator.uniform(-1, 1, (2, generator.integers(7, 16)))
    along = np.linspace(0, corners.shape[1] - 1, 400)
    known = np.arange(corners.shape[1])
    return _drawn(np.stack([np.interp(along, known, row) for row in corners]), generator)


def _drawn(place: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """The ink of a round pen along places that are scaled to fit, at a side of 56."""
    low, high = place.min(axis=1, keepdims=True), place.max(axis=1, keepdims=True)
    # About as high as wide: what is narrow might be a 1.
    size = (SIDE - 16) * generator.uniform(0.75, 1, (2, 1))
    place = 8 + (place - low) / (high - low) * size
    rows, columns = np.indices((SIDE, SIDE)) + 0.5
    apart = np.full((SIDE, SIDE), np.inf)
    for y, x in place[:, ::2].T:
        np.minimum(apart, (rows - y) ** 2 + (columns - x) ** 2, out=apart)
    return generator.uniform(1.0, 3.5) + 0.5 - np.sqrt(apart)


def _blot(images: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float64]:
    """A filled ellipse."""
    rows, columns = np.indices((SIDE, SIDE)) - SIDE / 2
    angle = generator.uniform(0, np.pi)
    along = rows * np.cos(angle) + columns * np.sin(angle)
    across = columns * np.cos(angle) - rows * np.sin(angle)
    return 8 - np.hypot(along, across * generator.uniform(1, 1.6))


def _overwritten(
    images: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Four digits in one place: of fewer, one may still be read."""
    chosen = images[generator.integers(len(images), size=4)]
    shifts = generator.integers(-5, 6, size=(4, 2))
    return np.max(
        [np.roll(image, shift, (0, 1)) for image, shift in zip(chosen, shifts, strict=True)], axis=0
    ).astype(np.float64)
