"""Layers that scan a picture for a pattern: the edge maps of the original's fourth network."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_lite.neurons.connection import join
from tinygrad_lite.neurons.layer import HiddenLayer, InputLayer
from tinygrad_lite.neurons.neuron import ActivationFunction, HiddenNeuron, InputNeuron
from tinygrad_lite.rules.activations import relu

NEGLIGIBLE = 0.001
"""Pattern entries of at most this magnitude make no connection."""

_OUTSIDE = [-0.4, -0.5, -0.7, -1.0, -0.7, -0.5, -0.4]
_RIDGE = [0.7, 0.8, 0.9, 1.0, 0.9, 0.8, 0.7]
_NOTHING = [0.0] * 7
_HORIZONTAL = np.array([_OUTSIDE, _NOTHING, _NOTHING, _RIDGE, _NOTHING, _NOTHING, _OUTSIDE])
_SLASH = np.array(
    [
        [-2.0, -1.0, -0.5, 0.0, 0.0, 0.0, 0.7],
        [-1.0, -0.5, 0.0, 0.0, 0.0, 0.8, 0.0],
        [-0.5, 0.0, 0.0, 0.7, 0.9, 0.0, 0.0],
        [0.0, 0.0, 0.7, 1.0, 0.7, 0.0, 0.0],
        [0.0, 0.0, 0.9, 0.7, 0.0, 0.0, -0.5],
        [0.0, 0.8, 0.0, 0.0, 0.0, -0.5, -1.0],
        [0.7, 0.0, 0.0, 0.0, -0.5, -1.0, -2.0],
    ]
)

for _pattern in (_HORIZONTAL, _SLASH):
    _pattern.setflags(write=False)  # two names are views of the same numbers

EDGE_PATTERNS: Mapping[str, NDArray[np.float64]] = MappingProxyType(
    {
        "horizontal": _HORIZONTAL,
        "vertical": _HORIZONTAL.T,
        "slash": _SLASH,
        "backslash": _SLASH[:, ::-1],
    }
)
"""The original's four 7x7 patterns, rows from top to bottom: strokes of four directions."""


def edge_pattern(direction: str, size: int = 7) -> NDArray[np.float64]:
    """One of the `EDGE_PATTERNS`, stretched to another size by linear interpolation.

    Args:
        direction: horizontal, vertical, slash or backslash.
        size: rows and columns; 7 gives the original's numbers.

    Raises:
        ValueError: there is no such direction, or the size is below 2.

    >>> edge_pattern("vertical", 3)
    array([[-0.4,  0.7, -0.4],
           [-1. ,  1. , -1. ],
           [-0.4,  0.7, -0.4]])
    """
    if direction not in EDGE_PATTERNS:
        raise ValueError(f"no edge pattern {direction!r}: choose one of {', '.join(EDGE_PATTERNS)}")
    if size < 2:
        raise ValueError(f"size of an edge pattern: expected at least 2, found {size}")
    pattern = EDGE_PATTERNS[direction]
    at, known = np.linspace(0, 6, size), np.arange(7)
    rows = np.stack([np.interp(at, known, row) for row in pattern])
    return np.stack([np.interp(at, known, column) for column in rows.T], axis=1)


def scan_pattern(
    source: InputLayer | HiddenLayer,
    pattern: ArrayLike,
    *,
    stride: int = 2,
    padding: int = 0,
    bias: float = -1.0,
    function: ActivationFunction = relu,
    static: bool = True,
) -> HiddenLayer:
    """A layer with a neuron for every place of a pattern on a picture, wired to that picture.

    The pattern's entries are the weights; those of magnitude up to `NEGLIGIBLE` make no connection.
    The new layer has ``(size + 2 * padding - pattern size) // stride + 1`` columns and rows.

    Args:
        source: the layer that holds the picture.
        pattern: weights, shape (rows, columns), such as ``edge_pattern("slash", size=7)``.
        stride: how far the pattern moves from one neuron to the next.
        padding: how far the pattern may reach over the picture's edge, where nothing is.
        bias: of every neuron.
        function: activation function.
        static: whether the neurons never learn.

    Raises:
        TypeError: the source is an output layer.
        ValueError: the pattern is not a matrix of finite numbers, does not fit into the picture,
            or the stride or padding is out of range.

    >>> from tinygrad_lite.neurons import InputLayer
    >>> scan_pattern(InputLayer(28, 28), edge_pattern("slash"))
    <HiddenLayer HiddenLayer of 11x11 neurons>
    """
    if not isinstance(source, InputLayer | HiddenLayer):
        raise TypeError(f"scan_pattern: expected an input or hidden layer, found {source!r}")
    weights = np.asarray(pattern, dtype=np.float64)
    if weights.ndim != 2 or not weights.size or not np.isfinite(weights).all():
        raise ValueError(
            f"scan_pattern: expected a matrix of finite numbers, found shape {weights.shape}"
        )
    if stride < 1 or padding < 0:
        raise ValueError(
            f"scan_pattern: expected a stride of at least 1 and a padding of at least 0, found "
            f"{stride} and {padding}"
        )
    rows, columns = weights.shape
    width = (source.width + 2 * padding - columns) // stride + 1
    height = (source.height + 2 * padding - rows) // stride + 1
    if width < 1 or height < 1:
        raise ValueError(
            f"scan_pattern: a pattern of {columns}x{rows} does not fit into a picture of "
            f"{source.width}x{source.height} with padding {padding}"
        )
    entries = [
        (int(x), int(y), float(weights[y, x])) for y, x in np.argwhere(abs(weights) > NEGLIGIBLE)
    ]
    layer = HiddenLayer(width, height, function=function, bias=bias, static=static)
    for neuron in layer:
        row, column = divmod(neuron.index, width)
        _look(neuron, source, entries, column * stride - padding, row * stride - padding)
    return layer


def _look(
    neuron: HiddenNeuron,
    source: InputLayer | HiddenLayer,
    entries: list[tuple[int, int, float]],
    left: int,
    top: int,
) -> None:
    """Connect a neuron to what lies under the pattern at a place."""
    for x, y, weight in entries:
        if 0 <= left + x < source.width and 0 <= top + y < source.height:
            seen: InputNeuron | HiddenNeuron = source[left + x, top + y]
            join(seen, neuron, weight)
