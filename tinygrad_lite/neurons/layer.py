"""Layers: neurons in rows and columns."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from math import isqrt
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_lite.engine.value import data_of
from tinygrad_lite.neurons.neuron import (
    ActivationFunction,
    HiddenNeuron,
    InputNeuron,
    Neuron,
    OutputNeuron,
    StaticNeuron,
)
from tinygrad_lite.rules.activations import sigmoid

if TYPE_CHECKING:
    from tinygrad_lite.neurons.connection import Connection

N = TypeVar("N", bound=Neuron)


class Layer(Generic[N]):
    """Neurons arranged in a grid; the one at column x of row y is number ``y * width + x``.

    Indexed by number, ``layer[12]``, or by column and row, ``layer[x, y]``.

    Attributes:
        width, height: columns and rows.
        position: its place among the layers of a network, -1 before it is in one.
    """

    __slots__ = (
        "_neurons",
        "_outputs",
        "_seen",
        "feeds",
        "height",
        "position",
        "received",
        "width",
    )

    def __init__(self, width: int, height: int = 1) -> None:
        self.width = _count(width, "width")
        self.height = _count(height, "height")
        self.position = -1
        self.received = 0  # connections that lead here; shows that the layer was rewired
        self.feeds: dict[Layer[Any], None] | None = None  # layers that connections lead to
        self._outputs: dict[int, list[Connection]] = _NONE
        self._seen = 0  # what the layers fed had received when _outputs was made
        self._neurons: list[N] = []

    @property
    def name(self) -> str:
        """``layers[1]`` in a network, else its kind."""
        return type(self).__name__ if self.position < 0 else f"layers[{self.position}]"

    @property
    def activations(self) -> NDArray[Any]:
        """All activations as a picture: shape (height, width), or (samples, height, width)."""
        signals = np.broadcast_arrays(*[np.asarray(data_of(n.signal)) for n in self])
        return np.stack(signals, axis=-1).reshape(*signals[0].shape, self.height, self.width)

    def outputs_of(self, index: int) -> tuple[Connection, ...]:
        """The connections that lead on from a neuron.

        Gathered when asked for: kept up to date, the lists would take a third of the memory of a
        large network."""
        feeds = self.feeds or {}
        received = sum(layer.received for layer in feeds)
        if received != self._seen:
            self._seen = received
            self._outputs = {}
            for layer in feeds:
                for connection in (c for neuron in layer for c in neuron.inputs):
                    if connection.source.layer is self:
                        self._outputs.setdefault(connection.source.index, []).append(connection)
        return tuple(self._outputs.get(index, ()))

    def __len__(self) -> int:
        return self.width * self.height

    def __iter__(self) -> Iterator[N]:
        return iter(self._neurons)

    def __getitem__(self, place: int | tuple[int, int]) -> N:
        return self._neurons[self.index(place)]

    def index(self, place: int | tuple[int, int]) -> int:
        """The number of the neuron at a number or at (x, y).

        Raises:
            IndexError: there is none.
        """
        if isinstance(place, tuple):
            x, y = place
            if not (0 <= x < self.width and 0 <= y < self.height):
                raise IndexError(f"{self!r} has no neuron at column {x} of row {y}")
            return y * self.width + x
        index = operator.index(place)
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self!r} has no neuron {index}")
        return index % len(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} of {self.width}x{self.height} neurons>"


class InputLayer(Layer[InputNeuron]):
    """The neurons that an image or other data is laid upon.

    Args:
        width, height: columns and rows.

    >>> len(InputLayer(28, 28))
    784
    """

    __slots__ = ("_made",)

    def __init__(self, width: int, height: int = 1) -> None:
        super().__init__(width, height)
        # A small file may ask for a large input layer and connect little of it, so a neuron is
        # made when it is first pointed at.
        self._made: dict[int, InputNeuron] = {}

    def __getitem__(self, place: int | tuple[int, int]) -> InputNeuron:
        index = self.index(place)
        neuron = self._made.get(index)
        if neuron is None:
            neuron = self._made[index] = InputNeuron(self, index)
        return neuron

    def __iter__(self) -> Iterator[InputNeuron]:
        return (self[index] for index in range(len(self)))

    def made(self) -> Iterator[InputNeuron]:
        """Those neurons that anything has pointed at."""
        return iter(self._made.values())


class HiddenLayer(Layer[HiddenNeuron]):
    """A layer between input and output.

    Args:
        width, height: columns and rows.
        function: activation function of its neurons, from Value to Value entry by entry, such as
            `sigmoid`, `relu`, `tanh`, `identity` or your own.
        bias: what the biases start from.
        static: whether its neurons never learn.
    """

    __slots__ = ()

    def __init__(
        self,
        width: int,
        height: int = 1,
        *,
        function: ActivationFunction = sigmoid,
        bias: float = 0.0,
        static: bool = False,
    ) -> None:
        super().__init__(width, height)
        kind = StaticNeuron if static else HiddenNeuron
        self._neurons = [kind(self, index, function, bias) for index in range(width * height)]


class OutputLayer(Layer[OutputNeuron]):
    """The neurons that hold the answer, one for each class.

    Args:
        size: how many.
        function: activation function of its neurons.
    """

    __slots__ = ()

    def __init__(self, size: int, *, function: ActivationFunction = sigmoid) -> None:
        super().__init__(size)
        self._neurons = [OutputNeuron(self, index, function) for index in range(size)]


_NONE: dict[int, Any] = {}


def grid(length: int) -> tuple[int, int]:
    """Width and height of a layer known by its length only: a square, else a single row."""
    side = isqrt(length)
    return (side, side) if side * side == length else (length, 1)


def _count(number: int, what: str) -> int:
    number = operator.index(number)
    if number < 1:
        raise ValueError(f"{what} of a layer: expected at least 1, found {number}")
    return number
