"""A drawing as MNIST would have it: cropped, fitted into 20x20, centred by mass in 28x28.

LeCun, Cortes and Burges made the set so: size-normalised into a box of 20x20 pixels keeping the
aspect ratio, anti-aliased, and moved by whole pixels until the centre of mass is in the middle of
28x28. In the published images the larger side is 20 pixels, and the centre of mass, in indices of
pixels, within half a pixel of (14, 14).

The page that recognises drawings does the same in TypeScript.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SIDE = 28
"""Rows and columns of a normalised picture."""

BOX = 20
"""Rows or columns of the ink in it, whichever are more."""

MIDDLE = 14
"""Row and column of the centre of mass."""

FAINT = 0.05
"""Less ink than this is left out when the drawing's borders are looked for."""

# Symmetric drawings have their centre of mass just between two pixels, where rounding errors would
# decide. They go right and down.
_TIE = 1e-9


def normalise_drawing(ink: ArrayLike) -> NDArray[np.float32]:
    """A drawing of any size as a picture like those in MNIST.

    Args:
        ink: shape (rows, columns), from 0, nothing, to 1, full ink.

    Returns:
        Shape (28, 28), from 0 to 1; all zeros if nothing is drawn.

    Raises:
        ValueError: ink has other axes, or entries that are not from 0 to 1.

    >>> ink = np.zeros((280, 280))
    >>> ink[20:220, 40:60] = 1.0  # an upright stroke, far from the middle
    >>> picture = normalise_drawing(ink)
    >>> [slice(int(i.min()), int(i.max()) + 1) for i in picture.nonzero()]
    [slice(5, 25, None), slice(14, 16, None)]
    """
    drawn: NDArray[Any] = np.asarray(ink, dtype=np.float64)
    if drawn.ndim != 2:
        raise ValueError(f"ink: expected the axes (rows, columns), found shape {drawn.shape}")
    if drawn.size and not (drawn.min() >= 0 and drawn.max() <= 1):  # NaN fails both
        raise ValueError(
            f"ink: expected entries from 0 to 1, found {drawn.min():.6g} to {drawn.max():.6g}"
        )
    picture = np.zeros((SIDE, SIDE), np.float32)
    rows, columns = (np.flatnonzero((drawn >= FAINT).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return picture
    cropped = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(cropped.shape)
    height, width = cropped.shape
    fitted = _shares(height, scale) @ cropped @ _shares(width, scale).T
    top, left = _start(fitted.sum(axis=1)), _start(fitted.sum(axis=0))
    picture[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return picture


def _shares(length: int, scale: float) -> NDArray[np.float64]:
    """Of each new pixel, the share that each old one covers; shape (new, old)."""
    # A bound that misses a whole number by a rounding error must not add an empty pixel.
    new = np.arange(np.ceil(length * scale - _TIE))[:, None]
    old = np.arange(length)
    covered = np.minimum((old + 1) * scale, new + 1) - np.maximum(old * scale, new)
    shares: NDArray[np.float64] = np.maximum(covered, 0.0)
    return shares


def _start(masses: NDArray[np.float64]) -> int:
    """Where rows of these masses begin, so that their centre is in the middle."""
    centre = masses @ np.arange(len(masses)) / masses.sum()
    start = int(np.floor(MIDDLE - centre + 0.5 + _TIE))
    return min(max(start, 0), SIDE - len(masses))  # no ink is lost, however lopsided
