"""Reading networks in the original's JSON format: strictly, and in bounded memory.

First the whole file is read into flat arrays and checked; neurons and connections are made after
that, so nothing is ever half-loaded.
"""

from __future__ import annotations

import os
import re
import stat
from array import array
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_lite.neurons.connection import join
from tinygrad_lite.neurons.json_format import FUNCTIONS, NetworkFileError
from tinygrad_lite.neurons.json_tokens import LONGEST, NUMBER, Tokens
from tinygrad_lite.neurons.layer import HiddenLayer, InputLayer, OutputLayer, grid

if TYPE_CHECKING:
    from tinygrad_lite.neurons.network import Network

LARGEST_INPUT_LAYER = 1 << 24
"""Neurons; as many as a picture of 4096 by 4096."""

_LARGEST_INDEX = (1 << 31) - 1
_NAMES = tuple(FUNCTIONS)

_SPACED = rb""" { "fromLayer" : (INDEX) , "fromNeuron" : (INDEX) , "weight" : (NUMBER) }"""
_CONNECTION = re.compile(
    _SPACED.replace(b" ", rb"[ \t\n\r]*")
    .replace(b"INDEX", b"0|[1-9][0-9]{0,9}")
    .replace(b"NUMBER", NUMBER.pattern)
)
"""A connection with its keys in the usual order, read in one go: five times as quick."""


def read_network(
    source: str | bytes | os.PathLike[str], *, max_bytes: int = 64 * 1024 * 1024
) -> Network:
    """A network from a file, or from text, in the format that `json_format` describes.

    Layers whose length is a square become squares (784 neurons are 28x28), others a single row.
    All hidden neurons learn, as the format does not tell which are static.

    Args:
        source: path of a file; or the text itself, as bytes or as a string that begins with ``{``.
        max_bytes: larger files are refused.

    Raises:
        NetworkFileError: it differs from the format in any way; names the place.
        OSError: the file cannot be read.
    """
    from tinygrad_lite.neurons.network import Network

    text, name = _text_of(source, max_bytes)
    tokens = Tokens(text, name)
    del text
    contents = _Contents(tokens)
    tokens.text = b""
    return Network(contents.layers())


def _text_of(source: str | bytes | os.PathLike[str], max_bytes: int) -> tuple[bytes, str]:
    if isinstance(source, str):
        if source.lstrip(" \t\n\r")[:1] == "{":
            # Lone surrogates are no text, and then no UTF-8 either.
            return _of_bounded_size(source.encode("utf-8", "surrogatepass"), max_bytes, ""), ""
        if not os.path.isfile(source):
            raise NetworkFileError(
                "expected the text of a network, which begins with '{', or the path of a file; "
                f"found {source[:40]!r}"
            )
    if isinstance(source, (bytes, bytearray)):
        return _of_bounded_size(bytes(source), max_bytes, ""), ""
    path = Path(source)
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NetworkFileError(f"{path.name}: expected a file, found something else")
        # Python sets aside at once as much memory as it is asked to read.
        text = file.read(min(status.st_size, max_bytes) + 1)
        return _of_bounded_size(text, max_bytes, path.name), path.name


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe could block for ever


def _of_bounded_size(text: bytes, max_bytes: int, name: str) -> bytes:
    if len(text) > max_bytes:
        prefix = f"{name}: " if name else ""
        raise NetworkFileError(
            f"{prefix}more than {max_bytes} bytes; for a larger network, raise max_bytes"
        )
    return text


