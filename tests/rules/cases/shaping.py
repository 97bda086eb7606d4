"""Shapes, orders of axes, repetition, padding."""

import numpy as np

from rules.case import Case, smooth

x234 = smooth(2, 3, 4)
x23 = smooth(2, 3)
x3 = smooth(3)

CASES = [
    # by position, as NumPy 2.0 calls the parameter newshape
    Case(np.reshape, [x23, (3, 2)], fixed=(1,)),
    Case(np.reshape, [x23, -1], fixed=(1,)),
    Case(np.reshape, [x234, (4, -1)], {"order": "F"}, fixed=(1,)),
    Case(np.reshape, [1.5, (1, 1)], fixed=(1,)),
    Case(np.reshape, [smooth(0, 3), (3, 0)], fixed=(1,)),
    Case(np.ravel, [x23]),
    Case(np.ravel, [x234], {"order": "F"}),
    Case(np.ravel, [1.5]),
    Case(np.expand_dims, [x23], {"axis": 1}),
    Case(np.expand_dims, [x23], {"axis": (0, -1)}),
    Case(np.expand_dims, [1.5], {"axis": 0}),
    Case(np.squeeze, [smooth(1, 3, 1)]),
    Case(np.squeeze, [smooth(1, 3, 1)], {"axis": -1}),
    Case(np.squeeze, [smooth(1, 1, 3)], {"axis": (0, 1)}),
    Case(np.atleast_1d, [1.5]),
    Case(np.atleast_1d, [x3, 2.5]),
    Case(np.atleast_2d, [x3]),
    Case(np.atleast_2d, [1.5, x23]),
    Case(np.atleast_3d, [1.5, x3, x23, x234]),
    Case(np.transpose, [x234]),
    Case(np.transpose, [x234], {"axes": (2, 0, 1)}),
    Case(np.transpose, [x234], {"axes": [1, -1, 0]}),
    Case(np.matrix_transpose, [x234]),
    Case(np.linalg.matrix_transpose, [x234], id="linalg.matrix_transpose"),
    Case(np.swapaxes, [x234], {"axis1": 0, "axis2": -1}),
    Case(np.moveaxis, [x234], {"source": 0, "destination": -1}),
    Case(np.moveaxis, [x234], {"source": (0, 1), "destination": (2, 0)}),
    Case(np.rollaxis, [x234], {"axis": 2}),
    Case(np.rollaxis, [x234], {"axis": 0, "start": 3}),
    Case(np.rollaxis, [x234], {"axis": -2, "start": -1}),
    Case(np.broadcast_to, [x3], {"shape": (2, 3)}),
    Case(np.broadcast_to, [smooth(2, 1)], {"shape": (4, 2, 3)}),
    Case(np.broadcast_to, [1.5], {"shape": 3}),
    Case(np.broadcast_arrays, [x3, smooth(2, 1), 1.5]),
    Case(np.repeat, [x23], {"repeats": 2}),
    Case(np.repeat, [x23], {"repeats": 3, "axis": 1}),
    Case(np.repeat, [x23], {"repeats": [2, 0, 1], "axis": -1}),
    Case(np.repeat, [x3], {"repeats": np.array([1, 0, 2])}),
    Case(np.repeat, [x23], {"repeats": 0, "axis": 0}),
    Case(np.repeat, [1.5], {"repeats": 3}),
    Case(np.tile, [x3], {"reps": 2}),
    Case(np.tile, [x23], {"reps": (2, 1, 3)}),
    Case(np.tile, [x234], {"reps": [2]}),
    Case(np.tile, [1.5], {"reps": (2, 2)}),
    Case(np.resize, [x23], {"new_shape": (3, 5)}),
    Case(np.resize, [x23], {"new_shape": 4}),
    Case(np.flip, [x234]),
    Case(np.flip, [x234], {"axis": 1}),
    Case(np.flip, [x234], {"axis": (0, -1)}),
    Case(np.fliplr, [x234]),
    Case(np.flipud, [x3]),
    Case(np.rot90, [x23]),
    Case(np.rot90, [x234], {"k": -1, "axes": (1, 2)}),
    Case(np.rot90, [x234], {"k": 2}),
    Case(np.roll, [x23], {"shift": 1}),
    Case(np.roll, [x234], {"shift": -2, "axis": 1}),
    Case(np.roll, [x234], {"shift": (1, 2), "axis": (0, -1)}),
    Case(np.roll, [x234], {"shift": 1, "axis": (0, 2)}),
    Case(np.pad, [x23], {"pad_width": 1}),
    Case(np.pad, [x23], {"pad_width": (1, 2)}),
    Case(np.pad, [x23], {"pad_width": ((1, 0), (0, 2)), "constant_values": 3.0}),
    Case(np.pad, [x3], {"pad_width": ((2, 1),), "mode": "edge"}),
    Case(np.pad, [x23], {"pad_width": ((3, 1), (2, 4)), "mode": "reflect"}),
    Case(np.pad, [x23], {"pad_width": ((0, 3), (2, 4)), "mode": "symmetric"}),
    Case(np.pad, [x234], {"pad_width": ((0, 0), (1, 1), (5, 0)), "mode": "wrap"}),
    Case(np.pad, [smooth(2, 3, dtype=complex)], {"pad_width": 1, "mode": "reflect"}),
    Case(np.copy, [x23]),
    Case(np.copy, [1.5]),
]

if hasattr(np, "astype"):
    CASES += [Case(np.astype, [x23, np.float64], fixed=(1,))]
