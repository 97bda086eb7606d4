"""What is drawn: the Values between given ones and outputs, and the gradient along every edge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lite.drawing.contributions import pull_back_by_edge
from tinygrad_lite.drawing.summary import Summary, summarise
from tinygrad_lite.engine.backward import consumers_first, leaves_of, pull_back, seed_for
from tinygrad_lite.engine.value import Value, describe

GRADIENT_LIMIT = 200_000
"""Above as many Values gradients are left out, unless asked for: they'd take seconds."""


class Edge(NamedTuple):
    """One use of a Value: `values[source]` is argument `position` of `values[target]`."""

    source: int
    target: int
    position: int


@dataclass
class Graph:
    """Values by number, in order of creation, and what is known about their gradients.

    Numbers, not addresses or serials, identify Values in every picture, so that the same program
    gives the same text in every run.

    values
        every Value drawn; an argument comes before what is computed from it
    number
        the position of a Value in `values`
    outputs
        numbers of the Values that were asked for
    cut
        numbers of computed Values whose own arguments are not drawn
    uses
        pairs of a leaf and what is computed from it
    gradients, flows
        summary of the gradient of a Value by number, and of the contribution along an edge; an
        edge that no rule serves has None
    local
        the derivative along an edge between two scalars
    titles, scopes
        names and groups by number that a drawing gives to Values which have none of their own
    notes
        what the reader should know, such as why there are no gradients
    """

    values: list[Value]
    number: dict[Value, int]
    outputs: tuple[int, ...]
    cut: frozenset[int]
    uses: list[tuple[Value, Value]]
    with_gradients: bool = False
    gradients: dict[int, Summary] = field(default_factory=dict)
    flows: dict[Edge, Summary | None] = field(default_factory=dict)
    local: dict[Edge, float] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)
    scopes: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def edges(self) -> Iterator[Edge]:
        """Every use of every Value, consumers in order of creation."""
        number = self.number
        for target, value in enumerate(self.values):
            if target in self.cut:
                continue
            for position, argument in enumerate(value.args):
                if type(argument) is Value and argument in number:
                    yield Edge(number[argument], target, position)

    def operations(self) -> int:
        """How many of the Values are computed."""
        return sum(value.operation is not None for value in self.values)


def collect(
    outputs: Sequence[Value],
    *,
    start: Sequence[Value] = (),
    path_from: Sequence[Value] = (),
    gradient: Any = None,
    gradients: bool | None = None,
) -> Graph:
    """The graph behind some outputs.

    Args:
        outputs: what was computed.
        start: draw only what lies between these Values and the outputs. Other inputs are shown,
            but not how they were computed.
        path_from: as `start`, and other inputs are not shown.
        gradient: cotangent of the (only) output to start from; 1 by default if it is a single
            number.
        gradients: whether to pull it back; by default where it can be and the graph is not huge.

    Raises:
        ValueError: the outputs don't depend on a Value of `start` or `path_from`, or `gradient`
            does not have the output's shape.
    """
    given = [*start, *path_from]
    order = consumers_first(*outputs, boundary=given)
    if given:
        order = _on_the_way(order, given, outputs)
    uses = [
        (argument, node)
        for node in order
        for argument in node.args
        if type(argument) is Value and argument.operation is None
    ]
    if given:
        side = leaves_of(order)
        if path_from:
            side = [value for value in side if value in set(given)]
    else:  # leaves_of, without the set of a million Values that it needs
        side = list(dict.fromkeys(leaf for leaf, _ in uses))
    known = {*side, *(() if not given else order)}
    alone = [
        out
        for out in dict.fromkeys(outputs)
        if (out.operation is None or given) and out not in known
    ]
    values = sorted([*order[::-1], *side, *alone], key=attrgetter("serial"))
    number = dict(zip(values, range(len(values)), strict=True))
    cut: frozenset[int] = frozenset()
    if given:
        inside = set(order)
        cut = frozenset(
            i for i, v in enumerate(values) if v.operation is not None and v not in inside
        )
    graph = Graph(values, number, tuple(number[out] for out in outputs), cut, uses)
    _pull_back(graph, order, outputs, given, gradient, gradients)
    return graph