class _Contents:
    """A network as flat arrays: neurons and connections in the order of the file."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.inputs = -1  # length of the input layer; unknown until read
        self.lengths: list[int] = []  # of the other layers
        self.biases = array("d")
        self.functions = array("b")
        self.counts = array("i")  # connections of each neuron
        self.from_layer = array("i")
        self.from_neuron = array("i")
        self.weights = array("d")
        self.checked_late = False
        for key in tokens.members("inputLayerLength", "otherLayers"):
            if key == "inputLayerLength":
                self.inputs = tokens.integer(LARGEST_INPUT_LAYER)
                if self.inputs < 1:
                    raise tokens.error("0, but a layer has at least one neuron")
            else:
                self._layers()
        tokens.end()
        if self.checked_late:
            self._check_inputs()

    def _layers(self) -> None:
        # Keys may come in any order: without the input layer's length, indices wait.
        self.checked_late = self.inputs < 0
        for _ in self.tokens.items():
            before = len(self.biases)
            for _ in self.tokens.members("neurons"):
                for _ in self.tokens.items():
                    self._neuron()
                if len(self.biases) == before:
                    raise self.tokens.error("empty, but a layer has at least one neuron")
            self.lengths.append(len(self.biases) - before)
        if not self.lengths:
            raise self.tokens.error("empty, but a network has an output layer")

    def _neuron(self) -> None:
        tokens = self.tokens
        before = len(self.weights)
        for key in tokens.members("bias", "activationFunction", "inputs"):
            if key == "bias":
                self.biases.append(tokens.number())
            elif key == "activationFunction":
                name = tokens.string()
                if name not in FUNCTIONS:
                    raise tokens.error(f"{name[:40]!r}, expected {' or '.join(_NAMES)}")
                self.functions.append(_NAMES.index(name))
            else:
                for _ in tokens.items():
                    self._connection()
        self.counts.append(len(self.weights) - before)

    def _connection(self) -> None:
        tokens = self.tokens
        layer = neuron = 0
        usual = _CONNECTION.match(tokens.text, tokens.at)
        if usual is not None and usual.end() - tokens.at < LONGEST:
            layer, neuron, weight = int(usual[1]), int(usual[2]), float(usual[3])
            if isfinite(weight) and max(layer, neuron) <= _LARGEST_INDEX:
                tokens.at = usual.end()
                self.weights.append(weight)
                self._source(layer, neuron)
                return
        for key in tokens.members("fromLayer", "fromNeuron", "weight"):
            if key == "weight":
                self.weights.append(tokens.number())
            elif key == "fromLayer":
                layer = tokens.integer(_LARGEST_INDEX)
            else:
                neuron = tokens.integer(_LARGEST_INDEX)
        self._source(layer, neuron)

    def _source(self, layer: int, neuron: int) -> None:
        here = len(self.lengths) + 1
        if layer >= here:
            raise self.tokens.error(
                f"{layer}, but this is layer {here}: it must be earlier", "fromLayer"
            )
        length = self.lengths[layer - 1] if layer else self.inputs
        if length >= 0:
            self._check(layer, neuron, length)
        self.from_layer.append(layer)
        self.from_neuron.append(neuron)

    def _check(self, layer: int, neuron: int, length: int) -> None:
        if neuron >= length:
            raise self.tokens.error(
                f"{neuron}, but layer {layer} has {length} neurons", "fromNeuron"
            )

    def _check_inputs(self) -> None:
        """The indices into the input layer, once its length is known."""
        at, receiver = 0, 0
        for layer, length in enumerate(self.lengths):
            for neuron in range(length):
                for index in range(self.counts[receiver]):
                    if self.from_layer[at] == 0:
                        self.tokens.place = [
                            "otherLayers", layer, "neurons", neuron, "inputs", index,
                        ]  # fmt: skip
                        self._check(0, self.from_neuron[at], self.inputs)
                    at += 1
                receiver += 1

    def layers(self) -> list[Any]:
        """Layers of neurons, wired."""
        width, height = grid(self.inputs)
        layers: list[Any] = [InputLayer(width, height)]
        receiver, at = 0, 0
        for position, length in enumerate(self.lengths, 1):
            width, height = grid(length)
            last = position == len(self.lengths)
            layer = OutputLayer(length) if last else HiddenLayer(width, height)
            layers.append(layer)
            for neuron in layer:
                neuron.bias = self.biases[receiver]
                neuron.function = FUNCTIONS[_NAMES[self.functions[receiver]]]
                for connection in range(at, at + self.counts[receiver]):
                    source = layers[self.from_layer[connection]][self.from_neuron[connection]]
                    join(source, neuron, self.weights[connection])
                at += self.counts[receiver]
                receiver += 1
        return layers
