"""Writing networks in the original's JSON format: the same bytes for the same network."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING

from tinygrad_lite.neurons.json_format import FUNCTIONS, NetworkFileError
from tinygrad_lite.neurons.neuron import ReceiverNeuron

if TYPE_CHECKING:
    from tinygrad_lite.neurons.network import Network


def network_text(network: Network) -> str:
    """A network in the format that `json_format` describes, on one line without spaces.

    Numbers are written with the fewest digits that read back as the same float64.

    Raises:
        NetworkFileError: the format has no way to say it: an activation function other than
            sigmoid and ReLU, a connection that does not come from an earlier layer, or a weight or
            bias that is NaN or infinite; names the place.
    """
    assert network.order  # raises if a neuron of another network takes part
    layers = ",".join(
        '{"neurons":[' + ",".join(map(_neuron_text, layer)) + "]}" for layer in network.layers[1:]
    )
    return f'{{"inputLayerLength":{len(network.input_layer)},"otherLayers":[{layers}]}}'


def _neuron_text(neuron: ReceiverNeuron) -> str:
    name = next((name for name, f in FUNCTIONS.items() if f is neuron.function), None)
    if name is None:
        function = getattr(neuron.function, "__name__", repr(neuron.function))
        raise NetworkFileError(
            f"{neuron.name} has the activation function {function}; the file format knows "
            f"{' and '.join(FUNCTIONS)} only"
        )
    bias = _number_text(neuron.bias.data, f"the bias of {neuron.name}")
    inputs = ",".join(_connection_texts(neuron))
    return f'{{"bias":{bias},"activationFunction":"{name}","inputs":[{inputs}]}}'


def _connection_texts(neuron: ReceiverNeuron) -> Iterator[str]:
    here = neuron.layer.position
    for connection in neuron.inputs:
        layer = connection.source.layer.position
        if layer >= here:
            raise NetworkFileError(
                f"{connection!r} does not come from an earlier layer, as the file format wants"
            )
        weight = _number_text(connection.weight.data, f"the weight of {connection!r}")
        index = connection.source.index
        yield f'{{"fromLayer":{layer},"fromNeuron":{index},"weight":{weight}}}'


def _number_text(number: float, what: str) -> str:
    number = float(number)
    if not isfinite(number):
        raise NetworkFileError(f"{what} is {number}, which JSON cannot hold")
    return repr(number)
