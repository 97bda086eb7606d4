"""Mistakes in products: an operand transposed, shifted in time, or another in its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Change, Changes, Edge, Local
from tinygrad_lite.checking.links import is_elementwise
from tinygrad_lite.checking.mistakes import factors, windows
from tinygrad_lite.checking.mistakes.candidate import Candidate, at_edge
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

POOL = 24  # arrays of one shape to try in the place of an operand


def of_edge(about: Circumstances, edge: Edge) -> Iterator[Candidate]:
    """Wrong operands in the rule of one edge."""
    node, argnum = edge
    assert node.operation is not None
    arrays = [i for i, a in enumerate(node.args) if i != argnum and _size(a) > 1]
    elementwise = is_elementwise(node)
    if len(node.args) == 2:
        if elementwise:
            yield from factors.of_edge(edge)
        elif node.operation.name == "matmul":
            yield from _arrangements(edge)
    if len(node.args) <= 4:
        for position in arrays:
            yield from _replaced(about, edge, position, elementwise)
    yield from _other_end(about, edge)
    yield from _relatives(about, edge)
    yield from _slices(edge)
    yield from windows.of_edge(edge)
    yield from _in_time(about, edge)


def _other_end(about: Circumstances, edge: Edge) -> Iterator[Candidate]:
    """An activation's input in the place of its output in a product, or the reverse."""
    node, argnum = edge
    if node.operation.name not in _PRODUCTS or len(node.args) > 1000:  # type: ignore[union-attr]
        return
    partner = argnum + 1 if len(node.args) > 2 else 1 - argnum
    operand = node.args[partner] if partner < len(node.args) else None
    if type(operand) is not Value:
        return
    for other in about.other_ends.get(operand, []):

        def change(local: Local, other: Value = other) -> Array:
            return local.rule(args=local.with_argument(partner, other.data))

        yield at_edge(
            "wrong-operand", edge, change,
            f"in the gradient of {called(edge.argument)}, {called(other)} is used in the place of "
            f"{called(operand)}", f"use {called(operand)}", "other-end", 0.35,
        )  # fmt: skip


def _relatives(about: Circumstances, edge: Edge) -> Iterator[Candidate]:
    """What an operand was computed from in the place of the operand, such as h for r * h; or what
    was computed from it."""
    node, argnum = edge
    if node.operation.name not in _PRODUCTS or len(node.args) != 2:  # type: ignore[union-attr]
        return
    operand = node.args[1 - argnum]
    if type(operand) is not Value:
        return
    inner = list(enumerate(operand.args)) if operand.operation is not None else []
    outer = [(e.argnum, e.node) for e in about.record.consumers.get(operand, [])[:4]]
    for label, others, used in (("inner", inner, operand), ("outer", outer, None)):
        for i, other in others:
            data = _data(other)
            if np.shape(data) != operand.shape or other is node or not operand.ndim:
                continue
            maker = used if used is not None else other
            if not is_elementwise(maker):
                continue

            def change(local: Local, data: Any = data) -> Array:
                return local.rule(args=local.with_argument(1 - local.edge.argnum, data))

            name = called(other) if type(other) is Value else "a constant array"
            yield at_edge(
                "wrong-operand", edge, change,
                f"in the gradient of {called(edge.argument)}, {name} is used in the place of "
                f"{called(operand)}", f"use {called(operand)}",
                f"{label}-{maker.operation.name}-{i}", 0.4,  # type: ignore[union-attr]
            )  # fmt: skip


def _slices(edge: Edge) -> Iterator[Candidate]:
    """A slice that starts one entry too late or too early, in the place of an operand."""
    node, argnum = edge
    if node.operation.name not in _PRODUCTS or len(node.args) != 2:  # type: ignore[union-attr]
        return
    operand = node.args[1 - argnum]
    if type(operand) is not Value or operand.operation is None or not operand.ndim:
        return
    index = (operand.metadata or {}).get("index")
    if operand.operation.name != "getitem" or index is None:
        return
    source = np.asarray(_data(operand.args[0]))
    parts = index if isinstance(index, tuple) else (index,)
    for axis, part in enumerate(parts):
        if part is Ellipsis or part is None:
            return
        if not isinstance(part, slice) or part == slice(None):
            continue
        for shift in (1, -1):
            data = rolled(source, -shift, axis, False)[index]

            def change(local: Local, data: Array = data) -> Array:
                return local.rule(args=local.with_argument(1 - local.edge.argnum, data))

            yield at_edge(
                "shifted-index", edge, change,
                f"in the gradient of {called(edge.argument)}, the slice {called(operand)} starts "
                f"one entry too {'late' if shift == 1 else 'early'} along axis {axis}",
                f"use {called(operand)} as it is", f"slice-{axis}-{shift}", 0.3,
            )  # fmt: skip


