"""What a picture says about a Value, an edge or a group: plain text, before any drawing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lite.drawing.collect import Edge, Graph
from tinygrad_lite.drawing.comparison import Comparison
from tinygrad_lite.drawing.grouping import Group
from tinygrad_lite.drawing.palette import kind_of
from tinygrad_lite.drawing.summary import Summary, number_text, shape_text, summarise
from tinygrad_lite.drawing.words import rule_in_words
from tinygrad_lite.engine.value import Value, source_of

NAME_LENGTH = 48
"""Longer names are cut in the picture."""


@dataclass(frozen=True, slots=True)
class Card:
    """The text of a box.

    id
        "n3" for Value number 3, "g2" for group number 2
    kind
        leaf, operation, cut (computed, but not shown how), or group
    title, call
        the name, or what was called; and what was called where the title is a name
    typed
        shape and dtype
    gradient_of
        the contributions that the gradient is the sum of, in words, if there are several
    hand, wrong
        the hand-derived gradient, and whether it is wrong, where there is a comparison
    """

    id: str
    kind: str
    title: str
    call: str = ""
    typed: str = ""
    data: str = ""
    sparkline: str = ""
    bars: tuple[int, ...] = ()
    gradient: str = ""
    gradient_of: str = ""
    summary: Summary | None = None
    where: str = ""
    is_output: bool = False
    hand: str = ""
    wrong: bool = False
    first_wrong: bool = False
    lines: tuple[str, ...] = field(default=())


def card_of_value(graph: Graph, number: int, comparison: Comparison | None) -> Card:
    """What is known about one Value."""
    value = graph.values[number]
    several = isinstance(value.data, tuple)
    summary = summarise(value.data)
    gradient = graph.gradients.get(number)
    call = call_of(value) if value.operation is not None else ""
    kind = "leaf" if value.operation is None else "cut" if number in graph.cut else "operation"
    name = graph.titles.get(number) or value.name
    typed = f"{len(value.data)} results" if several else typed_text(value)
    hand = None if comparison is None else comparison.hand_derived.get(value)
    return Card(
        id=f"n{number}",
        kind=kind,
        title=name or call or "leaf",
        call=call if name else "",
        typed=typed,
        data="" if several else summary.text,
        sparkline=summary.sparkline,
        bars=summary.bars,
        gradient=gradient.text if gradient is not None else "",
        summary=gradient,
        where=where_text(value),
        is_output=number in graph.outputs,
        hand=summarise(hand).text if hand is not None else "",
        wrong=comparison is not None and value in comparison.wrong,
        first_wrong=comparison is not None and value is comparison.first_wrong,
    )


def card_of_group(graph: Graph, group: Group) -> Card:
    """What a collapsed group hides."""
    numbers = [i for inner in group.everything() for i in inner.members]
    made = Counter([graph.values[i].operation for i in numbers])
    operations: Counter[str] = Counter()
    for operation, count in made.items():
        if operation is not None:
            operations[operation.name] += count
    leaves = []
    if made[None]:
        leaves = [graph.values[i] for i in numbers if graph.values[i].operation is None]
    lines = []
    if operations:
        total = sum(operations.values())
        named = sorted(operations.items(), key=lambda item: (-item[1], item[0]))
        # The title of a fold of operations says already what they are.
        if len(named) > 1 or not group.fold or group.children:
            shown = ", ".join(f"{count:,} {name}" for name, count in named[:3])
            more = f" and {len(named) - 3} other kinds" if len(named) > 3 else ""
            lines.append(f"{shown}{more}" if total > 1 else f"1 {named[0][0]}")
    if leaves:
        entries = sum(leaf.size for leaf in leaves)
        text = f"{len(leaves):,} {'leaf' if len(leaves) == 1 else 'leaves'}"
        lines.append(text if entries == len(leaves) else f"{text}, {entries:,} numbers")
    if group.fold and group.members and graph.values[group.members[0]].ndim:
        lines.append(f"each {typed_text(graph.values[group.members[0]])}")
    known = graph.gradients
    gradients = [known[i] for i in numbers if i in known] if known else []
    worst, text = _of_many(gradients)
    count = len(group.children) + len(group.members) if group.fold else 0
    return Card(
        id=f"g{group.number}",
        kind="group",
        title=f"{group.title} × {count:,}" if group.fold else group.title,
        lines=tuple(lines),
        gradient=text,
        summary=worst,
        is_output=not set(graph.outputs).isdisjoint(numbers),
    )


def sum_in_words(contributions: list[Summary | None]) -> str:
    """How scalar contributions add up, "1 + 2 - 0.5"; how many there are where they're arrays."""
    numbers = [c.number for c in contributions if c is not None]
    if len(numbers) < 2:
        return ""
    if len(numbers) > 4 or None in numbers:
        return f"sum of {len(numbers):,} contributions"
    text = number_text(numbers[0] or 0.0)
    for number in numbers[1:]:
        assert number is not None
        text += f" - {number_text(-number)}" if number < 0 else f" + {number_text(number)}"
    return text


