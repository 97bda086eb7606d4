"""Data sets, the mini-batches drawn from them, and random changes to images."""

from typing import TYPE_CHECKING, Any

from tinygrad_lite.data.augment import Compose, Erase, Flip, Noise, Thickness
from tinygrad_lite.data.batches import Batches, Stream
from tinygrad_lite.data.download import DownloadError
from tinygrad_lite.data.idx import DataFileError, read_idx
from tinygrad_lite.data.mnist import (
    FASHION_MNIST_CLASSES,
    FASHION_MNIST_MIRRORS,
    MNIST_MIRRORS,
    Mnist,
    as_pixels,
    load_fashion_mnist,
    load_mnist,
)
from tinygrad_lite.data.normalise import normalise_drawing
from tinygrad_lite.data.splitting import split
from tinygrad_lite.data.warp import Affine, Elastic

__all__ = [
    "FASHION_MNIST_CLASSES",
    "FASHION_MNIST_MIRRORS",
    "MNIST_MIRRORS",
    "Affine",
    "Batches",
    "Compose",
    "DataFileError",
    "DownloadError",
    "Elastic",
    "Erase",
    "Flip",
    "Mnist",
    "Noise",
    "Stream",
    "Thickness",
    "as_pixels",
    "load_fashion_mnist",
    "load_mnist",
    "normalise_drawing",
    "read_idx",
    "split",
]


if not TYPE_CHECKING:  # or every name would pass

    def __getattr__(name: str) -> Any:
        told = f"module 'tinygrad_lite.data' has no attribute {name!r}"
        if name in ("DataLoader", "Dataset", "TensorDataset"):  # PyTorch's
            told += (
                ": Batches(x, y, batch_size=32, seed=0) shuffles arrays, without a seed it does not"
            )
        raise AttributeError(told)
