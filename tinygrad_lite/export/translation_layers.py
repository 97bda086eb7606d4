"""How operations made for layers are written in the vocabulary of graphs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.engine.record import PICK
from tinygrad_lite.export.graph import Tensor
from tinygrad_lite.export.translation import Settings, Writer, same, translates
from tinygrad_lite.rules import error_function, gates, normalisation, rectifiers
from tinygrad_lite.rules.embedding import embedding

same(error_function.erf, "erf")


@translates(PICK)
def _pick(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return args[0][settings["index"]]


@translates(embedding)
def _embedding(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    indices, weight = args
    return w.emit("take", weight, indices, axis=0)


@translates(error_function.erfc)
def _erfc(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("subtract", 1, w.emit("erf", args[0]))


@translates(rectifiers.leaky)
def _leaky_relu(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    below = w.emit("multiply", settings["slope"], w.emit("minimum", args[0], 0))
    return w.emit("add", w.emit("relu", args[0]), below)


@translates(rectifiers.exponential_linear)
def _elu(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    below = w.emit("expm1", w.emit("minimum", args[0], 0))
    return w.emit("add", w.emit("relu", args[0]), w.emit("multiply", settings["alpha"], below))


@translates(rectifiers.silu)
def _silu(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    return w.emit("multiply", args[0], w.emit("sigmoid", args[0]))


@translates(rectifiers.gaussian_linear)
def _gelu(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    spread = w.emit("erf", w.emit("multiply", args[0], math.sqrt(0.5)))
    return w.emit("multiply", w.emit("multiply", 0.5, args[0]), w.emit("add", spread, 1))


@translates(rectifiers.gaussian_linear_tanh)
def _gelu_tanh(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    x = args[0]
    cube = w.emit("multiply", x, w.emit("multiply", x, x))
    inner = w.emit("add", x, w.emit("multiply", 0.044715, cube))
    share = w.emit("tanh", w.emit("multiply", math.sqrt(2 / math.pi), inner))
    return w.emit("multiply", w.emit("multiply", 0.5, x), w.emit("add", share, 1))


@translates(normalisation.normalise)
def _normalise(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    axes = tuple(axis % len(w.shape(args[0])) for axis in settings["axis"])
    mean = w.emit("mean", args[0], axes=axes, keepdims=True)
    centred = w.emit("subtract", args[0], mean)
    squares = w.emit("multiply", centred, centred)
    variance = w.emit("mean", squares, axes=axes, keepdims=True)
    spread = w.emit("sqrt", w.emit("add", variance, settings.get("eps", 1e-5)))
    return w.emit("divide", centred, spread), mean, variance


def _gate(w: Writer, x: Any, number: int, count: int) -> Any:
    """One of the gates side by side along the last axis."""
    shape: Any = w.shape(x)
    axis = len(shape) - 1
    size = shape[axis] // count
    return w.emit("slice", x, axis=axis, start=number * size, stop=(number + 1) * size, step=1)


@translates(gates.lstm_cell)
def _lstm_cell(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    entering, kept = (w.emit("sigmoid", _gate(w, args[0], i, 4)) for i in (0, 1))
    new = w.emit("tanh", _gate(w, args[0], 2, 4))
    old = w.emit("multiply", kept, args[1])
    return w.emit("add", old, w.emit("multiply", entering, new))


@translates(gates.lstm_hidden)
def _lstm_hidden(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    leaving = w.emit("sigmoid", _gate(w, args[0], 3, 4))
    return w.emit("multiply", leaving, w.emit("tanh", args[1]))


@translates(gates.gru_gates)
def _gru_gates(w: Writer, args: Sequence[Any], settings: Settings, out: Tensor) -> Any:
    given, kept, hidden = args
    parts = [(_gate(w, given, i, 3), _gate(w, kept, i, 3)) for i in range(3)]
    reset, update = (w.emit("sigmoid", w.emit("add", *pair)) for pair in parts[:2])
    new = w.emit("tanh", w.emit("add", parts[2][0], w.emit("multiply", reset, parts[2][1])))
    change = w.emit("multiply", update, w.emit("subtract", hidden, new))
    return w.emit("add", new, change)
