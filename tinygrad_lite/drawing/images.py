"""Arrays as images: first-layer weights, convolution kernels, activations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lite.drawing.palette import Theme
from tinygrad_lite.drawing.png import coloured, data_uri
from tinygrad_lite.drawing.summary import number_text
from tinygrad_lite.drawing.svg import Picture, tag, theme_of, told, words
from tinygrad_lite.engine.value import data_of

MOST = 256
"""Images in one picture; the rest is stated, not shown."""

Array = np.ndarray[Any, Any]


def draw_images(
    arrays: Any,
    *,
    shape: tuple[int, int] | None = None,
    titles: Sequence[str] = (),
    columns: int | None = None,
    zoom: int | None = None,
    each: bool = False,
    theme: str = "light",
    title: str = "",
) -> Picture:
    """Draw arrays as images: negative entries blue, positive orange, zero as the paper.

    Args:
        arrays: a Value or array. Of two axes: one image. Of three: an image per entry of the
            first, such as the channels of an activation. Of four: a row of images per entry of the
            first, such as the kernels (out, in, height, width) of a convolution.
        shape: rows and columns of an image, where the array has images as flat vectors: the
            weights (units, 784) or (784, units) of a layer, with shape=(28, 28), are an image per
            unit.
        titles: of the images.
        columns: images in a row.
        zoom: pixels to a side of an entry; by default so that an image can be seen.
        each: scale every image by its own largest entry, instead of by the largest of all.
        theme: light or dark.
        title: of the picture.

    Raises:
        ValueError: the array has no images of that shape.

    >>> import numpy as np
    >>> draw_images(np.eye(3), zoom=10)
    <Picture of 70 × 70>
    """
    paper = theme_of(theme)
    images, per_row = _images(np.asarray(data_of(arrays)), shape)
    hidden = max(len(images) - MOST, 0)
    images = images[:MOST]
    rows, width_each = images.shape[1:]
    zoom = zoom or max(1, min(12, 72 // max(rows, width_each)))
    per_row = columns or per_row or min(len(images), max(1, 720 // (width_each * zoom + 8)))
    top = 34 if title else 14
    gap, line = 8, 16 if titles else 0
    step_x, step_y = width_each * zoom + gap, rows * zoom + gap + line
    body = [words(title, 14, 22, font_weight="bold")] if title else []
    largest = largest_of(images)
    for i, image in enumerate(images):
        x, y = 14 + (i % per_row) * step_x, top + (i // per_row) * step_y
        body.append(image_tag(image, x, y, zoom, paper, largest_of(image) if each else largest))
        if i < len(titles):
            body.append(words(titles[i], x, y + rows * zoom + 13, font_size=11))
    height = top + math.ceil(len(images) / per_row) * step_y + 18
    scale = "each image by its own largest entry" if each else f"±{number_text(largest)}"
    note = f"scale: {scale}" + (f"; {hidden:,} more images not shown" if hidden else "")
    body.append(words(note, 14, height - 8, font_size=10, fill=paper.faint))
    width = max(28 + min(per_row, len(images)) * step_x - gap, 7 * len(title) + 28, 70)
    return Picture(body, width, height, paper)


def image_tag(image: Array, x: float, y: float, zoom: float, theme: Theme, largest: float) -> str:
    """One matrix as an image element, which tells its range when pointed at."""
    rows, columns = image.shape
    pixels = coloured(image, theme.negative, theme.paper, theme.positive, largest)
    finite = image[np.isfinite(image)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    size = {"x": x, "y": y, "width": columns * zoom, "height": rows * zoom}
    picture = tag(
        "image",
        told(f"{rows} × {columns}: {number_text(low)} … {number_text(high)}"),
        href=data_uri(pixels),
        preserveAspectRatio="none",
        style="image-rendering:pixelated",
        **size,
    )
    return picture + tag("rect", fill="none", stroke=theme.line, stroke_width=0.6, **size)


def largest_of(images: Array) -> float:
    """The largest finite magnitude, 1 if all are zero."""
    finite = images[np.isfinite(images)]
    return float(np.max(np.abs(finite), initial=0.0)) or 1.0


def _images(array: Array, shape: tuple[int, int] | None) -> tuple[Array, int | None]:
    """Images along the first axis, and how many belong in a row if the array says."""
    if array.dtype.kind == "c":
        array = np.abs(array)
    if shape is not None:
        entries = shape[0] * shape[1]
        if array.ndim == 1 and array.size == entries:
            array = array[None]
        if array.ndim == 2 and array.shape[1] != entries and array.shape[0] == entries:
            array = array.T
        if array.ndim != 2 or array.shape[1] != entries:
            raise ValueError(
                f"images of {shape[0]} × {shape[1]} have {entries} entries; an array of shape "
                f"{array.shape} has no axis of that length"
            )
        return array.reshape(-1, *shape).astype(np.float64), None
    if array.ndim == 2:
        return array[None].astype(np.float64), None
    if array.ndim == 3 and array.size:
        return array.astype(np.float64), None
    if array.ndim == 4 and array.size:
        per_row = array.shape[1] if 1 < array.shape[1] <= 16 else None
        return array.reshape(-1, *array.shape[2:]).astype(np.float64), per_row
    raise ValueError(
        f"draw_images takes an array of two to four axes with entries, or shape=(rows, columns); "
        f"got shape {array.shape}"
    )
