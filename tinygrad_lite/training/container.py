"""The checkpoint file: a tree of numbers, texts and arrays with a checksum; nothing executable.

Layout, integers little-endian:

    16 bytes        "tinygrad_lite\\r\\n\\0", which a transfer as text would change
    uint32          version of the format, 1
    uint64          bytes of the header
    header          JSON in UTF-8: the tree, its arrays replaced by their places
    arrays          in C order and in the order of the header, each filled up to 64 bytes
    32 bytes        SHA-256 of all before

In the header, an object with the key "$" stands for what JSON lacks: an array, a tuple, a mapping
whose keys are no texts, a number that is not finite.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.export.atomic import clear_leftovers, replacing

MAGIC = b"tinygrad_lite\r\n\0"
VERSION = 1
_START = struct.Struct("<16sIQ")
_ALIGNMENT = 64
_HASH = 32


class CheckpointError(ValueError):
    """A file is no checkpoint, is damaged, or belongs to something else. Nothing was loaded."""


def write_tree(path: str | os.PathLike[str], tree: Any) -> None:
    """Write a tree to a file, which holds either all of it or what it held before.

    Args:
        path: the file; its folder must exist.
        tree: dicts, lists, tuples, texts, numbers, None, and arrays of numbers.

    Raises:
        TypeError: the tree holds something else.
        OSError: the file cannot be written; what it held before is still there.
    """
    path = Path(path)
    arrays: list[np.ndarray[Any, Any]] = []
    header = json.dumps(_packed(tree, arrays), separators=(",", ":"), allow_nan=False).encode()
    digest = hashlib.sha256()
    with replacing(path) as file:

        def write(part: bytes | memoryview) -> None:
            file.write(part)
            digest.update(part)

        write(_START.pack(MAGIC, VERSION, len(header)))
        write(header)
        for array in arrays:
            write(array.reshape(-1).view(np.uint8).data)
            write(bytes(-array.nbytes % _ALIGNMENT))
        file.write(digest.digest())


def read_tree(path: str | os.PathLike[str]) -> Any:
    """The tree in a file; its arrays are new and writable.

    Raises:
        CheckpointError: it is no checkpoint, is damaged or incomplete, or of a later version.
        OSError: the file cannot be read.
    """
    path = Path(path)
    clear_leftovers(path)
    content = path.read_bytes()
    if len(content) < _START.size + _HASH or not content.startswith(MAGIC):
        raise CheckpointError(f"{path}: not a checkpoint of tinygrad_lite")
    _, version, length = _START.unpack_from(content)
    if version > VERSION:
        raise CheckpointError(
            f"{path}: written in version {version} of the format; this program reads up to "
            f"{VERSION}: update it"
        )
    body = memoryview(content)[:-_HASH]
    if hashlib.sha256(body).digest() != content[-_HASH:]:
        raise CheckpointError(
            f"{path}: damaged or incomplete: its SHA-256 is not the one noted at its end"
        )
    try:
        header = json.loads(str(body[_START.size : _START.size + length], "utf-8"))
        return _Unpacker(body[_START.size + length :]).tree(header)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        # The checksum is right, so a program wrote it so.
        raise CheckpointError(f"{path}: not as this version writes it: {error}") from None


def _packed(tree: Any, arrays: list[np.ndarray[Any, Any]], place: str = "the state") -> Any:
    """The tree as JSON has it; its arrays are appended to the list."""
    if tree is None or isinstance(tree, (str, bool)) or type(tree) is int:
        return tree
    if type(tree) is float:
        return tree if math.isfinite(tree) else {"$": "float", "text": str(tree)}
    if isinstance(tree, (np.ndarray, np.generic)):
        array = np.asarray(tree)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"{place} is an array of {array.dtype}, which a checkpoint cannot hold")
        arrays.append(np.array(array, dtype=array.dtype.newbyteorder("<"), order="C"))
        kind = "array" if isinstance(tree, np.ndarray) else "number"
        return {"$": kind, "dtype": arrays[-1].dtype.str, "shape": list(array.shape)}
    if isinstance(tree, (list, tuple)):
        entries = [_packed(entry, arrays, f"{place}[{i}]") for i, entry in enumerate(tree)]
        return entries if isinstance(tree, list) else {"$": "tuple", "entries": entries}
    if isinstance(tree, Mapping):
        if all(type(key) is str for key in tree) and "$" not in tree:
            return {key: _packed(part, arrays, f"{place}[{key!r}]") for key, part in tree.items()}
        pairs = [
            [_packed(k, arrays), _packed(v, arrays, f"{place}[{k!r}]")] for k, v in tree.items()
        ]
        return {"$": "dict", "pairs": pairs}
    raise TypeError(f"{place} is a {type(tree).__name__}, which a checkpoint cannot hold")


class _Unpacker:
    """Reads arrays in the order in which they were written."""

    def __init__(self, body: memoryview) -> None:
        self.body = body
        self.offset = 0

    def tree(self, packed: Any) -> Any:
        if isinstance(packed, list):
            return [self.tree(entry) for entry in packed]
        if not isinstance(packed, dict):
            return packed
        kind = packed.get("$")
        if kind is None:
            return {key: self.tree(part) for key, part in packed.items()}
        if kind == "tuple":
            return tuple(self.tree(entry) for entry in packed["entries"])
        if kind == "dict":
            return {self.tree(key): self.tree(part) for key, part in packed["pairs"]}
        if kind == "float":
            return float(packed["text"])
        if kind in ("array", "number"):
            array = self.array(np.dtype(packed["dtype"]), tuple(packed["shape"]))
            return array if kind == "array" else array[()]
        raise ValueError(f"unknown kind {kind!r}")

    def array(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        array = np.frombuffer(self.body, dtype, math.prod(shape), self.offset).reshape(shape)
        self.offset += array.nbytes + -array.nbytes % _ALIGNMENT
        # A copy, as the bytes are read-only and may be of another byte order than the machine's.
        return array.astype(dtype.newbyteorder("="))
