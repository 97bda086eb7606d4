"""Recurrent cells and layers: RNN, LSTM and GRU, with PyTorch's gates, names and shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.engine.value import Value, data_of, describe
from tinygrad_lite.nn.dropout import dropped
from tinygrad_lite.nn.init import Seed
from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.activations import relu
from tinygrad_lite.rules.gates import gru_gates, lstm_cell, lstm_hidden
from tinygrad_lite.rules.linear import linear

# -- one step: from what the input gives to the gates, and the state before ----------------------


class _Simple:
    """h' = tanh(W x + b + U h + c)"""

    gates = 1
    states = 1

    def __init__(self, nonlinearity: str = "tanh") -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        self.function: Any = relu if nonlinearity == "relu" else np.tanh

    def __call__(self, given: Any, state: tuple[Any, ...], weight: Any, bias: Any) -> Any:
        return (self.function(given + _linear(state[0], weight, bias)),)


class _Lstm:
    """Gates i, f, g, o: c' = f c + i g, h' = o tanh(c').

    Source: S. Hochreiter and J. Schmidhuber, Long short-term memory, 1997, with the forget gate of
    F. Gers and others, 2000.
    """

    gates = 4
    states = 2

    def __call__(self, given: Any, state: tuple[Any, ...], weight: Any, bias: Any) -> Any:
        hidden, cell = state
        gates = given + _linear(hidden, weight, bias)
        cell = lstm_cell(gates, cell)
        return lstm_hidden(gates, cell), cell


class _Gru:
    """Gates r, z, n: n = tanh(W x + b + r (U h + c)), h' = (1 - z) n + z h.

    Source: K. Cho and others, Learning phrase representations, 2014; r after the product with U, as
    in PyTorch.
    """

    gates = 3
    states = 1

    def __call__(self, given: Any, state: tuple[Any, ...], weight: Any, bias: Any) -> Any:
        (hidden,) = state
        return (gru_gates(given, _linear(hidden, weight, bias), hidden),)


def _linear(x: Any, weight: Any, bias: Any) -> Any:
    return linear(x, weight) if bias is None else linear(x, weight, bias)


# -- cells ---------------------------------------------------------------------------------------


class _Cell(Module):
    """What the three cells share."""

    _kind: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        generator: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.input_size = input_size
        self.hidden_size = hidden_size
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        parameters = _parameters(
            input_size, hidden_size, self._kind.gates, bias, np.random.default_rng(generator), dtype
        )
        for name, parameter in zip(names, parameters, strict=True):
            setattr(self, name, parameter)

    def forward(self, x: Any, state: Any = None) -> Any:
        if np.ndim(x) != 2 or np.shape(x)[-1] != self.input_size:
            raise ValueError(_misfit(self, x, f"(N, {self.input_size})"))
        if state is None:
            zeros = np.zeros((np.shape(x)[0], self.hidden_size), data_of(x).dtype)
            state = (zeros,) * self._kind.states
        elif self._kind.states == 1:
            state = (state,)
        parts = vars(self)
        given = _linear(x, parts["weight_ih"], parts["bias_ih"])
        state = self._kind(given, state, parts["weight_hh"], parts["bias_hh"])
        return state if self._kind.states > 1 else state[0]

    def extra_repr(self) -> str:
        bias = "" if vars(self)["bias_ih"] is not None else ", bias=False"
        return f"{self.input_size}, {self.hidden_size}{bias}"


