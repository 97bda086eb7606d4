"""What an LSTM and a GRU do with their gates, in few operations.

Composed, a step of an LSTM is thirteen operations, four of them slices whose pull-backs fill arrays
with zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.primitive import primitive
from tinygrad_lite.engine.rulebook import RULES, JointVjp, Operation
from tinygrad_lite.rules.activations import sigmoid


@primitive
def lstm_cell(gates: Any, cell: Any) -> Any:
    """The cell state from the gates i, f, g, o side by side, and the cell state before.

    >>> lstm_cell(np.zeros((1, 4)), np.ones((1, 1)))
    array([[0.5]])
    """
    entering, kept, new, _ = parts(gates, 4)
    cell = sigmoid.raw(kept) * cell
    cell += sigmoid.raw(entering) * np.tanh(new)
    return cell


def _lstm_cell_vjp(g: Any, out: Any, gates: Any, cell: Any) -> list[Any]:
    entering, kept, new, leaving = parts(gates, 4)
    entering, kept, new = sigmoid(entering), sigmoid(kept), np.tanh(new)
    by_gate = [
        g * new * (entering * (1 - entering)),
        g * cell * (kept * (1 - kept)),
        g * entering * (1 - new * new),
        np.zeros(np.shape(leaving), g.dtype),
    ]
    return [np.concatenate(by_gate, axis=-1), g * kept]


@primitive
def lstm_hidden(gates: Any, cell: Any) -> Any:
    """The hidden state from the gates i, f, g, o side by side, and the cell state after them.

    >>> lstm_hidden(np.zeros((1, 4)), np.zeros((1, 1)))
    array([[0.]])
    """
    shown: Any = np.tanh(cell)
    shown *= sigmoid.raw(parts(gates, 4)[3])
    return shown


def _lstm_hidden_vjp(g: Any, out: Any, gates: Any, cell: Any) -> list[Any]:
    leaving, shown = sigmoid(parts(gates, 4)[3]), np.tanh(cell)
    g_gate = g * shown * (leaving * (1 - leaving))
    nothing = np.zeros((*np.shape(cell)[:-1], 3 * np.shape(cell)[-1]), g.dtype)
    return [
        np.concatenate([nothing, g_gate], axis=-1),
        g * leaving * (1 - shown * shown),
    ]


@primitive
def gru_gates(given: Any, kept: Any, hidden: Any) -> Any:
    """Hidden state from the gates r, z, n side by side: what the input and what the hidden state
    before give to each, and that hidden state.

    >>> gru_gates(np.zeros((1, 3)), np.zeros((1, 3)), np.ones((1, 1)))
    array([[0.5]])
    """
    _, update, new, _ = _gru_parts(given, kept, sigmoid.raw)
    out = hidden - new
    out *= update
    out += new
    return out


def _gru_parts(given: Any, kept: Any, squash: Any) -> tuple[Any, Any, Any, Any]:
    reset, update, new = parts(given, 3)
    reset_h, update_h, new_h = parts(kept, 3)
    reset = squash(reset + reset_h)
    return reset, squash(update + update_h), np.tanh(new + reset * new_h), new_h


def _gru_vjp(g: Any, out: Any, given: Any, kept: Any, hidden: Any) -> list[Any]:
    reset, update, new, new_h = _gru_parts(given, kept, sigmoid)
    g_new = g * (1 - update) * (1 - new * new)
    g_update = g * (hidden - new) * (update * (1 - update))
    g_reset = g_new * new_h * (reset * (1 - reset))
    return [
        np.concatenate([g_reset, g_update, g_new], axis=-1),
        np.concatenate([g_reset, g_update, g_new * reset], axis=-1),
        g * update,
    ]


def parts(x: Any, count: int) -> list[Any]:
    """Equal parts along the last axis."""
    size = np.shape(x)[-1] // count
    return [x[..., i * size : (i + 1) * size] for i in range(count)]


RULES[lstm_cell] = Operation(lstm_cell, JointVjp(_lstm_cell_vjp))
RULES[lstm_hidden] = Operation(lstm_hidden, JointVjp(_lstm_hidden_vjp))
RULES[gru_gates] = Operation(gru_gates, JointVjp(_gru_vjp))
