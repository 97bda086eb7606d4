"""Masks, ties and clipping: entries that must not receive a gradient, or have to share it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Change, Changes, Edge, Local
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.rules.pooling import largest, window_spread, window_sums

_EXTREMA = {"max", "min", "amax", "amin", "maximum", "minimum"}


def of_edge(about: Circumstances, edge: Edge) -> Iterator[Candidate]:
    """A selection, an extremum or a clip without its mask."""
    node, _ = edge
    assert node.operation is not None
    name, target = node.operation.name, called(edge.argument)

    def candidate(
        kind: str, change: Change, sentence: str, correction: str, family: str, prior: float = 0.1
    ) -> Candidate:
        return Candidate(
            kind, Changes(edges={edge: change}), edge.argument, node, sentence, correction,
            f"{family}:{name}", prior,
        )  # fmt: skip

    if name in ("where", "clip", "maximum", "minimum", "abs", "absolute", "fmax", "fmin"):
        yield candidate(
            "mask", lambda local: local.g,
            f"{target} receives the whole gradient of {called(node)}, also where {name} did not "
            f"let it through", f"multiply by the mask of {name}", "unmasked", 0.2,
        )  # fmt: skip
        if name in _BRANCHING and len(node.args) >= 2:
            yield _one_branch(edge)
    if name in ("where", "clip", "maximum", "minimum", "abs", "absolute", "fmax", "fmin", "relu"):
        yield candidate(
            "mask", lambda local: local.g - local.rule(),
            f"the mask of {called(node)} is inverted: {target} receives the gradient where it was "
            f"not selected", "invert the mask", "inverted", 0.3,
        )  # fmt: skip
    if name == "clip" and not any(a is None for a in node.args[1:]):
        for limit, ignored, label in ((1, "lower", "above"), (2, "upper", "below")):
            yield candidate(
                "mask", _beyond(3 - limit),
                f"the {ignored} limit of {called(node)} is ignored on the way back: {target} "
                f"receives the gradient there, too",
                f"pass back only what is {label} the {ignored} limit as well", f"{ignored}-limit",
                0.1,
            )  # fmt: skip
    if name in ("maximum", "minimum", "fmax", "fmin") and len(node.args) == 2:
        yield from _to_both(edge)
    if name in ("relu", "maximum") and about.reduced(node):
        yield candidate(
            "mask", lambda local: local.g,
            f"the hinge {called(node)} passes the whole gradient back to {target}, also where it "
            f"is flat", f"multiply by the mask {target} > 0", "hinge", 0.05,
        )  # fmt: skip
    if name in ("relu", "maximum", "where", "clip", "leaky_relu") and node.size > 1:
        yield candidate(
            "mask", lambda local: local.g * (np.asarray(local.g) > 0),
            f"the mask of {called(node)} is made from the gradient that arrives, not from {target}",
            f"let through what belongs to positive entries of {target}", "guided", 0.3,
        )  # fmt: skip
    if name == "multiply" and node.size > 1:
        other = node.args[1 - edge.argnum]
        data = np.asarray(other.data if type(other) is Value else other)
        if type(other) is not Value and data.size > 1 and np.any(data == 0):
            yield candidate(
                "mask", lambda local: local.g,
                f"the mask is missing in the gradient of {target}", "multiply by the mask",
                "mask", 0.05,
            )  # fmt: skip
            kept = float(np.max(np.abs(data)))
            yield candidate(
                "mask", lambda local: local.g * kept,
                f"the zeros of the mask are missing in the gradient of {target}",
                "multiply by the mask", "mask-scaled", 0.1,
            )  # fmt: skip
            yield candidate(
                "mask", lambda local: local.g * (data == 0),
                f"the mask is inverted in the gradient of {target}", "use the mask as it is",
                "mask-inverted", 0.2,
            )  # fmt: skip
    if name in _EXTREMA and len(node.args) == 1:
        yield from _ties(edge, candidate)
    if node.operation.function is largest:
        yield from _pooling(node, candidate)


def _beyond(limit: int) -> Change:
    """The mask of one limit of a clip alone: of the lower one, argument 1, or of the upper, 2."""

    def change(local: Local) -> Array:
        x, bound = np.asarray(local.args[0]), local.args[limit]
        return local.g * (x > bound if limit == 1 else x < bound)

    return change


def _to_both(edge: Edge) -> Iterator[Candidate]:
    """Both arguments receive the whole gradient where they tie."""
    node = edge.node
    x, y = (np.asarray(data_of(a)) for a in node.args)
    if not np.any(x == y):
        return

    def whole(local: Local) -> Array:
        return local.g * (np.asarray(local.args[local.edge.argnum]) == np.asarray(local.out))

    edges: dict[Edge, Change] = {
        Edge(node, i): whole for i, a in enumerate(node.args) if type(a) is Value
    }
    yield Candidate(
        "mask", Changes(edges=edges), edge.argument, node,
        f"where the arguments of {called(node)} tie, each receives the whole gradient",
        "share it between them, or give it to one", "ties-of-two", 0.15,
    )  # fmt: skip


_BRANCHING = {"where", "maximum", "minimum", "fmax", "fmin"}


def _one_branch(edge: Edge) -> Candidate:
    """One branch of a selection taken everywhere: it gets all of the gradient, the other none."""
    node, taken = edge
    name = node.operation.name  # type: ignore[union-attr]
    changes: dict[Edge, Change] = {}
    for argnum, a in enumerate(node.args):
        if type(a) is Value and argnum == taken:
            changes[edge] = lambda local: local.g
        elif type(a) is Value:
            changes[Edge(node, argnum)] = lambda local: 0.0 * local.g
    return Candidate(
        "mask", Changes(edges=changes), edge.argument, node,
        f"the branch {called(edge.argument)} of {called(node)} is taken everywhere, also where "
        f"{name} chose the other", f"use the mask of {name} for each branch",
        f"branch-{taken}:{name}", 0.15,
    )  # fmt: skip


def ignored(about: Circumstances, edge: Edge) -> Iterator[Candidate]:
    """A mask or clip left out altogether: what comes after it was computed without it, too."""
    node, _ = edge
    assert node.operation is not None
    others = [a for i, a in enumerate(node.args) if i != edge.argnum]
    masked = node.operation.name == "multiply" and not any(type(a) is Value for a in others)
    if node.ndim == 0 or edge.argument.shape != node.shape:
        return
    limits = ("maximum", "minimum", "relu")
    limited = node.operation.name in limits and not any(type(a) is Value for a in others)
    if node.operation.name not in ("where", "clip") and not masked and not limited:
        return
    if masked and not np.any(np.asarray(others[0]) == 0):
        return
    data = about.record.evaluate({node: edge.argument.data})
    what = "mask" if masked else node.operation.name
    yield Candidate(
        "mask", Changes(edges={edge: lambda local: local.g}, data=data), edge.argument, node,
        f"the derivation leaves the {what} out: {called(node)} is taken for "
        f"{called(edge.argument)}", f"derive with the {what} of the forward pass",
        "ignored", 0.25,
    )  # fmt: skip


def _pooling(node: Value, candidate) -> Iterator[Candidate]:  # type: ignore[no-untyped-def]
    """Max-pooling that passes back to whole windows, or the whole gradient to every tie."""
    settings = dict(node.metadata or {})

    def spread(y: Array, size: tuple[int, ...]) -> Array:
        return window_spread(y, size=size, **settings)

    def everywhere(local: Local) -> Array:
        return spread(local.g, np.shape(local.args[0])[2:])

    def whole(local: Local) -> Array:
        x = np.asarray(local.args[0])
        ones = np.ones_like(np.asarray(local.g))
        shares = np.asarray(local.rule(g=ones))
        ties = window_sums(1.0 * (shares > 0), **settings)
        return local.rule(g=local.g * ties) + 0 * x

    target = called(node)
    mend = "pass it to the entry that is the largest of its window"
    yield candidate(
        "mask", everywhere,
        f"max-pooling to {target} passes the gradient back to every entry of a window", mend,
        "pool", 0.1,
    )  # fmt: skip
    yield candidate(
        "mask", lambda local: everywhere(local) / np.prod(settings["kernel"]),
        f"max-pooling to {target} is pulled back like average pooling", mend, "pool-mean", 0.1,
    )  # fmt: skip
    yield candidate(
        "mask", whole,
        f"where entries of a window of {target} tie for the largest, each receives the whole "
        f"gradient", "share it among the ties, or give it to one", "pool-ties", 0.15,
    )  # fmt: skip


def _ties(edge: Edge, candidate) -> Iterator[Candidate]:  # type: ignore[no-untyped-def]
    target = called(edge.argument)

    def winners(local: Local) -> Array:
        share = np.asarray(local.rule(g=np.ones_like(np.asarray(local.g))))
        return share != 0

    def whole(local: Local) -> Array:
        return np.broadcast_to(_spread(local), np.shape(local.args[0])) * winners(local)

    yield candidate(
        "mask", whole,
        f"where several entries of {target} tie for the extremum, each receives the whole gradient",
        "share it among the ties, or give it to one of them", "ties", 0.1,
    )  # fmt: skip
    yield candidate(
        "mask", lambda local: np.broadcast_to(_spread(local), np.shape(local.args[0])) + 0.0,
        f"every entry of {target} receives the gradient, not only the extremum",
        "multiply by the mask of the entries that are the extremum", "no-mask", 0.1,
    )  # fmt: skip
    axis: Any = (edge.node.metadata or {}).get("axis")
    shape = edge.argument.shape
    for other in range(len(shape)) if isinstance(axis, int) else ():
        if other != axis % len(shape) and shape[other] == shape[axis]:
            yield candidate(
                "wrong-axis", _along(other, axis),
                f"the entries of {target} that receive the gradient of {called(edge.node)} are the "
                f"extrema along axis {other}, not along axis {axis}",
                f"look for the extrema along axis {axis}", f"extrema-{other}", 0.15,
            )  # fmt: skip


def _along(other: int, axis: int) -> Change:
    """The rule of an extremum along an axis, for another one of the same length."""

    def change(local: Local) -> Array:
        node = local.edge.node
        turned = np.swapaxes(np.asarray(local.args[0]), other, axis)
        out = node.operation.evaluate(turned, **(node.metadata or {}))  # type: ignore[union-attr]
        pulled = local.rule(args=local.with_argument(0, turned), out=out)
        return np.swapaxes(pulled, other, axis)

    return change


def _spread(local: Local) -> Array:
    """The cotangent with the reduced axes back, to broadcast against the argument."""
    node: Value = local.edge.node
    settings = node.metadata or {}
    if settings.get("keepdims") or settings.get("axis") is None:
        return local.g
    return np.expand_dims(np.asarray(local.g), settings["axis"])
