"""Joining arrays and taking them apart."""

import numpy as np

from rules.case import Case, smooth

x23, y23, x3, y3 = smooth(2, 3), smooth(2, 3, seed=1), smooth(3), smooth(3, seed=1)
x224 = smooth(2, 2, 4)

CASES = [
    Case(np.concatenate, [[x23, smooth(1, 3)]]),
    Case(np.concatenate, [[x23, smooth(2, 1), smooth(2, 0)]], {"axis": -1}),
    Case(np.concatenate, [[x23, x3]], {"axis": None}),
    Case(np.concatenate, [smooth(3, 2, 2)], {"axis": 1}),
    Case(np.concatenate, [[x3, smooth(2, dtype=complex)]]),
    Case(np.stack, [[x23, y23]]),
    Case(np.stack, [[x23, y23]], {"axis": -1}),
    Case(np.stack, [[1.5, 2.5, -0.5]]),
    Case(np.vstack, [[x3, y23]]),
    Case(np.vstack, [[1.5, 2.5]]),
    Case(np.hstack, [[x3, 1.5]]),
    Case(np.hstack, [[x23, smooth(2, 1)]]),
    Case(np.dstack, [[x3, y3]]),
    Case(np.dstack, [[x23, y23]]),
    Case(np.column_stack, [[x3, smooth(3, 2), y3]]),
    Case(np.block, [[[smooth(2, 2), smooth(2, 1)], [smooth(1, 2), smooth(1, 1)]]]),
    Case(np.block, [[x3, y3]]),
    Case(np.block, [[[1.5, 2.5], [x3[:2]]]]),
    Case(np.block, [[x23, y23]]),
    Case(np.append, [x23, x3]),
    Case(np.append, [x23, smooth(1, 3)], {"axis": 0}),
    Case(np.append, [x3, 1.5]),
    Case(np.insert, [x3, 1, 2.5], fixed=(1,)),
    Case(np.insert, [x3, np.array([0, -1]), smooth(2)], fixed=(1,)),
    Case(np.insert, [x23, 1, smooth(2)], {"axis": 1}, fixed=(1,)),
    Case(np.insert, [x23, [1, 2], smooth(2, 1)], {"axis": 1}, fixed=(1,)),
    Case(np.insert, [x23, slice(0, 2), 1.5], {"axis": 0}, fixed=(1,)),
    Case(np.delete, [x3, 1], fixed=(1,)),
    Case(np.delete, [x23, [0, -1]], {"axis": 1}, fixed=(1,)),
    Case(np.delete, [x23, slice(None, None, 2)], fixed=(1,)),
    Case(np.delete, [x3, np.array([True, False, True])], fixed=(1,)),
    Case(np.split, [smooth(6)], {"indices_or_sections": 3}),
    Case(np.split, [smooth(2, 5)], {"indices_or_sections": [1, 3, 7], "axis": 1}),
    Case(np.split, [smooth(5)], {"indices_or_sections": [3, 2]}),
    Case(np.array_split, [smooth(7, 2)], {"indices_or_sections": 3}),
    Case(np.array_split, [smooth(2, 5)], {"indices_or_sections": (2,), "axis": -1}),
    Case(np.hsplit, [x224], {"indices_or_sections": 2}),
    Case(np.hsplit, [smooth(4)], {"indices_or_sections": 2}),
    Case(np.vsplit, [x224], {"indices_or_sections": [1]}),
    Case(np.dsplit, [x224], {"indices_or_sections": 4}),
    Case(np.meshgrid, [x3, smooth(2)]),
    Case(np.meshgrid, [x3, smooth(2), smooth(4)], {"indexing": "ij"}),
    Case(np.meshgrid, [x3, smooth(2), 1.5], {"sparse": True}),
    Case(np.meshgrid, [x3]),
]

if hasattr(np, "unstack"):
    CASES += [
        Case(np.unstack, [x23]),
        Case(np.unstack, [x224], {"axis": -1}),
    ]
