"""Neurons: what a layer is made of, and connections join."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinygrad_lite.engine.modes import no_grad, scope
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.rules.weighted_sum import weighted_sum

if TYPE_CHECKING:
    from tinygrad_lite.neurons.connection import Connection
    from tinygrad_lite.neurons.layer import Layer

ActivationFunction = Callable[[Any], Any]


def identity(z: Any) -> Any:
    """The activation function that leaves the weighted sum as it is."""
    return z


class Neuron:
    """A neuron at a place in a layer, lit by its activation.

    Attributes:
        layer: the layer it belongs to.
        index: its place there.
        signal: the activation as its connections carry it: a Value where gradients are wanted,
            else a plain number or vector over samples, which costs the pull-back nothing.
    """

    __slots__ = ("index", "layer", "signal")

    def __init__(self, layer: Layer[Any], index: int) -> None:
        self.layer = layer
        self.index = index
        self.signal: Any = 0.0

    @property
    def name(self) -> str:
        """The way to it from its network: ``layers[1][3]``."""
        return f"{self.layer.name}[{self.index}]"

    @property
    def activation(self) -> Value:
        """How brightly it is lit: a number, or a vector over the samples of a batch.

        The first look at a constant makes a Value of it, a leaf that takes part in whatever is
        computed from here on."""
        if type(self.signal) is not Value:
            self.signal = Value(self.signal, f"{self.name}.activation")
        return self.signal

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class InputNeuron(Neuron):
    """A neuron whose activation is set from outside."""

    __slots__ = ()

    @property
    def outputs(self) -> tuple[Connection, ...]:
        """The connections that lead on from it."""
        return self.layer.outputs_of(self.index)

    @property
    def activation(self) -> Value:
        """What it was set to; see `Neuron`. Set a Value to have gradients by it."""
        return super().activation

    @activation.setter
    def activation(self, activation: Any) -> None:
        self.signal = activation if type(activation) is Value else data_of(Value(activation))


class ReceiverNeuron(Neuron):
    """A neuron that is lit by others: activation = f(sum of weight * input activation + bias).

    Attributes:
        function: the activation function f, from Value to Value, entry by entry.
    """

    __slots__ = ("_bias", "_inputs", "function")

    def __init__(
        self, layer: Layer[Any], index: int, function: ActivationFunction, bias: float = 0.0
    ) -> None:
        super().__init__(layer, index)
        if not callable(function):
            raise TypeError(f"an activation function is a function such as relu, not {function!r}")
        self._bias = Value(float(bias))
        self.function = function
        self._inputs: list[Connection] = []

    @property
    def inputs(self) -> tuple[Connection, ...]:
        """The connections that lead to it."""
        return tuple(self._inputs)

    @property
    def bias(self) -> Value:
        """What is added to the weighted sum: a Value. Set it to a number, or to another Value."""
        if not self._bias.name and self.layer.position >= 0:
            self._bias.name = f"{self.name}.bias"
        return self._bias

    @bias.setter
    def bias(self, bias: Any) -> None:
        if type(bias) is Value:
            self._bias = bias
        else:
            self._bias.data = float(bias)

    def propagate(self) -> None:
        """Compute the activation from those of the neurons before it."""
        with scope(f"layer {self.layer.position}/neuron {self.index}"):
            terms: list[Any] = []
            for connection in self.inputs:
                terms.append(connection.weight)
                terms.append(connection.source.signal)
            total = weighted_sum(*terms) if terms else 0.0
            self._light(total + self.bias)

    def _light(self, z: Value) -> None:
        self.signal = self.function(z)
        if type(self.signal) is not Value:
            # Such as math.tanh: what it is computed from would be left out of every gradient.
            raise TypeError(
                f"the activation function of {self!r} returned {type(self.signal).__name__}, not a "
                f"Value: build it from operators, NumPy's functions and tinygrad_lite's"
            )
        self.signal.name = f"{self.name}.activation"


class HiddenNeuron(ReceiverNeuron):
    """A neuron between others."""

    __slots__ = ()

    @property
    def outputs(self) -> tuple[Connection, ...]:
        """The connections that lead on from it."""
        return self.layer.outputs_of(self.index)


class StaticNeuron(HiddenNeuron):
    """A hidden neuron that never learns: its weights and bias are constants in what is recorded."""

    __slots__ = ()

    def propagate(self) -> None:
        """Compute the activation; without a record, unless one leads to its inputs."""
        terms: list[Any] = []
        recorded = False
        for connection in self.inputs:
            signal = connection.source.signal
            recorded = recorded or type(signal) is Value
            terms.append(connection.weight.data)
            terms.append(signal)
        place = scope(f"layer {self.layer.position}/neuron {self.index}")
        with place if recorded else no_grad():
            total = weighted_sum(*terms) if terms else 0.0
            z = total + self.bias.data
            self._light(z if type(z) is Value else Value(z))
        if not recorded:
            self.signal = data_of(self.signal)


class OutputNeuron(ReceiverNeuron):
    """A neuron whose activation is the network's answer.

    Attributes:
        desired: the activation it should have had: 1.0 or 0.0, or a vector of them over samples.
    """

    __slots__ = ("desired",)

    def __init__(
        self, layer: Layer[Any], index: int, function: ActivationFunction, bias: float = 0.0
    ) -> None:
        super().__init__(layer, index, function, bias)
        self.desired: Any = 0.0
