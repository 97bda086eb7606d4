"""Connections: the weighted links between neurons, and the refusal of cycles."""

from __future__ import annotations

from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.neurons.neuron import HiddenNeuron, InputNeuron, ReceiverNeuron


class Connection:
    """A link that brings one neuron's activation, times its weight, to another.

    Making it wires it: it joins the inputs of the target, and is found in the source's outputs.

    Args:
        source: an input or hidden neuron.
        target: a hidden or output neuron.
        weight: a number, or a Value, which several connections may share.

    Attributes:
        source, target: the neurons.

    Raises:
        TypeError: the source is an output neuron, or the target an input neuron.
        ValueError: the neurons are connected already, or it would close a cycle (which is named).

    >>> from tinygrad_lite.neurons import InputLayer, OutputLayer
    >>> inputs, outputs = InputLayer(2), OutputLayer(1)
    >>> Connection(inputs[0], outputs[0], 0.5)
    <Connection InputLayer[0] -> OutputLayer[0]>
    """

    __slots__ = ("_weight", "source", "target")

    def __init__(
        self, source: InputNeuron | HiddenNeuron, target: ReceiverNeuron, weight: Any
    ) -> None:
        if not isinstance(source, InputNeuron | HiddenNeuron):
            raise TypeError(f"a connection starts at an input or hidden neuron, not at {source!r}")
        if not isinstance(target, ReceiverNeuron):
            raise TypeError(f"a connection leads to a hidden or output neuron, not to {target!r}")
        if any(c.source is source for c in target.inputs):
            raise ValueError(f"{source.name} is connected to {target.name} already")
        refuse_cycle(source, target)
        self._join(source, target, weight if type(weight) is Value else Value(float(weight)))

    def _join(
        self, source: InputNeuron | HiddenNeuron, target: ReceiverNeuron, weight: Value
    ) -> None:
        self.source = source
        self.target = target
        self._weight = weight
        if source.layer.feeds is None:
            source.layer.feeds = {}
        source.layer.feeds[target.layer] = None
        target._inputs.append(self)
        target.layer.received += 1

    @property
    def weight(self) -> Value:
        """How strong it is: a Value. Set it to a number, or to another Value."""
        # Named when first looked at, which saves memory in large files.
        if not self._weight.name and self.target.layer.position >= 0:
            self._weight.name = f"{self.source.name}->{self.target.name}"
        return self._weight

    @weight.setter
    def weight(self, weight: Any) -> None:
        if type(weight) is Value:
            self._weight = weight
        else:
            self._weight.data = float(weight)

    def __repr__(self) -> str:
        return f"<Connection {self.source.name} -> {self.target.name}>"


def join(source: InputNeuron | HiddenNeuron, target: ReceiverNeuron, weight: float) -> Connection:
    """A connection that is known to be new and to close no cycle."""
    connection = Connection.__new__(Connection)
    connection._join(source, target, Value(weight))
    return connection


def refuse_cycle(source: InputNeuron | HiddenNeuron, target: ReceiverNeuron) -> None:
    """Raise ValueError if the target leads to the source already."""
    way_back = _path(target, source)
    if way_back:
        raise ValueError(
            "this connection would close a cycle, so that a neuron would wait for itself: "
            + " -> ".join(neuron.name for neuron in [source, *way_back])
        )


def _path(start: Any, end: Any) -> list[Any]:
    """The neurons from start to end along connections, both included; empty if there is no way."""
    if start is not end and not start.layer.feeds:
        return []  # as always while a network is wired from front to back
    leads_to: dict[Any, Any] = {end: None}
    stack = [end]
    while stack and start not in leads_to:
        neuron = stack.pop()
        for connection in getattr(neuron, "inputs", ()):
            if connection.source not in leads_to:
                leads_to[connection.source] = neuron
                stack.append(connection.source)
    path = [start] if start in leads_to else []
    while path and path[-1] is not end:
        path.append(leads_to[path[-1]])
    return path
