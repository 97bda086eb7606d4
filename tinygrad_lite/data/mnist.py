"""MNIST, and Fashion-MNIST in its likeness, from a folder or from their public mirrors."""

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
from tinygrad_lite.data.idx import check_file, read_idx

MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
FASHION_MNIST_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
)
FASHION_MNIST_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip
"""What the labels 0 to 9 of Fashion-MNIST stand for."""


class _IdxFile(NamedTuple):
    """What one file of a data set must be."""

    name: str
    shape: tuple[int, ...]
    sha256: str
    packed: bool = False
    """Whether the hash is of the gzipped file as published, not of what is in it."""

    def read(self, path: Path) -> NDArray[np.uint8]:
        if self.packed and ".gz" in path.suffixes:
            check_file(path, self.sha256)
        sha256 = None if self.packed else self.sha256
        return read_idx(path, dtype=np.uint8, shape=self.shape, sha256=sha256)


class _DataSet(NamedTuple):
    """The four files of a data set, in the order of `Mnist`."""

    folder: str
    loader: str
    files: tuple[_IdxFile, _IdxFile, _IdxFile, _IdxFile]


# The hashes are of the uncompressed files, since the mirrors' and our own compression differ.
_MNIST = _DataSet(
    "mnist",
    "load_mnist",
    (
        _IdxFile(
            "train-images-idx3-ubyte.gz",
            (60_000, 28, 28),
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        _IdxFile(
            "train-labels-idx1-ubyte.gz",
            (60_000,),
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        _IdxFile(
            "t10k-images-idx3-ubyte.gz",
            (10_000, 28, 28),
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        _IdxFile(
            "t10k-labels-idx1-ubyte.gz",
            (10_000,),
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
)
# As listed by TensorFlow Datasets (url_checksums/fashion_mnist.txt).
_FASHION_MNIST = _DataSet(
    "fashion_mnist",
    "load_fashion_mnist",
    (
        _IdxFile(
            "train-images-idx3-ubyte.gz",
            (60_000, 28, 28),
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            packed=True,
        ),
        _IdxFile(
            "train-labels-idx1-ubyte.gz",
            (60_000,),
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            packed=True,
        ),
        _IdxFile(
            "t10k-images-idx3-ubyte.gz",
            (10_000, 28, 28),
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            packed=True,
        ),
        _IdxFile(
            "t10k-labels-idx1-ubyte.gz",
            (10_000,),
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            packed=True,
        ),
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Mnist:
    """The images and labels of MNIST or Fashion-MNIST, all uint8.

    Attributes:
        train_images: shape (60000, 28, 28), 0 is background and 255 is ink.
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
    return _load(_MNIST, folder, mirrors)


def load_fashion_mnist(
    folder: str | os.PathLike[str] | None = None,
    *,
    mirrors: Sequence[str] = FASHION_MNIST_MIRRORS,
) -> Mnist:
    """Load Fashion-MNIST as `load_mnist` loads MNIST; `FASHION_MNIST_CLASSES` names its labels.

    Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms" (2017). The published hashes are of the gzipped files, so files that were
    unpacked are checked for format and counts only. The cache folder is `fashion_mnist`.

    Args:
        folder, mirrors: as of `load_mnist`.

    Raises:
        DataFileError, FileNotFoundError, NotADirectoryError, DownloadError: as `load_mnist`.
    """
    return _load(_FASHION_MNIST, folder, mirrors)


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


def _load(
    data_set: _DataSet, folder: str | os.PathLike[str] | None, mirrors: Sequence[str]
) -> Mnist:
    source = None if folder is None else Path(folder)
    cache = _cache_folder() / data_set.folder
    if source is not None and not source.exists():
        warnings.warn(f"no folder {source}: using {cache}", stacklevel=3)
        source = None
    if source is None:
        source = cache
        for file in data_set.files:
            if not (source / file.name).exists():
                urls = [f"{mirror.rstrip('/')}/{file.name}" for mirror in mirrors]
                fetch(urls, source / file.name, verify=file.read)
    return Mnist(*(file.read(_locate(source, file.name, data_set)) for file in data_set.files))


def _locate(folder: Path, name: str, data_set: _DataSet) -> Path:
    """The file of that name in `folder`, gzipped or plain."""
    if not folder.is_dir():
        raise NotADirectoryError(
            f"expected a folder with the files of {data_set.folder}, found a file: {folder}"
        )
    plain = name.removesuffix(".gz")
    for path in (folder / name, folder / plain):
        if path.exists():
            return path
    raise FileNotFoundError(
        f"{folder}: expected {name} or {plain}, found neither. Add it, or call {data_set.loader}() "
        "without a folder to download the data set."
    )


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
