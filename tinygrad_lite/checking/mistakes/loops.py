"""States carried through a loop, taken from the round before or after the right one."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Change, Changes, Edge, Local
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.passes import recompute
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value, data_of

LONGEST = 200  # rounds of a loop


@dataclass(frozen=True, eq=False)
class State:
    """What each round of a loop is given by the one before, the last round's result at the end;
    and the operations that take it."""

    rounds: list[Any]
    takers: list[list[tuple[Value, int]]]


def shifted(about: Circumstances, free: Collection[Value]) -> Iterator[Candidate]:
    """Each state, and all of a loop together, one round too late or too early; in all that is
    derived from it, or only in what does not lead to a right gradient.

    Args:
        free: Values of which no right gradient depends on the cotangent.
    """
    inside = set(free)
    for candidate in _shifted_states(about):
        yield candidate
        edges = candidate.changes.edges
        some = {edge: change for edge, change in edges.items() if edge.argument in inside}
        if 0 < len(some) < len(edges):
            yield replace(candidate, changes=Changes(edges=some))


def _shifted_states(about: Circumstances) -> Iterator[Candidate]:
    states = _states(about)
    by_length: dict[int, list[State]] = {}
    for state in states:
        by_length.setdefault(len(state.rounds), []).append(state)
    for alike in by_length.values():
        for chosen in [alike] * (len(alike) > 1) + [[state] for state in alike]:
            for shift, deep in ((1, True), (-1, True), (1, False), (-1, False)):
                changes = _shifted(about, states, chosen, shift, deep)
                names = ", ".join(called(s.rounds[-1]) for s in chosen[:3])
                where = "after" if shift == 1 else "before"
                last = chosen[0].rounds[-1]
                yield Candidate(
                    "shifted-index", changes, last, last,
                    f"every step of the way back uses the state ({names}) of the step {where} it, "
                    f"where the step itself started from another one",
                    "pair each step with the state it was computed from: off by one", "", 0.3,
                )  # fmt: skip


def _states(about: Circumstances) -> list[State]:
    found: dict[tuple[int, ...], State] = {}
    for group in about.loops:
        if not 2 <= len(group) <= LONGEST:
            continue
        for position in range(min(len(group[0].args), 8)):
            if any(len(node.args) <= position for node in group):
                continue
            rounds = [node.args[position] for node in group]
            last = rounds[-1]
            if len({np.shape(data_of(a)) for a in rounds}) > 1:
                continue
            if type(last) is not Value or last.operation is None:
                continue
            results = about.siblings_of(last)
            index = {id(node): i for i, node in enumerate(results)}
            start = index.get(id(rounds[1]))
            # What the first round gets was made elsewhere, the others what the one before made.
            if start != 0 or id(rounds[0]) in index or len(results) < len(rounds):
                continue
            if [index.get(id(node)) for node in rounds[1:]] != list(range(len(rounds) - 1)):
                continue
            rounds.append(results[len(rounds) - 1])
            key = tuple(id(value) for value in rounds)
            state = found.setdefault(key, State(rounds, [[] for _ in group]))
            for takers, node in zip(state.takers, group, strict=True):
                takers.append((node, position))
    return list(found.values())


def _shifted(
    about: Circumstances, states: list[State], chosen: list[State], shift: int, deep: bool
) -> Changes:
    """The rules of every round called with the states of another one; and, if `deep`, with what
    follows of them within the round."""
    carried = {value for state in states for value in state.rounds if type(value) is Value}
    edges: dict[Edge, Change] = {}
    for k in range(len(chosen[0].rounds) - 1):
        if k + shift < 0:
            continue
        data: dict[Value, Array] = {}
        fixed: dict[tuple[Value, int], Array] = {}
        reached: list[Value] = []
        for state in chosen:
            given, other = state.rounds[k], data_of(state.rounds[k + shift])
            if type(given) is Value:
                data[given] = other
            for node, position in state.takers[k]:
                fixed[node, position] = other
                reached.append(node)
        for node in _within(about, data, reached, carried) if deep else reached:
            inputs = [
                fixed.get((node, i), data.get(a, a.data) if type(a) is Value else a)
                for i, a in enumerate(node.args)
            ]
            if deep and node not in carried:
                data[node] = recompute(node, {**data, **_given(node, inputs)})
            for argnum, a in enumerate(node.args):
                if type(a) is Value and a in about.record.needed:
                    edges[Edge(node, argnum)] = _called_with(inputs, data.get(node, node.data))
    return Changes(edges=edges)


def _given(node: Value, inputs: list[Any]) -> dict[Value, Array]:
    return {a: x for a, x in zip(node.args, inputs, strict=True) if type(a) is Value}


def _within(
    about: Circumstances, data: dict[Value, Array], start: list[Value], carried: set[Value]
) -> Iterator[Value]:
    """What is computed from the states of one round, up to those of the next, in order."""
    consumers = about.record.consumers
    nodes = {node.serial: node for node in start}
    for value in data:
        nodes.update((edge.node.serial, edge.node) for edge in consumers.get(value, []))
    heap = list(nodes)
    heapq.heapify(heap)
    while heap:
        node = nodes[heapq.heappop(heap)]
        yield node
        if node in carried:
            continue
        for edge in consumers.get(node, []):
            if edge.node.serial not in nodes:
                nodes[edge.node.serial] = edge.node
                heapq.heappush(heap, edge.node.serial)


def _called_with(inputs: list[Any], out: Array) -> Change:
    def change(local: Local) -> Array:
        return local.rule(args=inputs, out=out)

    return change
