"""Softmax and normalisation: entries that depend on one another, treated as if they did not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Edge, Jump, Local, Total
from tinygrad_lite.checking.links import Link
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.mistakes.scales import is_softmax
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

_REDUCTIONS = {"sum", "mean", "var", "std", "max", "logsumexp", "norm", "min"}


def of_links(about: Circumstances, links: list[Link]) -> Iterator[Candidate]:
    """Softmax, log-softmax and normalisations among links that mix entries."""
    for link in links:
        if link.elementwise:
            continue
        axis = is_softmax(link.z, link.a)
        if axis is not None:
            yield from _softmax(link, axis)
            continue
        axis = _is_log_softmax(link)
        if axis is not None:
            yield from _log_softmax(link, axis)
        elif len(link.inside) > 1:
            yield from _normalisation(about, link)


def of_logsumexp(edge: Edge) -> Iterator[Candidate]:
    """The weights with which a logsumexp passes back: left out, or along another axis."""
    node, _ = edge
    settings = node.metadata or {}
    axis = settings.get("axis")
    if node.operation is None or node.operation.name != "logsumexp" or edge.argument.ndim == 0:
        return
    target = called(edge.argument)

    def spread(local: Local) -> Array:
        if axis is None or settings.get("keepdims"):
            return local.g
        return np.expand_dims(np.asarray(local.g), axis)

    def along(other: int) -> Callable[[Local], Array]:
        def change(local: Local) -> Array:
            x = np.asarray(local.args[0])
            e = np.exp(x - x.max(axis=other, keepdims=True))
            return spread(local) * e / e.sum(axis=other, keepdims=True)

        return change

    right = "multiply by softmax of the same entries, along the axis of the logsumexp"
    yield Candidate(
        "derivative-missing",
        Changes(edges={edge: lambda local: spread(local) + 0.0 * np.asarray(local.args[0])}),
        edge.argument, node,
        f"{called(node)} passes the whole gradient back to every entry of {target}: its "
        f"derivative, the softmax, is left out", right, "logsumexp-missing", 0.15,
    )  # fmt: skip
    for other in range(edge.argument.ndim):
        if axis is not None and other != axis % edge.argument.ndim:
            yield Candidate(
                "wrong-axis", Changes(edges={edge: along(other)}), edge.argument, node,
                f"the softmax that {called(node)} passes back to {target} with is taken along axis "
                f"{other} instead of {axis}", right, f"logsumexp-{other}", 0.1,
            )  # fmt: skip


def of_logits(about: Circumstances, z: Value) -> Iterator[Candidate]:
    """Cross-entropy of a softmax that has no Value of its own: only the target's entry is kept."""
    g = about.found.get(z)
    if g is None or z.ndim == 0 or (z.operation is None and not about.record.consumers.get(z)):
        return
    data = np.asarray(z.data, dtype=np.float64)
    for axis in {data.ndim - 1, 0}:
        e = np.exp(data - data.max(axis=axis, keepdims=True))
        p = e / e.sum(axis=axis, keepdims=True)
        if np.shape(g) != p.shape or not np.allclose(np.sum(g, axis=axis), 0, atol=1e-6):
            continue
        forms: list[tuple[str, Array, str, float]] = [
            ("softmax-elementwise", np.asarray(g) < 0, "only the entry of the target class", 0.1),
            ("derivative-twice", p * (1 - p), "once more the derivative p(1 - p)", 0.2),
            ("softmax-elementwise", 1 - p, "a factor 1 - p", 0.5),
        ]
        yield Candidate(
            "derivative-twice", Changes(totals={z: _jacobian(p, axis)}), z, z,
            f"the derivative of the softmax is applied twice on the way to the logits {called(z)}",
            "apply it once; for cross-entropy of a softmax, dz = p - y contains it already",
            "twice-logits", 0.1,
        )  # fmt: skip
        for kind, factor, words, prior in forms:
            yield Candidate(
                kind, Changes(totals={z: _times(factor)}), z, z,
                f"the gradient of the logits {called(z)} has {words}: the softmax is treated entry "
                f"by entry, though every logit moves every probability",
                "for cross-entropy of a softmax, dz = p - y", f"{kind}-logits", prior,
            )  # fmt: skip


def _jacobian(p: Array, axis: int) -> Total:
    return lambda g: p * (g - np.sum(g * p, axis=axis, keepdims=True))


