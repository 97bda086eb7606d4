"""Learning by matrices: what cost, backward and nudge do neuron by neuron, for levels at once.

The weights and biases that learn live in a pack, of which their Values show the entries. A matrix
of weights is a slice of it, so its gradient is too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_lite.engine.modes import no_grad
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.neurons.evaluation import DENSE, ELEMENTWISE, SAMPLES_AT_ONCE
from tinygrad_lite.neurons.neuron import InputNeuron, Neuron, ReceiverNeuron, StaticNeuron
from tinygrad_lite.replay.packs import Pack
from tinygrad_lite.rules.indexing import scatter

if TYPE_CHECKING:
    from tinygrad_lite.neurons.network import Network

Array = NDArray[np.float64]


class Learning:
    """The part of a network that changes in training, or depends on what changes.

    Args:
        network: not to be rewired as long as this is used.
        known: neurons whose activations will be given, in order.

    Attributes:
        pack: the weights and biases that learn and have a say in the output.
    """

    def __init__(self, network: Network, known: Sequence[Neuron]) -> None:
        self.network = network
        self._place: dict[Value, int] = {}
        leading = _leading_to_output(network)
        order = [n for n in network.order if n in leading and n not in set(known)]
        where: dict[Neuron, tuple[int, int]] = {n: (1, row) for row, n in enumerate(known)}
        depth: dict[Neuron, int] = {}
        groups: list[list[ReceiverNeuron]] = []
        for neuron in order:
            before = [depth.get(c.source, -1) for c in neuron.inputs]
            depth[neuron] = level = 1 + max(before, default=-1)
            if level == len(groups):
                groups.append([])
            where[neuron] = 2 + level, len(groups[level])
            groups[level].append(neuron)
        self._levels = [_Level(neurons, where, self._place) for neurons in groups]
        self._outputs = [where[neuron] for neuron in network.output_layer]
        self.pack = Pack(self._place)
        learns = [n for n in network.receivers if not isinstance(n, StaticNeuron)]
        self._biases = np.array(
            [self._place[n.bias] for n in learns if n in leading], dtype=np.intp
        )
        self._idle = [n for n in learns if n not in leading]

    @property
    def suits(self) -> bool:
        """Whether the network can learn this way: no matrix is much too large for the connections
        that are there, and no Value both learns and belongs to a neuron that never does."""
        static = [n for n in self.network.receivers if isinstance(n, StaticNeuron)]
        constant = {n.bias for n in static} | {c.weight for n in static for c in n.inputs}
        dense = all(block.is_dense for level in self._levels for block in level.blocks)
        return dense and constant.isdisjoint(self._place)

    def step(
        self, batch: Array, desired: Array, known: Array, step_size: float, bias_limit: float | None
    ) -> float:
        """Move every weight and bias against its gradient, and return the cost before.

        Nothing is moved if the cost is not finite.

        Args:
            batch: images, shape (samples, inputs).
            desired: activations of the output neurons, shape (outputs, samples).
            known: activations of the neurons given, shape (neurons, samples).
            step_size: how far, in multiples of the gradient.
            bias_limit: largest magnitude of a bias, None for no limit.
        """
        before = self.pack.data
        vector = Value(before)
        away = self._forward(vector, batch.T, known) - desired
        cost: Any = (away * away).sum() / len(batch)
        if not np.isfinite(data_of(cost)):
            return float(data_of(cost))
        after = before
        if type(cost) is Value:
            cost.backward()
            after = before - step_size * vector.grad
        if bias_limit is not None:
            after[self._biases] = np.clip(after[self._biases], -bias_limit, bias_limit)
            for neuron in self._idle:
                neuron.bias.data = min(max(neuron.bias.data, -bias_limit), bias_limit)
        self.pack.data = after
        self.pack._grad = vector.grad
        return float(data_of(cost))

    def outputs(self, samples: Array, known: Array) -> Array:
        """Activations of the output neurons, shape (samples, outputs), as weights are now."""
        results = np.empty((len(samples), len(self._outputs)))
        vector = self.pack.data
        with no_grad():
            for start in range(0, len(samples), SAMPLES_AT_ONCE):
                part = slice(start, start + SAMPLES_AT_ONCE)
                results[part] = data_of(self._forward(vector, samples[part].T, known[:, part])).T
        return results

    def _forward(self, vector: Any, inputs: Array, known: Array) -> Any:
        """Activations of the output neurons, shape (outputs, samples)."""
        activations: list[Any] = [inputs, known]
        for level in self._levels:
            activations.append(level.lit(vector, activations))
        first, rows = self._outputs[0][0], [row for _, row in self._outputs]
        if all(array == first for array, _ in self._outputs):
            return _rows(activations[first], np.array(rows))
        return np.stack([activations[array][row] for array, row in self._outputs])


class _Level:
    """Neurons that do not lead to each other."""

    def __init__(
        self,
        neurons: list[ReceiverNeuron],
        where: Mapping[Neuron, tuple[int, int]],
        place: dict[Value, int],
    ) -> None:
        self.neurons = neurons
        wires: dict[int, list[tuple[int, int, Value, bool]]] = {}
        for row, neuron in enumerate(neurons):
            static = isinstance(neuron, StaticNeuron)
            for connection in neuron.inputs:
                array, source = _found(connection.source, where)
                wires.setdefault(array, []).append((row, source, connection.weight, static))
        self.blocks = [_Block(array, len(neurons), wires[array], place) for array in sorted(wires)]
        biases = [(row, 0, n.bias, isinstance(n, StaticNeuron)) for row, n in enumerate(neurons)]
        self.bias = _Block(0, len(neurons), biases, place)
        self.functions = {
            function: np.array([row for row, n in enumerate(neurons) if n.function is function])
            for function in dict.fromkeys(neuron.function for neuron in neurons)
        }

    def lit(self, vector: Any, activations: Sequence[Any]) -> Any:
        """Activations of these neurons, shape (neurons, samples)."""
        z = self.bias.matrix(vector)
        for block in self.blocks:
            z = block.matrix(vector) @ _rows(activations[block.array], block.rows) + z
        if len(data_of(z)[0]) != activations[0].shape[1]:  # fed by nothing
            z = z + np.zeros((1, activations[0].shape[1]))
        parts = [self._lit(function, _rows(z, rows)) for function, rows in self.functions.items()]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts)[np.argsort(np.concatenate(list(self.functions.values())))]

    @staticmethod
    def _lit(function: Any, z: Any) -> Any:
        if function in ELEMENTWISE:
            return function(z)
        if type(z) is not Value:
            z = Value(z)
        return np.stack([function(z[row]) for row in range(len(z))])


class _Block:
    """The connections of a level from the neurons of one array.

    Attributes:
        array: which.
        rows: of the array that they come from.
        shape: neurons of the level, and such rows.
        places: of their weights in the pack, in order of `cells`.
        cells: where in the flattened matrix these are.
        constant: the matrix of weights that never learn, or 0.
    """

    def __init__(
        self,
        array: int,
        neurons: int,
        wires: list[tuple[int, int, Value, bool]],
        place: dict[Value, int],
    ) -> None:
        self.array = array
        targets, sources, weights, static = zip(*wires, strict=True)
        self.rows, columns = np.unique(np.array(sources, dtype=np.intp), return_inverse=True)
        self.shape = neurons, len(self.rows)
        cells = np.array(targets) * self.shape[1] + columns
        learns = ~np.array(static)
        self.cells = cells[learns]
        learned = [w for w, fixed in zip(weights, static, strict=True) if not fixed]
        self.places = np.array([place.setdefault(w, len(place)) for w in learned], dtype=np.intp)
        self.size = self.shape[0] * self.shape[1]
        self.is_dense = self.size <= max(DENSE, 50 * len(wires))
        self.constant: Any = 0.0
        if self.is_dense and not learns.all():
            numbers = [w.data for w, fixed in zip(weights, static, strict=True) if fixed]
            matrix = np.bincount(cells[~learns], numbers, self.size)
            self.constant = matrix.reshape(self.shape)
        self.start = int(self.places[0]) if len(self.places) else 0
        self.is_slice = len(self.places) == self.size and bool(
            np.array_equal(self.cells, np.arange(self.size))
            and np.array_equal(self.places, np.arange(self.start, self.start + self.size))
        )

    def matrix(self, vector: Any) -> Any:
        """The weights, with 0 where there is no connection."""
        if not len(self.places):
            return self.constant
        if self.is_slice:
            return np.reshape(vector[self.start : self.start + self.size], self.shape)
        learned = scatter(vector[self.places], index=self.cells, shape=(self.size,))
        return np.reshape(learned, self.shape) + self.constant


def _rows(array: Any, rows: NDArray[np.intp]) -> Any:
    """Rows of an array, given in rising order; a view if they lie together."""
    first, count = int(rows[0]), len(rows)
    if rows[-1] - first == count - 1 and np.array_equal(rows, np.arange(first, first + count)):
        return array if count == len(data_of(array)) else array[first : first + count]
    return array[rows]


def _found(source: Neuron, where: Mapping[Neuron, tuple[int, int]]) -> tuple[int, int]:
    return (0, source.index) if isinstance(source, InputNeuron) else where[source]


def _leading_to_output(network: Network) -> set[ReceiverNeuron]:
    """Hidden and output neurons that an output depends on."""
    leading: set[ReceiverNeuron] = set(network.output_layer)
    for neuron in reversed(network.order):
        if neuron in leading:
            leading.update(_receivers(neuron))
    return leading


def _receivers(neuron: ReceiverNeuron) -> Iterator[ReceiverNeuron]:
    for connection in neuron.inputs:
        if isinstance(connection.source, ReceiverNeuron):
            yield connection.source
