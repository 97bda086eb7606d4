"""Fashion-MNIST, of which no copy is at hand: small files of its form, and their hashes."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from tinygrad_lite.data import (
    FASHION_MNIST_CLASSES,
    DataFileError,
    DownloadError,
    load_fashion_mnist,
    mnist,
)

SHAPES = [(60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,)]


@pytest.fixture(scope="module")
def published():
    """Files of the right form, by name, as a mirror would send them."""
    files = {}
    for file, shape in zip(mnist._FASHION_MNIST.files, SHAPES, strict=True):
        array = np.zeros(shape, np.uint8)
        array.reshape(-1)[::97] = 9
        header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        files[file.name] = gzip.compress(header + array.tobytes(), compresslevel=1, mtime=0)
    return files


@pytest.fixture
def trusted(published, monkeypatch):
    """The loader, with the hashes of these files instead of the published ones."""
    files = tuple(
        file._replace(sha256=hashlib.sha256(published[file.name]).hexdigest())
        for file in mnist._FASHION_MNIST.files
    )
    monkeypatch.setattr(mnist, "_FASHION_MNIST", mnist._FASHION_MNIST._replace(files=files))


def write(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_there_is_a_name_for_every_label():
    assert len(set(FASHION_MNIST_CLASSES)) == 10


def test_files_whose_bytes_are_not_the_published_ones_are_refused(published, tmp_path):
    write(tmp_path, published)
    with pytest.raises(DataFileError, match=r"train-images.*: SHA-256: expected 3aede38d"):
        load_fashion_mnist(tmp_path)


def test_files_with_the_right_hashes_are_read(trusted, published, tmp_path):
    write(tmp_path, published)
    loaded = load_fashion_mnist(tmp_path)
    found = [loaded.train_images, loaded.train_labels, loaded.test_images, loaded.test_labels]
    assert [array.shape for array in found] == SHAPES
    assert loaded.test_labels[97] == 9


def test_unpacked_files_are_checked_for_their_counts(published, tmp_path):
    unpacked = {name[:-3]: gzip.decompress(content) for name, content in published.items()}
    write(tmp_path, unpacked)
    assert load_fashion_mnist(tmp_path).train_labels.shape == (60_000,)
    write(tmp_path, {"train-labels-idx1-ubyte": unpacked["t10k-labels-idx1-ubyte"]})
    with pytest.raises(DataFileError, match="expected 60000 uint8, found 10000 uint8"):
        load_fashion_mnist(tmp_path)


def test_they_are_downloaded_once(trusted, published, serve, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    mirror = serve(published)
    load_fashion_mnist(mirrors=[mirror.folder])
    assert len(mirror.asked) == 4
    load_fashion_mnist(mirrors=[])
    assert {path.name for path in (tmp_path / "fashion_mnist").iterdir()} == set(published)


def test_a_mirror_that_sends_another_file_is_not_believed(published, serve, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    unpacked = {name: gzip.decompress(content) for name, content in published.items()}
    for files in (published, unpacked):
        with pytest.raises(DownloadError, match="SHA-256: expected 3aede38d"):
            load_fashion_mnist(mirrors=[serve(files).folder])
    assert not list(tmp_path.rglob("*.gz"))


def test_the_message_names_the_loader(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"or call load_fashion_mnist\(\) without"):
        load_fashion_mnist(tmp_path)
