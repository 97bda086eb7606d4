"""What the catalogue's files share: a candidate mistake, and how one is made for an edge."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinygrad_lite.checking.changes import Change, Changes, Edge
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.engine.value import Value, data_of

KINDS = (
    "sign", "factor", "averaged-paths", "one-path", "overwritten-path", "averaged-batch",
    "summed-batch", "derivative-missing", "derivative-twice", "derivative-at-output",
    "derivative-at-input", "wrong-derivative", "transposed", "wrong-operand",
    "unsummed-broadcast", "wrong-axis", "kernel-flip", "softmax-elementwise", "mask",
    "regularisation", "shifted-index", "stale", "precision",
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A supposed mistake: what it would change, and how to say it.

    kind
        one of KINDS
    changes
        what the backward pass does differently
    at
        the Value whose cotangent is the first to go wrong
    where
        the operation or Value to point at
    family
        candidates of one family, at several places, are one habit rather than several mistakes
    prior
        how much less likely than others that fit equally well; 0 is the most natural
    besides
        the other mistake in it, which changes nothing further, where it is two at once
    """

    kind: str
    changes: Changes
    at: Value
    where: Value
    sentence: str
    correction: str
    family: str = ""
    prior: float = 1.0
    besides: Candidate | None = None

    def weighted(self, extra: float) -> Candidate:
        """The same with a higher (less likely) prior."""
        return replace(self, prior=self.prior + extra)


def at_edge(
    kind: str, edge: Edge, change: Change, sentence: str, correction: str, family: str, prior: float
) -> Candidate:
    """A candidate that puts another rule in the place of that of one edge."""
    return Candidate(
        kind, Changes(edges={edge: change}), edge.argument, edge.node, sentence, correction,
        f"{family}:{edge.node.operation.name}:{edge.argnum}", prior,  # type: ignore[union-attr]
    )  # fmt: skip


def edges_to(record: Record, value: Value) -> list[Edge]:
    """The edges along which cotangents arrive at a Value."""
    return record.consumers.get(value, [])


def contraction(edge: Edge) -> int:
    """How many entries of the result each entry of an argument of a product takes part in."""
    node, argnum = edge
    assert node.operation is not None
    if node.operation.name == "matmul":
        shape = node.shape
        if argnum == 0:
            return shape[-1] if np.ndim(data_of(node.args[1])) > 1 and shape else 1
        return (
            shape[-2]
            if np.ndim(data_of(node.args[0])) > 1 and len(shape) > 1
            else (shape[-1] if np.ndim(data_of(node.args[0])) > 1 and shape else 1)
        )
    if node.operation.name == "linear":
        return (node.shape[-1], node.size // node.shape[-1], 1)[argnum]
    if node.operation.name in PRODUCTS:
        other = [data_of(a) for i, a in enumerate(node.args) if i != argnum]
        size = np.size(data_of(node.args[argnum]))
        inner = np.sqrt(size * np.size(other[0]) / max(node.size, 1)) if other else 1.0
        return round(size and np.size(other[0]) / inner) if inner else 1
    return 1


PRODUCTS = {"matmul", "linear", "dot", "einsum", "tensordot", "inner", "outer", "vdot", "kron"}
