"""What a pass does differently from the right one: edges, calls of their rules, alterations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from tinygrad_lite.engine.value import Value

Array = Any  # a float or an ndarray: scalar graphs hold floats


class Inapplicable(Exception):
    """An alteration makes no sense at this place, for instance because shapes do not allow it."""


class Edge(NamedTuple):
    """The way from an operation's result back to one of its arguments."""

    node: Value
    argnum: int

    def __eq__(self, other: object) -> bool:
        # Values compare by their data.
        return isinstance(other, Edge) and self[0] is other[0] and self[1] == other[1]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((id(self.node), self.argnum))

    @property
    def argument(self) -> Value:
        """The Value that the cotangent flows to."""
        argument = self.node.args[self.argnum]
        assert type(argument) is Value
        return argument


@dataclass(slots=True)
class Local:
    """One call of one rule: what it is given, and what the pass has found so far."""

    edge: Edge
    g: Array
    out: Array
    args: list[Any]
    found: Mapping[Value, Array]

    def rule(self, **other: Any) -> Array:
        """The cotangent of the argument; `g`, `out`, `args` or a setting may be given anew."""
        operation = self.edge.node.operation
        assert operation is not None
        g, out = other.pop("g", self.g), other.pop("out", self.out)
        args = other.pop("args", self.args)
        settings = {**(self.edge.node.metadata or {}), **other}
        vjp = operation.vjps[self.edge.argnum]
        if vjp is None:
            raise Inapplicable
        return vjp(g, out, *args, **settings)

    def with_argument(self, position: int, data: Array) -> list[Any]:
        """The arguments with another array at one position."""
        return [data if i == position else a for i, a in enumerate(self.args)]


Change = Callable[[Local], Array]
Total = Callable[[Array], Array]
Jump = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class Changes:
    """What is done differently, and where.

    scales
        factor on what flows along an edge
    edges
        another rule for an edge
    links
        by result: an earlier Value that the cotangent goes to directly, and how it gets there:
        a function of the cotangent and of the numbers at the far and the near end
    totals
        another sum of what arrives at a Value
    shown
        what is reported for a Value, while the pass goes on with the right one
    data
        other numbers in the place of those that were recorded
    """

    scales: Mapping[Edge, float] = field(default_factory=dict)
    edges: Mapping[Edge, Change] = field(default_factory=dict)
    links: Mapping[Value, tuple[Value, Jump]] = field(default_factory=dict)
    totals: Mapping[Value, Total] = field(default_factory=dict)
    shown: Mapping[Value, Total] = field(default_factory=dict)
    data: Mapping[Value, Array] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> frozenset[Value]:
        """Operations of which an edge is altered."""
        return frozenset(edge.node for edge in (*self.scales, *self.edges))

    @property
    def several(self) -> bool:
        """Whether more than one place is concerned."""
        places = len(self.scales) + len(self.edges) + len(self.links) + len(self.totals)
        return places + len(self.shown) > 1

    def __or__(self, other: Changes) -> Changes:
        return Changes(
            {**self.scales, **other.scales},
            {**self.edges, **other.edges},
            {**self.links, **other.links},
            {**self.totals, **other.totals},
            {**self.shown, **other.shown},
            {**self.data, **other.data},
        )
