"""Data sets and the mini-batches drawn from them."""

from tinygrad_lite.data.batches import Batches
from tinygrad_lite.data.download import DownloadError
from tinygrad_lite.data.idx import DataFileError, read_idx
from tinygrad_lite.data.mnist import MNIST_MIRRORS, Mnist, as_pixels, load_mnist

__all__ = [
    "MNIST_MIRRORS",
    "Batches",
    "DataFileError",
    "DownloadError",
    "Mnist",
    "as_pixels",
    "load_mnist",
    "read_idx",
]
