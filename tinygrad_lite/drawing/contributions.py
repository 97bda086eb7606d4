"""The pull-back, edge by edge: how much gradient flows back along every use of every Value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.engine.backward import fitted
from tinygrad_lite.engine.value import Value

OnNode = Callable[[Value, Any], None]
OnEdge = Callable[[Value, int, Any], None]


def pull_back_by_edge(
    order: Sequence[Value], cotangents: Mapping[Value, Any], on_node: OnNode, on_edge: OnEdge
) -> None:
    """Pull cotangents back as the engine does, and report every step.

    Nothing is held for longer than the engine's own pass holds it.

    Args:
        order: computed Values, each after all that consume it, as `consumers_first` gives them.
        cotangents: seed of each output.
        on_node: called as ``on_node(value, gradient)`` when the gradient of a Value is complete.
        on_edge: called as ``on_edge(consumer, position, local)`` with the cotangent that one use of
            a Value, as argument `position` of `consumer`, adds to its gradient; `local` has the
            shape of that argument, and is None if the operation has no rule for it.
    """
    held = dict(cotangents)
    for node in order:
        if node not in held:
            continue  # no gradient reaches it
        g = held.pop(node)
        on_node(node, g)
        inputs = [a.data if type(a) is Value else a for a in node.args]
        metadata = node.metadata or {}
        assert node.operation is not None
        with np.errstate(all="ignore"):
            for position, (vjp, argument) in enumerate(zip(node.operation.vjps, node.args)):  # noqa: B905 (variadic vjps have no end)
                if type(argument) is not Value:
                    continue
                if vjp is None:
                    on_edge(node, position, None)
                    continue
                local = fitted(vjp(g, node.data, *inputs, **metadata), argument, node)
                on_edge(node, position, local)
                held[argument] = _sum(held[argument], local) if argument in held else local
    for value, g in held.items():
        on_node(value, g)


def _sum(a: Any, b: Any) -> Any:
    return tuple(x + y for x, y in zip(a, b, strict=True)) if type(a) is tuple else a + b
