"""Mistakes in the factors of elementwise products, quotients and powers: wrong exponents, or the
two exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Edge, Local
from tinygrad_lite.checking.mistakes.candidate import Candidate, at_edge
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value, data_of


def of_edge(edge: Edge) -> Iterator[Candidate]:
    """Wrong factors in the rule of one edge of an elementwise operation of two arguments."""
    yield from _monomials(edge)
    yield from _swapped(edge)


def _monomials(edge: Edge) -> Iterator[Candidate]:
    """g * x^i * y^j with wrong exponents, for elementwise operations of two arguments."""
    node, argnum = edge
    target, name = called(edge.argument), node.operation.name  # type: ignore[union-attr]
    if name not in ("multiply", "divide", "power"):
        return
    labels = [called(a) if type(a) is Value else "the constant" for a in node.args]
    square = node.args[0] is node.args[1]  # whose two ways back nobody takes apart
    # A power of a single constant is a factor, which is sought elsewhere.
    right = _RIGHT_POWERS.get((name, argnum), (0, 0))
    powers_of = [
        (-2, -1, 0, 1, 2) if np.size(data_of(a)) > 1 or type(a) is Value else (exponent,)
        for a, exponent in zip(node.args, right, strict=True)
    ]
    for i in powers_of[0]:
        for j in powers_of[1]:
            for sign in (1, -1):
                if name != "power" and (i, j) == right:
                    continue
                if name == "power" and data_of(node.args[1]) == i + 1:
                    continue  # the right power, so it is a factor that is wrong

                distance = abs(i) + abs(j) + 2 * (sign < 0)
                if name == "divide" and argnum == 1:  # -x / y²
                    distance = abs(i - 1) + abs(j + 2) + 2 * (sign > 0) - 1

                def change(local: Local, i: int = i, j: int = j, sign: int = sign) -> Array:
                    x, y = (np.asarray(a, dtype=np.float64) for a in local.args)
                    with np.errstate(all="ignore"):
                        factor = sign * (x**i if i else 1.0) * (y**j if j else 1.0)
                    return local.g * factor

                powers = [
                    f"{label}{'' if p == 1 else f'^{p}'}"
                    for label, p in zip(labels, (i, j), strict=True)
                    if p
                ]
                words = "minus " * (sign < 0) + (" times ".join(powers) or "1")
                kind = "wrong-derivative" if name == "power" else "wrong-operand"
                if name == "multiply" and (i, j, sign) == (0, 0, 1):
                    other = node.args[1 - argnum]
                    if _is_mask(other):
                        kind = "mask"
                yield at_edge(
                    kind, edge, change,
                    f"in the derivative of {called(node)} by {target}, the factor is {words}",
                    _right_factor(name, argnum, labels),
                    f"monomial-{i}-{j}-{sign}",
                    0.4 + 0.1 * distance + 0.5 * square,
                )  # fmt: skip


def _swapped(edge: Edge) -> Iterator[Candidate]:
    """Both arguments of an elementwise product with their own values as factors."""
    node = edge.node
    x, y = node.args
    if node.operation.name != "multiply" or edge.argnum or x is y:  # type: ignore[union-attr]
        return
    if type(x) is not Value or type(y) is not Value or x.shape != y.shape:
        return

    def own(local: Local) -> Array:
        return local.g * local.args[local.edge.argnum]

    yield Candidate(
        "wrong-operand", Changes(edges={Edge(node, 0): own, Edge(node, 1): own}), x, node,
        f"in the product {called(node)} the factors are exchanged: the gradient of {called(x)} is "
        f"multiplied by {called(x)} itself, that of {called(y)} by {called(y)}",
        f"multiply the gradient of {called(x)} by {called(y)}, and that of {called(y)} by "
        f"{called(x)}", "swapped:multiply", 0.35,
    )  # fmt: skip


_RIGHT_POWERS = {
    ("multiply", 0): (0, 1), ("multiply", 1): (1, 0), ("divide", 0): (0, -1),
    ("divide", 1): (1, -2),
}  # fmt: skip


def _right_factor(name: str, argnum: int, labels: list[str]) -> str:
    x, y = labels
    return {
        ("multiply", 0): f"multiply by {y}",
        ("multiply", 1): f"multiply by {x}",
        ("divide", 0): f"divide by {y}",
        ("divide", 1): f"multiply by -{x} / {y}²",
        ("power", 0): f"multiply by {y} {x}^({y} - 1)",
        ("power", 1): f"multiply by {x}^{y} log {x}",
    }[name, argnum]


def _is_mask(a: Any) -> bool:
    data = np.asarray(data_of(a))
    return (
        type(a) is not Value
        and data.size > 1
        and bool(np.any(data == 0))
        and (len(np.unique(data)) == 2)
    )
