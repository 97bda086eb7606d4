"""Data by name: mnist, fashion, or arrays in FILE.npz."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.cli.errors import CommandError
from tinygrad_lite.cli.scripts import is_script

Array = np.ndarray[Any, Any]

HELP = (
    "mnist or fashion (downloaded once; mnist:FOLDER reads the four files from a folder), or "
    "FILE.npz with arrays x_train, y_train, x_test and y_test, or x and y, of which a tenth is "
    "kept for testing. Integers in y are classes, other numbers are values to predict; bytes in x "
    "are divided by 255"
)


@dataclass(frozen=True)
class Dataset:
    """Inputs and targets for training and for testing.

    targets
        integers for classes, else floating
    """

    name: str
    train_inputs: Array
    train_targets: Array
    test_inputs: Array
    test_targets: Array
    classes: tuple[str, ...]
    is_drawing: bool = False

    @property
    def sample(self) -> Array:
        """Some inputs for testing, to try a network on."""
        return self.test_inputs[:8]


def add_option(parser: argparse.ArgumentParser, note: str = "") -> None:
    """Add ``--data``."""
    parser.add_argument("--data", metavar="DATA", help=HELP + note)


DEFAULT = "mnist"
DEFAULT_NOTE = f". Default: {DEFAULT}; FILE.py:NAME has none"


def chosen(options: argparse.Namespace) -> tuple[Dataset, str]:
    """The data that a command works on, and what to call it.

    Sets ``options.data`` where it was not given.

    Raises:
        CommandError: none was given for a network of the user's own; or as `dataset`.
    """
    told = options.data
    if told is None:
        if is_script(options.network):
            raise CommandError(
                f"what is {options.network} for? Give --data FILE.npz, with arrays x and y in it, "
                f"or --data mnist or fashion"
            )
        options.data = DEFAULT
        told = f"{DEFAULT} (the default: no --data was given)"
    return dataset(options.data), told


def dataset(name: str) -> Dataset:
    """The data that ``--data`` names.

    Raises:
        CommandError: the name is none, or the file holds something else.
        OSError, DownloadError: it cannot be read or fetched.
    """
    kind, _, folder = name.partition(":")
    if kind in ("mnist", "fashion"):
        return _images(kind, folder or None)
    if name.endswith(".npz"):
        return _arrays(Path(name))
    raise CommandError(f"data {name!r}: give mnist, fashion or FILE.npz")


def _images(kind: str, folder: str | None) -> Dataset:
    from tinygrad_lite import data

    if folder is not None and not Path(folder).is_dir():
        raise CommandError(f"data {kind}:{folder}: there is no folder {folder}")
    load = data.load_mnist if kind == "mnist" else data.load_fashion_mnist
    try:
        images = load(folder)
    except data.DownloadError as error:
        raise CommandError(f"data {kind}: {error} Or give --data {kind}:FOLDER") from error
    classes = tuple("0123456789") if kind == "mnist" else tuple(data.FASHION_MNIST_CLASSES)
    return Dataset(
        kind,
        data.as_pixels(images.train_images)[:, None],
        images.train_labels.astype(np.int64),
        data.as_pixels(images.test_images)[:, None],
        images.test_labels.astype(np.int64),
        classes,
        is_drawing=kind == "mnist",
    )


def _arrays(path: Path) -> Dataset:
    from tinygrad_lite.export import load

    arrays = load(path)
    if {"x_train", "y_train", "x_test", "y_test"} <= set(arrays):
        parts = [arrays[key] for key in ("x_train", "y_train", "x_test", "y_test")]
    elif {"x", "y"} <= set(arrays):
        x, y = arrays["x"], arrays["y"]
        order = np.random.default_rng(0).permutation(min(len(x), len(y)))
        kept = max(1, len(order) // 10)
        train, test = np.sort(order[kept:]), np.sort(order[:kept])
        parts = [x[train], y[train], x[test], y[test]] if len(x) == len(y) else [x, y, x, y]
    else:
        raise CommandError(
            f"{path}: expected x_train, y_train, x_test and y_test, or x and y; found "
            f"{', '.join(sorted(arrays)) or 'nothing'}"
        )
    for x, y in (parts[:2], parts[2:]):
        if not x.ndim or not y.ndim or len(x) != len(y) or not len(x):
            raise CommandError(
                f"{path}: inputs of shape {x.shape} and targets of shape {y.shape}; both must "
                f"begin with the samples"
            )
    inputs = [_floating(parts[0]), _floating(parts[2])]
    targets = [parts[1], parts[3]]
    classes: tuple[str, ...] = ()
    if targets[0].dtype.kind in "iub":
        if any(t.ndim != 1 or t.min() < 0 for t in targets):
            raise CommandError(f"{path}: classes must be integers from 0 on, one for each sample")
        targets = [t.astype(np.int64) for t in targets]
        classes = tuple(str(c) for c in range(1 + int(max(t.max() for t in targets))))
    else:
        targets = [t.astype(np.float32) for t in targets]
    return Dataset(path.name, inputs[0], targets[0], inputs[1], targets[1], classes)


def _floating(x: Array) -> Array:
    if x.dtype == np.uint8:
        return np.divide(x, 255, dtype=np.float32)
    return x.astype(np.float32) if x.dtype.kind in "fb" else x
