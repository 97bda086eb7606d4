"""Sums of products that make up matrix products: rows of factors that meet columns of factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Ids = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class Grid:
    """Sums ``z[s] = left[s] . right[s]`` as matrix products.

    left, right
        the distinct rows of factors, shape (stacks, rows, terms) and (stacks, columns, terms); one
        product of matrices for each of the stacks, of which there often is but one
    place
        where in the products, of shape (stacks, rows, columns), each sum is
    """

    left: Ids
    right: Ids
    place: Ids

    @property
    def shape(self) -> tuple[int, ...]:
        return self.left.shape[0], self.left.shape[1], self.right.shape[1]


def grid_of(left: Ids, right: Ids) -> Grid | None:
    """The grid that sums of products fill, given the factors of each, shape (sums, terms).

    None if it would be more than half empty, or nothing is shared.

    >>> grid = grid_of(np.array([[1, 2], [1, 2], [3, 4]]), np.array([[5, 6], [7, 8], [5, 6]]))
    >>> grid.left.tolist(), grid.right.tolist(), grid.place.tolist()
    ([[[1, 2], [3, 4]]], [[[5, 6], [7, 8]]], [0, 1, 2])
    """
    of_left, rows = _distinct(left)
    of_right, columns = _distinct(right)
    sums = len(left)
    if len(rows) == sums == len(columns) and sums > 1:
        return None
    if len(rows) * len(columns) <= 2 * sums:
        place = of_left * len(columns) + of_right
        return Grid(left[rows][None], right[columns][None], place)
    return _stacked(left, right, of_left, of_right, (rows, columns))


def _distinct(table: Ids) -> tuple[Ids, list[int]]:
    """Which of the distinct rows each row is, and where each of these is found first."""
    seen: dict[bytes, int] = {}
    first: list[int] = []
    which = np.empty(len(table), dtype=np.intp)
    for position, row in enumerate(np.ascontiguousarray(table)):
        key = row.tobytes()
        number = seen.get(key)
        if number is None:
            number = seen[key] = len(first)
            first.append(position)
        which[position] = number
    return which, first


def _stacked(
    left: Ids, right: Ids, of_left: Ids, of_right: Ids, firsts: tuple[list[int], list[int]]
) -> Grid | None:
    """Several grids of one size that share neither rows nor columns, one for each sample, say."""
    met: dict[int, list[int]] = {}
    for row, column in zip(of_left.tolist(), of_right.tolist(), strict=True):
        met.setdefault(row, []).append(column)
    stacks: dict[tuple[int, ...], list[int]] = {}
    for row, meets in met.items():
        stacks.setdefault(tuple(meets), []).append(row)
    columns = [column for found in stacks for column in found]
    if len(set(columns)) < len(columns) or len(set(map(len, stacks))) > 1:
        return None
    if len({len(rows) for rows in stacks.values()}) > 1:
        return None
    wide = len(next(iter(stacks)))
    high = len(next(iter(stacks.values())))
    if wide == high == 1:
        return None
    row_place = np.empty(len(firsts[0]), dtype=np.intp)
    column_place = np.empty(len(firsts[1]), dtype=np.intp)
    for stack, (found, rows) in enumerate(stacks.items()):
        row_place[rows] = (stack * high + np.arange(high)) * wide
        column_place[list(found)] = np.arange(wide)
    place = row_place[of_left] + column_place[of_right]
    if len(set(place.tolist())) < len(place):
        return None
    lefts = np.array([[left[firsts[0][row]] for row in rows] for rows in stacks.values()])
    rights = np.array([[right[firsts[1][column]] for column in found] for found in stacks])
    return Grid(lefts, rights, place)