def collect_backward(output: Value, wrt: Sequence[Value] | None, gradient: Any = None) -> Graph:
    """The graph of the gradients of an output: the forward pass and its pull-back, both recorded.

    Args:
        output: what to differentiate.
        wrt: by which Values; all leaves by default.
        gradient: cotangent of the output, 1 by default.

    Raises:
        ValueError: there is nothing to differentiate by.
    """
    forward = consumers_first(output)
    sources = list(wrt) if wrt is not None else leaves_of(forward)
    seed = np.ones_like(output.data) if gradient is None else gradient
    seed = seed_for(output, seed)
    found = pull_back({output: seed}, wrt=sources, create_graph=True)
    cotangents = {s: found[s] for s in sources if type(found.get(s)) is Value}
    if not cotangents:
        raise ValueError(
            f"the gradient of {describe(output)} is a constant, so it has no graph to draw"
        )
    graph = collect(list(cotangents.values()), gradients=False)
    for source, cotangent in cotangents.items():
        graph.titles[graph.number[cotangent]] = (
            f"∂{_short(output, 'result')}/∂{_short(source, 'leaf')}"
        )
    before = set(forward)
    for i, value in enumerate(graph.values):
        if value.operation is not None:
            half = "forward" if value in before else "backward"
            graph.scopes[i] = f"{half}/{value.scope}" if value.scope else half
    graph.notes = [
        "the graph of the gradients: the pull-back, drawn with the forward Values that it reads"
    ]
    return graph


def _short(value: Value, otherwise: str) -> str:
    return value.name or otherwise


def _on_the_way(order: list[Value], given: list[Value], outputs: Sequence[Value]) -> list[Value]:
    needed = set(given)
    used: set[Value] = set(outputs) & needed
    for node in reversed(order):
        arguments = [a for a in node.args if type(a) is Value and a in needed]
        if arguments:
            needed.add(node)
            used.update(arguments)
    for value in given:
        if value not in used:
            raise ValueError(f"what is to be drawn does not depend on {describe(value)}")
    return [node for node in order if node in needed]


def _pull_back(
    graph: Graph,
    order: list[Value],
    outputs: Sequence[Value],
    given: Sequence[Value],
    gradient: Any,
    wanted: bool | None,
) -> None:
    if wanted is False:
        return
    if gradient is None and (len(outputs) != 1 or outputs[0].size != 1):
        graph.notes.append(
            "no gradients, as there is more than one number to differentiate: give gradient=..."
            if len(outputs) == 1 else "no gradients, as there are several outputs"
        )  # fmt: skip
        return
    if wanted is None and gradient is None and len(graph.values) > GRADIENT_LIMIT:
        graph.notes.append(
            f"no gradients, as there are more than {GRADIENT_LIMIT:,} Values: ask with "
            f"gradients=True"
        )
        return
    out = outputs[0]
    seed = seed_for(out, np.ones_like(out.data) if gradient is None else gradient)
    number = graph.number
    # Of an input beside the way only some uses are drawn, so its gradient would not be their sum.
    whole = set(graph.values) if not given else {*order, *given}
    current: list[Any] = [None]

    def on_node(value: Value, g: Any) -> None:
        current[0] = g
        if value in whole:
            graph.gradients[number[value]] = summarise(g)

    def on_edge(consumer: Value, position: int, local: Any) -> None:
        argument = consumer.args[position]
        if argument not in number:
            return
        edge = Edge(number[argument], number[consumer], position)
        graph.flows[edge] = None if local is None else summarise(local, histogram=False)
        if type(local) is float and type(current[0]) is float and current[0]:
            graph.local[edge] = local / current[0]

    pull_back_by_edge(order, {out: seed}, on_node, on_edge)
    graph.with_gradients = True
