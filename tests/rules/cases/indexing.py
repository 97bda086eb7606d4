"""Indexing, functional assignment, and functions that pick entries."""

import numpy as np

from rules.case import Case, SpecialPoint, distinct, smooth
from tinygrad_lite import add_at, set_at
from tinygrad_lite.rules.indexing import _add_at, _set_at, getitem, scatter

x3, x5, x34, x234 = smooth(3), smooth(5), smooth(3, 4), smooth(2, 3, 4)
MASK = np.array([[True, False, True, False], [False] * 4, [True, True, False, True]])

INDICES = [
    1,
    -1,
    slice(None, None, -2),
    (1, slice(1, 3)),
    (Ellipsis, 0),
    (slice(None), None, 2),
    None,
    (),
    [0, 2, 0],
    np.array([[0, -1], [2, 2]]),
    np.array([], dtype=int),
    (np.array([0, 2, 0]), np.array([1, -1, 1])),
    ([[0], [2]], [1, 1]),
    (slice(1, None), [3, 3, 0]),
    MASK,
    np.array([True, False, True]),
    (np.array([True, False, True]), [1, 3]),
    (np.array([True, False, True]), None, slice(1, 3)),
    np.int64(2),
    True,
]


def shape_of(index):
    return np.empty((3, 4))[index].shape


CASES = [
    *(Case(getitem, [x34], {"index": i}, id=f"getitem[{n}]") for n, i in enumerate(INDICES)),
    *(
        Case(scatter, [smooth(*shape_of(i))], {"index": i, "shape": (3, 4)}, id=f"scatter[{n}]")
        for n, i in enumerate(INDICES)
    ),
    *(
        Case(_set_at, [x34, smooth(*shape_of(i))], {"index": i}, id=f"set_at[{n}]")
        for n, i in enumerate(INDICES)
    ),
    *(
        Case(_add_at, [x34, smooth(*shape_of(i))], {"index": i}, id=f"add_at[{n}]")
        for n, i in enumerate(INDICES)
    ),
    Case(getitem, [x234], {"index": ([0, 1], slice(None), [3, 3])}, id="getitem split"),
    Case(getitem, [smooth(4, dtype=complex)], {"index": [0, 0, 3]}, id="getitem complex"),
    Case(_set_at, [x34, 1.5], {"index": [0, 0]}, id="set_at of a number"),
    Case(_set_at, [x34, smooth(1, 1, 4)], {"index": slice(2)}, id="set_at of more axes"),
    Case(_add_at, [x34, smooth(4)], {"index": [0, 0]}, id="add_at of a row"),
    Case(set_at, [x34, [1, 1], smooth(2, 4)], fixed=(1,)),
    Case(add_at, [x34, [1, 1], smooth(2, 4)], fixed=(1,)),
    Case(np.take, [x34], {"indices": [0, 5, 5, -1]}),
    Case(np.take, [x34], {"indices": 1, "axis": 0}),
    Case(np.take, [x234], {"indices": [[0, 2], [2, -1]], "axis": 1}),
    Case(np.take, [x5], {"indices": [7, -9, 4], "mode": "wrap"}),
    Case(np.take, [x34], {"indices": [7, -9, 2], "axis": -1, "mode": "clip"}),
    Case(np.take_along_axis, [x34, np.array([[0, 2, 2, 1]])], {"axis": 0}),
    Case(np.take_along_axis, [x34, np.array([[3, 3], [0, 1], [-1, 2]])], {"axis": -1}),
    Case(np.take_along_axis, [x34, np.array([3, 3, 11])], {"axis": None}),
    Case(np.compress, [[True, False, True], x34], {"axis": 0}, fixed=(0,)),
    Case(np.compress, [[0, 1, 1, 0, 1], x34], fixed=(0,)),
    Case(np.extract, [MASK, x34], fixed=(0,)),
    Case(np.choose, [np.array([0, 1, 1]), [x3, smooth(3, seed=1)]], fixed=(0,)),
    Case(
        np.choose,
        [np.array([[0, 1, 5], [-1, 2, 1]]), [x3, 1.5, smooth(2, 1)]],
        {"mode": "clip"},
        fixed=(0,),
    ),
    Case(np.sort, [distinct(3, 4)]),
    Case(np.sort, [distinct(3, 4)], {"axis": 0}),
    Case(np.sort, [distinct(3, 4)], {"axis": None, "kind": "heapsort"}),
    Case(np.partition, [distinct(9)], {"kth": 4}),
    Case(np.partition, [distinct(5, 3)], {"kth": (1, 3), "axis": 0}),
    Case(np.partition, [distinct(3, 4)], {"kth": 5, "axis": None}),
]

tie = np.array([2.0, 1.0, 2.0])
SPECIAL_POINTS = [
    SpecialPoint(np.sort, [tie], [1.0]),
    SpecialPoint(np.partition, [tie], [1.0], {"kth": 1}),
    SpecialPoint(
        lambda x: np.sum(np.sort(x) * np.array([1, 2, 3], x.dtype)), [tie], [[2.0, 1.0, 3.0]]
    ),
]
