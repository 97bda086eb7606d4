"""The MNIST database of handwritten digits, from a folder or from its public mirrors."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_lite.data.download import fetch
from tinygrad_lite.data.idx import read_idx

MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)


class _IdxFile(NamedTuple):
    """What one file of the data set must be. The hash is that of the uncompressed file, since
    the mirrors' and our own compression differ.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str

    def read(self, path: Path) -> NDArray[np.uint8]:
        return read_idx(path, dtype=np.uint8, shape=self.shape, sha256=self.sha256)


_TRAIN_IMAGES = _IdxFile(
    "train-images-idx3-ubyte.gz",
    (60_000, 28, 28),
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
)
_TRAIN_LABELS = _IdxFile(
    "train-labels-idx1-ubyte.gz",
    (60_000,),
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
)
_TEST_IMAGES = _IdxFile(
    "t10k-images-idx3-ubyte.gz",
    (10_000, 28, 28),
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
)
_TEST_LABELS = _IdxFile(
    "t10k-labels-idx1-ubyte.gz",
    (10_000,),
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)


@dataclass(frozen=True, slots=True, eq=False)
class Mnist:
    """The MNIST images and labels, all uint8.

    Attributes:
        train_images: shape (60000, 28, 28), 0 is paper and 255 is ink.
        train_labels: shape (60000,), 0 to 9.
        test_images: shape (10000, 28, 28).
        test_labels: shape (10000,).

    Example:
        >>> mnist = load_mnist("examples/digits/data")
        >>> np.bincount(mnist.test_labels)
        array([ 980, 1135, 1032, 1010,  982,  892,  958, 1028,  974, 1009])
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


def load_mnist(
    folder: str | os.PathLike[str] | None = None, *, mirrors: Sequence[str] = MNIST_MIRRORS
) -> Mnist:
    """Load MNIST from `folder`, or download it once into a cache folder and load it from there.

    Every file is checked against the published one: magic number, counts and SHA-256.

    The cache folder is `$TINYGRAD_LITE_CACHE/mnist`, or `mnist` in the platform's usual cache
    folder for `tinygrad_lite`. A download that was cut goes on where it stopped.

    Args:
        folder: a folder with the four IDX files, gzipped (`train-images-idx3-ubyte.gz`, ...) or
            plain (the same without `.gz`). None, or a folder that does not exist (which is
            warned about), uses the cache.
        mirrors: addresses of folders to download from, in order of preference.

    Raises:
        DataFileError: a file differs from the published one; says which, and how.
        FileNotFoundError: `folder` lacks a file; says which.
        NotADirectoryError: `folder` is a file.
        DownloadError: no mirror could be reached, or none served the right file.

    Example:
        >>> mnist = load_mnist("examples/digits/data")
        >>> mnist.train_images.shape, mnist.train_labels[:3]
        ((60000, 28, 28), array([5, 0, 4], dtype=uint8))
    """
    source = None if folder is None else Path(folder)
    if source is not None and not source.exists():
        warnings.warn(f"no folder {source}: using {_cache_folder() / 'mnist'}", stacklevel=2)
        source = None
    if source is None:
        source = _cache_folder() / "mnist"
        _download_missing(source, mirrors)
    return Mnist(
        train_images=_TRAIN_IMAGES.read(_locate(source, _TRAIN_IMAGES.name)),
        train_labels=_TRAIN_LABELS.read(_locate(source, _TRAIN_LABELS.name)),
        test_images=_TEST_IMAGES.read(_locate(source, _TEST_IMAGES.name)),
        test_labels=_TEST_LABELS.read(_locate(source, _TEST_LABELS.name)),
    )


def as_pixels(images: NDArray[np.uint8], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Bytes divided by 255: the same shape, in [0, 1].

    Args:
        images: uint8, any shape.
        dtype: the floating-point type of the result.

    Raises:
        TypeError: `images` is not uint8, or `dtype` is not a floating-point type.

    Example:
        >>> as_pixels(np.array([0, 51, 255], dtype=np.uint8))
        array([0. , 0.2, 1. ], dtype=float32)
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(
            f"as_pixels divides bytes by 255: expected uint8, found {images.dtype}. "
            "Images that are floating-point already need no conversion."
        )
    if not np.issubdtype(dtype, np.floating):
        raise TypeError(f"as_pixels: expected a floating-point dtype, found {np.dtype(dtype)}")
    pixels: NDArray[Any] = np.divide(images, 255, dtype=dtype)
    return pixels


def _locate(folder: Path, name: str) -> Path:
    """The file of that name in `folder`, gzipped or plain."""
    if not folder.is_dir():
        raise NotADirectoryError(f"expected a folder with the MNIST files, found a file: {folder}")
    plain = name.removesuffix(".gz")
    for path in (folder / name, folder / plain):
        if path.exists():
            return path
    raise FileNotFoundError(
        f"{folder}: expected {name} or {plain}, found neither. Add it, or call load_mnist() "
        "without a folder to download the data set."
    )


def _download_missing(folder: Path, mirrors: Sequence[str]) -> None:
    for file in (_TRAIN_IMAGES, _TRAIN_LABELS, _TEST_IMAGES, _TEST_LABELS):
        if not (folder / file.name).exists():
            urls = [f"{mirror.rstrip('/')}/{file.name}" for mirror in mirrors]
            fetch(urls, folder / file.name, verify=file.read)


def _cache_folder() -> Path:
    if chosen := os.environ.get("TINYGRAD_LITE_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local")
    elif sys.platform == "darwin":
        base = Path("~/Library/Caches")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return base.expanduser() / "tinygrad_lite"