def edge_in_words(graph: Graph, edge: Edge) -> str:
    """What flows along one edge, and by which rule."""
    consumer = graph.values[edge.target]
    argument = graph.values[edge.source]
    assert consumer.operation is not None
    name = cut(argument.name) if argument.name else f"argument {edge.position}"
    parts = [f"{name} of {consumer.operation.name}"]
    if edge in graph.local:
        parts.append(f"local derivative {number_text(graph.local[edge])}")
    if edge in graph.flows:
        flow = graph.flows[edge]
        if flow is None:
            parts.append("no gradient: the operation has no rule for this argument")
            return "; ".join(parts)
        parts.append(f"contributes {flow.text}")
    parts.append(f"rule: {rule_in_words(consumer.operation, edge.position)}")
    return "; ".join(parts)


def flow_text(flow: Summary | None) -> str:
    """The label of an edge: the number, or the root mean square of an array."""
    if flow is None:
        return ""
    if flow.number is not None:
        return number_text(flow.number)
    if kind_of(flow) == "nan":
        return "NaN" if flow.nan else "∞"
    return f"rms {number_text(flow.rms)}"


def call_of(value: Value) -> str:
    """The call that made a Value; a dot stands for every argument that is a Value."""
    operation = value.operation
    assert operation is not None
    constants = any(type(a) is not Value for a in value.args)
    if not constants and not value.metadata:
        return operation.name
    few = value.args if len(value.args) <= 4 else (*value.args[:3], Ellipsis)
    parts = ["·" if type(a) is Value else _constant(a) for a in few] if constants else []
    parts += [f"{key}={_constant(setting)}" for key, setting in (value.metadata or {}).items()]
    return f"{operation.name}({', '.join(parts)})"


def typed_text(value: Value) -> str:
    """Shape and dtype; nothing for a scalar, which most Values of a scalar graph are."""
    if type(value.data) is float:
        return ""
    return f"{shape_text(value.shape)} {value.dtype}"


def where_text(value: Value) -> str:
    """File and line that recorded a Value; the folder is left out, as it differs by machine."""
    source = source_of(value)
    return f"{os.path.basename(source[0])}:{source[1]}" if source is not None else ""


def cut(text: str, length: int = NAME_LENGTH) -> str:
    """A text on one line and of bounded length, its unprintable characters replaced."""
    text = text[: 4 * length]
    shown = "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def worst_of(summaries: Iterable[Summary]) -> Summary | None:
    """The gradient that most needs to be seen: NaN, else the largest."""
    return _of_many(list(summaries))[0]


def _of_many(gradients: list[Summary]) -> tuple[Summary | None, str]:
    if not gradients:
        return None, ""
    broken = [g for g in gradients if kind_of(g) == "nan"]
    if broken:
        return broken[0], f"NaN or ∞ in {len(broken):,} of {len(gradients):,}"
    worst = max(gradients, key=lambda g: g.rms)
    least = min(gradients, key=lambda g: g.rms)
    low, high = number_text(least.rms), number_text(worst.rms)
    text = low if low == high else f"{low} … {high}"
    zeros = sum(g.rms == 0 for g in gradients)
    return worst, f"|g| {text}" + (f", {zeros:,} zero" if zeros else "")


def _constant(constant: Any) -> str:
    if isinstance(constant, np.ndarray) and constant.ndim:
        return f"array {shape_text(constant.shape)}"
    if isinstance(constant, float) or (
        isinstance(constant, np.ndarray) and constant.dtype.kind == "f"
    ):
        return number_text(float(constant))
    if constant is Ellipsis:
        return "…"
    if isinstance(constant, (bool, int, str, type(None))):
        return repr(constant)
    if isinstance(constant, (tuple, list)) and len(constant) <= 6:
        return f"({', '.join(_constant(c) for c in constant)})"
    if isinstance(constant, slice):
        parts = [constant.start, constant.stop]
        return ":".join("" if part is None else str(part) for part in parts)
    if isinstance(constant, (np.number, np.dtype)):
        return str(constant)
    # Whatever else it is, its repr might hold an address.
    return type(constant).__name__
