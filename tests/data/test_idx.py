"""The IDX reader: it returns exactly what the file announces, or raises DataFileError."""

import gzip
import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tinygrad_lite.data import DataFileError, read_idx

CODES = {"uint8": 8, "int8": 9, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


@st.composite
def any_array(draw):
    dtype = draw(st.sampled_from(sorted(CODES)))
    elements = {"allow_nan": False} if dtype.startswith("float") else None
    return draw(
        arrays.arrays(dtype, arrays.array_shapes(max_dims=4, max_side=5), elements=elements)
    )


# The examples of a test share its folder on purpose: each overwrites the same file.
examples = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, CODES[array.dtype.name], array.ndim])
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def written(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


SMALL = idx_bytes(np.arange(12, dtype=np.int16).reshape(3, 4))


@examples
@given(array=any_array(), compressed=st.booleans())
def test_returns_what_was_written(tmp_path, array, compressed):
    content = idx_bytes(array)
    path = written(tmp_path, gzip.compress(content) if compressed else content)

    read = read_idx(path, sha256=hashlib.sha256(content).hexdigest())

    np.testing.assert_array_equal(read, array, strict=True)
    assert read.dtype.isnative
    assert read.flags.writeable


def test_reads_a_dimension_of_zero(tmp_path):
    read = read_idx(written(tmp_path, idx_bytes(np.empty((0, 28), np.uint8))))
    assert read.shape == (0, 28)


def test_gzip_is_told_by_content_and_not_by_name(tmp_path):
    plain = written(tmp_path, SMALL, "plain.gz")
    squeezed = written(tmp_path, gzip.compress(SMALL), "squeezed")
    np.testing.assert_array_equal(read_idx(plain), read_idx(squeezed), strict=True)


@examples
@given(array=any_array(), compressed=st.booleans(), data=st.data())
def test_a_file_cut_anywhere_is_refused(tmp_path, array, compressed, data):
    content = gzip.compress(idx_bytes(array)) if compressed else idx_bytes(array)
    path = written(tmp_path, content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(DataFileError, match=r"file: .*expected .*, found "):
        read_idx(path)


@examples
@given(extra=st.binary(min_size=1, max_size=5), compressed=st.booleans())
def test_a_file_with_more_after_its_elements_is_refused(tmp_path, extra, compressed):
    content = gzip.compress(SMALL + extra) if compressed else SMALL + extra
    with pytest.raises(DataFileError, match=r"length: expected 24 bytes .* found more after"):
        read_idx(written(tmp_path, content))


@examples
@given(data=st.data(), compressed=st.booleans())
def test_one_flipped_bit_never_passes_the_hash(tmp_path, data, compressed):
    original = gzip.compress(SMALL) if compressed else SMALL
    bit = data.draw(st.integers(0, 8 * len(original) - 1))
    content = bytearray(original)
    content[bit // 8] ^= 1 << bit % 8
    path = written(tmp_path, bytes(content))
    try:
        read = read_idx(path, sha256=hashlib.sha256(SMALL).hexdigest())
    except DataFileError:
        return
    # gzip's header has bytes, such as its time stamp, that do not touch the content.
    assert compressed
    assert idx_bytes(read) == SMALL


@examples
@given(content=st.binary(max_size=40))
def test_arbitrary_bytes_raise_nothing_but_data_file_error(tmp_path, content):
    try:
        read = read_idx(written(tmp_path, content), max_bytes=1000)
    except DataFileError:
        return
    assert read.nbytes == len(content) - 4 - 4 * read.ndim


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"magic number: expected 4 bytes, found the end of the file after 0"),
        (b"\x89PNG", r"magic number: expected 00 00, .*found 89 50 4e 47"),
        (b"\0\0\x08\x00", r"magic number: .* then 01 to 08 dimensions, found 00 00 08 00"),
        (b"\0\0\x08\xff", r"found 00 00 08 ff"),
        (b"\0\0\x0a\x01", r"found 00 00 0a 01"),
        (b"\0\0\x08\x02\0\0\0\x01\0", r"header: expected 8 bytes of dimensions.* after 5"),
        (SMALL[:-3], r"length: expected 24 bytes of elements \(3 x 4 int16\).* after 21"),
    ],
)
def test_says_what_is_wrong_and_where(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(DataFileError, match=message) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"dtype": np.uint8}, "3 x 4 uint8"),
        ({"shape": (4, 3)}, "4 x 3 int16"),
        ({"shape": (12,)}, "12 int16"),
        ({"dtype": np.uint8, "shape": (1, 12)}, "1 x 12 uint8"),
    ],
)
def test_a_file_of_another_type_or_shape_is_refused(tmp_path, wanted, expected):
    with pytest.raises(DataFileError, match=f"header: expected {expected}, found 3 x 4 int16"):
        read_idx(written(tmp_path, SMALL), **wanted)


def test_the_wanted_type_need_not_name_the_files_byte_order(tmp_path):
    path = written(tmp_path, SMALL)
    assert read_idx(path, dtype="<i2").tolist() == read_idx(path, dtype=">i2").tolist()


def test_a_huge_header_is_refused_before_memory_is_taken(tmp_path):
    path = written(tmp_path, b"\0\0\x0e\x04" + b"\xff" * 16 + b"elements")
    with pytest.raises(DataFileError, match=r"size: expected at most 1073741824 bytes, found"):
        read_idx(path)


def test_memory_follows_the_file_and_not_its_header(tmp_path):
    just_allowed = (2**29).to_bytes(4, "big")
    path = written(tmp_path, b"\0\0\x08\x01" + just_allowed + b"elements")
    tracemalloc.start()
    try:
        with pytest.raises(DataFileError, match="found the end of the file after 8"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_is_read_no_further_than_its_header_says(tmp_path):
    path = written(tmp_path, gzip.compress(SMALL + bytes(64 * 2**20), compresslevel=1))
    tracemalloc.start()
    try:
        with pytest.raises(DataFileError, match="found more after"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent-idx3-ubyte"):
        read_idx(tmp_path / "absent-idx3-ubyte")
