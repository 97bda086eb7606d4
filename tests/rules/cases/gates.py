"""The gates of LSTM and GRU."""

import numpy as np
import scipy.special

from rules.case import Case, smooth
from tinygrad_lite.rules.gates import gru_gates, lstm_cell, lstm_hidden

sigma = scipy.special.expit


def cell_by_hand(gates, cell):
    i, f, g, _ = np.split(gates, 4, axis=-1)
    return sigma(f) * cell + sigma(i) * np.tanh(g)


def hidden_by_hand(gates, cell):
    return sigma(np.split(gates, 4, axis=-1)[3]) * np.tanh(cell)


def gru_by_hand(given, kept, hidden):
    (r, z, n), (r_h, z_h, n_h) = (np.split(x, 3, axis=-1) for x in (given, kept))
    z = sigma(z + z_h)
    return (1 - z) * np.tanh(n + sigma(r + r_h) * n_h) + z * hidden


CASES = [
    Case(lstm_cell, [smooth(3, 8), smooth(3, 2)], reference=cell_by_hand),
    Case(lstm_hidden, [smooth(3, 8), smooth(3, 2)], reference=hidden_by_hand),
    Case(gru_gates, [smooth(3, 6), smooth(3, 6, seed=1), smooth(3, 2)], reference=gru_by_hand),
]