def _softmax(link: Link, axis: int) -> Iterator[Candidate]:
    a, z = called(link.a), called(link.z)

    def total(x: Array, along: int | None = axis) -> Array:
        return np.sum(x, axis=along, keepdims=along is not None)

    if not link.is_pulled_back_by(lambda g, p: p * (g - total(g * p))):
        return
    forms: list[tuple[str, Callable[[Array, Array], Array], str, float]] = [
        ("softmax-elementwise", lambda g, p: g * p * (1 - p),
         "entry by entry, as if its entries did not depend on one another", 0.0),
        ("softmax-elementwise", lambda g, p: g * p, "as if its denominator were constant", 0.05),
        ("softmax-elementwise", lambda g, p: -p * total(g * p) + 0 * g,
         "without the diagonal of its Jacobian", 0.3),
        ("derivative-missing", lambda g, p: g, "without its derivative", 0.1),
        ("sign", lambda g, p: p * (g + total(g * p)),
         "with a plus where the Jacobian diag(p) - p pᵀ has a minus", 0.2),
        ("wrong-operand", lambda g, p: p * (g - total(g)),
         "with sum(g) in the place of sum(g * p)", 0.3),
        ("wrong-operand", lambda g, p: g - p * total(g),
         "with the derivative of its logarithm", 0.4),
        ("averaged-paths", lambda g, p: p * (g - total(g * p) / np.shape(p)[axis]),
         "with a mean over the entries in the place of their sum", 0.2),
        ("wrong-axis", lambda g, p: p * (g - total(g * p, None)),
         f"with its sum over all axes instead of axis {axis}", 0.15),
    ]  # fmt: skip
    for other in range(link.a.ndim):
        if other != axis:
            forms.append((
                "wrong-axis", lambda g, p, o=other: p * (g - total(g * p, o)),  # type: ignore[misc]
                f"with its sum over axis {other} instead of axis {axis}", 0.1,
            ))  # fmt: skip
    for kind, form, words, prior in forms:
        yield Candidate(
            kind, Changes(links={link.a: (link.z, _by_output(form))}), link.z, link.a,
            f"the softmax from {z} to {a} is pulled back {words}",
            f"dz = p * (g - sum(g * p)), the sum over axis {axis}", f"softmax-{words}", prior,
        )  # fmt: skip


def _log_softmax(link: Link, axis: int) -> Iterator[Candidate]:
    a, z = called(link.a), called(link.z)

    def total(x: Array) -> Array:
        return np.sum(x, axis=axis, keepdims=True)

    if not link.is_pulled_back_by(lambda g, y: g - np.exp(y) * total(g)):
        return
    forms: list[tuple[str, Callable[[Array, Array], Array], str, float]] = [
        ("softmax-elementwise", lambda g, p: g * (1 - p), "entry by entry", 0.0),
        ("softmax-elementwise", lambda g, p: g * p * (1 - p), "as an elementwise sigmoid", 0.2),
        ("derivative-missing", lambda g, p: g, "without its derivative", 0.1),
        ("derivative-twice", lambda g, p: (g - p * total(g)) * p * (1 - p),
         "right, and then multiplied by the derivative p(1 - p) once more", 0.1),
        ("wrong-operand", lambda g, p: p * (g - total(g * p)),
         "with the derivative of softmax itself", 0.2),
        ("sign", lambda g, p: g + p * total(g), "with a plus for the minus", 0.2),
        ("averaged-paths", lambda g, p: g - p * total(g) / np.shape(p)[axis],
         "with a mean over the entries in the place of their sum", 0.2),
    ]  # fmt: skip
    for kind, form, words, prior in forms:
        by_logarithm = _by_output(lambda g, y, form=form: form(g, np.exp(y)))  # type: ignore[misc]
        yield Candidate(
            kind, Changes(links={link.a: (link.z, by_logarithm)}), link.z, link.a,
            f"the log-softmax from {z} to {a} is pulled back {words}",
            f"dz = g - p * sum(g), the sum over axis {axis}", f"log-softmax-{words}", prior,
        )  # fmt: skip


def _by_output(form: Callable[[Array, Array], Array]) -> Jump:
    return lambda g, z, a: form(g, np.asarray(a))


def _normalisation(about: Circumstances, link: Link) -> Iterator[Candidate]:
    """Statistics (mean, variance) inside a link, one or several treated as constants."""
    statistics = [
        node for node in link.inside
        if node.operation is not None and node.operation.name in _REDUCTIONS
        and node.size < link.z.size
    ]  # fmt: skip
    for count in (1, 2, 3):
        for chosen in combinations(statistics[:5], count):
            names = " and ".join(f"{called(v)}" for v in chosen)
            yield Candidate(
                "one-path", Changes(totals={v: _times(0.0) for v in chosen}), link.z, link.a,
                f"from {called(link.a)} back to {called(link.z)}, only the direct path is counted: "
                f"{names} was treated as a constant, but depends on {called(link.z)}",
                f"add the paths through {names}", f"constant-{count}", 0.2 + 0.1 * count,
            )  # fmt: skip


def _times(factor: Array) -> Total:
    return lambda g: factor * g


def _is_log_softmax(link: Link) -> int | None:
    with np.errstate(all="ignore"):
        p = np.exp(np.asarray(link.a.data, dtype=np.float64))
    difference = np.asarray(link.a.data) - np.asarray(link.z.data)
    for axis in range(p.ndim - 1, -1, -1):
        constant = np.allclose(difference, difference.mean(axis=axis, keepdims=True), atol=1e-5)
        if constant and p.shape[axis] > 1 and np.allclose(p.sum(axis=axis), 1, atol=1e-5):
            return axis
    return None
