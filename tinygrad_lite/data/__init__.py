"""Data sets, the mini-batches drawn from them, and random changes to images."""

from tinygrad_lite.data.augment import Compose, Erase, Flip, Noise, Thickness
from tinygrad_lite.data.batches import Batches
from tinygrad_lite.data.download import DownloadError
from tinygrad_lite.data.idx import DataFileError, read_idx
from tinygrad_lite.data.mnist import MNIST_MIRRORS, Mnist, as_pixels, load_mnist
from tinygrad_lite.data.warp import Affine, Elastic

__all__ = [
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
    "Thickness",
    "as_pixels",
    "load_mnist",
    "read_idx",
]