class RNNCell(_Cell):
    """One step of `RNN`: the new hidden state, shape (N, hidden_size), from an input and the old.

    Args:
        input_size: last size of the input, of shape (N, input_size).
        hidden_size: last size of the state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        generator: NumPy Generator that draws the initial weights, or a seed for one.
        dtype: of the parameters.

    >>> RNNCell(3, 5)(np.ones((2, 3), np.float32)).shape
    (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        generator: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.nonlinearity = nonlinearity
        self._kind = _Simple(nonlinearity)
        super().__init__(input_size, hidden_size, bias, generator=generator, dtype=dtype)


class LSTMCell(_Cell):
    """One step of `LSTM`: (hidden, cell) from an input and the old (hidden, cell).

    Arguments as of `RNNCell`, without the nonlinearity.

    >>> hidden, cell = LSTMCell(3, 5)(np.ones((2, 3), np.float32))
    >>> cell.shape
    (2, 5)
    """

    _kind = _Lstm()


class GRUCell(_Cell):
    """One step of `GRU`. Arguments as of `RNNCell`, without the nonlinearity.

    >>> GRUCell(3, 5)(np.ones((2, 3), np.float32)).shape
    (2, 5)
    """

    _kind = _Gru()


# -- layers --------------------------------------------------------------------------------------


class _Recurrent(Module):
    """What the three layers share."""

    _kind: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        generator: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if num_layers < 1:
            raise ValueError(f"{type(self).__name__}: num_layers must be at least 1")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.generator = np.random.default_rng(generator)
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * (1 + bidirectional)
            for names in self._names(layer):
                parameters = _parameters(
                    width, hidden_size, self._kind.gates, bias, self.generator, dtype
                )
                for name, parameter in zip(names, parameters, strict=True):
                    setattr(self, name, parameter)

    def forward(self, x: Any, state: Any = None) -> Any:
        if np.ndim(x) != 3 or np.shape(x)[-1] != self.input_size:
            layout = "N, L" if self.batch_first else "L, N"
            raise ValueError(_misfit(self, x, f"({layout}, {self.input_size})"))
        if self.batch_first:
            x = np.swapaxes(x, 0, 1)
        before = self._states(state, np.shape(x)[1], data_of(x).dtype)
        last: list[tuple[Any, ...]] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = dropped(x, self.dropout, self.generator)
            directions = []
            for backwards, names in enumerate(self._names(layer)):
                outputs, end = self._run(x, before[len(last)], names, bool(backwards))
                directions.append(outputs)
                last.append(end)
            x = np.stack(directions[0])
            if self.bidirectional:
                x = np.concatenate([x, np.stack(directions[1])], axis=-1)
        if self.batch_first:
            x = np.swapaxes(x, 0, 1)
        ends = tuple(np.stack(parts) for parts in zip(*last, strict=True))
        return x, ends if self._kind.states > 1 else ends[0]

    def _run(
        self, x: Any, state: tuple[Any, ...], names: Sequence[str], backwards: bool
    ) -> tuple[list[Any], tuple[Any, ...]]:
        """Hidden states at every time, in the order of time, and the state at the end."""
        weight_ih, weight_hh, bias_ih, bias_hh = (vars(self)[name] for name in names)
        given = _unstacked(_linear(x, weight_ih, bias_ih))
        hidden: list[Any] = []
        for step in reversed(given) if backwards else given:
            state = self._kind(step, state, weight_hh, bias_hh)
            hidden.append(state[0])
        return hidden[::-1] if backwards else hidden, state

    def _states(self, state: Any, batch: int, dtype: Any) -> list[tuple[Any, ...]]:
        """The state before the first step, of each layer and direction."""
        count = self.num_layers * (1 + self.bidirectional)
        shape = (count, batch, self.hidden_size)
        if state is None:
            parts = (np.zeros(shape, dtype),) * self._kind.states
        else:
            parts = tuple(state) if self._kind.states > 1 else (state,)
        for part in parts:
            if np.shape(part) != shape:
                raise ValueError(
                    f"{type(self).__name__}: the initial state must have the shape {shape}, not "
                    f"{np.shape(part)}"
                )
        return [tuple(part[i] for part in parts) for i in range(count)]

    def _names(self, layer: int) -> list[list[str]]:
        ends = [f"_l{layer}", *[f"_l{layer}_reverse"] * self.bidirectional]
        return [[f"{p}{end}" for p in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
                for end in ends]  # fmt: skip

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
                 "bidirectional": False}  # fmt: skip
        for name, value in usual.items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text


class RNN(_Recurrent):
    """A recurrent layer: at every time, h' = tanh(W x + b + U h + c).

    Args:
        input_size: last size of the input, of shape (L, N, input_size).
        hidden_size: last size of the output, of shape (L, N, hidden_size).
        num_layers: layers one upon another.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: the input and output have the shape (N, L, size).
        dropout: probability of a zero between layers, in training.
        bidirectional: a second layer runs backwards, and the output has twice the size.
        generator: NumPy Generator that draws the initial weights and the zeros, or a seed for one.
        dtype: of the parameters.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0: of the first layer; the next has _l1,
            and what runs backwards ends with _reverse.

    Called with an input and perhaps the initial state, of shape (layers and directions, N,
    hidden_size), it returns the output and the state at the end.

    >>> output, state = RNN(3, 5, num_layers=2)(np.ones((7, 2, 3), np.float32))
    >>> output.shape, state.shape
    ((7, 2, 5), (2, 2, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        generator: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.nonlinearity = nonlinearity
        self._kind = _Simple(nonlinearity)
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            generator=generator, dtype=dtype,
        )  # fmt: skip


class LSTM(_Recurrent):
    """Long short-term memory: a cell state that gates write to, keep and read.

    Arguments as of `RNN`, without the nonlinearity. The state is a pair (hidden, cell).

    >>> output, (hidden, cell) = LSTM(3, 5, batch_first=True)(np.ones((2, 7, 3), np.float32))
    >>> output.shape, cell.shape
    ((2, 7, 5), (1, 2, 5))
    """

    _kind = _Lstm()


class GRU(_Recurrent):
    """Gated recurrent unit. Arguments as of `RNN`, without the nonlinearity.

    >>> output, state = GRU(3, 5, bidirectional=True)(np.ones((7, 2, 3), np.float32))
    >>> output.shape, state.shape
    ((7, 2, 10), (2, 2, 5))
    """

    _kind = _Gru()


def _parameters(
    inputs: int, hidden: int, gates: int, bias: bool, generator: np.random.Generator,
    dtype: DTypeLike,
) -> list[Value | None]:  # fmt: skip
    """weight_ih, weight_hh, bias_ih and bias_hh, uniform in ±1 / sqrt(hidden)."""
    if inputs < 1 or hidden < 1:
        raise ValueError(f"a recurrent layer needs sizes of at least 1, not {inputs} and {hidden}")
    limit = 1 / math.sqrt(hidden)
    rows = gates * hidden
    shapes: list[tuple[int, ...]] = [(rows, inputs), (rows, hidden), *[(rows,)] * (2 * bias)]
    drawn: list[Value | None] = [
        Value(generator.uniform(-limit, limit, shape).astype(dtype)) for shape in shapes
    ]
    return drawn + [None] * (4 - len(drawn))


def _unstacked(x: Any) -> list[Any]:
    """The parts along the first axis, by halves: one by one, each part's cotangent would be an
    array of the size of the whole, and the pull-back quadratic in the length."""
    parts, length = [x], np.shape(x)[0]
    while len(parts) < length:
        halves: list[Any] = []
        for part in parts:
            size = np.shape(part)[0]
            halves += [part] if size == 1 else [part[: size // 2], part[size // 2 :]]
        parts = halves
    return [part[0] for part in parts] if length else []


def _misfit(layer: Module, x: Any, layout: str) -> str:
    told = describe(x) if type(x) is Value else f"an array of shape {np.shape(x)}"
    return f"{type(layer).__name__} of {told}: the input must have the shape {layout}"
