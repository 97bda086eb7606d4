"""Mistakes of arrangement: transposed, flipped, shifted, summed over a wrong axis or none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Edge, Inapplicable, Local, Total
from tinygrad_lite.checking.links import is_elementwise
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.mistakes.products import rolled
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value
from tinygrad_lite.rules.correlation import correlate
from tinygrad_lite.rules.linear import linear


def of_value(value: Value, shape: tuple[int, ...]) -> Iterator[Candidate]:
    """Rearrangements of what arrives at a Value that give an array of the hand-derived shape."""
    have = value.shape
    target = called(value)

    def candidate(
        kind: str, total: Total, sentence: str, correction: str, family: str, prior: float
    ) -> Candidate:
        same = shape == have
        changes = Changes(totals={value: total}) if same else Changes(shown={value: total})
        return Candidate(
            kind, changes, value, value, f"the gradient of {target} {sentence}", correction,
            family, prior,
        )  # fmt: skip

    if 2 <= len(have) <= 4:
        for axes in permutations(range(len(have))):
            if list(axes) != sorted(axes) and tuple(have[a] for a in axes) == shape:
                yield candidate(
                    "transposed", lambda g, axes=axes: np.transpose(g, axes),  # type: ignore[misc]
                    f"is transposed (axes {axes})", "transpose it back", f"T{axes}", 0.2,
                )  # fmt: skip
        yield candidate(
            "transposed", lambda g: np.reshape(np.ravel(np.asarray(g), order="F"), shape),
            "has its entries in column order", "reshape in row order, or transpose first",
            "F", 0.7,
        )  # fmt: skip
        yield candidate(
            "transposed", lambda g: np.reshape(np.transpose(g), shape),
            "is reshaped where it should be transposed", "transpose", "reshaped", 0.8,
        )  # fmt: skip
    if shape != have:
        return
    for axis, size in enumerate(have[:4]):
        if size < 2:
            continue
        for shift in (1, -1):
            for wrap in (True, False):
                yield candidate(
                    "shifted-index",
                    lambda g, s=shift, a=axis, w=wrap: rolled(g, s, a, w),  # type: ignore[misc]
                    f"is off by one index along axis {axis}", "check where the index starts",
                    f"roll-{axis}-{shift}-{wrap}", 0.4,
                )  # fmt: skip
    spatial = [axis for axis in range(len(have)) if have[axis] > 1][-2:]
    for count in (2, 1):
        for axes in combinations(spatial, min(count, len(spatial))):
            yield candidate(
                "kernel-flip", lambda g, axes=axes: np.flip(g, axes),  # type: ignore[misc]
                f"is flipped along {'axes' if len(axes) > 1 else 'axis'} {axes}",
                "do not flip: correlate the input with the cotangent" if len(have) > 2
                else "reverse it", f"flip{len(axes)}", 0.2 if len(have) > 2 else 0.35,
            )  # fmt: skip


def of_broadcast(about: Circumstances, edge: Edge, shape: tuple[int, ...]) -> Iterator[Candidate]:
    """What became of the axes along which an argument was broadcast, other than their sum."""
    value = edge.argument
    have = value.shape
    wide = edge.node.shape
    function = edge.node.operation.function if edge.node.operation is not None else None
    inside = function in (correlate, linear) and len(have) == 1  # a bias
    if wide == have or not (inside or is_elementwise(edge.node)):
        return
    target = called(value)
    right = f"sum over {_axes_words(_summed(about, edge))}: every entry of {target} was used there"

    def candidate(kind: str, form: str, sentence: str, prior: float) -> Candidate:
        if shape != have:
            local = about.record.local(edge, about.found, about.base)
            others = _others(about, edge)

            def shown(g: Array) -> Array:
                return _formed(_unsummed(local), form, shape) + others

            changes = Changes(shown={value: shown})
        else:

            def change(local: Local) -> Array:
                return _formed(_unsummed(local), form, have)

            changes = Changes(edges={edge: change})
        return Candidate(kind, changes, value, edge.node, sentence, right, f"{kind}-{form}", prior)

    own = {axis for axis in range(len(wide)) if axis not in _summed(about, edge)}
    yield candidate(
        "unsummed-broadcast", "as is",
        f"the gradient of {target} is not summed over the axes along which it was broadcast", 0.0,
    )  # fmt: skip
    # Of samples these are the same numbers, and named, by `paths.of_samples`.
    samples = shape == have and value.operation is None and _summed(about, edge) == {0}
    for form in () if samples else ("first", "last"):
        yield candidate(
            "unsummed-broadcast",
            form,
            f"of the contributions of shape {wide} to the gradient of {target} only the {form} "
            f"along the broadcast axis is kept",
            0.1 if shape != have else 0.3,
        )
    for n in range(1, len(wide) + 1):
        for axes in combinations(range(len(wide)), n):
            for reduce in ("sum", "mean"):
                over = f"{'axes' if n > 1 else 'axis'} {', '.join(map(str, axes))}"
                if set(axes) == _summed(about, edge):
                    if reduce == "mean":
                        yield candidate(
                            "averaged-batch", f"mean {axes}",
                            f"the gradient of {target} is averaged over {over} instead of summed",
                            0.2,
                        )  # fmt: skip
                    continue
                partly = own.isdisjoint(axes)
                yield candidate(
                    "unsummed-broadcast" if partly and shape != have else "wrong-axis",
                    f"{reduce} {axes}",
                    f"the gradient of {target} is the {reduce} over {over}"
                    + " only" * (set(axes) < _summed(about, edge)),
                    0.1 if reduce == "sum" else 0.3,
                )


def of_reduction(edge: Edge) -> Iterator[Candidate]:
    """A reduction pulled back along another axis than it was taken over."""
    node, _ = edge
    settings = node.metadata or {}
    if "axis" not in settings or node.operation is None:
        return
    x = edge.argument
    for axis in range(x.ndim):
        if axis == settings["axis"] or axis - x.ndim == settings["axis"]:
            continue

        def change(local: Local, axis: int = axis) -> Array:
            return local.rule(
                axis=axis,
                g=np.reshape(local.g, _kept(x.shape, axis, settings.get("keepdims", False))),
            )

        yield Candidate(
            "wrong-axis", Changes(edges={edge: change}), x, node,
            f"{node.operation.name} over axis {settings['axis']} is pulled back along axis {axis}",
            f"use axis {settings['axis']}", f"axis-{axis}:{node.operation.name}", 0.1,
        )  # fmt: skip


def of_roll(edge: Edge) -> Iterator[Candidate]:
    """Entries moved the same way back as they were moved on the way there, or not at all."""
    node, _ = edge
    settings = node.metadata or {}
    if node.operation is None or node.operation.name != "roll" or "shift" not in settings:
        return
    shift, axis = settings["shift"], settings.get("axis")
    for label, back in (("the same way as before, not back", shift), ("not moved back", 0)):

        def change(local: Local, back: Any = back) -> Array:
            return np.roll(local.g, back, axis)

        yield Candidate(
            "shifted-index", Changes(edges={edge: change}), edge.argument, node,
            f"on the way back through {called(node)} the entries are moved {label}"
            if back else f"on the way back through {called(node)} the entries are {label}",
            f"roll by the negative of {shift}", f"roll-{label}", 0.2,
        )  # fmt: skip


def _kept(shape: tuple[int, ...], axis: int, keepdims: bool) -> tuple[int, ...]:
    kept = list(shape)
    kept[axis : axis + 1] = [1] if keepdims else []
    return tuple(kept)


def _formed(local: Array, form: str, shape: tuple[int, ...]) -> Array:
    local = np.asarray(local)
    if form == "as is":
        out = local
    elif form in ("first", "last"):
        out = local[0 if form == "first" else -1] if local.ndim else local
    else:
        reduce, axes = form.split(" ", 1)
        chosen = tuple(int(a) for a in axes.strip("(),").split(",") if a.strip())
        out = getattr(np, reduce)(local, axis=chosen)
    if out.size != int(np.prod(shape)):
        raise Inapplicable
    return np.reshape(out, shape)


def _unsummed(local: Local) -> Array:
    """What a rule gives before the engine sums over broadcast axes; a rule that sums itself, as
    that of a bias inside an operation, is taken to have started from the cotangent."""
    own = local.rule()
    return local.g if np.shape(own) == local.edge.argument.shape else own


def _summed(about: Circumstances, edge: Edge) -> set[int]:
    """Axes of the result over which the right gradient of an argument is a sum."""
    have, wide = edge.argument.shape, edge.node.shape
    function = edge.node.operation.function  # type: ignore[union-attr]
    if function is correlate and len(have) == 1:
        return set(range(len(wide))) - {1}
    extra = len(wide) - len(have)
    stretched = {i + extra for i, n in enumerate(have) if n == 1 and wide[i + extra] != 1}
    return set(range(extra)) | stretched


def _others(about: Circumstances, edge: Edge) -> Array:
    """What other uses of the same Value contribute: nothing, if this is the only one."""
    if len(about.record.consumers.get(edge.argument, [])) > 1:
        raise Inapplicable
    return 0.0


def _axes_words(axes: set[int]) -> str:
    return f"{'axes' if len(axes) > 1 else 'axis'} {', '.join(map(str, sorted(axes)))}"


def of_unsummed_product(
    about: Circumstances, edge: Edge, shape: tuple[int, ...]
) -> Iterator[Candidate]:
    """The gradient of a weight matrix for each sample of the batch, not summed."""
    node, argnum = edge
    assert node.operation is not None
    if node.operation.name != "matmul" or len(shape) != 3 or node.ndim != 2:
        return
    local = about.record.local(edge, about.found, about.base)
    x, g = np.asarray(local.args[1 - argnum]), np.asarray(local.g)
    if argnum != 1 or x.ndim != 2 or shape != (len(x), *edge.argument.shape):
        return
    each = np.einsum("ni,no->nio", x, g)
    yield Candidate(
        "unsummed-broadcast", Changes(shown={edge.argument: lambda _: each}), edge.argument, node,
        f"the gradient of {called(edge.argument)} is given for each sample of the batch, not "
        f"summed over them", "sum over the first axis, as x.T @ g does", "per-sample", 0.0,
    )  # fmt: skip
