"""Weights in files: npz, and safetensors where that package is installed. No pickle."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from tinygrad_lite.engine.value import data_of
from tinygrad_lite.export.atomic import replacing
from tinygrad_lite.export.errors import ExportError, FileFormatError

Array = np.ndarray[Any, Any]
State = dict[str, Array]

_NOTES = "__notes__"  # a member of the npz, as bytes of JSON


def save(
    model: Any, path: str | os.PathLike[str], *, notes: Mapping[str, str] | None = None
) -> None:
    """Write the weights of a model to a file, all or nothing.

    Args:
        model: a Module, or arrays by name as `state_dict` gives them.
        path: ends in ``.npz``, which NumPy reads, or ``.safetensors``, which PyTorch and others
            read (needs ``pip install "tinygrad-lite[safetensors]"``). An earlier file is replaced
            at once; the same weights give the same bytes.
        notes: text by key, kept in the file; see `load_notes`.

    Raises:
        ExportError: the ending is another, or something is no array of numbers.
        ModuleNotFoundError: safetensors is not installed.
        OSError: the file cannot be written.

    >>> import tempfile
    >>> from tinygrad_lite import nn
    >>> net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(net, f"{folder}/weights.npz")
    ...     _ = load(f"{folder}/weights.npz", other)
    >>> bool((net.weight.data == other.weight.data).all())
    True
    """
    given = model.state_dict() if hasattr(model, "state_dict") else model
    name = Path(path).name
    if not isinstance(given, Mapping):
        raise ExportError(
            f"{name}: expected a Module or arrays by name, got {type(model).__name__}"
        )
    state: State = {}
    for key, value in given.items():
        # safetensors writes the memory of an array as it lies, and would scramble a transposed one.
        array = np.ascontiguousarray(data_of(value)).reshape(np.shape(data_of(value)))
        if array.dtype.kind not in "fiub" or not isinstance(key, str) or key == _NOTES:
            raise ExportError(f"{name}: {key!r} is no array of numbers, but {type(value).__name__}")
        state[key] = array
    write = {".npz": _write_npz, ".safetensors": _write_safetensors}.get(_ending(path))
    if write is None:
        raise ExportError(_what_endings(name))
    content = dict(notes or {})
    with replacing(path) as file:
        write(file, state, content)


def load(path: str | os.PathLike[str], model: Any = None, *, strict: bool = True) -> State:
    """Read weights from a file that `save`, NumPy or PyTorch's safetensors wrote.

    Args:
        path: ends in ``.npz`` or ``.safetensors``.
        model: a Module to set to these weights; it stays as it is if anything does not fit.
        strict: whether the file must hold every weight of the model and no other.

    Returns:
        Arrays by name.

    Raises:
        FileFormatError: the file is damaged or of another kind, or its weights do not fit the
            model; says which file and which weight.
        ModuleNotFoundError: safetensors is not installed.
        OSError: the file cannot be read.
    """
    name = Path(path).name
    state, _ = _read(path)
    if model is not None:
        try:
            model.load_state_dict(state, strict=strict)
        except (KeyError, ValueError) as error:
            raise FileFormatError(f"{name}: {error.args[0]}") from None
    return state


def load_notes(path: str | os.PathLike[str]) -> dict[str, str]:
    """The notes that `save` put into a file; none for files of others.

    Raises:
        FileFormatError, ModuleNotFoundError, OSError: as `load`.
    """
    return _read(path)[1]


def _read(path: str | os.PathLike[str]) -> tuple[State, dict[str, str]]:
    read = {".npz": _read_npz, ".safetensors": _read_safetensors}.get(_ending(path))
    if read is None:
        raise FileFormatError(_what_endings(Path(path).name))
    return read(Path(path))


def _ending(path: str | os.PathLike[str]) -> str:
    return Path(path).suffix.lower()


def _what_endings(name: str) -> str:
    text = f"{name}: weights are kept in files that end in .npz or .safetensors"
    if name.endswith((".pt", ".pth", ".bin")):  # pickle, which runs what is in it
        text += "; PyTorch writes one with safetensors.torch.save_file(model.state_dict(), path)"
    return text


# -- npz -----------------------------------------------------------------------------------------


def _write_npz(file: IO[bytes], state: State, notes: dict[str, str]) -> None:
    members: State = dict(state)
    if notes:
        members[_NOTES] = np.frombuffer(json.dumps(notes).encode(), np.uint8)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for key, array in members.items():
            # With a date, the same weights would make another file each time.
            entry = zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)


def _read_npz(path: Path) -> tuple[State, dict[str, str]]:
    state: State = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                key = entry.filename.removesuffix(".npy")
                if key == entry.filename:
                    raise FileFormatError(f"{path.name}: {key!r} is no array of NumPy's")
                try:
                    with archive.open(entry) as member:
                        state[key] = _read_array(member, entry.file_size)
                except (ValueError, EOFError, OSError, RuntimeError) as error:
                    raise FileFormatError(f"{path.name}: {key!r}: {error}") from None
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise FileFormatError(f"{path.name}: damaged, or no npz: {error}") from None
    notes = state.pop(_NOTES, None)
    try:
        told = {} if notes is None else json.loads(notes.tobytes())
    except ValueError:
        raise FileFormatError(f"{path.name}: its notes are damaged") from None
    return state, told


def _read_array(member: IO[bytes], size: int) -> Array:
    version = npy.read_magic(member)
    headers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in headers:
        raise ValueError(f"version {version} of NumPy's format is not known")
    shape, fortran, dtype = headers[version](member)
    if dtype.kind not in "fiub":
        raise ValueError(f"holds {dtype}, not numbers")
    expected = int(np.prod(shape, dtype=object)) * dtype.itemsize
    # Checked before memory is set aside for what a damaged header may ask for.
    content = member.read(size)
    if len(content) != expected:
        raise ValueError(f"{len(content)} bytes for shape {shape} of {dtype}, expected {expected}")
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    return np.array(array, dtype.newbyteorder("="))


# -- safetensors ---------------------------------------------------------------------------------


def _write_safetensors(file: IO[bytes], state: State, notes: dict[str, str]) -> None:
    file.write(_safetensors().save(state, metadata=notes or None))


def _read_safetensors(path: Path) -> tuple[State, dict[str, str]]:
    _safetensors()
    import safetensors

    os.stat(path)  # FileNotFoundError names the file; that of safetensors may not
    state: State = {}
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            for key in file.keys():  # noqa: SIM118 (no mapping)
                try:
                    array = file.get_tensor(key)
                except (TypeError, KeyError, AttributeError):
                    array = None
                # Some packages, once imported, teach NumPy dtypes that nothing here computes with.
                if array is None or array.dtype.kind not in "fiub":
                    raise FileFormatError(
                        f"{path.name}: {key!r}: holds {file.get_slice(key).get_dtype()}, which "
                        f"NumPy lacks: convert it to float32 where it was saved"
                    )
                state[key] = array
            return state, dict(file.metadata() or {})
    except safetensors.SafetensorError as error:
        raise FileFormatError(f"{path.name}: damaged, or no safetensors file: {error}") from None


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "safetensors files need the package safetensors: pip install "
            '"tinygrad-lite[safetensors]"; npz files need nothing'
        ) from None
    return safetensors.numpy
