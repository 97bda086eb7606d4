"""Windows and entries of a plain array, taken one index too late or too early at every place."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from tinygrad_lite.checking.changes import Array, Change, Changes, Edge, Local
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value, data_of

_PRODUCTS = {"multiply", "matmul", "dot", "inner", "divide"}


def of_edge(edge: Edge) -> Iterator[Candidate]:
    """A slice of a plain array, such as ``x[k : k + n]``, one entry further along that array."""
    node, argnum = edge
    name = node.operation.name  # type: ignore[union-attr]
    if name not in _PRODUCTS or len(node.args) != 2:
        return
    operand = node.args[1 - argnum]
    if not isinstance(operand, np.ndarray) or operand.ndim == 0:
        return
    for axis, shift, moved in shifted(operand):

        def change(local: Local, moved: Array = moved) -> Array:
            return local.rule(args=local.with_argument(1 - local.edge.argnum, moved))

        yield Candidate(
            "shifted-index", Changes(edges={edge: change}), edge.argument, node,
            f"in the gradient of {called(edge.argument)}, the slice that {called(node)} takes of "
            f"an array starts one entry too {'late' if shift > 0 else 'early'} along axis {axis}",
            "use the same slice as the forward pass", f"window-{axis}-{shift}:{name}:{argnum}", 0.3,
        )  # fmt: skip


def shifted(view: Array) -> Iterator[tuple[int, int, Array]]:
    """The same window of the array that a view is of, one entry along each of its axes; with the
    axis and the shift, as far as the window stays inside."""
    base = view.base
    while isinstance(base, np.ndarray) and isinstance(base.base, np.ndarray):
        base = base.base
    if not isinstance(base, np.ndarray) or not base.flags.c_contiguous or base.dtype != view.dtype:
        return
    if 0 in view.shape or base.shape == view.shape or min(view.strides) <= 0:
        return
    first = (view.ctypes.data - base.ctypes.data) // base.itemsize
    last = first + sum((n - 1) * s for n, s in zip(view.shape, view.strides, strict=True)) // (
        base.itemsize
    )
    start, stop = np.unravel_index(first, base.shape), np.unravel_index(last, base.shape)
    flat = base.reshape(-1)
    for axis, n in enumerate(base.shape):
        for shift in (1, -1):
            if start[axis] + shift >= 0 and stop[axis] + shift < n:
                offset = first + shift * (base.strides[axis] // base.itemsize)
                yield (
                    axis,
                    shift,
                    np.lib.stride_tricks.as_strided(
                        flat[offset:], view.shape, view.strides, writeable=False
                    ),
                )


def rotated(about: Circumstances, free: Collection[Value]) -> Iterator[Candidate]:
    """In sums of products, as of a neuron, each product with the other factor of its neighbour."""
    inside = set(free)
    lines: dict[object, dict[Value, list[Value]]] = {}
    for node in reversed(about.record.nodes):
        if node.operation is not None and node.operation.name == "multiply" and node.ndim == 0:
            total = _total_of(about, node)
            if total is not None:
                line = (node.frame_code, node.frame_offset)
                lines.setdefault(line, {}).setdefault(total, []).append(node)
    for sums in lines.values():
        groups = [terms for terms in sums.values() if len(terms) > 1]
        for argnum in (0, 1):
            edges = [
                Edge(n, argnum) for terms in groups for n in terms if type(n.args[argnum]) is Value
            ]
            if len(edges) < 2 or not all(edge.argument in inside for edge in edges):
                continue
            for shift in (1, -1):
                for wrap in (True, False):
                    changes = _moved(groups, argnum, shift, wrap)
                    edge = edges[0]
                    after = "after" if shift > 0 else "before"
                    yield Candidate(
                        "shifted-index", Changes(edges=changes), edge.argument, edge.node,
                        f"in the gradients of {called(edges[0].argument)}, "
                        f"{called(edges[1].argument)}, ..., each is multiplied by the factor that "
                        f"belongs to the one {after} it: an index off by one"
                        + ", around the end" * wrap,
                        "use the same index for both factors", "", 0.3,
                    )  # fmt: skip


def _moved(groups: list[list[Value]], argnum: int, shift: int, wrap: bool) -> dict[Edge, Change]:
    changes: dict[Edge, Change] = {}
    for terms in groups:
        others = [data_of(node.args[1 - argnum]) for node in terms]
        for i, node in enumerate(terms):
            if type(node.args[argnum]) is not Value:
                continue
            j = i + shift
            factor = others[j % len(terms)] if wrap or 0 <= j < len(terms) else 0.0
            changes[Edge(node, argnum)] = lambda local, factor=factor: local.g * factor  # type: ignore[misc]
    return changes


def _total_of(about: Circumstances, node: Value) -> Value | None:
    """The sum that a product is a term of, None if it goes elsewhere."""
    total = None
    for _ in range(2000):
        uses = about.record.consumers.get(node, [])
        if len(uses) != 1 or uses[0].node.operation.name not in ("add", "sum", "stack"):  # type: ignore[union-attr]
            return total
        node = total = uses[0].node
    return total
