"""Small pictures of arrays as PNG, without an image library."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    """A PNG file of pixels of shape (rows, columns, 3), uint8.

    Source: Portable Network Graphics Specification, second edition (W3C, 2003).
    """
    rows, columns, _ = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)  # 8 bits, red green blue
    unfiltered = np.zeros((rows, 1), np.uint8)  # each row starts with its filter, 0 is none
    scanlines = np.hstack([unfiltered, pixels.reshape(rows, -1)]).tobytes()
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(scanlines, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def data_uri(pixels: np.ndarray[Any, Any]) -> str:
    """Pixels as an address that holds the picture itself."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def coloured(
    matrix: np.ndarray[Any, Any], low: str, middle: str, high: str, largest: float
) -> np.ndarray[Any, Any]:
    """A matrix as pixels: -largest in one colour, 0 in the middle one, largest in the third.

    NaN is black.
    """
    ends = [
        np.frombuffer(bytes.fromhex(c[1:]), np.uint8).astype(float) for c in (low, middle, high)
    ]
    share = np.clip(matrix / (largest or 1.0), -1, 1)[..., None]
    with np.errstate(invalid="ignore"):
        mixed = ends[1] + np.abs(share) * (np.where(share < 0, ends[0], ends[2]) - ends[1])
    return np.where(np.isnan(share), 0, np.rint(mixed)).astype(np.uint8)
