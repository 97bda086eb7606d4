"""Images seen through a bent sheet: affine and elastic distortions, sampled once for all of them.

A distortion says for every pixel of the result where in the given image it comes from. Several in
a row are combined before any pixel is looked up, which is quicker, and blurs once instead of once
for each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Images sampled at a time: so few that what is computed for them stays in a core's cache.
CHUNK = 16


class Warp:
    """Base of the distortions that say where a pixel comes from; `Compose` joins neighbours."""

    def matrices(
        self, count: int, size: tuple[int, int], generator: np.random.Generator
    ) -> Array | None:
        """For each image the map (3, 3) of (row, column, 1), around the centre; None for none."""
        del count, size, generator
        return None

    def displacements(
        self, count: int, size: tuple[int, int], generator: np.random.Generator
    ) -> Array | None:
        """What is added to (row, column), of shape (2, count, H, W); None for nothing."""
        del count, size, generator
        return None

    def __call__(self, images: Array, generator: np.random.Generator | int) -> Array:
        """Distorted images, of the shape and dtype of those given, which stay as they are."""
        return warped([self], images, np.random.default_rng(generator))


class Affine(Warp):
    """Rotate, shift, scale and slant every image by amounts of its own, bilinearly sampled.

    Amounts are drawn uniformly; what comes from outside the image is 0. Called with images
    (N, H, W) or (N, C, H, W), floating-point, and a generator or seed. The names are those of
    torchvision's `RandomAffine`, but shifts are not rounded to whole pixels.

    Args:
        degrees: rotation, from -degrees to degrees, or (low, high); positive is counterclockwise.
        translate: greatest shift (horizontal, vertical) as a share of width and height; a single
            number stands for both.
        scale: smallest and greatest magnification.
        shear: slant of vertical lines in degrees, as `degrees`.

    Raises:
        ValueError: a range is out of order, a scale is not positive, or a slant is 90 degrees or
            more.

    >>> image = np.zeros((1, 5, 5), np.float32)
    >>> image[0, 2, 1:4] = 1
    >>> Affine(degrees=(90, 90))(image, 0)[0, :, 2].round(3)
    array([0., 1., 1., 1., 0.], dtype=float32)
    """

    def __init__(
        self,
        degrees: float | tuple[float, float] = 0.0,
        translate: float | tuple[float, float] = 0.0,
        scale: tuple[float, float] = (1.0, 1.0),
        shear: float | tuple[float, float] = 0.0,
    ) -> None:
        self.degrees = _range("degrees", degrees)
        self.translate = translate if isinstance(translate, tuple) else (translate, translate)
        self.scale = _range("scale", scale)
        self.shear = _range("shear", shear)
        if min(self.translate) < 0:
            raise ValueError(f"Affine: translate={translate} must not be negative")
        if self.scale[0] <= 0:
            raise ValueError(f"Affine: scale={scale} must be positive")
        if max(map(abs, self.shear)) >= 90:
            raise ValueError(f"Affine: shear={shear} must be within 90 degrees")

    def matrices(self, count: int, size: tuple[int, int], generator: np.random.Generator) -> Array:
        angle, slant = (
            np.radians(generator.uniform(*limits, count)) for limits in (self.degrees, self.shear)
        )
        scale = generator.uniform(*self.scale, count)
        right = generator.uniform(-1, 1, count) * self.translate[0] * size[1]
        down = generator.uniform(-1, 1, count) * self.translate[1] * size[0]
        cos, sin, tan = np.cos(angle) / scale, np.sin(angle) / scale, np.tan(slant)
        # Inverse of: slant, rotate, scale, shift, as it leads from the result to the image.
        # Rows grow downwards, so that a counterclockwise turn on the screen has this sign.
        matrices = np.zeros((count, 3, 3))
        matrices[:, 0, 0], matrices[:, 0, 1] = cos, sin
        matrices[:, 1, 0], matrices[:, 1, 1] = -sin + tan * cos, cos + tan * sin
        shift = matrices[:, :2, 0] * down[:, None] + matrices[:, :2, 1] * right[:, None]
        matrices[:, :2, 2] = -shift
        matrices[:, 2, 2] = 1
        return matrices

    def __repr__(self) -> str:
        return (
            f"Affine(degrees={self.degrees}, translate={self.translate}, scale={self.scale}, "
            f"shear={self.shear})"
        )


class Elastic(Warp):
    """Move every pixel by a smooth random field, as a pen held by another hand would.

    After Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied
    to visual document analysis" (2003): uniform noise in [-1, 1], smoothed by a Gaussian of width
    `sigma` and multiplied by `alpha`. A pixel then moves by alpha / (2 sqrt(3 pi) sigma) pixels
    (standard deviation, down and right each): 1.4 for the paper's 34 and 4. Here the field is
    drawn straight from the distribution of such smoothed noise, at the edges too.

    Args:
        alpha: strength, in pixels before smoothing.
        sigma: width of the Gaussian in pixels; small ones crumple, large ones shift.

    Raises:
        ValueError: `alpha` is negative, or `sigma` not positive.

    >>> Elastic(alpha=20, sigma=4)(np.ones((2, 28, 28), np.float32), 0).shape
    (2, 28, 28)
    """

    def __init__(self, alpha: float = 34.0, sigma: float = 4.0) -> None:
        if alpha < 0 or not sigma > 0:
            raise ValueError(f"Elastic: alpha={alpha} must not be negative, sigma={sigma} positive")
        self.alpha = alpha
        self.sigma = sigma

    def displacements(
        self, count: int, size: tuple[int, int], generator: np.random.Generator
    ) -> Array:
        rows, columns = (_waves(length, self.sigma) for length in size)
        strength = self.alpha / (2 * math.sqrt(3 * math.pi) * self.sigma)
        noise = generator.standard_normal((2, count, rows.shape[1], columns.shape[1]), np.float32)
        noise *= strength
        return rows @ (noise @ columns.T)

    def __repr__(self) -> str:
        return f"Elastic(alpha={self.alpha}, sigma={self.sigma})"


def warped(warps: Sequence[Warp], images: Array, generator: np.random.Generator) -> Array:
    """Images after several distortions, each pixel looked up once.

    Matrices are combined exactly. A displacement is added on the grid of the result, although a
    matrix that follows would turn it too: it is random in all directions anyway.
    """
    images = checked(images)
    count, size = len(images), images.shape[-2:]
    matrices, displacement = np.tile(np.eye(3), (count, 1, 1)), None
    for warp in warps:
        further = warp.matrices(count, size, generator)
        if further is not None:
            matrices = matrices @ further
        field = warp.displacements(count, size, generator)
        if field is not None:
            displacement = field if displacement is None else displacement + field
    out = np.empty_like(images, order="C")
    sample = _Sampler(images)
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        places = _places(matrices[part], size)
        if displacement is not None:
            places += displacement[:, part].reshape(places.shape)
        sample(images[part], places, out[part])
    return out


def checked(images: Array) -> Array:
    """The images, if they are some.

    Raises:
        TypeError: their entries are not floating-point.
        ValueError: they have neither three nor four axes.
    """
    images = np.asarray(images)
    if images.dtype.kind != "f":
        raise TypeError(
            f"augmentation takes floating-point images, found {images.dtype}: data.as_pixels(...) "
            f"makes them of bytes"
        )
    if images.ndim not in (3, 4):
        raise ValueError(
            f"augmentation takes images of shape (N, H, W) or (N, C, H, W), found {images.shape}"
        )
    return images


def _places(matrices: Array, size: tuple[int, int]) -> Array:
    """Where each pixel comes from, shape (2, count, H * W), counted from (0, 0)."""
    centre = np.array([(length - 1) / 2 for length in size])
    rows = matrices[:, :2].copy()
    rows[:, :, 2] += centre - rows[:, :, :2] @ centre
    places: Array = rows.transpose(1, 0, 2).reshape(-1, 3).astype(np.float32) @ _grid(*size)
    return places.reshape(2, len(matrices), -1)


class _Sampler:
    """Writes the bilinear mixture of the four pixels around each place, in rooms used again."""

    def __init__(self, images: Array) -> None:
        height, width = images.shape[-2:]
        count = min(CHUNK, len(images))
        # A frame of zeros: a place further out is moved onto it.
        self.framed = np.zeros((count, *images.shape[1:-2], height + 3, width + 3), images.dtype)
        self.corners = np.empty((count, height * width), np.intp)
        self.mixed = np.empty((4, count, height * width), images.dtype)

    def __call__(self, images: Array, places: Array, out: Array) -> None:
        """Fill `out`; `places`, shape (2, N, H * W), are used up."""
        count, (height, width) = len(images), images.shape[-2:]
        framed, corners, mixed = self.framed[:count], self.corners[:count], self.mixed[:, :count]
        framed[..., 1 : height + 1, 1 : width + 1] = images
        corner_row, corner_column = mixed[:2]
        across = width + 3
        down, right = places
        for place, corner, length in ((down, corner_row, height), (right, corner_column, width)):
            place += 1
            np.clip(place, 0, length + 1, out=place)
            np.floor(place, out=corner)
            place -= corner
        corner_row *= across
        corner_row += corner_column
        np.copyto(corners, corner_row, casting="unsafe")
        corners += (np.arange(count) * framed[0].size)[:, None]
        flat = framed.reshape(-1)
        by_channel = out.reshape(count, -1, height * width)
        for channel in range(by_channel.shape[1]):
            here = flat[channel * across * (height + 3) :]
            above, above_right, below, below_right = mixed
            for corner, step in zip(mixed, (0, 1, across, across + 1), strict=True):
                # "clip" so that `take` checks no bounds; none can be passed.
                np.take(here[step:], corners, out=corner, mode="clip")
            for left, other in ((above, above_right), (below, below_right)):
                other -= left
                other *= right
                left += other
            below -= above
            below *= down
            np.add(above, below, out=by_channel[:, channel])


@cache
def _grid(height: int, width: int) -> Array:
    """The (row, column, 1) of every pixel, shape (3, H * W)."""
    rows, columns = np.indices((height, width), np.float32).reshape(2, -1)
    return np.stack([rows, columns, np.ones_like(rows)])


@cache
def _waves(length: int, sigma: float) -> Array:
    """Columns that, mixed with standard normal weights, make Gaussian-smoothed noise of variance 1.

    The covariance of noise smoothed by a Gaussian of width sigma is a Gaussian of width
    sqrt(2) sigma; these are its eigenvectors, times the roots of its eigenvalues, without those
    that hold less than a thousandth of the variance together.
    """
    distance = np.subtract.outer(np.arange(length), np.arange(length))
    eigenvalues, vectors = np.linalg.eigh(np.exp(-((distance / (2 * sigma)) ** 2)))
    kept = np.cumsum(eigenvalues) > 1e-3 * length
    waves: Array = (vectors[:, kept] * np.sqrt(eigenvalues[kept])).astype(np.float32)
    return waves


def _range(name: str, given: float | tuple[float, float]) -> tuple[float, float]:
    low, high = given if isinstance(given, tuple) else (-given, given)
    if not low <= high:
        raise ValueError(f"Affine: {name}={given} must not go from {low} down to {high}")
    return low, high
