"""The checkpoint file: all of a tree or nothing, whatever happens to the file."""

import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_lite.training.container import CheckpointError, read_tree, write_tree

DTYPES = ["?", "i1", "u2", "i8", ">i4", "f4", ">f8", "f8", "c16"]
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | arrays
    | st.floats(width=32).map(np.float32),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple)
    | st.dictionaries(st.text() | st.just("$") | st.integers() | st.tuples(st.text()), inner),
    max_leaves=12,
)  # fmt: skip


def same(one, other):
    if isinstance(one, (np.ndarray, np.generic)):
        return (
            type(one) is type(other)
            and one.shape == other.shape
            and one.dtype.newbyteorder("=") == other.dtype
            and one.astype(other.dtype).tobytes() == other.tobytes()
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other) or one != one != other
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(tree=trees)
@settings(max_examples=100)
def test_what_was_written_is_read_to_the_last_bit(tree, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "tree"
    write_tree(path, tree)
    assert same(tree, read_tree(path))


def test_arrays_read_are_writable_and_of_their_own(tmp_path):
    write_tree(tmp_path / "tree", {"a": np.arange(3), "b": np.arange(3)})
    read = read_tree(tmp_path / "tree")
    read["a"] += 1
    assert read["b"].tolist() == [0, 1, 2]


def test_views_are_written_as_they_look(tmp_path):
    table = np.arange(12).reshape(3, 4)
    write_tree(tmp_path / "tree", [table.T, table[::-1, ::2]])
    transposed, strided = read_tree(tmp_path / "tree")
    np.testing.assert_array_equal(transposed, table.T)
    np.testing.assert_array_equal(strided, table[::-1, ::2])


@pytest.mark.parametrize("thing", [object(), {1, 2}, np.array([object()]), np.array(["text"]), b""])
def test_what_a_checkpoint_cannot_hold_is_named_and_leaves_the_old_file(thing, tmp_path):
    path = tmp_path / "tree"
    write_tree(path, 1)
    with pytest.raises(TypeError, match=r"the state\['a'\]\[1\] is .*cannot hold"):
        write_tree(path, {"a": [0, thing]})
    assert read_tree(path) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("content") / "tree"
    generator = np.random.default_rng(0)
    write_tree(path, {"weights": generator.random((20, 10)), "epoch": 3, "name": "ü"})
    return path.read_bytes()


@given(data=st.data())
@settings(max_examples=200)
def test_any_change_of_the_bytes_is_noticed(content, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "changed"
    kind = data.draw(st.sampled_from(["cut", "flip", "grow", "text"]))
    place = data.draw(st.integers(0, len(content) - 1))
    if kind == "cut":
        changed = content[:place]
    elif kind == "flip":
        changed = bytearray(content)
        changed[place] ^= data.draw(st.integers(1, 255))
    elif kind == "grow":
        changed = content + data.draw(st.binary(min_size=1))
    else:
        changed = content.replace(b"\r\n", b"\n")
    path.write_bytes(changed)
    with pytest.raises(CheckpointError) as refusal:
        read_tree(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}: ") and "\n" not in message


@pytest.mark.parametrize(
    "foreign", [b"", b"PK\x03\x04" + b"0" * 100, b"\x80\x04." * 30, b"{}", b"tinygrad_lite\r\n\0"]
)
def test_a_foreign_file_is_refused_by_name(foreign, tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(foreign)
    with pytest.raises(CheckpointError, match=r"model.npz: not a checkpoint of tinygrad_lite$"):
        read_tree(path)


def test_a_later_version_asks_for_an_update(content, tmp_path):
    path = tmp_path / "tree"
    path.write_bytes(content[:16] + struct.pack("<I", 2) + content[20:])
    with pytest.raises(CheckpointError, match=r"version 2 of the format; .* up to 1: update"):
        read_tree(path)


def test_an_absent_file_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        read_tree(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="folder"):
        write_tree(tmp_path / "folder" / "tree", 1)


WRITER = """
import sys
import numpy as np
from tinygrad_lite.training.container import write_tree
generator = np.random.default_rng()
while True:
    number = int(generator.integers(1 << 30))
    write_tree(sys.argv[1], {"number": number, "array": np.full(30_000, number)})
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "tree"
    moments = np.random.default_rng(0)
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, path])
        began = path.stat().st_mtime_ns if path.exists() else None
        while not path.exists() or path.stat().st_mtime_ns == began:
            time.sleep(0.001)
        # A reader beside a living writer sees whole files, and takes none of its away.
        for _ in range(3):
            check_whole(path)
        time.sleep(moments.uniform(0, 0.02))
        writer.kill()
        writer.wait()
        check_whole(path)
        assert list(tmp_path.iterdir()) == [path]


def check_whole(path):
    tree = read_tree(path)
    assert (tree["array"] == tree["number"]).all() and tree["array"].shape == (30_000,)
