"""A network as tensors: layers of weights in the place of neurons, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite import nn
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.neurons.connection import join
from tinygrad_lite.neurons.layer import HiddenLayer, InputLayer, Layer, OutputLayer, grid
from tinygrad_lite.neurons.neuron import (
    ActivationFunction,
    ReceiverNeuron,
    StaticNeuron,
    identity,
)
from tinygrad_lite.rules.activations import relu, sigmoid

if TYPE_CHECKING:
    from tinygrad_lite.neurons.network import Network

_MODULES: dict[Any, Callable[[], nn.Module]] = {
    sigmoid: nn.Sigmoid, relu: nn.ReLU, np.tanh: nn.Tanh,
}  # fmt: skip


class Elementwise(nn.Module):
    """A neuron's activation function applied to every entry."""

    def __init__(self, function: ActivationFunction) -> None:
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)

    def extra_repr(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


class WiredLayer(nn.Module):
    """One layer of neurons, fed by any earlier ones.

    Attributes:
        sources: positions of the layers it is fed by.
        weights: for each of these a matrix (neurons here, neurons there): a Value, or a plain
            array where the neurons never learn.
        masks: for each of these, 1.0 where there is a connection and 0.0 elsewhere.
        bias: shape (neurons,).
        functions: activation functions, each with the numbers of the neurons that have it.
    """

    def __init__(self, layer: Layer[Any]) -> None:
        neurons: list[ReceiverNeuron] = list(layer)
        self.width, self.height = layer.width, layer.height
        self.static = isinstance(neurons[0], StaticNeuron)
        fed_by: dict[int, Layer[Any]] = {}
        for neuron in neurons:
            for connection in neuron.inputs:
                source = connection.source.layer
                if source.position >= layer.position:
                    raise ValueError(
                        f"{connection!r} does not come from an earlier layer, so this network "
                        f"has no tensor form"
                    )
                fed_by[source.position] = source
        self.sources = tuple(sorted(fed_by))
        self.weights: list[Any] = []
        self.masks: list[Any] = []
        for position in self.sources:
            weights = np.zeros((len(layer), len(fed_by[position])))
            mask = np.zeros_like(weights)
            for neuron in neurons:
                for connection in neuron.inputs:
                    if connection.source.layer.position == position:
                        place = neuron.index, connection.source.index
                        weights[place] += connection.weight.data
                        mask[place] = 1.0
            self.weights.append(weights if self.static else Value(weights))
            self.masks.append(mask)
        biases = np.array([neuron.bias.data for neuron in neurons], dtype=np.float64)
        self.bias: Any = biases if self.static else Value(biases)
        self.functions = {
            function: tuple(n.index for n in neurons if n.function is function)
            for function in dict.fromkeys(neuron.function for neuron in neurons)
        }

    def forward(self, activations: Sequence[Any]) -> Any:
        """Activations, shape (samples, neurons), from those of all earlier layers."""
        z = self.bias
        for position, weight, mask in zip(self.sources, self.weights, self.masks, strict=True):
            z = activations[position] @ (weight * mask).T + z
        if not self.sources:
            z = np.zeros((len(data_of(activations[0])), 1)) + z
        parts = [function(z[:, list(which)]) for function, which in self.functions.items()]
        if len(parts) == 1:
            return parts[0]
        places = np.argsort([place for which in self.functions.values() for place in which])
        return np.concatenate(parts, axis=1)[:, places]

    def extra_repr(self) -> str:
        return f"{len(data_of(self.bias))} neurons, from layers {', '.join(map(str, self.sources))}"


class WiredLayers(nn.Module):
    """A network of any wiring that leads from earlier layers to later ones, as tensors.

    Takes images of shape (samples, inputs), or such that the axes after the first multiply to the
    number of inputs; gives output activations, shape (samples, outputs).
    """

    def __init__(self, layers: Sequence[Layer[Any]]) -> None:
        self.width, self.height = layers[0].width, layers[0].height
        self.layers = [WiredLayer(layer) for layer in layers[1:]]

    def forward(self, x: Any) -> Any:
        activations = [np.reshape(x, (len(x), self.width * self.height))]
        for layer in self.layers:
            activations.append(layer(activations))
        return activations[-1]


def to_layers(network: Network) -> nn.Module:
    """A network's tensor form: float64, with the weights as they are now.

    Returns:
        `nn.Sequential` of linear layers and activation functions, if every layer is connected to
        the next neuron by neuron, learns, and has one activation function; else `WiredLayers`.

    Raises:
        ValueError: a connection does not lead from an earlier layer to a later one; names it.
    """
    wired = WiredLayers(network.layers)
    modules: list[nn.Module] = []
    for position, layer in enumerate(wired.layers):
        plain = layer.sources == (position,) and layer.masks[0].all() and not layer.static
        if not plain or len(layer.functions) > 1:
            return wired
        linear = nn.Linear(*layer.masks[0].shape[::-1], dtype=np.float64)
        linear.weight, linear.bias = layer.weights[0], layer.bias
        modules.append(linear)
        (function,) = layer.functions
        if function is not identity:
            modules.append(_MODULES[function]() if function in _MODULES else Elementwise(function))
    return nn.Sequential(*modules)


def from_layers(model: nn.Module) -> Network:
    """The network whose tensor form a model is.

    Args:
        model: what `to_layers` gives, or an `nn.Sequential` of `nn.Linear` layers, each with its
            activation function after it or none; `nn.Flatten` may come first.

    Raises:
        TypeError: the model consists of other parts; names the first.
    """
    from tinygrad_lite.neurons.network import Network

    if isinstance(model, WiredLayers):
        return Network(_rewired(model))
    if not isinstance(model, nn.Sequential):
        raise TypeError(
            f"from_layers: expected nn.Sequential or WiredLayers, found {type(model).__name__}"
        )
    linears: list[nn.Linear] = []
    functions: list[ActivationFunction | None] = []
    for position, module in enumerate(model.children()):
        if isinstance(module, nn.Linear):
            linears.append(module)
            functions.append(None)
        elif isinstance(module, nn.Flatten) and position == 0:
            continue
        elif functions and functions[-1] is None and (function := _function_of(module)):
            functions[-1] = function
        else:
            raise TypeError(f"from_layers: no neurons are like part {position}, {module!r}")
    if not linears:
        raise TypeError("from_layers: the model has no nn.Linear")
    layers: list[Any] = [InputLayer(*grid(linears[0].in_features))]
    for linear, function in zip(linears, functions, strict=True):
        last = linear is linears[-1]
        size, f = linear.out_features, function or identity
        layer = OutputLayer(size, function=f) if last else HiddenLayer(*grid(size), function=f)
        biases = np.zeros(size) if linear.bias is None else linear.bias.data
        weights = np.asarray(linear.weight.data, dtype=np.float64)
        _fill(layer, biases, [(layers[-1], weights, np.ones_like(weights))])
        layers.append(layer)
    return Network(layers)


def _rewired(model: WiredLayers) -> list[Any]:
    layers: list[Any] = [InputLayer(model.width, model.height)]
    for wired in model.layers:
        layer: Any
        if wired is model.layers[-1]:
            layer = OutputLayer(wired.width)
        else:
            layer = HiddenLayer(wired.width, wired.height, static=wired.static)
        for function, which in wired.functions.items():
            for index in which:
                layer[index].function = function
        sources = [layers[position] for position in wired.sources]
        weights = [data_of(weight) for weight in wired.weights]
        fed = list(zip(sources, weights, wired.masks, strict=True))
        _fill(layer, data_of(wired.bias), fed)
        layers.append(layer)
    return layers


def _fill(layer: Layer[Any], biases: Any, fed: Sequence[tuple[Layer[Any], Any, Any]]) -> None:
    for neuron, bias in zip(layer, biases, strict=True):
        neuron.bias.data = float(bias)
        for source, weights, mask in fed:
            for index in np.flatnonzero(mask[neuron.index]).tolist():
                join(source[index], neuron, float(weights[neuron.index, index]))


def _function_of(module: nn.Module) -> ActivationFunction | None:
    if isinstance(module, Elementwise):
        return module.function
    for function, kind in _MODULES.items():
        if type(module) is kind:
            found: ActivationFunction = function
            return found
    return None
