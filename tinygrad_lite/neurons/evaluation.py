"""Evaluating many samples at once: a matrix product for each level of the wiring."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_lite.engine.modes import no_grad
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.neurons.layer import Layer
from tinygrad_lite.neurons.neuron import ActivationFunction, Neuron, ReceiverNeuron, identity
from tinygrad_lite.rules.activations import relu, sigmoid

ELEMENTWISE: set[ActivationFunction] = {sigmoid, relu, np.tanh, identity}
"""Activation functions that may be given the activations of many neurons at once."""

SAMPLES_AT_ONCE = 1000
"""Bounds the memory: a row of this many numbers for each neuron."""

DENSE = 4_000_000
"""Matrices of up to this many entries are used even if few connections are there."""

Array = NDArray[np.float64]


class Evaluation:
    """A network's wiring as matrices; the weights are read anew at each call.

    Args:
        layers: of the network.
        order: its receiving neurons, each after those that lead to it.
    """

    def __init__(self, layers: Sequence[Layer[Any]], order: Sequence[ReceiverNeuron]) -> None:
        self.inputs = len(layers[0])
        self.outputs = len(layers[-1])
        depth: dict[Neuron, int] = {}
        levels: list[list[ReceiverNeuron]] = []
        for neuron in order:
            before = [depth.get(c.source, -1) for c in neuron.inputs]
            depth[neuron] = level = 1 + max(before, default=-1)
            if level == len(levels):
                levels.append([])
            levels[level].append(neuron)
        # Rows of the table of activations: input neurons, then level by level.
        row = {id(n): self.inputs + i for i, n in enumerate(n for level in levels for n in level)}
        self.levels = [_Level(neurons, row) for neurons in levels]
        self.rows = self.inputs + len(order)
        self.output_rows = np.array([row[id(neuron)] for neuron in layers[-1]])

    def __call__(self, samples: Array) -> Array:
        """Output activations, shape (samples, outputs), of inputs of shape (samples, inputs)."""
        ready = [level.with_weights() for level in self.levels]
        results = np.empty((len(samples), self.outputs))
        with no_grad():
            for start in range(0, len(samples), SAMPLES_AT_ONCE):
                part = samples[start : start + SAMPLES_AT_ONCE]
                table = np.empty((self.rows, len(part)))
                table[: self.inputs] = part.T
                for level, weights in zip(self.levels, ready, strict=True):
                    table[level.rows] = level.lit(weights, table)
                results[start : start + SAMPLES_AT_ONCE] = table[self.output_rows].T
        return results


class _Level:
    """Neurons that do not lead to each other: one matrix of weights, and the biases."""

    def __init__(self, neurons: list[ReceiverNeuron], row: dict[int, int]) -> None:
        first = row[id(neurons[0])]
        self.neurons = neurons
        self.rows = slice(first, first + len(neurons))
        self.connections = [c for neuron in neurons for c in neuron.inputs]
        counts = [len(neuron.inputs) for neuron in neurons]
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        # An input neuron has the row of its index; it is in no level.
        rows = [row.get(id(c.source), c.source.index) for c in self.connections]
        self.source_rows = np.array(rows, dtype=np.intp)
        self.sources, columns = np.unique(self.source_rows, return_inverse=True)
        self.shape = (len(neurons), len(self.sources))
        area = self.shape[0] * self.shape[1]
        self.dense = area <= max(DENSE, 50 * len(self.connections))
        self.cells = np.repeat(np.arange(len(neurons)), counts) * self.shape[1] + columns

    def with_weights(self) -> tuple[Array, Array]:
        """Weights as a matrix (a vector, one for each connection, if sparse), and biases."""
        flat = np.array([data_of(c.weight) for c in self.connections], dtype=np.float64)
        biases = np.array([[neuron.bias.data] for neuron in self.neurons], dtype=np.float64)
        if not self.dense:
            return flat, biases
        # Several connections between the same two neurons add up.
        size = self.shape[0] * self.shape[1]
        matrix = np.bincount(self.cells, weights=flat, minlength=size).astype(np.float64)
        return matrix.reshape(self.shape), biases

    def lit(self, weights: tuple[Array, Array], table: Array) -> Array:
        """Activations of these neurons, shape (neurons, samples)."""
        matrix, biases = weights
        if self.dense:
            z = matrix @ self._taken(table) + biases
        else:
            z = np.repeat(biases, table.shape[1], axis=1)
            for position, (start, end) in enumerate(pairwise(self.starts)):
                z[position] += matrix[start:end] @ table[self.source_rows[start:end]]
        functions = {neuron.function for neuron in self.neurons}
        if len(functions) == 1 and functions <= ELEMENTWISE:
            return np.asarray(self.neurons[0].function(z))
        for position, neuron in enumerate(self.neurons):
            z[position] = data_of(neuron.function(Value(z[position])))
        return z

    def _taken(self, table: Array) -> Array:
        """The rows of the sources; a view, if they lie together."""
        first, count = int(self.sources[0]) if len(self.sources) else 0, len(self.sources)
        if count and self.sources[-1] - first == count - 1:
            return table[first : first + count]
        return table[self.sources]
