"""Gradients from files: what another program wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def gradients_in(source: str) -> dict[str, Any]:
    """Gradients by name from FILE.npz, FILE.json or NAME=FILE.npy.

    Raises:
        ValueError: the file is of another kind, or holds something that is not an array of
            numbers.
        OSError: it cannot be read.
    """
    name, separator, path = source.partition("=")
    if separator:
        return {name: _numbers(_loaded(path, ".npy"), f"{path}")}
    suffix = Path(source).suffix
    if suffix == ".npz":
        archive = _loaded(source, ".npz")
        return {key: _numbers(archive[key], f"{source}: {key}") for key in archive.files}
    if suffix == ".json":
        try:
            content = json.loads(Path(source).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{source} is not JSON: {error}") from None
        if not isinstance(content, dict):
            raise ValueError(f'{source} must hold an object, {{"name": array, ...}}')
        return {key: _numbers(entry, f"{source}: {key}") for key, entry in content.items()}
    raise ValueError(f"{source}: give FILE.npz, FILE.json or NAME=FILE.npy")


def _loaded(path: str, suffix: str) -> Any:
    if Path(path).suffix != suffix:
        raise ValueError(f"{path} should end in {suffix}")
    return np.load(path, allow_pickle=False)


def _numbers(entry: Any, where: str) -> Any:
    try:
        array = np.asarray(entry)
    except ValueError:
        raise ValueError(f"{where}: the rows differ in length") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{where}: expected numbers, found {array.dtype}")
    return array
