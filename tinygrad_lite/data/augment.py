"""Changing training images at random, so that a network sees none of them twice.

Every transform is called with images (N, H, W) or (N, C, H, W), floating-point, and a generator
or a seed, and returns new images of the same shape and dtype. It holds no state: the same
generator state gives the same images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_lite.data.warp import Array, Warp, checked, warped

Transform = Callable[[Array, np.random.Generator], Array]


class Compose:
    """Transforms one after another; distortions that are neighbours are sampled together.

    Args:
        transforms: `Affine`, `Elastic`, ..., or functions of images and a generator.

    >>> from tinygrad_lite import data
    >>> augment = data.Compose([data.Affine(degrees=10, translate=0.08), data.Elastic(alpha=20)])
    >>> augment(np.zeros((64, 28, 28), np.float32), 0).shape
    (64, 28, 28)
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)
        self._steps: list[Transform | list[Warp]] = []
        for position, transform in enumerate(self.transforms):
            if not callable(transform):
                raise TypeError(
                    f"Compose takes functions of images and a generator; at position {position} "
                    f"is {transform!r}"
                )
            if not isinstance(transform, Warp):
                self._steps.append(transform)
            elif self._steps and isinstance(self._steps[-1], list):
                self._steps[-1].append(transform)
            else:
                self._steps.append([transform])

    def __call__(self, images: Array, generator: np.random.Generator | int) -> Array:
        """Images after all transforms."""
        generator = np.random.default_rng(generator)
        for step in self._steps:
            if isinstance(step, list):
                images = warped(step, images, generator)
            else:
                images = step(images, generator)
        return images

    def __repr__(self) -> str:
        return f"Compose({self.transforms!r})"


class Thickness:
    """Thicken or thin the strokes of every image by an amount of its own.

    Grey dilation, or erosion, by the plus of a pixel and its four neighbours: the largest, or
    smallest, of them. An image is mixed with it by a share drawn uniformly.

    Args:
        thin, thick: greatest share of the eroded and of the dilated image, 0 to 1.

    >>> dot = np.zeros((1, 3, 3)); dot[0, 1, 1] = 1
    >>> Thickness(thin=0, thick=1)(dot, 0)[0].round(2)
    array([[0.  , 0.64, 0.  ],
           [0.64, 1.  , 0.64],
           [0.  , 0.64, 0.  ]])
    """

    def __init__(self, thin: float = 0.5, thick: float = 0.5) -> None:
        if not (0 <= thin <= 1 and 0 <= thick <= 1):
            raise ValueError(f"Thickness: thin={thin} and thick={thick} must be from 0 to 1")
        self.thin = thin
        self.thick = thick

    def __call__(self, images: Array, generator: np.random.Generator | int) -> Array:
        """Images of which some are thicker and some thinner."""
        images = checked(images)
        share = np.random.default_rng(generator).uniform(-self.thin, self.thick, len(images))
        out = np.empty_like(images, order="C")
        for rows, extreme in ((share < 0, np.minimum), (share >= 0, np.maximum)):
            given = images[rows]
            changed = given.copy()
            for after, before in (
                (np.s_[..., 1:, :], np.s_[..., :-1, :]),
                (np.s_[..., :, 1:], np.s_[..., :, :-1]),
            ):
                extreme(changed[after], given[before], out=changed[after])
                extreme(changed[before], given[after], out=changed[before])
            changed -= given
            amount = np.abs(share[rows]).astype(images.dtype)
            changed *= amount.reshape(-1, *[1] * (images.ndim - 1))
            changed += given
            out[rows] = changed
        return out

    def __repr__(self) -> str:
        return f"Thickness(thin={self.thin}, thick={self.thick})"


class Flip:
    """Mirror half of the images left to right: for pictures of things, never for writing.

    Args:
        probability: of being mirrored.
    """

    def __init__(self, probability: float = 0.5) -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"Flip: probability={probability} must be from 0 to 1")
        self.probability = probability

    def __call__(self, images: Array, generator: np.random.Generator | int) -> Array:
        """Images of which some are mirrored."""
        images = checked(images)
        chosen = np.random.default_rng(generator).random(len(images)) < self.probability
        out = np.array(images)
        out[chosen] = images[chosen, ..., ::-1]
        return out

    def __repr__(self) -> str:
        return f"Flip(probability={self.probability})"


class Erase:
    """Fill a square of every image, at a place of its own, with zeros ("cutout").

    After DeVries and Taylor, "Improved regularization of convolutional neural networks with
    cutout" (2017): the centre may be anywhere in the image, so part of the square may be outside.

    Args:
        size: side of the square in pixels.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"Erase: size={size} must be at least 1")
        self.size = size

    def __call__(self, images: Array, generator: np.random.Generator | int) -> Array:
        """Images with a hole each."""
        images = checked(images)
        generator = np.random.default_rng(generator)
        holes = [
            np.abs(np.arange(length) - first[:, None] - (self.size - 1) / 2) < self.size / 2
            for length in images.shape[-2:]
            for first in [generator.integers(length, size=len(images)) - self.size // 2]
        ]
        hole = holes[0][:, :, None] & holes[1][:, None, :]
        if images.ndim == 4:
            hole = hole[:, None]
        return np.where(hole, images.dtype.type(0), images)

    def __repr__(self) -> str:
        return f"Erase(size={self.size})"


class Noise:
    """Add independent normal noise to every pixel.

    Args:
        std: its standard deviation.
    """

    def __init__(self, std: float) -> None:
        if std < 0:
            raise ValueError(f"Noise: std={std} must not be negative")
        self.std = std

    def __call__(self, images: Array, generator: np.random.Generator | int) -> Array:
        """Noisy images."""
        images = checked(images)
        generator = np.random.default_rng(generator)
        kind = np.float64 if images.dtype == np.float64 else np.float32
        noise = generator.standard_normal(images.shape, kind)
        noise *= self.std
        return (images + noise).astype(images.dtype, copy=False)

    def __repr__(self) -> str:
        return f"Noise(std={self.std})"
