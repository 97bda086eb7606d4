"""Groups: by scope, and of what repeats itself; and which to collapse so that a picture stays
readable.

Every Value sits in a tree. Its inner nodes are groups: scopes ("encoder/layer 1"), and folds, which
gather what is alike within a scope: sixteen neurons, or 784 multiplications recorded by one line.
A picture shows a Value, or the outermost collapsed group around it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from tinygrad_lite.drawing.collect import Graph
from tinygrad_lite.engine.value import Value

ALIKE = 4
"""From how many on alike operations or leaves are a fold."""

MANY = 4
"""From how many on alike scopes are one box, where anything has to be collapsed at all."""

_NUMBER = re.compile(r"\[?\d+\]?")


@dataclass(eq=False)
class Group:
    """A scope, or a fold of alike things within one.

    number
        its place in the order of creation
    title
        the last part of the scope's name, or what is alike: "neuron", "multiply"
    fold
        whether it is a fold; then `children` or `members` are alike
    members
        numbers of the Values directly inside
    collapsed
        whether the picture shows it as one box
    """

    number: int
    title: str
    parent: Group | None
    fold: bool = False
    children: list[Group] = field(default_factory=list)
    members: list[int] = field(default_factory=list)
    collapsed: bool = False

    @property
    def path(self) -> str:
        """Titles of the scopes around it from the outermost on, joined by slashes."""
        parts: list[str] = []
        group: Group | None = self
        while group is not None and group.parent is not None:
            if not group.fold:
                parts.append(group.title)
            group = group.parent
        return "/".join(reversed(parts))

    def everything(self) -> Iterable[Group]:
        """This group and all inside, each before those inside it."""
        stack = [self]
        while stack:
            group = stack.pop()
            yield group
            stack.extend(reversed(group.children))


class Tree:
    """The groups of a graph.

    root
        the group around everything, itself never drawn
    home
        the group each Value sits in, by number
    """

    def __init__(self, graph: Graph) -> None:
        self.root = Group(0, "", None)
        self._made = 1
        self.home: list[Group] = [self.root] * len(graph.values)
        self._place(graph)
        self._fold_groups(graph)
        self._fold_members(graph)
        self.groups: list[Group] = [g for g in self.root.everything() if g.parent is not None]
        for number, group in enumerate(self.groups):
            group.number = number  # in drawing order

    def cover(self) -> dict[Group, Group]:
        """The outermost collapsed group around each group that has one."""
        found: dict[Group, Group] = {}
        for group in self.root.everything():
            parent = group.parent
            if parent in found:
                found[group] = found[parent]
            elif group.collapsed:
                found[group] = group
        return found

    def new(self, title: str, parent: Group, fold: bool = False) -> Group:
        """A group at the end of its parent's."""
        group = Group(self._made, title, parent, fold)
        self._made += 1
        parent.children.append(group)
        return group

    # -- building ---------------------------------------------------------------------------------

    def _place(self, graph: Graph) -> None:
        """Every Value into the group of its scope; a leaf to where it is used."""
        groups: dict[str, Group] = {"": self.root}
        home = self.home
        number, scopes = graph.number, graph.scopes
        for i, value in enumerate(graph.values):
            # Not value.scope, which takes ten times as long for the many that have none.
            scope = getattr(value, "_within", "")
            if scopes:
                scope = scopes.get(i, scope)
            if scope and type(scope) is str:  # of a leaf it may be a pack
                home[i] = self._group_at(scope, groups)
        used: dict[int, str] = {}
        for leaf, consumer in graph.uses:
            if leaf in number:
                i = number[leaf]
                scope = scopes.get(number[consumer]) or consumer.scope
                used[i] = _common(used.get(i, scope), scope)
        for i, value in enumerate(graph.values):
            if value.operation is None:
                # Where it is used, else where its name says: "hidden 1" of "hidden 1/bias".
                scope = used.get(i) or value.name.rpartition("/")[0]
                if scope:
                    home[i] = self._group_at(scope, groups)
        if len(groups) == 1:
            self.root.members = list(range(len(home)))
            return
        for i, group in enumerate(home):
            group.members.append(i)

    def _group_at(self, scope: str, groups: dict[str, Group]) -> Group:
        # A loop, not recursion: a scope may be nested as deep as its author likes.
        group = groups.get(scope, self.root)
        if group is self.root and scope:
            path = ""
            for part in scope.split("/"):
                path = f"{path}/{part}" if path else part
                if path not in groups:
                    groups[path] = self.new(part, group)
                group = groups[path]
            groups[scope] = group
        return group

    def _fold_groups(self, graph: Graph) -> None:
        """Gather sibling groups that have the same name but for digits, and the same structure."""
        signature: dict[Group, Hashable] = {}
        every = list(self.root.everything())
        for group in reversed(every[1:]):  # inner ones first
            # Operations alone: of alike blocks the first may be where an input is used.
            computed = (v for i in group.members if (v := graph.values[i]).operation is not None)
            kinds = Counter((v.operation, v.shape) for v in computed)
            inner = Counter((stem(c.title), signature[c]) for c in group.children)
            signature[group] = hash((frozenset(kinds.items()), frozenset(inner.items())))
        for group in every:
            alike: dict[Hashable, list[Group]] = defaultdict(list)
            for child in group.children:
                alike[stem(child.title), signature[child]].append(child)
            if len(group.children) < 2 or all(len(same) < 2 for same in alike.values()):
                continue
            group.children = []
            for same in alike.values():
                if len(same) == 1:
                    group.children.append(same[0])
                    continue
                fold = self.new(stem(same[0].title), group, fold=True)
                fold.children = same
                for child in same:
                    child.parent = fold

    def _fold_members(self, graph: Graph) -> None:
        """Gather operations of the same line, and leaves that are used alike."""
        for group in list(self.root.everything()):
            if len(group.members) <= ALIKE:
                continue
            alike: dict[Hashable, list[int]] = defaultdict(list)
            for i in group.members:
                value = graph.values[i]
                if value.operation is None:
                    alike["leaf", stem(value.name), value.shape].append(i)
                else:
                    # Where it was recorded stands for the line, which takes long to look up.
                    shape = () if type(value.data) is float else value.shape
                    alike[value.operation, value.frame_code, value.frame_offset, shape].append(i)
            group.members = []
            for same in alike.values():
                if len(same) < ALIKE:
                    group.members += same
                    continue
                fold = self.new(_title(graph.values[same[0]]), group, fold=True)
                fold.members = same
                for i in same:
                    self.home[i] = fold
            group.members.sort()


