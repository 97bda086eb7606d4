"""Evaluating many samples at once: a matrix product for each level of the wiring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_lite.engine.modes import no_grad
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.neurons.inputs import as_targets
from tinygrad_lite.neurons.neuron import (
    ActivationFunction,
    Neuron,
    ReceiverNeuron,
    StaticNeuron,
    identity,
)
from tinygrad_lite.rules.activations import relu, sigmoid

if TYPE_CHECKING:
    from tinygrad_lite.neurons.network import Network

ELEMENTWISE: set[ActivationFunction] = {sigmoid, relu, np.tanh, identity}
"""Activation functions that may be given the activations of many neurons at once."""

SAMPLES_AT_ONCE = 1000
"""Bounds the memory: a row of this many numbers for each neuron."""

DENSE = 4_000_000
"""Matrices of up to this many entries are used even if few connections are there."""

PRODUCT = 500
"""A matrix product more costs about as much as this many entries of a matrix."""

Array = NDArray[np.float64]


class Evaluation:
    """The wiring of a network, or of a part, as matrices.

    Args:
        inputs: length of the input layer.
        order: the neurons to light, each after those that lead to it.
        wanted: those of them whose activations are wanted.
        given: neurons beside the input layer whose activations will be given.
    """

    def __init__(
        self,
        inputs: int,
        order: Sequence[ReceiverNeuron],
        wanted: Iterable[ReceiverNeuron],
        given: Sequence[ReceiverNeuron] = (),
    ) -> None:
        self.inputs = inputs
        depth: dict[Neuron, int] = {}
        levels: list[list[ReceiverNeuron]] = []
        for neuron in order:
            before = [depth.get(c.source, -1) for c in neuron.inputs]
            depth[neuron] = level = 1 + max(before, default=-1)
            if level == len(levels):
                levels.append([])
            levels[level].append(neuron)
        # Rows of the table of activations: input neurons, those given, then level by level.
        lit = chain(given, *levels)
        row = {id(neuron): place for place, neuron in enumerate(lit, inputs)}
        self.levels = [_Level(neurons, row) for neurons in levels]
        self.rows = inputs + len(row)
        self.wanted = np.array([row[id(neuron)] for neuron in wanted], dtype=np.intp)

    def weights(self) -> list[tuple[Array, Array]]:
        """Weights and biases as they are now, for calls that follow."""
        return [level.with_weights() for level in self.levels]

    def __call__(
        self,
        samples: Array,
        given: Array | None = None,
        weights: Sequence[tuple[Array, Array]] | None = None,
    ) -> Array:
        """Activations of the neurons wanted, shape (samples, neurons).

        Args:
            samples: activations of the input layer, shape (samples, inputs).
            given: activations of the neurons given, shape (samples, neurons).
            weights: what `weights` returned, if nothing has changed since; else they are read anew.
        """
        return self.rows_of(samples, given, weights).T

    def rows_of(
        self,
        samples: Array,
        given: Array | None = None,
        weights: Sequence[tuple[Array, Array]] | None = None,
    ) -> Array:
        """The same, shape (neurons, samples)."""
        ready = self.weights() if weights is None else weights
        results = np.empty((len(self.wanted), len(samples)))
        with no_grad():
            for start in range(0, len(samples), SAMPLES_AT_ONCE):
                part = slice(start, min(start + SAMPLES_AT_ONCE, len(samples)))
                table = np.empty((self.rows, part.stop - start))
                table[: self.inputs] = samples[part].T
                if given is not None:
                    known = given[part].T
                    table[self.inputs : self.inputs + len(known)] = known
                for level, matrices in zip(self.levels, ready, strict=True):
                    table[level.rows] = level.lit(matrices, table)
                results[:, part] = table[self.wanted]
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
        self.bands = _bands([columns[a:b] for a, b in pairwise(self.starts)])
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
            taken = self._taken(table)
            z = np.empty((len(self.neurons), table.shape[1]))
            for rows, columns in self.bands:
                np.matmul(matrix[rows, columns], taken[columns], out=z[rows])
            z += biases
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


def _bands(columns: Sequence[NDArray[np.intp]]) -> list[tuple[slice, slice]]:
    """Neighbouring neurons that look at neighbouring sources, as parts of the matrix outside of
    which it is zero; everything is one part unless that saves work.

    Args:
        columns: for each neuron those of its row that may differ from zero.
    """
    bands: list[tuple[slice, slice]] = []
    for row, own in enumerate(columns):
        low, high = (int(own.min()), int(own.max()) + 1) if len(own) else (0, 0)
        if bands:
            rows, span = bands[-1]
            count = row - rows.start
            start, stop = min(low, span.start), max(high, span.stop)
            apart = count * (span.stop - span.start) + (high - low) + PRODUCT
            if (count + 1) * (stop - start) <= apart:
                bands[-1] = slice(rows.start, row + 1), slice(start, stop)
                continue
        bands.append((slice(row, row + 1), slice(low, high)))
    return bands


def scores_of(outputs: Array, labels: ArrayLike) -> tuple[float, float]:
    """Success rate and average cost of output activations of shape (samples, outputs).

    Raises:
        TypeError, ValueError: the labels do not fit, or there are no samples.
    """
    if not len(outputs):
        raise ValueError("there is no image to score")
    classes = np.atleast_1d(np.asarray(labels))
    desired = np.stack(as_targets(classes, *outputs.shape), axis=-1)
    if classes.ndim > 1:
        classes = np.argmax(classes, axis=1)
    rate = np.mean(np.argmax(outputs, axis=1) == classes)
    return float(rate), float(np.mean(np.sum((outputs - desired) ** 2, axis=1)))


class Constants:
    """The neurons that training does not change: static ones that only the images, or other such
    neurons, lead to. Computed by matrices, and for the test images once."""

    def __init__(self, network: Network) -> None:
        self.neurons: dict[ReceiverNeuron, None] = {}
        for neuron in network.order:
            sources = [c.source for c in neuron.inputs if isinstance(c.source, ReceiverNeuron)]
            if isinstance(neuron, StaticNeuron) and all(s in self.neurons for s in sources):
                self.neurons[neuron] = None
        self.network = network
        self.evaluation = Evaluation(len(network.input_layer), list(self.neurons), self.neurons)
        self.weights = self.evaluation.weights()

    def known(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """Their activations, shape (neurons, samples)."""
        return self.evaluation.rows_of(samples, weights=self.weights)
