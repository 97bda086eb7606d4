"""What it means that something is multiplied by a wrong number: sign, factor, mean for sum ..."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tinygrad_lite.checking.mistakes.candidate import (
    PRODUCTS,
    Candidate,
    Circumstances,
    called,
    contraction,
    edges_to,
    place,
)
from tinygrad_lite.checking.mistakes.regularisation import is_regularisation
from tinygrad_lite.checking.passes import Changes, Edge
from tinygrad_lite.engine.value import Value


def named(
    about: Circumstances, c: float, value: Value, edge: Edge | None, close: float = 1e-5
) -> Iterator[Candidate]:
    """Readings of a factor `c` on what arrives at `value`, along one edge or in total.

    Args:
        close: relative difference up to which two factors are the same.
    """
    changes = (
        Changes(scales={edge: c}) if edge is not None else Changes(totals={value: lambda g: c * g})
    )
    where = edge.node if edge is not None else value
    target = called(value)

    def reading(kind: str, sentence: str, correction: str, prior: float) -> Candidate:
        return Candidate(
            kind, changes, value, where, sentence, correction, f"{kind}@{c:.6g}", prior
        )

    def near(number: float) -> bool:
        return abs(c - number) <= close * max(abs(number), 1e-3)

    if edge is not None and is_regularisation(about.record, edge):
        yield reading("regularisation", *_regularisation(c, target), 0.0)
        return
    if near(0):
        yield from _dropped(about, value, edge, reading)
        return
    if near(-1):
        yield reading(
            "sign",
            f"what goes back from {called(where)} to {target} has the wrong sign",
            f"multiply it by -1{_sign_hint(edge)}",
            0.3,
        )
        return
    seen = set()
    if edge is not None and edge.node.operation is not None:
        name, count = edge.node.operation.name, contraction(edge)
        if name in PRODUCTS and count > 1 and near(1 / count) and _is_activation(edge):
            seen.add("averaged-paths")
            yield reading(
                "averaged-paths",
                f"{target} averages what its {count} outgoing connections pass back, where the "
                f"chain rule sums: everything from there on is too small by {count}",
                f"sum over the {count} outputs, as in g @ W.T; do not divide by {count}",
                0.0,
            )
        if name == "mean":
            count = max(np.size(value.data) // max(edge.node.size, 1), 1)
            if count > 1 and near(count):
                yield reading(
                    "summed-batch",
                    f"the cost takes the mean over {count} entries, but the gradient was summed",
                    f"divide by {count}",
                    0.0,
                )
                seen.add("summed-batch")
    edges = edges_to(about.record, value)
    if edge is None and len(edges) > 1 and near(1 / len(edges)):
        kind = "averaged-batch" if value.operation is None and _independent(edges) else ""
        kind = kind or "averaged-paths"
        seen.add(kind)
        what = "samples" if kind == "averaged-batch" else "outgoing paths"
        yield reading(
            kind,
            f"{target} averages over its {len(edges)} {what}, where the chain rule sums",
            f"sum the {len(edges)} contributions",
            0.0 if len({e.node for e in edges}) > 1 else 0.3,
        )
    for count in sorted(about.batch_sizes):
        if near(1 / count) and "averaged-batch" not in seen:
            seen.add("averaged-batch")
            yield reading(
                "averaged-batch",
                f"the gradient of {target} was averaged over the batch of {count}, where the cost "
                f"{'already divides by it' if count in _means(about) else 'sums over it'}",
                f"do not divide by {count}",
                0.2 if count > 2 else 0.6,
            )
        if near(count) and "summed-batch" not in seen:
            meant = count in _means(about)
            yield reading(
                "summed-batch",
                f"the gradient was summed over the batch of {count}, where the cost averages",
                f"divide by {count}",
                0.2 if meant and count > 2 else 0.7,
            )
    yield reading("factor", *_factor(about, c, value, where, close), 0.5)


def _dropped(about, value, edge, reading) -> Iterator[Candidate]:  # type: ignore[no-untyped-def]
    edges = edges_to(about.record, value)
    target = called(value)
    if edge is None or (len({e.node for e in edges}) < 2 and len(edges) < 2):
        yield reading(
            "one-path",
            f"nothing is passed back through {target}: it was treated as a constant",
            f"add the path through {target}, which depends on the parameters too",
            1.0,
        )
        return
    for link in about.links:
        if link.name == "" and edge.node in link.members and is_softmax(link.z, link.a):
            yield reading(
                "softmax-elementwise",
                f"the sum in the denominator of the softmax {called(link.a)} was treated as a "
                f"constant, so each entry passes back to itself only",
                "dz = p * (g - sum(g * p)), the sum over the axis of the softmax",
                0.0,
            )
            return
    rest = [e for e in edges if e != edge]
    first, last = edges[-1], edges[0]  # by order of use; `edges` runs backwards
    kept = rest[0] if len(rest) == 1 else None
    text = f"the path from {place(edge.node)} back to {target} is not counted"
    overwrote = (
        f"a later assignment to the gradient of {target} overwrote what {place(edge.node)} had "
        f"passed back: = instead of +="
    )
    likely = kept is not None and first.node.frame_offset == last.node.frame_offset
    yield reading(
        "one-path", text, "add this path: a Value used twice gets the sum", 0.15 if likely else 0.05
    )
    if kept is not None:
        yield reading("overwritten-path", overwrote, "accumulate with +=", 0.05 if likely else 0.15)


def is_softmax(z: Value, a: Value) -> int | None:
    """The axis along which `a` is the softmax of `z`, None if it is not."""
    x, p = np.asarray(z.data, dtype=np.float64), np.asarray(a.data, dtype=np.float64)
    if x.ndim == 0 or x.shape != p.shape or np.any(p < 0) or np.any(p > 1 + 1e-6):
        return None
    for axis in range(x.ndim - 1, -1, -1):
        if x.shape[axis] > 1 and np.allclose(p.sum(axis=axis), 1, atol=1e-5):
            e = np.exp(x - np.max(x, axis=axis, keepdims=True))
            if np.allclose(e / e.sum(axis=axis, keepdims=True), p, rtol=1e-4, atol=1e-6):
                return axis
    return None


def _regularisation(c: float, target: str) -> tuple[str, str]:
    if abs(c) < 1e-4:
        return (
            f"the regularisation term of {target} is missing from its gradient",
            "add the derivative of the penalty",
        )
    return (
        f"the regularisation term of {target} is counted {c:.4g} times",
        f"divide the derivative of the penalty by {c:.4g}",
    )


def _factor(
    about: Circumstances, c: float, value: Value, where: Value, close: float
) -> tuple[str, str]:
    words = what_it_equals(about, c, value, where, close)
    more = f", which is {words}" if words else ""
    return (
        f"what arrives at {called(value)} from {called(where)} is {c:.6g} times too large{more}"
        if abs(c) > 1
        else f"what arrives at {called(value)} from {called(where)} is multiplied by {c:.6g}{more}",
        f"divide by {c:.6g}" if abs(c) > 1 else f"multiply by {1 / c:.6g}",
    )


def what_it_equals(about: Circumstances, c: float, value: Value, where: Value, close: float) -> str:
    """A factor in words: 1/2, a dimension, the root of one, the constant of an operation."""
    sizes: dict[float, str] = {2.0: "2", 3.0: "3", 4.0: "4"}
    for v in (value, where):
        for axis, n in enumerate(v.shape):
            sizes.setdefault(float(n), f"axis {axis} of {called(v)}, of length {n}")
        sizes.setdefault(float(v.size), f"the number of entries of {called(v)}, {v.size}")
    for n in about.batch_sizes:
        sizes.setdefault(float(n), f"the batch size {n}")
    for a in where.args:
        if isinstance(a, (int, float)) and a not in (0, 1):
            sizes.setdefault(float(a), f"the constant {a:.6g} of {called(where)}")
    for number, words in sizes.items():
        for form, text in (
            (number, words),
            (1 / number, f"1 over {words}" if words != "2" else "1/2"),
            (math.sqrt(abs(number)), f"the square root of {words}"),
            (1 / math.sqrt(abs(number)), f"1 over the square root of {words}"),
        ):
            for sign in (1, -1):
                if number != 1 and abs(c - sign * form) <= close * abs(form):
                    return text if sign == 1 else f"minus {text}"
    return ""


def _is_activation(edge: Edge) -> bool:
    """Whether an argument of a product is what flows through the network, not a parameter of it."""
    other = [a for i, a in enumerate(edge.node.args) if i != edge.argnum]
    if edge.argument.operation is not None:
        return True
    return any(type(a) is Value and a.operation is None for a in other)


def _independent(edges: list[Edge]) -> bool:
    """Whether no consumer computes with another's result, as samples do and time steps don't."""
    nodes = {edge.node for edge in edges}
    least = min(node.serial for node in nodes)
    for start in list(nodes)[:4]:
        stack = [a for a in start.args if type(a) is Value]
        seen = set(stack)
        while stack:
            node = stack.pop()
            if node in nodes:
                return False
            for a in node.args:
                if type(a) is Value and a not in seen and a.serial >= least:
                    seen.add(a)
                    stack.append(a)
    return True


def _means(about: Circumstances) -> set[int]:
    counts = set(about.divisors)
    for node in about.record.nodes[:3000]:
        if node.operation is not None and node.operation.name == "mean":
            (a, *_) = node.args
            size = np.size(a.data) if type(a) is Value else np.size(a)
            counts.add(size // max(node.size, 1))
            counts |= set(np.shape(a.data if type(a) is Value else a)[:1])
    return counts


def _sign_hint(edge: Edge | None) -> str:
    if edge is not None and edge.node.operation is not None:
        if edge.node.operation.name == "subtract" and edge.argnum == 1:
            return ": the derivative of x - y by y is -1"
        if edge.node.operation.name == "cos":
            return ": the derivative of cos is -sin"
        if edge.node.operation.name == "divide" and edge.argnum == 1:
            return ": the derivative of x / y by y is -x / y²"
    return ""
