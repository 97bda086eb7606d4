"""Activations as grey pictures, written as PNG without further libraries."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARGIN = 48
"""Grey level of the space between pictures."""


def as_grey(activations: NDArray[Any], zoom: int = 1) -> NDArray[np.uint8]:
    """A layer's activations as grey levels: unlit black, the brightest white.

    Activations up to 1 keep their brightness; a layer that goes beyond is scaled by its brightest.
    Negative ones are black, like unlit ones.

    Args:
        activations: shape (height, width).
        zoom: pixels to the side of a neuron.

    Returns:
        Shape (height * zoom, width * zoom).
    """
    finite = np.nan_to_num(activations, posinf=np.finfo(np.float64).max)
    grey = np.clip(finite / max(float(finite.max()), 1.0), 0, 1) * 255
    return np.kron(np.rint(grey).astype(np.uint8), np.ones((zoom, zoom), np.uint8))


def side_by_side(pictures: Sequence[NDArray[Any]], zoom: int = 6) -> NDArray[np.uint8]:
    """Pictures of layers from left to right, centred on a dark ground; a row for each sample.

    Args:
        pictures: of shape (height, width), or (samples, height, width).
        zoom: pixels to the side of a neuron.

    Raises:
        ValueError: the zoom is below 1.
    """
    if zoom < 1:
        raise ValueError(f"zoom: expected at least 1, found {zoom}")
    samples = max((len(p) for p in pictures if p.ndim == 3), default=1)
    rows = []
    for sample in range(samples):
        tiles = [as_grey(p if p.ndim == 2 else p[sample], zoom) for p in pictures]
        height = max(len(tile) for tile in tiles) + 2 * zoom
        columns = []
        for tile in tiles:
            column = np.full((height, tile.shape[1] + 2 * zoom), MARGIN, np.uint8)
            top = (height - len(tile)) // 2
            column[top : top + len(tile), zoom : zoom + tile.shape[1]] = tile
            columns.append(column)
        rows.append(np.hstack(columns))
    return np.vstack(rows)


def write_png(path: str | os.PathLike[str], grey: NDArray[np.uint8]) -> None:
    """Write grey levels, shape (height, width), as PNG (W3C recommendation, 8 bits grey)."""
    height, width = grey.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = np.hstack([np.zeros((height, 1), np.uint8), grey])  # filter type 0 before each line
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b"")]
    with Path(path).open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            checksum = struct.pack(">I", zlib.crc32(kind + data))
            file.write(struct.pack(">I", len(data)) + kind + data + checksum)
