"""The pull-back, edge by edge: how much gradient flows back along every use of every Value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.engine.backward import pulled_through
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
        assert node.operation is not None
        vjps = node.operation.vjps
        without = [i for i, vjp in enumerate(vjps) if vjp is None] if type(vjps) is tuple else []
        for position in without:
            if type(node.args[position]) is Value:
                on_edge(node, position, None)
        # The engine refuses to pull back to an argument without a rule.
        needed = {a for i, a in enumerate(node.args) if type(a) is Value and i not in without}
        with np.errstate(all="ignore"):
            for position, argument, local in pulled_through(node, g, needed):
                on_edge(node, position, local)
                held[argument] = held[argument] + local if argument in held else local
    for value, g in held.items():
        on_node(value, g)
