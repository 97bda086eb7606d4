"""Arrays as pictures of the report: in the colours of both themes, of which the page shows one."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np

from tinygrad_lite.drawing.palette import THEMES
from tinygrad_lite.drawing.png import coloured, data_uri

Array = np.ndarray[Any, Any]
GAP = 1


def signed(matrix: Array, largest: float, zoom: float, told: str, gaps: Array | None = None) -> str:
    """A matrix with negative entries blue, positive orange, zero as the paper, NaN black.

    Where `gaps` is true there is nothing.
    """
    pictures = []
    for theme in THEMES.values():
        pixels = coloured(matrix, theme.negative, theme.paper, theme.positive, largest)
        if gaps is not None:
            pixels[gaps] = np.frombuffer(bytes.fromhex(theme.group[1:]), np.uint8)
        pictures.append(pixels)
    return _in_both(pictures, zoom, told)


def photograph(image: Array, zoom: float, told: str) -> str:
    """An input as a picture: (H, W) or (1, H, W) in ink on paper, (3, H, W) in its own colours.

    The range of entries is that of the picture: 0 to 1, 0 to 255, or from its smallest entry.
    """
    image = np.nan_to_num(np.asarray(image, float))
    low = min(0.0, float(image.min(initial=0.0)))
    high = max(float(image.max(initial=0.0)), low + 1e-9)
    high = next((limit for limit in (1.0, 255.0) if low == 0 and high <= limit), high)
    share = (image - low) / (high - low)
    if image.ndim == 3 and len(image) == 3:
        pixels = np.rint(255 * share.transpose(1, 2, 0)).astype(np.uint8)
        return _in_both([pixels, pixels], zoom, told)
    plain = share.reshape(share.shape[-2:])
    themes = THEMES.values()
    inked = [coloured(plain, t.paper, t.paper, t.ink, 1.0) for t in themes]
    return _in_both(inked, zoom, told)


def mosaic(images: Array, columns: int) -> tuple[Array, Array]:
    """Images (N, H, W) side by side, and where there is a gap between them."""
    count, height, width = images.shape
    rows = math.ceil(count / columns)
    whole = np.zeros((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP))
    gaps = np.ones(whole.shape, bool)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + GAP) + GAP, (i % columns) * (width + GAP) + GAP
        place = np.s_[top : top + height, left : left + width]
        whole[place], gaps[place] = image, False
    return whole, gaps


def image_shape_of(row: Array) -> tuple[int, int] | None:
    """Height and width of an input that is a picture; None if it is not."""
    if row.ndim == 3 and row.shape[0] in (1, 3) and min(row.shape[1:]) >= 4:
        return row.shape[1], row.shape[2]
    if row.ndim == 2 and min(row.shape) >= 4:
        return row.shape[0], row.shape[1]
    return None


def _in_both(pixels: list[Array], zoom: float, told: str) -> str:
    height, width = pixels[0].shape[:2]
    size = f'width="{width * zoom:.0f}" height="{height * zoom:.0f}"'
    light, dark = (data_uri(np.ascontiguousarray(p)) for p in pixels)
    text = html.escape(told)
    if light == dark:
        return f'<img {size} src="{light}" alt="{text}" title="{text}">'
    return (
        f'<img class="in-light" {size} src="{light}" alt="{text}" title="{text}">'
        f'<img class="in-dark" {size} src="{dark}" alt="{text}" title="{text}">'
    )