_PRODUCTS = {"multiply", "matmul", "dot", "outer", "inner", "einsum", "weighted_sum", "linear"}


def _arrangements(edge: Edge) -> Iterator[Candidate]:
    """g and the other operand of a matrix product, transposed or in the other order."""
    node, argnum = edge
    target = called(edge.argument)
    other = node.args[1 - argnum]
    if np.ndim(_data(other)) < 2 or node.ndim < 2:
        return
    label = called(other) if type(other) is Value else "the constant"
    right = f"g @ {label}.T" if argnum == 0 else f"{label}.T @ g"
    for words, form in (
        ("g @ {0}", lambda g, b: g @ b),
        ("g @ {0}.T", lambda g, b: g @ _t(b)),
        ("{0} @ g", lambda g, b: b @ g),
        ("{0}.T @ g", lambda g, b: _t(b) @ g),
        ("g.T @ {0}", lambda g, b: _t(g) @ b),
        ("g.T @ {0}.T", lambda g, b: _t(g) @ _t(b)),
        ("{0} @ g.T", lambda g, b: b @ _t(g)),
        ("{0}.T @ g.T", lambda g, b: _t(b) @ _t(g)),
    ):
        text = words.format(label)
        if text == right:
            continue
        # The right operands in the wrong arrangement; only another order is another operand.
        reversed_order = words.startswith("g") != right.startswith("g")
        product_transposed = words.count(".T") and _is_transpose(words, argnum)
        kind = "wrong-operand" if reversed_order and not product_transposed else "transposed"
        prior = 0.3 if kind == "transposed" else 0.45

        def change(local: Local, form: Any = form) -> Array:
            return form(local.g, local.args[1 - local.edge.argnum])

        yield at_edge(
            kind, edge, change,
            f"the gradient of {target} is computed as {text} instead of {right}",
            f"use {right}", f"arranged-{words}", prior,
        )  # fmt: skip


def _is_transpose(words: str, argnum: int) -> bool:
    return words == ("{0} @ g.T" if argnum == 0 else "g.T @ {0}")


def _replaced(
    about: Circumstances, edge: Edge, position: int, elementwise: bool
) -> Iterator[Candidate]:
    """The rule with another array in the place of an operand."""
    node, _ = edge
    operand = node.args[position]
    data, target = _data(operand), called(edge.argument)
    label = called(operand) if type(operand) is Value else f"the constant operand of {called(node)}"

    def candidate(kind: str, other: Array, sentence: str, family: str, prior: float) -> Candidate:
        def change(local: Local) -> Array:
            return local.rule(args=local.with_argument(position, other))

        return at_edge(
            kind, edge, change, f"in the gradient of {target}, {sentence}",
            f"use {label}" + " as it is" * (kind == "transposed" or family.startswith("roll")),
            family, prior,
        )  # fmt: skip

    if isinstance(data, np.ndarray) and data.ndim >= 2 and data.shape[-1] == data.shape[-2]:
        flipped = np.swapaxes(data, -1, -2)
        yield candidate("transposed", flipped, f"{label} is transposed", "operand-T", 0.3)
    pool = about.arrays_by_shape.get(np.shape(data), [])
    for other_label, array, _ in pool[:POOL]:
        if array is not data:
            kind = "shifted-index" if _is_shifted(data, array) else "wrong-operand"
            yield candidate(
                kind, array, f"{other_label} is used in the place of {label}",
                f"operand-{other_label}", 0.6,
            )  # fmt: skip
    if np.ndim(data) == 2 and not elementwise:
        for other_label, array, _ in about.arrays_by_shape.get(np.shape(data)[::-1], [])[:POOL]:
            if array.T is not data and not np.shares_memory(array, data):
                yield candidate(
                    "wrong-operand", array.T,
                    f"{other_label}, transposed, is used in the place of {label}",
                    f"operand-{other_label}.T", 0.65,
                )  # fmt: skip
    if isinstance(data, np.ndarray) and data.ndim:
        for axis in range(min(data.ndim, 3)):
            for shift in (1, -1):
                for wrap in (True, False):
                    if data.shape[axis] < 2:
                        continue
                    yield candidate(
                        "shifted-index", rolled(data, shift, axis, wrap),
                        f"{label} is off by one index along axis {axis}",
                        f"roll-{axis}-{shift}-{wrap}", 0.5,
                    )  # fmt: skip


