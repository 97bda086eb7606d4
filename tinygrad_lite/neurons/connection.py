"""Connections: the weighted links between neurons, and the refusal of cycles."""

from __future__ import annotations

from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.neurons.neuron import HiddenNeuron, InputNeuron, ReceiverNeuron


class Connection:
    """A link that brings one neuron's activation, times its weight, to another.

    Making it wires it: it joins the outputs of the one and the inputs of the other.

    Args:
        source: an input or hidden neuron.
        target: a hidden or output neuron.
        weight: a number, or a Value, which several connections may share.

    Attributes:
        source, target: the neurons.
        weight: a Value.

    Raises:
        TypeError: the source is an output neuron, or the target an input neuron.
        ValueError: the neurons are connected already, or it would close a cycle (which is named).

    >>> from tinygrad_lite.neurons import InputLayer, OutputLayer
    >>> inputs, outputs = InputLayer(2), OutputLayer(1)
    >>> Connection(inputs[0], outputs[0], 0.5)
    <Connection InputLayer[0] -> OutputLayer[0]>
    """

    __slots__ = ("source", "target", "weight")

    def __init__(
        self, source: InputNeuron | HiddenNeuron, target: ReceiverNeuron, weight: Any
    ) -> None:
        if not isinstance(source, InputNeuron | HiddenNeuron):
            raise TypeError(f"a connection starts at an input or hidden neuron, not at {source!r}")
        if not isinstance(target, ReceiverNeuron):
            raise TypeError(f"a connection leads to a hidden or output neuron, not to {target!r}")
        if any(c.source is source for c in target.inputs):
            raise ValueError(f"{source.name} is connected to {target.name} already")
        cycle = _path(target, source)
        if cycle:
            raise ValueError(
                "this connection would close a cycle, so that a neuron would wait for itself: "
                + " -> ".join(neuron.name for neuron in [source, *cycle])
            )
        self._join(source, target, weight if type(weight) is Value else Value(float(weight)))

    def _join(
        self, source: InputNeuron | HiddenNeuron, target: ReceiverNeuron, weight: Value
    ) -> None:
        self.source = source
        self.target = target
        self.weight = weight
        source.outputs.append(self)
        target.inputs.append(self)
        target.layer.received += 1
        if target.layer.position >= 0 and not weight.name:
            weight.name = f"{target.name}.inputs[{len(target.inputs) - 1}].weight"

    def __repr__(self) -> str:
        return f"<Connection {self.source.name} -> {self.target.name}>"


def join(source: InputNeuron | HiddenNeuron, target: ReceiverNeuron, weight: float) -> Connection:
    """A connection that is known to be new and to close no cycle."""
    connection = Connection.__new__(Connection)
    connection._join(source, target, Value(weight))
    return connection


def _path(start: Any, end: Any) -> list[Any]:
    """The neurons from start to end along connections, both included; empty if there is no way."""
    if start is end:
        return [start]
    if not (getattr(start, "_outputs", None) and getattr(end, "inputs", None)):
        return []
    came_from: dict[Any, Any] = {start: None}
    stack = [start]
    while stack:
        neuron = stack.pop()
        for connection in getattr(neuron, "_outputs", None) or ():
            following = connection.target
            if following not in came_from:
                came_from[following] = neuron
                stack.append(following)
    if end not in came_from:
        return []
    path = [end]
    while path[-1] is not start:
        path.append(came_from[path[-1]])
    return path[::-1]
