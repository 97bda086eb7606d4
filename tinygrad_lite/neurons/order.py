"""The order in which neurons are lit: each after all that lead to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tinygrad_lite.neurons.layer import Layer
from tinygrad_lite.neurons.neuron import ReceiverNeuron


def propagation_order(layers: Sequence[Layer[Any]]) -> tuple[ReceiverNeuron, ...]:
    """Hidden and output neurons, layer by layer where the connections allow it.

    Raises:
        ValueError: a connection leads from a neuron outside these layers.
    """
    inside = set(map(id, layers))
    receivers: list[ReceiverNeuron] = [neuron for layer in layers[1:] for neuron in layer]
    done: set[int] = set()
    order: list[ReceiverNeuron] = []
    for receiver in receivers:
        stack = [receiver]
        while stack:
            neuron = stack[-1]
            waiting = [] if id(neuron) in done else list(_unlit(neuron, done, inside))
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if id(neuron) not in done:
                done.add(id(neuron))
                order.append(neuron)
    return tuple(order)


def _unlit(neuron: ReceiverNeuron, done: set[int], inside: set[int]) -> Iterable[ReceiverNeuron]:
    for connection in neuron.inputs:
        source = connection.source
        if id(source.layer) not in inside:
            raise ValueError(f"{neuron.name} is fed by {source!r}, which is not in this network")
        if isinstance(source, ReceiverNeuron) and id(source) not in done:
            yield source
