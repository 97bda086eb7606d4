"""Mistakes with windows of a Value: a convolution written as a sum of products with slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tinygrad_lite.checking.changes import Array, Change, Changes, Edge, Local
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value, data_of

MOST = 4_000_000  # entries of all masks of one Value together
_PRODUCTS = {"multiply", "matmul", "einsum", "dot"}


def of_value(about: Circumstances, value: Value) -> Iterator[Candidate]:
    """Several slices of one Value, multiplied by the wrong entries, or put together wrongly."""
    slices = [
        edge for edge in reversed(about.record.consumers.get(value, []))
        if edge.node.operation is not None and edge.node.operation.name == "getitem"
    ]  # fmt: skip
    if value.ndim and len(slices) > 1 and len(slices) * value.size <= MOST:
        yield from _mirrored(about, value, [edge.node for edge in slices])
        yield from _assigned(value, slices)


def _mirrored(about: Circumstances, value: Value, windows: Sequence[Value]) -> Iterator[Candidate]:
    """Each window with the entry of the kernel that belongs to the window opposite."""
    uses: dict[object, list[Edge]] = {}
    for window in windows:
        for edge in about.record.consumers.get(window, []):
            node = edge.node
            name = node.operation.name if node.operation is not None else ""
            if name in _PRODUCTS and len(node.args) == 2:
                other = np.shape(data_of(node.args[1 - edge.argnum]))
                line = (name, edge.argnum, window.shape, other, node.frame_code)
                uses.setdefault(line, []).append(edge)
    for edges in uses.values():
        others = [edge.node.args[1 - edge.argnum] for edge in edges]
        if len(edges) < 2 or len({id(edge.argument) for edge in edges}) < len(edges):
            continue
        changes: dict[Edge, Change] = {
            edge: _with_other(1 - edge.argnum, data_of(other))
            for edge, other in zip(edges, reversed(others), strict=True)
        }
        ends, entries = (
            [called(some[i]) if type(some[i]) is Value else words for i, words in _ENDS]
            for some in ([edge.argument for edge in edges], others)
        )
        yield Candidate(
            "kernel-flip", Changes(edges=changes), value, edges[0].node,
            f"in the gradient of {called(value)}, the kernel is the wrong way round: {ends[0]} "
            f"is multiplied by {entries[1]}, which belongs to {ends[1]}, and so on in reverse "
            f"order",
            f"pair each window with the entry of the forward pass: {ends[0]} with {entries[0]}",
            "mirrored", 0.02,
        )  # fmt: skip


_ENDS = ((0, "the first entry"), (-1, "the last entry"))


def _with_other(position: int, data: Array) -> Change:
    return lambda local: local.rule(args=local.with_argument(position, data))


def _assigned(value: Value, slices: Sequence[Edge]) -> Iterator[Candidate]:
    """Windows that overlap, of which each assigns its part of the gradient anew."""
    for order, which, prior in ((slices, "last", 0.1), (slices[::-1], "first", 0.15)):
        covered = np.zeros(value.shape, dtype=bool)
        kept: dict[Edge, Change] = {}
        overlap = False
        for edge in reversed(order):
            index = (edge.node.metadata or {}).get("index")
            taken = np.zeros(value.shape, dtype=bool)
            taken[index] = True
            overlap |= bool(np.any(taken & covered))
            kept[edge] = _masked(~covered)
            covered |= taken
        if overlap:
            yield Candidate(
                "overwritten-path", Changes(edges=kept), value, slices[0].node,
                f"each of the {len(slices)} slices of {called(value)} assigns its part of the "
                f"gradient (= instead of +=): where they overlap only that of the {which} is left",
                "start from zeros and add: dx[i:j] += ...", f"slices-{which}", prior,
            )  # fmt: skip


def _masked(mask: Array) -> Change:
    def change(local: Local) -> Array:
        return local.rule() * mask

    return change
