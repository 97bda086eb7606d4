"""Weights in files: npz as NumPy reads it, safetensors as others do, and refusals by name."""

import io
import zipfile

import numpy as np
import pytest
from safetensors import numpy as reference

from tinygrad_lite import Value, nn
from tinygrad_lite.export import ExportError, FileFormatError, load, load_notes, save

ENDINGS = [".npz", ".safetensors"]


class Odd(nn.Module):
    """A transposed weight, a number, integers, half precision, and an empty array."""

    def __init__(self, seed):
        generator = np.random.default_rng(seed)
        self.turned = Value(generator.normal(size=(3, 4)).T)
        self.number = Value(float(generator.normal()))
        self.counts = generator.integers(0, 9, 5)
        self.half = Value(generator.normal(size=6).astype(np.float16)[::2])
        self.none = np.zeros((0, 3))
        self.part = nn.Linear(2, 3, generator=generator)


@pytest.mark.parametrize("ending", ENDINGS)
def test_weights_come_back_to_the_last_bit(ending, tmp_path):
    model, other = Odd(0), Odd(1)
    save(model, tmp_path / f"w{ending}", notes={"made": "today"})
    state = load(tmp_path / f"w{ending}", other)
    for key, array in model.state_dict().items():
        assert state[key].dtype == array.dtype
        np.testing.assert_array_equal(state[key], array)
        np.testing.assert_array_equal(other.state_dict()[key], array)
    assert load_notes(tmp_path / f"w{ending}") == {"made": "today"}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_weights_give_the_same_bytes_and_nothing_is_left_over(ending, tmp_path):
    for _ in range(2):
        save(Odd(0), tmp_path / f"a{ending}")
        save(Odd(0), tmp_path / f"b{ending}")
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a{ending}", f"b{ending}"]


def test_others_read_what_is_written(tmp_path):
    model = Odd(0)
    save(model, tmp_path / "w.npz")
    save(model, tmp_path / "w.safetensors")
    with np.load(tmp_path / "w.npz", allow_pickle=False) as by_numpy:
        by_safetensors = reference.load_file(tmp_path / "w.safetensors")
        for key, array in model.state_dict().items():
            np.testing.assert_array_equal(by_numpy[key], array)
            np.testing.assert_array_equal(by_safetensors[key], array)


def test_what_others_wrote_is_read(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.asfortranarray(np.eye(3, 2))}
    np.savez_compressed(tmp_path / "w.npz", **arrays)
    reference.save_file({"a": arrays["a"]}, tmp_path / "w.safetensors")
    for key, array in load(tmp_path / "w.npz").items():
        np.testing.assert_array_equal(array, arrays[key])
    np.testing.assert_array_equal(load(tmp_path / "w.safetensors")["a"], arrays["a"])
    assert load_notes(tmp_path / "w.npz") == load_notes(tmp_path / "w.safetensors") == {}


@pytest.mark.parametrize("ending", ENDINGS)
def test_weights_that_do_not_fit_name_the_file_and_the_weight(ending, tmp_path):
    path = tmp_path / f"w{ending}"
    save(nn.Linear(3, 2), path)
    model = nn.Linear(4, 2)
    before = model.state_dict()
    with pytest.raises(FileFormatError, match=rf"^w{ending}: .*weight is \(2, 3\), not \(2, 4\)"):
        load(path, model)
    with pytest.raises(FileFormatError, match=rf"^w{ending}: .*unexpected bias"):
        load(path, nn.Linear(3, 2, bias=False))
    load(path, nn.Linear(3, 2, bias=False), strict=False)
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("keep", [0, 20, -40])
def test_a_cut_file_is_refused(ending, keep, tmp_path):
    path = tmp_path / f"w{ending}"
    save(nn.Linear(3, 2), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FileFormatError, match=f"^w{ending}: damaged"):
        load(path)


def test_every_flipped_byte_of_an_array_is_noticed(tmp_path):
    path = tmp_path / "w.npz"
    save(nn.Linear(3, 2), path)
    content = path.read_bytes()
    start = content.index(b"\x93NUMPY")
    for position in range(start, start + 160, 7):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 255]) + content[position + 1 :]
        )
        with pytest.raises(FileFormatError, match=r"^w\.npz"):
            load(path)


def npz(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_npy", ".npy"), data)
    return content.getvalue()


def header(text, data=b""):
    padded = text + " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode() + data


@pytest.mark.parametrize(
    "content, message",
    [
        (npz(a=b"text"), "'a' is no array"),
        (npz(a_npy=b"text"), "'a': "),
        (
            npz(a_npy=header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cos\n")),
            "'a': holds object, not numbers",
        ),
        (
            npz(a_npy=header("{'descr': '<f8', 'fortran_order': False, 'shape': (1 << 60,)}")),
            "'a': ",
        ),
        (
            npz(a_npy=header("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999,)}")),
            "'a': 0 bytes for shape",
        ),
    ],
)
def test_hostile_members_are_refused(content, message, tmp_path):
    (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(FileFormatError, match=message):
        load(tmp_path / "w.npz")


def test_other_endings_missing_files_and_things_that_are_no_weights(tmp_path):
    with pytest.raises(ExportError, match=r"w\.pt: weights are kept in files that end in"):
        save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(FileFormatError, match="end in"):
        load(tmp_path / "w.pt")
    with pytest.raises(FileNotFoundError, match="missing"):
        load(tmp_path / "missing.npz")
    with pytest.raises(FileNotFoundError, match="missing"):
        load(tmp_path / "missing.safetensors")
    with pytest.raises(FileNotFoundError, match="no folder"):
        save(nn.Linear(2, 2), tmp_path / "nowhere" / "w.npz")
    with pytest.raises(ExportError, match="'a' is no array of numbers"):
        save({"a": "text"}, tmp_path / "w.npz")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    save(nn.Linear(2, 2, generator=np.random.default_rng(0)), path)
    before = path.read_bytes()

    def fail(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr("numpy.lib.format.write_array", fail)
    with pytest.raises(OSError, match="no space"):
        save(nn.Linear(3, 3), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]