def collapse_to(tree: Tree, limit: int, keep: Collection[Group] = ()) -> int:
    """Collapse groups until few boxes are left: folds of many scopes, then the largest innermost.

    Args:
        tree: its groups' `collapsed` is set; those set already stay.
        limit: how many boxes may be left.
        keep: groups that stay open, and with them those around.

    Returns:
        How many boxes are left; more than the limit where nothing more can be collapsed.
    """
    order = list(tree.root.everything())
    kept = set(keep)
    for group in reversed(order):
        if group in kept and group.parent is not None:
            kept.add(group.parent)
    folds = [
        group
        for group in order
        if group.fold and len(group.children) >= MANY and not {group, group.parent} & kept
    ]
    while folds and _boxes(order)[tree.root] > limit:
        around = {outer for fold in folds for outer in _around(fold)}
        for fold in folds:
            fold.collapsed = fold not in around  # the innermost first
        folds = [fold for fold in folds if fold in around]
    while True:
        boxes = _boxes(order)
        batches: dict[tuple[int, str], list[Group]] = defaultdict(list)
        for group in order[1:]:
            open_inside = any(not child.collapsed for child in group.children)
            if not (group.collapsed or group in kept or open_inside or boxes[group] < 2):
                batches[boxes[group], stem(group.title)].append(group)
        if boxes[tree.root] <= limit or not batches:
            return boxes[tree.root]
        for group in batches[max(batches)]:  # alike ones together
            group.collapsed = True


def _around(group: Group) -> Iterator[Group]:
    """The groups around a group, the nearest first."""
    while group.parent is not None:
        group = group.parent
        yield group


def _boxes(order: list[Group]) -> dict[Group, int]:
    """How many boxes there are in each group, were it open; inner groups come later in `order`."""
    boxes: dict[Group, int] = {}
    for group in reversed(order):
        inner = sum(1 if c.collapsed else boxes[c] for c in group.children)
        boxes[group] = inner + len(group.members)
    return boxes


def stem(name: str) -> str:
    """A name without its numbers.

    >>> stem("neuron 12"), stem("w3")
    ('neuron', 'w')
    """
    return _NUMBER.sub("", name).strip(" .:-_#") or "#"


def _common(a: str, b: str) -> str:
    """The scope around two scopes."""
    if a == b:
        return a
    shared = []
    for x, y in zip(a.split("/"), b.split("/"), strict=False):
        if x != y:
            break
        shared.append(x)
    return "/".join(shared)


def _title(value: Value) -> str:
    if value.operation is not None:
        return value.operation.name
    # Of "layer 1/weight", "hidden.weight" and "layers[0][5].bias" the last part.
    name = stem(re.split(r"[/.](?=[^/.]*$)", value.name)[-1])
    return name if name != "#" else "leaf"