def _in_time(about: Circumstances, edge: Edge) -> Iterator[Candidate]:
    """The operand of the step before or after, in a loop that repeats an operation."""
    steps = about.siblings(edge)
    if not 1 < len(steps) <= 64 or edge.node is not steps[0] or len(edge.node.args) > 8:
        return
    if len({len(node.args) for node in steps}) > 1:
        return
    argnum = edge.argnum
    for position in range(len(edge.node.args)):
        if position == argnum:
            continue
        for shift in (1, -1):
            changes: dict[Edge, Change] = {}
            for i, node in enumerate(steps):
                j = i + shift
                if 0 <= j < len(steps):
                    other = steps[j].args[position]
                elif type(node.args[argnum]) is Value and shift == 1 and j == len(steps):
                    other = _next_of(steps, position)
                else:
                    other = None
                if other is _MISSING:
                    continue
                if type(node.args[argnum]) is not Value:
                    continue
                data = _data(other) if other is not None else None
                changes[Edge(node, argnum)] = _with_operand(position, data)
            if not changes:
                continue
            yield Candidate(
                "shifted-index", Changes(edges=changes), edge.argument, edge.node,
                f"in the gradient of {called(edge.argument)}, each step uses the operand of the "
                f"step {'after' if shift == 1 else 'before'} it",
                "pair each step's cotangent with the operand of the same step", "", 0.3,
            )  # fmt: skip


_MISSING = object()


def _next_of(steps: list[Value], position: int) -> Any:
    """What the operand of one more step would be: the result that came of the last step."""
    before, last = steps[-2].args[position], steps[-1].args[position]
    if type(last) is not Value or last.operation is None or type(before) is not Value:
        return None
    serial = last.serial + (last.serial - before.serial)
    return ("serial", serial)


def _with_operand(position: int, data: Any) -> Change:
    def change(local: Local) -> Array:
        if data is None or isinstance(data, tuple):
            nothing = np.zeros_like(np.asarray(local.args[position]))
            found = None
            if isinstance(data, tuple):
                found = next((v for v in local.found if v.serial == data[1]), None)
            if found is not None and np.shape(found.data) == np.shape(nothing):
                return local.rule(args=local.with_argument(position, found.data))
            return local.rule(args=local.with_argument(position, nothing))
        return local.rule(args=local.with_argument(position, data))

    return change


def _is_shifted(a: Array, b: Array) -> bool:
    """Whether two arrays are windows of one sequence, a step apart."""
    if not isinstance(a, np.ndarray) or a.ndim == 0 or len(a) < 2:
        return False
    return bool(np.array_equal(a[1:], b[:-1]) or np.array_equal(a[:-1], b[1:]))


def rolled(data: Array, shift: int, axis: int, wrap: bool) -> Array:
    """An array moved by one along an axis, wrapping around or filled with zeros."""
    moved = np.roll(data, shift, axis)
    if not wrap:
        index: list[Any] = [slice(None)] * np.ndim(data)
        index[axis] = 0 if shift > 0 else -1
        moved[tuple(index)] = 0
    return moved


def _t(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def _data(x: Any) -> Any:
    return x.data if type(x) is Value else x


def _size(x: Any) -> int:
    return int(np.size(_data(x))) if not isinstance(x, (str, type(None))) else 0
