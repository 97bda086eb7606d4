"""Network: layers wired together, that propagate, have a cost, learn and guess."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_lite.engine.modes import scope
from tinygrad_lite.engine.value import Value
from tinygrad_lite.export.atomic import replacing
from tinygrad_lite.neurons.connection import Connection, join, refuse_cycle
from tinygrad_lite.neurons.evaluation import Evaluation, scores_of
from tinygrad_lite.neurons.guess import Guess, guess_from
from tinygrad_lite.neurons.inputs import as_samples, as_targets, signals
from tinygrad_lite.neurons.layer import HiddenLayer, InputLayer, Layer, OutputLayer
from tinygrad_lite.neurons.neuron import (
    HiddenNeuron,
    InputNeuron,
    Neuron,
    ReceiverNeuron,
    StaticNeuron,
)
from tinygrad_lite.neurons.order import propagation_order

if TYPE_CHECKING:
    from tinygrad_lite import nn
    from tinygrad_lite.neurons.history import History


class Network:
    """Neurons in layers, and the connections between them.

    A new network has no connections but those its layers brought along: wire it with
    `connect_adjacent_layers`, `connect_all_layers`, `connect_layers` or `connect`, in any way that
    has no cycle.

    Args:
        layers: an `InputLayer`, any number of `HiddenLayer`, an `OutputLayer`.
        seed: of the generator that initial weights are drawn from, uniformly in [-0.5, 0.5).

    Attributes:
        layers: the layers as a tuple; ``network.layers[1][3].bias`` is a Value.

    Raises:
        TypeError: the layers are of other kinds or in another order.
        ValueError: a layer is in a network already.

    >>> from tinygrad_lite.neurons import HiddenLayer, InputLayer, OutputLayer
    >>> network = Network([InputLayer(2), HiddenLayer(3), OutputLayer(1)])
    >>> network.connect_adjacent_layers()
    >>> cost = network.cost([0.0, 1.0], [1.0])
    >>> cost.backward()
    >>> round(network.layers[2][0].bias.grad, 4)
    -0.2284
    """

    def __init__(
        self, layers: Iterable[InputLayer | HiddenLayer | OutputLayer], *, seed: int = 0
    ) -> None:
        self.layers: tuple[Layer[Any], ...] = tuple(layers)
        kinds = [InputLayer, *[HiddenLayer] * (len(self.layers) - 2), OutputLayer]
        if [type(layer) for layer in self.layers] != kinds:
            raise TypeError(
                "a network consists of an InputLayer, any number of HiddenLayer and an "
                f"OutputLayer; found {', '.join(type(layer).__name__ for layer in self.layers)}"
            )
        for layer in self.layers:
            if layer.position >= 0 or sum(other is layer for other in self.layers) > 1:
                raise ValueError(f"{layer!r} is in a network already: make a new one")
        self._generator = np.random.default_rng(seed)
        self._order: tuple[ReceiverNeuron, ...] = ()
        self._evaluation: Evaluation | None = None
        self._wiring: tuple[int, ...] = ()
        for position, layer in enumerate(self.layers):
            layer.position = position

    # -- what it consists of ---------------------------------------------------------------------

    @property
    def input_layer(self) -> InputLayer:
        """The first layer."""
        return self.layers[0]  # type: ignore[return-value]

    @property
    def output_layer(self) -> OutputLayer:
        """The last layer."""
        return self.layers[-1]  # type: ignore[return-value]

    @property
    def receivers(self) -> Iterator[ReceiverNeuron]:
        """Hidden and output neurons, layer by layer."""
        return (neuron for layer in self.layers[1:] for neuron in layer)

    @property
    def connections(self) -> Iterator[Connection]:
        """All connections, by the neurons they lead to."""
        return (connection for neuron in self.receivers for connection in neuron.inputs)

    @property
    def parameters(self) -> list[Value]:
        """Biases and weights of all neurons that learn, each once."""
        values: dict[Value, None] = {}
        for neuron in self.receivers:
            if not isinstance(neuron, StaticNeuron):
                values[neuron.bias] = None
                for connection in neuron.inputs:
                    values[connection.weight] = None
        return list(values)

    def __repr__(self) -> str:
        sizes = "-".join(str(len(layer)) for layer in self.layers)
        connections = sum(layer.received for layer in self.layers)
        return f"<Network {sizes} with {connections} connections>"

    # -- wiring ----------------------------------------------------------------------------------

    def connect(
        self,
        source: InputNeuron | HiddenNeuron,
        target: ReceiverNeuron,
        weight: float | Value | None = None,
    ) -> Connection:
        """Connect one neuron to another.

        Args:
            source, target: neurons of this network.
            weight: a number, a Value to share with other connections, or None for a random number.

        Raises:
            TypeError, ValueError: see `Connection`; or a neuron is not in this network.
        """
        for neuron in (source, target):
            if all(neuron.layer is not layer for layer in self.layers):
                raise ValueError(f"{neuron!r} is not in this network")
        return Connection(source, target, self._random(1)[0] if weight is None else weight)

    def connect_layers(self, source: Layer[Any], target: Layer[Any]) -> None:
        """Connect every neuron of a layer to every neuron of a later one, with random weights.

        Raises:
            ValueError: a layer is not in this network, the target does not come after the source,
                some of their neurons are connected already, or it would close a cycle; then
                nothing is connected.
        """
        for layer in (source, target):
            if all(layer is not mine for mine in self.layers):
                raise ValueError(f"{layer!r} is not in this network")
        if self.layers.index(source) >= self.layers.index(target):
            raise ValueError(f"{target!r} does not come after {source!r}")
        for neuron in target:
            if any(connection.source.layer is source for connection in neuron.inputs):
                raise ValueError(f"{source.name} is connected to {neuron.name} already")
        if any(c.source.layer.position >= c.target.layer.position for c in self.connections):
            # One that does not lead to a later layer could make one of the new ones a cycle.
            for neuron in target:
                for transmitter in source:
                    refuse_cycle(transmitter, neuron)
        for neuron in target:
            for transmitter, weight in zip(source, self._random(len(source)), strict=True):
                join(transmitter, neuron, weight)

    def connect_adjacent_layers(self) -> None:
        """Connect every neuron of each layer to every neuron of the next."""
        for source, target in pairwise(self.layers):
            self.connect_layers(source, target)

    def connect_all_layers(self) -> None:
        """Connect every neuron of each layer to every neuron of all later layers."""
        for position, source in enumerate(self.layers):
            for target in self.layers[position + 1 :]:
                self.connect_layers(source, target)

    def _random(self, count: int) -> list[float]:
        weights: list[float] = self._generator.uniform(-0.5, 0.5, count).tolist()
        return weights

    @property
    def order(self) -> tuple[ReceiverNeuron, ...]:
        """Hidden and output neurons as they are lit, each after all that lead to it.

        Raises:
            ValueError: a neuron of another network leads to one of this.
        """
        wiring = tuple(layer.received for layer in self.layers)
        if wiring != self._wiring:
            self._order = propagation_order(self.layers)
            self._evaluation = None
            self._wiring = wiring
        return self._order

    # -- one neuron after the other, recorded ----------------------------------------------------

    def set_inputs(self, images: Any, *, differentiable: bool = False) -> None:
        """Set the activations of the input neurons.

        Args:
            images: one sample, with as many entries as there are input neurons, or a batch of
                them along the first axis; a Value, to have gradients by the whole.
            differentiable: make a leaf of each neuron's activation, to have gradients by each.

        Raises:
            TypeError, ValueError: see `as_samples`.
        """
        layer = self.input_layer
        for neuron, signal in zip(layer, signals(images, layer, differentiable), strict=True):
            neuron.signal = signal

    def propagate(self, known: Mapping[Neuron, Any] | None = None) -> list[Value]:
        """Light all neurons from the input layer on, and return the output activations.

        Args:
            known: activations that need not be computed.
        """
        for neuron in self.order:
            if known and neuron in known:
                neuron.signal = known[neuron]
            else:
                neuron.propagate()
        return [neuron.activation for neuron in self.output_layer]

    def cost(
        self,
        images: Any,
        labels: Any,
        *,
        differentiable_inputs: bool = False,
        known: Mapping[Neuron, Any] | None = None,
    ) -> Value:
        """How far from right the answers are: (activation - desired)², summed over output neurons
        and averaged over samples.

        Args:
            images: see `set_inputs`.
            labels: the right class of each sample, integers of shape (samples,), or the desired
                activations, numbers of shape (samples, outputs); for one sample without that axis.
            differentiable_inputs: whether gradients by the images are wanted too.
            known: see `propagate`.

        Returns:
            A Value; its `backward` fills in the gradient of every weight and bias that learns.

        Raises:
            TypeError, ValueError: images or labels do not fit this network, saying how.
        """
        _, single = as_samples(images, self.input_layer)
        desired = as_targets(labels, None if single else len(images), len(self.output_layer))
        self.set_inputs(images, differentiable=differentiable_inputs)
        outputs = self.propagate(known)
        for neuron, target in zip(self.output_layer, desired, strict=True):
            neuron.desired = target
        with scope("cost"):
            squares = [(a - target) ** 2 for a, target in zip(outputs, desired, strict=True)]
            total: Any = sum(squares[1:], start=squares[0])
            mean: Value = total if single else (total / len(images)).sum()
        return mean

    def zero_grad(self) -> None:
        """Forget the gradients of all weights and biases."""
        for parameter in self.parameters:
            parameter.grad = None

    def nudge(self, step_size: float, bias_limit: float | None = 0.8) -> None:
        """Move every weight and bias that learns against its gradient.

        Args:
            step_size: how far, in multiples of the gradient.
            bias_limit: largest magnitude of a bias; None for no limit.
        """
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.data = parameter.data - step_size * parameter.grad
        if bias_limit is not None:
            for neuron in self.receivers:
                if not isinstance(neuron, StaticNeuron):
                    bias = neuron.bias.data
                    if type(bias) is float:
                        bias = min(max(bias, -bias_limit), bias_limit)
                    else:  # while a function is captured
                        bias = np.minimum(np.maximum(bias, -bias_limit), bias_limit)
                    neuron.bias.data = bias

    # -- many samples at once, without a record --------------------------------------------------

    def evaluate(self, images: Any) -> NDArray[np.float64]:
        """Output activations of a batch, computed by matrices; equal to `propagate` to rounding.

        Args:
            images: see `set_inputs`.

        Returns:
            Shape (samples, outputs), or (outputs,) for one sample.
        """
        samples, single = as_samples(images, self.input_layer)
        order = self.order
        if self._evaluation is None:
            self._evaluation = Evaluation(len(self.input_layer), order, self.output_layer)
        outputs = self._evaluation(samples)
        return outputs[0] if single else outputs

    def predict(self, images: Any) -> NDArray[np.intp]:
        """The number of the brightest output neuron for each sample, the first of equals."""
        return np.asarray(np.argmax(self.evaluate(images), axis=-1))

    def success_rate(self, images: Any, labels: ArrayLike) -> float:
        """Share of the images whose brightest output neuron is that of the label, 0 to 1.

        Args:
            images: shape (n, 784) or (n, 28, 28) for 784 input neurons, in 0 to 1.
            labels: integers, shape (n,).

        Raises:
            TypeError, ValueError: images or labels do not fit, saying how.
        """
        return self.scores(images, labels)[0]

    def scores(self, images: Any, labels: ArrayLike) -> tuple[float, float]:
        """Success rate and average cost; see `success_rate` and `cost`."""
        return scores_of(np.atleast_2d(self.evaluate(images)), labels)

    def guess(self, image: Any) -> Guess:
        """What the network takes one image for, and how sure it is.

        Lights the neurons, so that `activations` shows what it saw.

        Raises:
            ValueError: it is not a single image.
        """
        samples, _ = as_samples(image, self.input_layer)
        if len(samples) != 1:
            raise ValueError(f"guess takes one image, found {len(samples)}: use predict for many")
        self.set_inputs(samples[0])
        return guess_from([float(value) for value in self.propagate()])

    @property
    def activations(self) -> list[NDArray[Any]]:
        """The activations of each layer as a picture, as last lit.

        Arrays of shape (height, width), after a batch (samples, height, width)."""
        return [layer.activations for layer in self.layers]

    def save_activations(self, path: str | os.PathLike[str], zoom: int = 6) -> None:
        """Write the activations of all layers, side by side, as a PNG picture.

        Args:
            path: of the file.
            zoom: pixels to the side of a neuron.
        """
        from tinygrad_lite.neurons.pictures import side_by_side, write_png

        write_png(path, side_by_side(self.activations, zoom))

    # -- learning, files and other forms ---------------------------------------------------------

    def train(self, images: Any, labels: Any, **schedule: Any) -> History:
        """Learn from examples; see `tinygrad_lite.neurons.training.train` for the arguments."""
        from tinygrad_lite.neurons.training import train

        return train(self, images, labels, **schedule)

    def to_layers(self) -> nn.Module:
        """The network as tensors, with equal outputs; see `tensor_form.to_layers`."""
        from tinygrad_lite.neurons.tensor_form import to_layers

        return to_layers(self)

    @classmethod
    def from_layers(cls, model: nn.Module) -> Network:
        """A network from its form as tensors; see `tensor_form.from_layers`."""
        from tinygrad_lite.neurons.tensor_form import from_layers

        return from_layers(model)

    @classmethod
    def from_json(
        cls, source: str | bytes | os.PathLike[str], *, max_bytes: int = 64 * 1024 * 1024
    ) -> Network:
        """A network from the original's JSON format; see `json_reader.read_network`."""
        from tinygrad_lite.neurons.json_reader import read_network

        return read_network(source, max_bytes=max_bytes)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The network in the original's JSON format; see `json_writer.network_text`.

        Args:
            path: also write it there; the file is replaced as a whole, or not at all.
        """
        from tinygrad_lite.neurons.json_writer import network_text

        text = network_text(self)
        if path is not None:
            with replacing(path) as file:
                file.write(text.encode())
        return text
