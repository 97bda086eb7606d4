"""Mistakes at Values that are used several times: which of the paths were counted, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Edge, Local
from tinygrad_lite.checking.mistakes import windows
from tinygrad_lite.checking.mistakes.candidate import Candidate, contraction, edges_to
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.mistakes.scales import (
    _is_activation,
    is_half_of_square,
    unlike,
)
from tinygrad_lite.checking.words import called, listed, place
from tinygrad_lite.engine.value import Value, data_of


def of_value(about: Circumstances, value: Value) -> Iterator[Candidate]:
    """Paths into one Value: averaged, or all but some forgotten."""
    edges = edges_to(about.record, value)
    count = len(edges)
    if count < 2 or all(is_half_of_square(edge) for edge in edges):
        return
    target = called(value)
    leaf = value.operation is None
    samples = leaf and about.apart([edge.node for edge in edges])
    # A line that is run several times, as in a loop, or one operation using a Value twice.
    repeated = len({(e.node.frame_code, e.node.frame_offset) for e in edges}) == 1
    upwards = not leaf and not about.leads_to(edges[-1].node, edges[0].node)
    yield Candidate(
        "averaged-batch" if samples else "averaged-paths",
        Changes(scales=dict.fromkeys(edges, 1 / count)), value, value,
        f"{target} averages over its {count} {'uses' if leaf else 'outgoing paths'}, where the "
        f"chain rule sums: what arrives is {count} times too small",
        "sum what comes back along the paths", "averaged",
        unlike(edges),
    )  # fmt: skip
    kept = [edges[-1:], edges[:1]] if count > 5 else []
    if count <= 5:
        for n in range(1, count):
            kept += [list(c) for c in combinations(edges, n)]
    for some in kept:
        dropped = [e for e in edges if e not in some]
        first, last = some == edges[-1:], some == edges[:1]
        # Code that goes backwards over time assigns the first use last; connections that do not
        # depend on one another are gone through upwards.
        likely = (last if upwards else first) or samples or count == 2
        overwritten = len(some) == 1 and repeated and likely
        scales = Changes(scales=dict.fromkeys(dropped, 0.0))
        ways = listed([e.node for e in dropped])
        label = "first" if first else "last" if last else ""
        label = (label if repeated else f"{label} of other lines" * bool(label)) or _pattern(
            edges, some
        )
        yield Candidate(
            "one-path", scales, value, value,
            f"of the {count} paths from the cost back to {target} only {len(some)} "
            f"{'is' if len(some) == 1 else 'are'} counted; missing: {ways}",
            f"sum over all uses of {target}", f"kept-{label}", 0.2 if overwritten else 0.1,
        )  # fmt: skip
        if len(some) == 1:
            yield Candidate(
                "overwritten-path", scales, value, value,
                f"each of the {count} uses of {target} assigns its gradient anew (= instead of "
                f"+=), so only {place(some[0].node)} is left; missing: {ways}",
                "accumulate with +=", f"overwritten-{label}", 0.1 if overwritten else 0.2,
            )  # fmt: skip


def fan_out(about: Circumstances, value: Value) -> int:
    """The number of connections by which a Value goes on: neurons that it feeds, or columns."""
    edges = edges_to(about.record, value)
    if len(edges) == 1:
        (edge,) = edges
        name = edge.node.operation.name  # type: ignore[union-attr]
        if name in ("matmul", "dot", "linear", "einsum") and _is_activation(edge):
            return contraction(edge)
    return len({edge.node for edge in edges})


def _pattern(edges: list[Edge], some: Iterable[Edge]) -> str:
    """Which of the uses of a Value are meant: the same for Values that are used alike."""
    chosen = set(some)
    names = (edge.node.operation.name for edge in edges)  # type: ignore[union-attr]
    return " ".join(n + "!" * (e in chosen) for n, e in zip(names, edges, strict=True))


def in_loop(about: Circumstances, value: Value) -> Iterator[Candidate]:
    """A loop that assigns the gradient anew in each round, beside other uses of the Value."""
    edges = edges_to(about.record, value)
    lines: dict[object, list[Edge]] = {}
    for edge in edges:
        lines.setdefault((edge.node.frame_code, edge.node.frame_offset), []).append(edge)
    for rounds in lines.values():
        if not 2 <= len(rounds) < len(edges):
            continue
        for kept, label in ((rounds[-1], "first"), (rounds[0], "last")):
            dropped = [edge for edge in rounds if edge is not kept]
            yield Candidate(
                "overwritten-path", Changes(scales=dict.fromkeys(dropped, 0.0)), value, kept.node,
                f"of the {len(rounds)} rounds in which a loop uses {called(value)}, each assigns "
                f"its gradient anew (= instead of +=): only the {label} one is left",
                "accumulate with +=", f"loop-{label}", 0.05,
            )  # fmt: skip


def turned(about: Circumstances, value: Value) -> Iterator[Candidate]:
    """Several of the paths into one Value with the wrong sign: those of one term, in which it is
    used more than once."""
    edges = edges_to(about.record, value)
    if not 3 <= len(edges) <= 5:
        return
    for n in range(2, len(edges)):
        for some in combinations(edges, n):
            nodes = list(dict.fromkeys(edge.node for edge in some))
            ways = listed(nodes)
            yield Candidate(
                "sign", Changes(scales=dict.fromkeys(some, -1.0)), value, nodes[-1],
                f"what goes back to {called(value)} through {ways} has the wrong sign",
                "multiply it by -1", f"turned-{_pattern(edges, some)}", 0.4,
            )  # fmt: skip


def averaged_everywhere(about: Circumstances, values: Iterable[Value]) -> Candidate | None:
    """Every Value between the parameters and the cost averages its outgoing connections.

    The habit of somebody who wrote the mean where the chain rule has a sum, once, in the code of
    a layer or a neuron. In matrix form the sum over outputs is in ``g @ W.T``.
    """
    scales: dict[Edge, float] = {}
    fan_outs: list[int] = []
    neurons: list[Value] = []
    for value in values:
        edges = edges_to(about.record, value)
        if value.operation is None:
            continue
        nodes = {edge.node for edge in edges}
        if len(nodes) > 1:
            scales.update(dict.fromkeys(edges, 1 / len(edges)))
            fan_outs.append(len(edges))
            neurons.append(value)
        elif len(edges) == 1:
            (edge,) = edges
            name = edge.node.operation.name  # type: ignore[union-attr]
            if (
                name in ("matmul", "dot", "linear", "einsum")
                and _is_activation(edge)
                and contraction(edge) > 1
            ):
                scales[edge] = 1 / contraction(edge)
                fan_outs.append(contraction(edge))
                neurons.append(value)
    if not neurons:
        return None
    sizes = ", ".join(str(n) for n in sorted(set(fan_outs))[:4])
    which = "hidden neurons" if len(neurons) > 1 else called(neurons[0])
    verb = "average what their" if len(neurons) > 1 else "averages what its"
    return Candidate(
        "averaged-paths", Changes(scales=scales), neurons[-1], neurons[0],
        f"{which} {verb} outgoing connections pass back, where the chain rule sums: "
        f"the gradient behind them is too small by the fan-out ({sizes}), layer by layer",
        "sum over the outgoing connections instead of averaging", "",
        0.0 if len(neurons) > 1 else 0.01,
    )  # fmt: skip


def of_samples(edge: Edge) -> Iterator[Candidate]:
    """Samples of a batch of which only one was counted, in a loop that assigned or ended early."""
    node, argnum = edge
    value = edge.argument
    assert node.operation is not None
    if node.ndim == 0 or node.shape[0] < 2 or value.operation is not None:
        return
    rows = node.shape[0]
    name = node.operation.name
    other = node.args[1 - argnum] if len(node.args) == 2 else None
    if name in ("linear", "conv2d"):
        other = node.args[0] if argnum else None
    shared = argnum >= 1 and name in _WEIGHTED and np.shape(data_of(other))[:1] == (rows,)
    broadcast = len(node.shape) > value.ndim or value.shape[:1] != node.shape[:1]
    if not shared and (name in _WEIGHTED or not broadcast):
        return
    for kind, row, which, words, prior in (
        ("overwritten-path", -1, "last", "each sample assigned it anew (= instead of +=)", 0.15),
        ("one-path", 0, "first", "the others were left out", 0.2),
    ):

        def change(local: Local, row: int = row) -> Array:
            alone = np.zeros_like(np.asarray(local.g))
            alone[row] = np.asarray(local.g)[row]
            return local.rule(g=alone)

        yield Candidate(
            kind, Changes(edges={edge: change}), value, node,
            f"only the {which} of {rows} samples is in the gradient of {called(value)}: {words}",
            "sum over the samples with +=", f"sample-{kind}", prior,
        )  # fmt: skip


_WEIGHTED = {"matmul", "dot", "linear", "conv2d"}


def of_index(edge: Edge) -> Iterator[Candidate]:
    """Entries taken several times, whose contributions must be added up."""
    node, _ = edge
    index = (node.metadata or {}).get("index")
    if index is None:
        index = (node.metadata or {}).get("indices")
    if node.operation is None or index is None or node.operation.name not in ("getitem", "take"):
        return
    parts = index if isinstance(index, tuple) else (index,)
    yield from _moved(edge, parts)
    if not any(isinstance(p, (np.ndarray, list)) for p in parts):
        return
    target = called(edge.argument)
    yield from _other_entries(edge, parts)

    def assigned(local: Local) -> Array:
        out = np.zeros_like(np.asarray(local.args[0]))
        out[index] = local.g
        return out

    yield Candidate(
        "overwritten-path", Changes(edges={edge: assigned}), edge.argument, node,
        f"entries of {target} that are taken several times receive only the last contribution: "
        f"assignment at an index does not add", "use np.add.at(dx, index, g)", "index", 0.1,
    )  # fmt: skip


def _other_entries(edge: Edge, parts: tuple[object, ...]) -> Iterator[Candidate]:
    """Indices, such as labels, that are a slice of a longer array: the slice off by one."""
    for position, part in enumerate(parts):
        if edge.node.operation.name != "getitem" or not isinstance(part, np.ndarray):  # type: ignore[union-attr]
            continue
        for _, shift, moved in windows.shifted(part):
            index = (*parts[:position], moved, *parts[position + 1 :])

            def change(local: Local, index: tuple[object, ...] = index) -> Array:
                return local.rule(index=index)

            yield Candidate(
                "shifted-index", Changes(edges={edge: change}), edge.argument, edge.node,
                f"in the gradient of {called(edge.argument)}, the indices are those one entry too "
                f"{'late' if shift > 0 else 'early'} in the array that they are a slice of",
                "use the indices of the forward pass", f"indices-{position}-{shift}", 0.25,
            )  # fmt: skip


def _moved(edge: Edge, parts: tuple[object, ...]) -> Iterator[Candidate]:
    """An index or the ends of a slice off by one."""
    for axis, part in enumerate(parts[: min(edge.argument.ndim, 2)]):
        if part is Ellipsis or part is None:
            return
        if isinstance(part, slice) and part.start is None and part.stop is None:
            continue
        for shift in (1, -1):
            yield Candidate(
                "shifted-index",
                Changes(edges={edge: lambda local, s=shift, a=axis: np.roll(local.rule(), s, a)}),  # type: ignore[misc]
                edge.argument, edge.node,
                f"the index into {called(edge.argument)} is off by one along axis {axis}",
                "use the index of the forward pass", f"index-{shift}-{axis}", 0.2,
            )  # fmt: skip
