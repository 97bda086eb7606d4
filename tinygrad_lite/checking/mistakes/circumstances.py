"""What is known of a record while mistakes are sought in it: batches, loops, terms of the cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Edge
from tinygrad_lite.checking.links import Link
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

_WEIGHING = {"multiply", "matmul", "dot", "einsum", "linear", "weighted_sum", "conv2d", "conv1d"}
_SCALING = {"multiply", "divide"}


@dataclass
class Circumstances:
    """The record, the pass that candidates are changes of, and what is known about shapes."""

    record: Record
    found: Mapping[Value, Array]
    base: Changes
    links: list[Link] = field(default_factory=list)

    @cached_property
    def right(self) -> Mapping[Value, Array]:
        """Cotangents of the right pass, without the mistakes that are accepted already."""
        return self.record.pull() if self.base != Changes() else self.found

    @cached_property
    def batch_sizes(self) -> set[int]:
        """Sizes that may be the number of samples: leading axes of data and what came of it."""
        sizes: set[int] = set()
        for node in self.record.order[:3000]:
            for a in node.args:
                data = a.data if type(a) is Value else a
                parameter = type(a) is Value and a.operation is None and a in self.record.needed
                if not isinstance(data, np.ndarray) or not data.ndim or parameter:
                    continue
                # The targets of a single sample are as long as a parameter.
                if data.ndim > 1 or data.shape[0] not in self._widths:
                    sizes.add(data.shape[0])
            if node.ndim >= 2:
                sizes.add(node.shape[0])
            index = (node.metadata or {}).get("index")
            for part in index if isinstance(index, tuple) else (index,):
                if isinstance(part, np.ndarray) and part.ndim:
                    sizes.add(part.shape[0])
        lines: dict[Any, list[Value]] = {}
        for node in self.terms:  # one term of the cost for each sample, in a loop
            if node.operation is not None and node.operation.name not in ("add", "subtract"):
                lines.setdefault((node.frame_code, node.frame_offset), []).append(node)
        sizes |= {len(some) for some in lines.values() if len(some) > 2 and self.apart(some)}
        sizes |= {n for n in self.divisors if n > 2}  # a half belongs to a square
        return {n for n in sizes if n > 1}

    @cached_property
    def _widths(self) -> set[int]:
        """Lengths of the axes of parameters."""
        leaves = (key for key in self.record.consumers if key.operation is None)
        return {n for leaf in leaves for n in leaf.shape}

    def _alike(self, one: Value, other: Value) -> bool:
        """Whether two results are computed with the same parameters, those that are near."""
        return self._parameters_of(one) == self._parameters_of(other)

    def _parameters_of(self, node: Value) -> set[Value]:
        met, level = {node}, [node]
        leaves: set[Value] = set()
        while level and not leaves and len(met) < 300:
            above = [a for v in level for a in v.args if type(a) is Value and a not in met]
            leaves = {a for a in above if a.operation is None and a in self.record.needed}
            met.update(above)
            level = list(dict.fromkeys(above))
        return leaves

    def apart(self, nodes: list[Value]) -> bool:
        """Whether results of one line are those of samples, which only the cost brings together,
        and not of time steps, where what comes later was computed from what came before."""
        ordered = sorted(dict.fromkeys(nodes), key=lambda node: node.serial)
        if len(ordered) < 2:
            return False
        earlier, later = ordered[-2:]
        if not self._alike(earlier, later):
            return False  # outputs of one sample
        # Before them: nothing that was computed since the first of them is part of two.
        shared = self._computed_from(earlier, ordered[0].serial)
        if not shared.isdisjoint(self._computed_from(later, ordered[0].serial)):
            return False
        # After them: they meet in nothing but the sums that make the cost.
        return self._part_of(earlier).isdisjoint(self._part_of(later))

    def leads_to(self, earlier: Value, later: Value) -> bool:
        """Whether one result was computed from another."""
        return earlier in self._computed_from(later, earlier.serial - 1)

    def _computed_from(self, node: Value, since: int) -> set[Value]:
        found, stack = {node}, [node]
        while stack and len(found) < 1000:
            for a in stack.pop().args:
                made = type(a) is Value and a.operation is not None and a.serial > since
                if made and a not in found:
                    found.add(a)
                    stack.append(a)
        return found

    def _part_of(self, node: Value) -> set[Value]:
        found, stack = {node}, [node]
        while stack and len(found) < 1000:
            for edge in self.record.consumers.get(stack.pop(), []):
                if edge.node not in found and edge.node not in self.terms:
                    found.add(edge.node)
                    stack.append(edge.node)
        return found

    @cached_property
    def divisors(self) -> set[int]:
        """Whole numbers that single numbers on the way are divided by: samples, usually."""
        sizes = set()
        for node in self.terms:
            if node.operation is None or node.size != 1:
                continue
            for a in node.args:
                if isinstance(a, (int, float)) and a:
                    for n in (a, 1 / a):
                        if n == round(n) and n > 1 and node.operation.name in _SCALING:
                            sizes.add(int(n))
        return sizes

    @cached_property
    def terms(self) -> dict[Value, None]:
        """The cost and what it is a sum of, multiples and means included, in order."""
        found: dict[Value, None] = {}
        stack = [self.record.cost]
        while stack and len(found) < 3000:
            node = stack.pop()
            name = node.operation.name if node.operation is not None else ""
            values = [a for a in node.args if type(a) is Value]
            if node in found:
                continue
            found[node] = None
            if name in ("add", "subtract", "sum", "mean", "negative", "stack") or (
                name in _SCALING and len(values) == 1
            ):
                stack += values
        return found

    @cached_property
    def arrays_by_shape(self) -> dict[tuple[int, ...], list[tuple[str, Array, Value | None]]]:
        """Every different array in the record, for operands taken in the place of another."""
        pools: dict[tuple[int, ...], list[tuple[str, Array, Value | None]]] = {}
        seen: set[int] = set()
        for node in reversed(self.record.order[:3000]):
            for a in (*node.args, node):
                data = a.data if type(a) is Value else a
                if isinstance(data, np.ndarray) and data.ndim and id(data) not in seen:
                    seen.add(id(data))
                    value = a if type(a) is Value else None
                    label = (
                        called(value)
                        if value is not None
                        else f"the constant operand of {called(node)}"
                    )
                    pools.setdefault(data.shape, []).append((label, data, value))
        return pools

    @cached_property
    def weights(self) -> list[tuple[Value, Array]]:
        """Products with a plain array, and that array."""
        found: list[tuple[Value, Array]] = []
        for node in self.record.nodes[:300]:
            if node.operation is not None and node.operation.name == "multiply":
                found += [(node, a) for a in node.args if isinstance(a, np.ndarray) and a.ndim]
        return found

    @cached_property
    def values(self) -> list[Value]:
        """The Values of a small record, leaves included."""
        order = self.record.order
        if len(order) > 300:
            return []
        found = {a: None for node in order for a in (node, *node.args) if type(a) is Value}
        return [value for value in found if type(value.data) is not tuple]

    def links_to(self, z: Value) -> Iterator[Link]:
        """Links that start at a Value."""
        return (link for link in self.links if link.z is z)

    @cached_property
    def other_ends(self) -> dict[Value, list[Value]]:
        """The other ends of the elementwise links at each Value."""
        ends: dict[Value, list[Value]] = {}
        for link in self.links:
            if link.elementwise and link.name:
                ends.setdefault(link.a, []).append(link.z)
                ends.setdefault(link.z, []).append(link.a)
        return ends

    @cached_property
    def layers(self) -> dict[Value, int]:
        """How many products with a parameter lie between each Value and the cost, at most."""
        layers: dict[Value, int] = {self.record.cost: 0}
        for node in self.record.nodes:
            name = node.operation.name if node.operation is not None else ""
            weighs = name in _WEIGHING and any(
                type(a) is Value and a.operation is None for a in node.args
            )
            beyond = layers.get(node, 0) + weighs
            for a in node.args:
                if type(a) is Value and a in self.record.needed:
                    layers[a] = max(layers.get(a, 0), beyond)
        return layers

    def siblings(self, edge: Edge) -> list[Value]:
        """Operations recorded at the same line, as in a loop over time steps, in order."""
        return self.siblings_of(edge.node)

    def siblings_of(self, node: Value) -> list[Value]:
        """The same for the operation that made a Value."""
        return self._group_of.get(node, [node])

    def serves(self, node: Value) -> Value | None:
        """The nearest parameter that a loop uses in every round, if there is one near."""
        if node not in self._served:
            level = [node]
            for _ in range(5):
                level = [a for v in level for a in v.args if type(a) is Value][:16]
                found = next((a for a in level if a in self._shared), None)
                if found is not None:
                    self._served[node] = found
                    break
            else:
                self._served[node] = None
        return self._served[node]

    @cached_property
    def _served(self) -> dict[Value, Value | None]:
        return {}

    @cached_property
    def _shared(self) -> set[Value]:
        """Leaves that one line uses several times."""
        shared = set()
        for key in self.record.consumers:
            if key.operation is None:
                nodes = {edge.node for edge in self.record.consumers[key]}
                lines = {(node.frame_code, node.frame_offset) for node in nodes}
                if len(lines) < len(nodes):
                    shared.add(key)
        return shared

    def steps_between(self, steps: list[Value], one: Value, other: Value) -> int | None:
        """How many rounds of a loop lie between two results, None if it is not one loop."""
        at = {id(node): i for i, node in enumerate(steps)}
        if id(one) not in at or id(other) not in at:
            return None
        return at[id(other)] - at[id(one)]

    @cached_property
    def composites(self) -> list[Link]:
        """Functions of several operations that are one to whoever wrote them."""
        return [link for link in self.links if len(link.inside) > 1 and link.whole]

    def reduced(self, node: Value) -> bool:
        """Whether a Value goes into the cost as one of its terms, by a sum or mean."""
        for _ in range(4):
            uses = self.record.consumers.get(node, [])
            if len(uses) != 1 or uses[0].node.operation is None:
                return node is self.record.cost
            node = uses[0].node
            if node.operation.name in ("sum", "mean"):  # type: ignore[union-attr]
                return True
            if node.operation.name not in ("multiply", "divide", "add"):  # type: ignore[union-attr]
                return False
        return False

    @property
    def loops(self) -> list[list[Value]]:
        """Operations grouped by the line that recorded them, each group in order.

        Where a line serves several parameters, as one that computes all gates of a cell does,
        those of each parameter are a group.
        """
        return self._loops

    @cached_property
    def _loops(self) -> list[list[Value]]:
        lines: dict[Any, list[Value]] = {}
        for node in reversed(self.record.nodes):
            line = (node.frame_code, node.frame_offset, node.operation, node.shape)
            lines.setdefault(line, []).append(node)
        loops = []
        for group in lines.values():
            parts: dict[Value | None, list[Value]] = {}
            for node in group if len(group) > 1 else []:
                parts.setdefault(self.serves(node), []).append(node)
            several = len(parts.keys() - {None}) > 1
            loops += list(parts.values()) if several else [group]
        return loops

    @cached_property
    def _group_of(self) -> dict[Value, list[Value]]:
        return {node: group for group in self._loops for node in group}
