"""Networks by name: a script's, a short form, or a saved file."""

from __future__ import annotations

import argparse
import gzip
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.cli.errors import CommandError, one_line
from tinygrad_lite.cli.scripts import is_script, thing_in

if TYPE_CHECKING:
    from tinygrad_lite import nn

Array = np.ndarray[Any, Any]

HELP = (
    "FILE.py:NAME, a module, a network of neurons, or a function that returns one; a short form: "
    "784-16-10 for layers of so many neurons with ReLU between them, cnn for two convolutions and "
    "a linear layer that tell ten kinds of 28x28 images apart; or a saved file, .npz, "
    ".safetensors, .json, or .json.gz"
)

_LAYERS = re.compile(r"[1-9][0-9]{0,6}(-[1-9][0-9]{0,6})+")
_AT_ONCE = 200  # samples; of more, a convolution would leave the cache

MOST_BYTES = 64 * 1024 * 1024
"""Of a compressed network file, uncompressed; as much as the web page reads."""


@dataclass
class NamedNetwork:
    """A network that a command works on.

    name
        as given
    thing
        an `nn.Module`, a `neurons.Network` or an `export.Graph`
    short_form
        from which it can be built anew, if there is one
    flat
        whether it takes samples as rows, although they have more axes
    """

    name: str
    thing: Any
    short_form: str = ""
    flat: bool = False

    @property
    def module(self) -> nn.Module | None:
        """The module, if it is one."""
        return self.thing if hasattr(self.thing, "state_dict") else None

    @property
    def is_graph(self) -> bool:
        """Whether it comes from a graph file, and can only be run."""
        return hasattr(self.thing, "steps")

    @property
    def is_neurons(self) -> bool:
        """Whether it is a network of neurons."""
        return hasattr(self.thing, "input_layer")

    def fit_to(self, inputs: Array, whose: str = "") -> None:
        """Find out how it takes samples of this shape.

        Args:
            inputs: some samples.
            whose: what data they are of, for the error.

        Raises:
            CommandError: it does not take them at all.
        """
        try:
            self.scores(inputs[:1])
        except (ValueError, TypeError, IndexError) as error:
            if inputs.ndim > 2:
                self.flat = True
                try:
                    self.scores(inputs[:1])
                    return
                except (ValueError, TypeError, IndexError):
                    self.flat = False
            raise CommandError(
                f"{self.name} does not take samples of shape {inputs.shape[1:]}"
                f"{f' of {whose}' * bool(whose)}: {one_line(error)}"
            ) from error

    def given(self, inputs: Array) -> Array:
        """Samples as the network takes them."""
        return inputs.reshape(len(inputs), -1) if self.flat else inputs

    def scores(self, inputs: Array) -> Array:
        """Its outputs for many samples, a part of them at a time."""
        parts = []
        with _in_use(self.module):
            for start in range(0, len(inputs), _AT_ONCE):
                parts.append(self._run(self.given(inputs[start : start + _AT_ONCE])))
        return np.concatenate(parts)

    def _run(self, batch: Array) -> Array:
        from tinygrad_lite.engine.value import data_of

        if self.is_neurons:
            return np.asarray(self.thing.evaluate(batch.reshape(len(batch), -1)))
        result = self.thing(self._normalised(batch))
        if isinstance(result, tuple):
            result = result[0]
        return np.asarray(data_of(result))

    def _normalised(self, batch: Array) -> Array:
        """Inputs as a graph file says that they are made from data as it comes."""
        told = self.thing.notes.get("normalisation", {}) if self.is_graph else {}
        if "mean" not in told and "standard_deviation" not in told:
            return batch
        # Broadcasts over what comes after the batch: a number, or an array for each entry.
        mean, deviation = (
            np.asarray(told.get(name, usual), batch.dtype)
            for name, usual in (("mean", 0), ("standard_deviation", 1))
        )
        return np.asarray((batch - mean) / deviation)


