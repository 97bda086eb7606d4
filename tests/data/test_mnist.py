"""MNIST: the real files, files that are not what they should be, and folders without them."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from tinygrad_lite.data import DataFileError, DownloadError, as_pixels, load_mnist

REAL = Path(__file__).parents[2] / "examples" / "digits" / "data"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"


@pytest.fixture
def folder(tmp_path):
    """A folder with the real files, to spoil."""
    for path in REAL.glob("*.gz"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_the_real_files():
    mnist = load_mnist(REAL)
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_images.shape == (10_000, 28, 28)
    assert {array.dtype for array in (mnist.train_images, mnist.test_labels)} == {np.dtype("u1")}
    # Published facts: the first labels, and the mean and deviation that everybody normalises by.
    assert mnist.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert round(mnist.train_images.mean() / 255, 4) == 0.1307
    assert round(mnist.train_images.std() / 255, 4) == 0.3081


def test_plain_files_serve_as_well_as_gzipped_ones(folder):
    for path in folder.glob("t10k-*.gz"):
        (folder / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert load_mnist(folder).test_labels[0] == 7


def test_a_changed_label_is_found_by_its_hash(folder):
    content = bytearray(gzip.decompress((folder / TEST_LABELS).read_bytes()))
    content[8] = 1  # the first test digit is a 7
    (folder / TEST_LABELS).write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(DataFileError, match=f"{TEST_LABELS}: SHA-256 .* expected ff7bcf"):
        load_mnist(folder)


def test_swapped_files_are_found_by_their_counts(folder):
    shutil.copy(folder / TEST_LABELS, folder / TRAIN_LABELS)
    wrong = f"{TRAIN_LABELS}: header: expected 60000 uint8, found 10000 uint8"
    with pytest.raises(DataFileError, match=wrong):
        load_mnist(folder)


def test_a_truncated_file_is_named(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(DataFileError, match=f"{path.name}: gzip: expected one undamaged stream"):
        load_mnist(folder)


def test_a_missing_file_is_named(folder):
    (folder / TEST_LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=f"expected {TEST_LABELS} or .* found neither"):
        load_mnist(folder)


def test_a_file_in_place_of_the_folder_is_refused():
    with pytest.raises(NotADirectoryError, match="expected a folder"):
        load_mnist(REAL / TEST_LABELS)


def test_an_absent_folder_is_warned_about_and_the_cache_is_used(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(cache))
    shutil.copytree(REAL, cache / "mnist")
    with pytest.warns(UserWarning, match="no folder .*absent: using .*cache.mnist"):
        mnist = load_mnist(tmp_path / "absent", mirrors=[])
    assert len(mnist.test_labels) == 10_000


def test_nothing_cached_and_no_mirror_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    with pytest.raises(DownloadError, match=r"could not download train-images.*no mirror given"):
        load_mnist(mirrors=[])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_as_pixels_divides_by_255(dtype):
    images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    pixels = as_pixels(images, dtype)
    assert pixels.dtype == dtype
    assert pixels.shape == (4, 8, 8)
    np.testing.assert_array_equal(pixels.ravel(), np.arange(256, dtype=dtype) / dtype(255))


def test_as_pixels_refuses_what_is_no_byte_and_what_is_no_float():
    with pytest.raises(TypeError, match="expected uint8, found float64"):
        as_pixels(np.zeros((2, 2)))
    with pytest.raises(TypeError, match="expected a floating-point dtype, found int32"):
        as_pixels(np.zeros((2, 2), np.uint8), np.int32)
