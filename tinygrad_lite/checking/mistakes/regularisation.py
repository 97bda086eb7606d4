"""Penalties on parameters: recognised by their shape, missing, doubled, or invented."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Edge
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.mistakes.numbers import number, written
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

_PAIRED = {"multiply", "vdot", "dot", "inner", "matmul", "einsum", "tensordot", "weighted_sum"}
_PENALTIES = {"square", "abs", "absolute", "power", "norm", *_PAIRED}


def is_regularisation(record: Record, edge: Edge) -> bool:
    """Whether an edge is the way back from a penalty: a parameter, a norm, added to the cost.

    The way from the penalty to the cost must meet nothing but sums, constants and other
    penalties before it joins the rest of the cost.
    """
    if not _is_penalty(record, edge):
        return False
    # What has no other use than penalties is not regularised, it is what is fitted.
    return not all(_is_penalty(record, other) for other in _other_uses(record, edge))


def _is_penalty(record: Record, edge: Edge) -> bool:
    value, node = edge.argument, edge.node
    if value.operation is not None or len(_other_uses(record, edge)) == 0:
        return False
    assert node.operation is not None
    if node.operation.name not in _PENALTIES or any(
        type(a) is Value and a is not value for a in node.args
    ):
        return False
    if node.operation.name in _PAIRED and sum(a is value for a in node.args) < 2:
        return False
    if node.operation.name in _CONTRACTED and node.ndim:
        return False
    if any(isinstance(a, np.ndarray) and a.ndim for a in node.args):
        return False
    if node.operation.name == "power" and node.args[1] != 2:
        return False
    for _ in range(200):
        uses = record.consumers.get(node, [])
        if node is record.cost:
            return True
        if len(uses) != 1:
            return False
        before, node = node, uses[0].node
        assert node.operation is not None
        squared = node.ndim == 0 and node.operation.name in ("square", "power")
        if node.operation.name not in _ON_THE_WAY and not squared:
            return False
        others = [a for a in node.args if type(a) is Value and a is not before]
        if node.operation.name in ("multiply", "divide") and any(a.operation for a in others):
            return False  # a norm that something computed is divided by
    return False


_CONTRACTED = _PAIRED - {"multiply"}


_ON_THE_WAY = {"sum", "mean", "add", "multiply", "divide", "sqrt", "subtract", "stack", "negative"}


def _other_uses(record: Record, edge: Edge) -> list[Edge]:
    return [e for e in record.consumers.get(edge.argument, []) if e.node is not edge.node]


def invented(
    value: Value, hand: Array, automatic: Array, penalised: bool = False
) -> Iterator[Candidate]:
    """The hand-derived gradient of a parameter has a multiple of the parameter added to it.

    Args:
        penalised: whether the cost has a penalty on it, which may be missing.
    """
    w = np.asarray(value.data, dtype=np.float64)
    if np.shape(hand) != w.shape:
        return
    extra = np.asarray(hand, dtype=np.float64) - automatic
    for penalty, words in ((w, "its own value"), (np.sign(w), "its own sign")):
        size = float(np.sum(penalty * penalty))
        if size == 0:
            continue
        c = float(np.sum(extra * penalty)) / size
        parallel = float(np.sum(automatic * penalty)) ** 2
        if parallel > (1 - 1e-9) * size * float(np.sum(automatic**2)) and not written(c):
            continue  # then it may as well be a factor
        if c < 0 and penalised:
            continue  # the penalty that there is, missing
        sentence, correction = (
            (
                f"the gradient of {called(value)} contains {number(c)} times {words}, a "
                f"regularisation term that the cost does not have (or has less of)",
                "leave the penalty's derivative out, or put the penalty into the cost",
            )
            if c > 0
            else (
                f"{number(-c)} times {words} is missing from the gradient of {called(value)}, or "
                f"subtracted from it, like a regularisation term with the wrong sign",
                f"add {number(-c)} times {words}",
            )
        )
        yield Candidate(
            "regularisation",
            Changes(totals={value: lambda g, c=c, p=penalty: g + c * p}),  # type: ignore[misc]
            value,
            value,
            sentence,
            correction,
            f"invented-{words}-{c:.5g}",
            0.1 + 0.3 * (not written(c)) if w.size > 2 else 0.4 if written(c) else 1.5,
        )


def words_of(about: Circumstances, c: float, edge: Edge) -> tuple[str, str]:
    """What it means that a penalty's derivative is counted c times, and how to mend it."""
    target = called(edge.argument)
    derivative = _of_penalty(about, edge)
    if abs(c) < 1e-4:
        return (
            f"the regularisation term of {target} is missing from its gradient",
            f"add {derivative or 'the derivative of the penalty'}",
        )
    if abs(c + 1) < 1e-4:
        return (
            f"the regularisation term of {target} has the wrong sign",
            f"add {derivative or 'the derivative of the penalty'} instead of subtracting it",
        )
    mend = f"divide the derivative of the penalty by {number(c)}"
    if abs(c) < 1:
        mend = f"multiply the derivative of the penalty by {number(1 / c)}"
    return (
        f"the regularisation term of {target} is counted {number(c)} times",
        mend + (f": it is {derivative}" if derivative else ""),
    )


def _of_penalty(about: Circumstances, edge: Edge) -> str:
    """The derivative of a penalty as a multiple of the parameter or of its sign, "" if neither."""
    held: dict[Value, object] = {}
    about.record.spread(edge.node, about.right[edge.node], held, about.right, Changes())
    part, w = np.asarray(held[edge.argument]), np.asarray(edge.argument.data)
    for of_w, words in ((w, "{}"), (np.sign(w), "sign({})")):
        kept = of_w != 0
        ratio = part[kept] / of_w[kept]
        if ratio.size and np.ptp(ratio) <= 1e-6 * abs(ratio.flat[0]):
            factor, term = float(ratio.flat[0]), words.format(called(edge.argument))
            return term if abs(factor - 1) < 1e-9 else f"{factor:.6g} * {term}"
    return ""
