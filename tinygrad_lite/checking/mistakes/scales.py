"""What it means that something is multiplied by a wrong number: sign, factor, mean for sum ..."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinygrad_lite.checking.changes import Changes, Edge
from tinygrad_lite.checking.mistakes.candidate import PRODUCTS, Candidate, contraction, edges_to
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.mistakes.numbers import (
    constants_of,
    number,
    what_it_equals,
    written,
)
from tinygrad_lite.checking.mistakes.regularisation import is_regularisation, words_of
from tinygrad_lite.checking.words import called, place
from tinygrad_lite.engine.value import Value, data_of

UNKNOWN = 0.8  # prior of a factor that is no number of the program and that nobody would write


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
        if is_half_of_square(edge):  # both ways back from w * w are one derivative
            c = (1 + c) / 2
            changes = Changes(scales={Edge(edge.node, i): c for i in (0, 1)})
        yield reading("regularisation", *words_of(about, c, edge), 0.0)
        return
    if near(0):
        yield from _dropped(about, value, edge, reading)
        return
    if near(-1):
        yield reading(
            "sign",
            f"what goes back {f'from {called(where)} ' if where is not value else ''}to {target} "
            f"has the wrong sign",
            f"multiply it by -1{_sign_hint(edge)}",
            0.8 if is_half_of_square(edge) else 0.3,
        )
        return
    constant = _own_number(about, c, value, edge, close)
    if c < 0 and not constant:
        readings = [r for r in named(about, -c, value, edge, close) if r.prior < UNKNOWN]
        sign = Candidate(
            "sign", Changes(), value, where, "and the sign is wrong", "multiply by -1", prior=0.1
        )
        for other in readings:
            yield replace(other, changes=changes, family=f"-{other.family}", besides=sign)
        if readings:
            return
    seen = set()
    if constant:
        yield reading("factor", *constant, 0.1)
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
                pixels = value.ndim > 3 and np.shape(edge.node.data)[:2] == value.shape[:2]
                unit = "pixels" if pixels else "entries"
                yield reading(
                    "factor" if pixels else "summed-batch",
                    f"{called(edge.node)} is the mean over {count} {unit}, but the gradient was "
                    f"not divided by {count}",
                    f"divide by {count}",
                    0.0,
                )
                seen.add("summed-batch")
            rows = value.shape[0] if value.ndim > 1 else 1
            if 1 < rows < count and count % rows == 0 and near(count / rows):
                yield reading(
                    "factor",
                    f"{called(edge.node)} is the mean over {count} entries, but the gradient was "
                    f"divided by {rows} only",
                    f"divide by {count}",
                    0.12,
                )
    edges = edges_to(about.record, value)
    if edge is None and len(edges) > 1 and near(1 / len(edges)):
        samples = value.operation is None and about.apart([e.node for e in edges])
        kind = "averaged-batch" if samples else "averaged-paths"
        seen.add(kind)
        what = "samples" if kind == "averaged-batch" else "outgoing paths"
        yield reading(
            kind,
            f"{target} averages over its {len(edges)} {what}, where the chain rule sums",
            f"sum the {len(edges)} contributions",
            unlike(edges),
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
    if not constant:
        yield reading(
            "factor",
            *_factor(about, c, value, where, close),
            _likely(about, c, value, where, close),
        )


def is_half_of_square(edge: Edge | None) -> bool:
    """Whether it is one of the two ways back from x * x or x @ x, which nobody takes apart."""
    if edge is None or edge.node.operation is None or len(edge.node.args) != 2:
        return False
    node, name = edge.node, edge.node.operation.name
    squares = name == "multiply" or (name in _SCALAR_PRODUCTS and node.ndim == 0)
    return squares and node.args[0] is node.args[1]


_SCALAR_PRODUCTS = {"matmul", "dot", "vdot", "inner"}


def _is_sum(node: Value) -> bool:
    """Whether it adds terms that are Values."""
    name = node.operation.name if node.operation is not None else ""
    return name in ("add", "subtract") and sum(type(a) is Value for a in node.args) > 1


def own_numbers(edge: Edge) -> list[float]:
    """Factors that come of leaving out, or counting twice, what an operation multiplies by."""
    node = edge.node
    name = node.operation.name if node.operation is not None else ""
    exponent = _EXPONENTS.get(name)
    if name == "power" and edge.argnum == 0 and isinstance(node.args[1], (int, float)):
        exponent = float(node.args[1])
    known = [exponent] if exponent else []
    if name == "multiply" or (name == "divide" and edge.argnum == 0):
        known += constants_of(node)
    return [c for k in known if abs(k) not in (0, 1) for c in (k, 1 / k)]


def unlike(edges: list[Edge]) -> float:
    """How unlikely it is that somebody averages over these uses: connections and time steps are
    uses of one kind, the difference from a mean and that mean are not."""
    if len({edge.node for edge in edges}) < 2:
        return 0.3
    operations = {edge.node.operation for edge in edges}
    return 0.0 if len(operations) == 1 or len(edges) > 3 else 0.45


def _likely(about: Circumstances, c: float, value: Value, where: Value, close: float) -> float:
    """Prior of a plain factor. Any wrong number is a factor, so one that is no number of the
    program and that nobody would write explains nothing."""
    if what_it_equals(about, c, value, where, close) or written(c, close):
        return 0.5
    alone = np.size(about.found.get(value, 0.0)) < 2
    return 2.5 if alone else UNKNOWN


def _own_number(
    about: Circumstances, c: float, value: Value, edge: Edge | None, close: float
) -> tuple[str, str] | None:
    """The exponent of a power, or the constant of a product, left out or taken twice."""
    if edge is None or edge.node.operation is None:
        return None
    node, name = edge.node, edge.node.operation.name

    def near(number: float) -> bool:
        return abs(c - number) <= close * abs(number)

    exponent = _EXPONENTS.get(name)
    constants = [float(a) for a in node.args if isinstance(a, (int, float)) and a]
    if name == "power" and edge.argnum == 0 and constants:
        exponent = constants[0]
    if exponent is not None and abs(exponent) != 1:
        n, target = number(exponent), called(value)
        if near(1 / exponent):
            return (
                f"the factor {n} is missing in the derivative of {called(node)} by {target}",
                f"multiply by {n}: the derivative of x^{n} is {n} x^{number(exponent - 1)}",
            )
        if near(exponent):
            return (
                f"the factor {n} in the derivative of {called(node)} by {target} is there twice",
                f"divide by {n}",
            )
    if name not in ("multiply", "divide") or (name == "divide" and edge.argnum):
        return None
    for constant in constants_of(node):
        whole = constant if name == "multiply" else 1 / constant
        sample = abs(1 / whole) > 2 and round(1 / whole, 9) == round(1 / whole)
        if node.size == 1 and node in about.terms and sample:
            continue  # the mean over samples
        words = number(constant)
        if near(1 / whole):
            verb = "multiplied" if name == "multiply" else "divided"
            return (
                f"the {words} that {called(value)} is {verb} by is left out on the way back",
                f"{name} by {words}",
            )
        if near(whole):
            return (
                f"the {words} of {called(node)} is counted twice on the way back",
                f"{'divide' if name == 'multiply' else 'multiply'} by {words}",
            )
    return None


_EXPONENTS = {"square": 2.0, "sqrt": 0.5, "cbrt": 1 / 3, "reciprocal": -1.0}


def _dropped(about, value, edge, reading) -> Iterator[Candidate]:  # type: ignore[no-untyped-def]
    edges = edges_to(about.record, value)
    target = called(value)
    if edge is not None and value in about.terms and _is_sum(edge.node):
        yield reading(
            "one-path",
            f"the term {target} of the cost has no part in the gradient",
            f"add the derivative of {target}, which depends on the parameters too",
            0.35 if _is_sum(value) else 0.1,  # all terms but one
        )
        return
    if edge is None or (len({e.node for e in edges}) < 2 and len(edges) < 2):
        yield reading(
            "one-path",
            f"nothing is passed back through {target}: it was treated as a constant",
            f"add the path through {target}, which depends on the parameters too",
            1.0,
        )
        return
    for link in about.links:
        if link.name == "" and edge.node in link.members and is_softmax(link.z, link.a) is not None:
            # Somebody who derives every step of it does not take it for one function.
            stepwise = any(k in link.members and k is not link.a for k in about.record.keys)
            yield reading(
                "softmax-elementwise",
                f"the sum in the denominator of the softmax {called(link.a)} was treated as a "
                f"constant, so each entry passes back to itself only",
                "dz = p * (g - sum(g * p)), the sum over the axis of the softmax",
                0.15 if stepwise else 0.0,
            )
            if stepwise:
                break
            return
    if is_half_of_square(edge):
        yield reading(
            "factor",
            f"the factor 2 is missing in the derivative of the square of {target}",
            "multiply by 2",
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


def _factor(
    about: Circumstances, c: float, value: Value, where: Value, close: float
) -> tuple[str, str]:
    words = what_it_equals(about, c, value, where, close)
    n = number(c)
    more = f", which is {words}" if words and words != n else ""
    if not words and not written(c, close):
        more = ", a number that the program does not contain: the mistake may be another one"
    for base, name in ((2.0, "log2"), (10.0, "log10")):
        if abs(c - np.log(base)) <= close and any(_is(name, v) for v in about.record.nodes[:3000]):
            more = f": the derivative of {name}(x) is 1/(x {words or f'ln {base:g}'})"
    from_where = f" from {called(where)}" if where is not value else ""
    return (
        f"what arrives at {called(value)}{from_where} is {n} times too large{more}"
        if abs(c) > 1
        else f"what arrives at {called(value)}{from_where} is multiplied by {n}{more}",
        f"divide by {n}" if abs(c) > 1 else f"multiply by {number(1 / c)}",
    )


def _is(name: str, node: Value) -> bool:
    return node.operation is not None and node.operation.name == name


def _is_activation(edge: Edge) -> bool:
    """Whether an argument of a product is what flows through the network, not a parameter of it."""
    other = [a for i, a in enumerate(edge.node.args) if i != edge.argnum]
    if edge.argument.operation is not None:
        return True
    return any(type(a) is Value and a.operation is None for a in other)


def _means(about: Circumstances) -> set[int]:
    counts = set(about.divisors)
    for node in about.record.nodes[:3000]:
        if node.operation is not None and node.operation.name == "mean":
            (a, *_) = node.args
            size = np.size(a.data) if type(a) is Value else np.size(a)
            counts.add(size // max(node.size, 1))
            counts |= set(np.shape(a.data if type(a) is Value else a)[:1])
        if (node.metadata or {}).get("reduction") == "mean":
            counts |= {n for a in node.args for n in np.shape(data_of(a))[:1]}
            counts |= {np.size(data_of(a)) for a in node.args if type(a) is not Value}
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


def is_negating(edge: Edge | None) -> bool:
    """Whether the derivative has a minus that is easily forgotten."""
    if edge is None or edge.node.operation is None:
        return False
    return edge.node.operation.name in ("subtract", "negative", "cos", "divide")