@contextmanager
def _in_use(module: nn.Module | None) -> Iterator[None]:
    from tinygrad_lite import no_grad

    if module is None:
        yield
        return
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with no_grad():
            yield
    finally:
        for part, training in before:
            part.training = training


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add NETWORK."""
    parser.add_argument("network", metavar="NETWORK", help=HELP)


def network(name: str, weights: str | None = None, seed: int | None = None) -> NamedNetwork:
    """The network that NETWORK names.

    Args:
        name: see `HELP`.
        weights: a file to load into it.
        seed: of the initial weights.

    Raises:
        CommandError: it names nothing, or something else.
        FileFormatError, OSError: a file cannot be read, or does not fit.
    """
    found = _named(name, seed)
    if weights is not None:
        if found.module is None:
            raise CommandError(f"--weights is for modules; {name} has its weights in it")
        from tinygrad_lite.export import load

        load(weights, found.module)
    return found


def _named(name: str, seed: int | None) -> NamedNetwork:
    if is_script(name):
        thing = thing_in(name, seed)
        found = NamedNetwork(name, thing)
        if not (found.module or found.is_neurons or found.is_graph):
            raise CommandError(
                f"{name} gives a {type(thing).__name__}; a network is an nn.Module or a "
                f"neurons.Network, or a function that returns one"
            )
        return found
    if name == "cnn" or _LAYERS.fullmatch(name):
        return NamedNetwork(name, _short_form(name, seed), name)
    suffix = Path(name).suffix.lower()
    if suffix == ".json" or is_compressed(name):
        return NamedNetwork(name, _from_json(name))
    if suffix in (".npz", ".safetensors"):
        return _from_weights(name)
    raise CommandError(
        f"network {name!r}: give FILE.py:NAME, layers such as 784-16-10, cnn, or a saved file "
        f"(.npz, .safetensors, .json, .json.gz)"
    )


def _short_form(name: str, seed: int | None) -> nn.Module:
    from tinygrad_lite import nn

    generator = np.random.default_rng(seed)
    if name == "cnn":
        return nn.Sequential(
            nn.Conv2d(1, 8, 5, generator=generator), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 5, generator=generator), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 4 * 4, 10, generator=generator),
        )  # fmt: skip
    sizes = [int(size) for size in name.split("-")]
    parts: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise(sizes):
        if len(parts) > 1:
            parts.append(nn.ReLU())
        parts.append(nn.Linear(before, after, generator=generator))
    return nn.Sequential(*parts)


def is_compressed(name: str) -> bool:
    """Whether a name is that of a compressed network file."""
    return name.lower().endswith(".json.gz")


def uncompressed(name: str) -> bytes:
    """What a compressed network file holds.

    Raises:
        CommandError: it is damaged, or holds too much.
        OSError: it cannot be read.
    """
    try:
        with gzip.open(name) as file:
            content = file.read(MOST_BYTES + 1)  # the rest may be a thousand times as much
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CommandError(f"{name}: the compressed file is damaged: {error}") from error
    if len(content) > MOST_BYTES:
        raise CommandError(f"{name}: over {MOST_BYTES >> 20} MB uncompressed")
    return content


def _from_json(path: str) -> Any:
    if is_compressed(path):
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / Path(path).stem
            plain.write_bytes(uncompressed(path))
            return _from_json(str(plain))
    with open(path, "rb") as file:
        beginning = file.read(400)
    if b"tinygrad_lite graph" in beginning:
        from tinygrad_lite.export import load_graph

        return load_graph(path)
    from tinygrad_lite.neurons import Network

    return Network.from_json(path)


def _from_weights(path: str) -> NamedNetwork:
    from tinygrad_lite.export import load, load_notes

    short_form = load_notes(path).get("network", "")
    if short_form != "cnn" and not _LAYERS.fullmatch(short_form):
        told = f" of {short_form}" if short_form else ""
        raise CommandError(
            f"{path} holds weights{told} only: name the network too, as in "
            f"{short_form or 'FILE.py:NAME'} --weights {path}"
        )
    module = _short_form(short_form, 0)
    load(path, module)
    return NamedNetwork(path, module, short_form)
