"""Reading IDX, the file format of MNIST and of the data sets made in its likeness.

Layout (LeCun, Cortes, Burges, "The MNIST database of handwritten digits", section "File formats
for the MNIST database"): two zero bytes, a byte for the element type, a byte for the number of
dimensions, each dimension as a big-endian uint32, then the elements, big-endian, last dimension
fastest.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

_ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_MOST_DIMENSIONS = 8  # the format allows 255; known data sets have at most 4
_CHUNK = 1 << 20


class DataFileError(ValueError):
    """A data file does not hold what it should.

    The message names the file, what was expected and what was found.
    """


def read_idx(
    path: str | os.PathLike[str],
    *,
    dtype: DTypeLike | None = None,
    shape: tuple[int, ...] | None = None,
    sha256: str | None = None,
    max_bytes: int = 1 << 30,
) -> NDArray[Any]:
    """Read one IDX file, plain or gzipped, and refuse it unless all of it is as announced.

    Whether the file is gzipped is told by its content, not by its name. The header is checked
    before any element is read, and never more than `max_bytes` of elements are, whatever the
    header or the compression says.

    Args:
        path: the file.
        dtype: the element type that the file must have; None accepts any.
        shape: the shape that the file must have; None accepts any.
        sha256: the SHA-256, in hexadecimal, of the uncompressed file; None accepts any.
        max_bytes: the most bytes of elements to accept.

    Returns:
        A new array, writable, in the machine's byte order: uint8, int8, int16, int32, float32
        or float64, with one to eight dimensions.

    Raises:
        DataFileError: the file is not IDX, is damaged, is shorter or longer than its header
            says, is over `max_bytes`, or differs from `dtype`, `shape` or `sha256`.
        OSError: the file cannot be opened or read.

    Example:
        >>> labels = read_idx("examples/digits/data/t10k-labels-idx1-ubyte.gz")
        >>> labels.shape, labels.dtype, labels[:5]
        ((10000,), dtype('uint8'), array([7, 2, 1, 0, 4], dtype=uint8))
    """
    path = Path(path)
    with _uncompressed(path) as stream:
        header = _read_header(stream, path)
        _check_header(header, path, dtype, shape, max_bytes)
        elements = _read_elements(stream, path, header)
    if sha256 is not None:
        _check_hash(path, sha256, header.raw, elements)
    array: NDArray[Any] = np.frombuffer(elements, dtype=header.dtype).reshape(header.shape)
    return array.astype(header.dtype.newbyteorder("="), copy=False)


class _Header(NamedTuple):
    raw: bytes
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return _describe(self.dtype, self.shape)


def _describe(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    return f"{' x '.join(map(str, shape))} {dtype.name}"


def _wrong(path: Path, part: str, expected: object, found: object) -> DataFileError:
    return DataFileError(f"{path}: {part}: expected {expected}, found {found}")


@contextmanager
def _uncompressed(path: Path) -> Iterator[BinaryIO | gzip.GzipFile]:
    """The file's bytes, through gzip if that is how it starts (an IDX file starts with 0)."""
    with path.open("rb") as raw:
        if raw.peek(2)[:2] != b"\x1f\x8b":
            yield raw
            return
        try:
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream
        except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
            raise _wrong(path, "gzip", "one undamaged stream", problem) from None


def _read_header(stream: BinaryIO | gzip.GzipFile, path: Path) -> _Header:
    magic = stream.read(4)
    if len(magic) < 4:
        raise _wrong(path, "magic number", "4 bytes", f"the end of the file after {len(magic)}")
    zeros, element_type, dimensions = struct.unpack(">HBB", magic)
    if zeros or element_type not in _ELEMENT_TYPES or not 1 <= dimensions <= _MOST_DIMENSIONS:
        types = " ".join(f"{code:02x}" for code in _ELEMENT_TYPES)
        expected = f"00 00, one of {types}, then 01 to {_MOST_DIMENSIONS:02x} dimensions"
        raise _wrong(path, "magic number", expected, magic.hex(" "))
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        found = f"the end of the file after {len(sizes)}"
        raise _wrong(path, "header", f"{4 * dimensions} bytes of dimensions", found)
    shape = struct.unpack(f">{dimensions}I", sizes)
    return _Header(magic + sizes, _ELEMENT_TYPES[element_type], shape)


def _check_header(
    header: _Header,
    path: Path,
    dtype: DTypeLike | None,
    shape: tuple[int, ...] | None,
    max_bytes: int,
) -> None:
    wanted_dtype = header.dtype if dtype is None else np.dtype(dtype)
    wanted_shape = header.shape if shape is None else tuple(shape)
    # By name, since the file's types are big-endian whatever the machine's are.
    if (wanted_dtype.name, wanted_shape) != (header.dtype.name, header.shape):
        raise _wrong(path, "header", _describe(wanted_dtype, wanted_shape), header)
    if header.nbytes > max_bytes:
        found = f"a header announcing {header.nbytes} ({header}); max_bytes raises the limit"
        raise _wrong(path, "size", f"at most {max_bytes} bytes", found)


def _read_elements(stream: BinaryIO | gzip.GzipFile, path: Path, header: _Header) -> bytearray:
    expected = f"{header.nbytes} bytes of elements ({header})"
    elements = bytearray()
    # In chunks, so that memory follows what the file holds and not what its header claims.
    while len(elements) < header.nbytes:
        chunk = stream.read(min(_CHUNK, header.nbytes - len(elements)))
        if not chunk:
            raise _wrong(path, "length", expected, f"the end of the file after {len(elements)}")
        elements += chunk
    # Reading on to the end is also what makes gzip compare its checksum.
    if stream.read(1):
        raise _wrong(path, "length", expected, "more after them")
    return elements


def check_file(path: Path, sha256: str) -> None:
    """Refuse a file whose bytes, compressed or not, have another SHA-256."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower():
        raise _wrong(path, "SHA-256", sha256, found)


def _check_hash(path: Path, sha256: str, *parts: bytes | bytearray) -> None:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    if digest.hexdigest() != sha256.lower():
        raise _wrong(path, "SHA-256 of the uncompressed file", sha256, digest.hexdigest())
