"""Gradients and costs from files: what another program wrote, and the script it is checked by."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value


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


def cost_of(model: str) -> Value:
    """The cost that a function in a script records; `model` is FILE.py:FUNCTION.

    Raises:
        ValueError: there is no such function, or it does not return a Value.
        OSError: the file cannot be read.
    """
    path, separator, function = model.rpartition(":")
    if not separator or not path:
        raise ValueError(f"{model}: write FILE.py:FUNCTION")
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    specification = importlib.util.spec_from_file_location(Path(path).stem, path)
    if specification is None or specification.loader is None:
        raise ValueError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    build = getattr(module, function, None)
    if not callable(build):
        raise ValueError(f"{path} has no function {function}")
    cost = build()
    if type(cost) is not Value:
        raise ValueError(f"{model} must return the cost as a Value, not {type(cost).__name__}")
    return cost


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
