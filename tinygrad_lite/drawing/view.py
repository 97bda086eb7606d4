"""What one picture shows: boxes, arrows and frames, with the groups as they are collapsed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_lite.drawing.cards import (
    Card,
    card_of_group,
    card_of_value,
    edge_in_words,
    flow_text,
    sum_in_words,
    worst_of,
)  # fmt: skip
from tinygrad_lite.drawing.collect import Edge, Graph
from tinygrad_lite.drawing.comparison import Comparison
from tinygrad_lite.drawing.grouping import Group, Tree
from tinygrad_lite.drawing.summary import Summary, thumbnail
from tinygrad_lite.engine.value import Value


@dataclass(frozen=True, slots=True)
class Arrow:
    """An edge between two boxes, or all the edges between two of which one is a group.

    label, words
        the contribution that flows back along it, and how it comes about
    summary
        of that contribution; of many the one that most needs to be seen
    """

    source: str
    target: str
    count: int
    label: str
    words: str
    summary: Summary | None


@dataclass(frozen=True, slots=True)
class Frame:
    """A box around the cards of an open group, and around frames inside it."""

    id: str
    title: str
    cards: tuple[Card, ...]
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class View:
    """One picture, before it is drawn.

    everything
        the outermost frame, itself not drawn
    thumbnails
        small matrices by card id
    hidden
        what the picture leaves out, in words
    """

    everything: Frame
    arrows: tuple[Arrow, ...]
    thumbnails: dict[str, np.ndarray[Any, Any]]
    hidden: str
    notes: tuple[str, ...]
    with_gradients: bool
    with_comparison: bool

    def cards(self) -> Iterator[Card]:
        """Every box."""
        stack = [self.everything]
        while stack:
            frame = stack.pop()
            yield from frame.cards
            stack += frame.frames

    def size(self) -> int:
        """How many boxes there are."""
        return sum(1 for _ in self.cards())


def view_of(
    graph: Graph,
    tree: Tree,
    *,
    comparison: Comparison | None = None,
    limit: int | None = None,
    thumbnails: int = 0,
) -> View:
    """The picture of a graph with the groups of its tree as they are collapsed.

    Args:
        graph: what is drawn.
        tree: its groups.
        comparison: hand-derived gradients to show beside.
        limit: leave out the earliest boxes beyond so many, where collapsing was not enough.
        thumbnails: rows and columns of the small pictures of arrays, 0 for none.
    """
    cover = tree.cover()
    box_of = [cover.get(group, i) for i, group in enumerate(tree.home)]
    boxes = dict.fromkeys(box_of)  # in the order of the first Value that each stands for
    left_out = 0
    if limit is not None and len(boxes) > limit:
        left_out = len(boxes) - limit
        for box in list(boxes)[:left_out]:
            del boxes[box]
    arrows, received = arrows_between(graph, box_of, boxes)
    cards: dict[Any, Card] = {}
    for box in boxes:
        if isinstance(box, Group):
            cards[box] = card_of_group(graph, box)
        else:
            card = card_of_value(graph, box, comparison)
            cards[box] = replace(card, gradient_of=received.get(box, ""))
    pictures = {}
    if thumbnails:
        for box, card in cards.items():
            if not isinstance(box, Group):
                picture = thumbnail(graph.values[box].data, thumbnails)
                if picture is not None:
                    pictures[card.id] = picture
    return View(
        everything=_frames(tree, cards),
        arrows=tuple(arrows),
        thumbnails=pictures,
        hidden=_hidden(graph, boxes, left_out),
        notes=tuple(graph.notes),
        with_gradients=graph.with_gradients,
        with_comparison=comparison is not None,
    )


def arrows_between(
    graph: Graph, box_of: list[Any], boxes: Collection[Any]
) -> tuple[list[Arrow], dict[int, str]]:
    """The arrows between boxes; and how the contributions to each single Value add up."""
    arrows: list[Arrow] = []
    merged: dict[tuple[Any, Any], int] = defaultdict(int)
    flows: dict[tuple[Any, Any], list[Summary]] = defaultdict(list)
    received: dict[int, list[Summary | None]] = defaultdict(list)
    number, cut, gradients = graph.number, graph.cut, graph.with_gradients
    # This loop sees every edge of a graph that may have millions; it makes no object for one that
    # is hidden.
    for j, value in enumerate(graph.values):
        target = box_of[j]
        for position, argument in enumerate(value.args):
            i = number.get(argument) if type(argument) is Value else None
            if i is None or j in cut:
                continue
            source = box_of[i]
            if source is target:
                continue
            single = type(source) is int
            flow = graph.flows.get(Edge(i, j, position)) if gradients else None
            if single and gradients:
                received[source].append(flow)
            if single and type(target) is int:
                if source in boxes and target in boxes:
                    arrows.append(_arrow(graph, Edge(i, j, position), flow))
                continue
            merged[source, target] += 1
            if flow is not None:
                flows[source, target].append(flow)
    for (source, target), count in merged.items():
        if source not in boxes or target not in boxes:
            continue
        worst = worst_of(flows[source, target])
        words = f"{count:,} edge{'s' if count > 1 else ''}"
        if worst is not None:
            words += f"; the largest contribution is {worst.text}"
        label = f"× {count:,}" if count > 1 else flow_text(worst)
        arrows.append(Arrow(_id(source), _id(target), count, label, words, worst))
    return arrows, {i: sum_in_words(flows) for i, flows in received.items()}


def _arrow(graph: Graph, edge: Edge, flow: Summary | None) -> Arrow:
    return Arrow(
        f"n{edge.source}", f"n{edge.target}", 1, flow_text(flow), edge_in_words(graph, edge), flow
    )


def _id(box: Any) -> str:
    return f"g{box.number}" if isinstance(box, Group) else f"n{box}"


def _frames(tree: Tree, cards: dict[Any, Card]) -> Frame:
    """Nested frames of the open groups; an open fold has none, what is inside belongs outside."""
    done: dict[Group, tuple[list[Card], list[Frame]]] = {}
    for group in reversed(list(tree.root.everything())):  # inner ones first
        if group.collapsed:
            done[group] = ([cards[group]] if group in cards else [], [])
            continue
        own = [cards[i] for i in group.members if i in cards]
        frames: list[Frame] = []
        for child in group.children:
            inner, inside = done.pop(child)
            if child.collapsed or child.fold:
                own += inner
                frames += inside
            elif inner or inside:
                frames.append(Frame(f"g{child.number}", child.title, tuple(inner), tuple(inside)))
        done[group] = (own, frames)
    own, frames = done[tree.root]
    return Frame("", "", tuple(own), tuple(frames))


def _hidden(graph: Graph, boxes: Collection[Any], left_out: int) -> str:
    drawn = {box for box in boxes if type(box) is int}
    groups = len(boxes) - len(drawn)
    operations = graph.operations()
    leaves = len(graph.values) - operations
    text = f"{_count(operations, 'operation')} and {_count(leaves, 'leaf')}"
    hidden = len(graph.values) - len(drawn)
    if groups:
        text += f", of which {hidden:,} are collapsed into {_count(groups, 'group')}"
    if left_out:
        text += f"; the earliest {left_out:,} boxes are left out"
    return text


def _count(number: int, what: str) -> str:
    plural = {"leaf": "leaves"}.get(what, f"{what}s")
    return f"{number:,} {what if number == 1 else plural}"
