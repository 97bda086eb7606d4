"""Mistakes in the derivative of an activation or any other elementwise function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Jump, Local
from tinygrad_lite.checking.links import FUNCTIONS, Link
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.circumstances import Circumstances
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

Form = Callable[[Array, Array], Array]  # of the input z and the output a


def of_links(about: Circumstances, links: list[Link]) -> Iterator[Candidate]:
    """Everything that can be wrong with the derivatives along elementwise links."""
    for link in links:
        if not link.elementwise:
            continue
        for kind, family, form, sentence, correction, prior in _wrong_slopes(link):
            # What a selection leaves out is its mask, rather than its derivative.
            selects = not link.name and link.a.operation.name in _SELECTIONS  # type: ignore[union-attr]
            extra = 0.0 if link.whole and not selects else 0.3
            yield Candidate(
                kind, Changes(links={link.a: (link.z, _multiplied(form))}), link.z, link.a,
                sentence, correction, f"{family}:{link.name or _operation(link)}", prior + extra,
            )  # fmt: skip


def of_neighbours(about: Circumstances, links: list[Link]) -> Iterator[Candidate]:
    """The derivative of an activation taken where another layer or time step has it."""
    for link in links:
        if not (link.elementwise and link.name) or len(link.inside) > 8:
            continue
        steps = about.siblings_of(link.a)
        alike = [
            other for other in about.links
            if other is not link and other.name == link.name and other.z.shape == link.z.shape
            and other.elementwise
        ]  # fmt: skip
        for other in alike[:NEIGHBOURS] if len(alike) <= 4 * NEIGHBOURS else []:
            offset = about.steps_between(steps, link.a, other.a)
            if offset is not None and abs(offset) > 1:
                continue

            def form(z: Array, a: Array, other: Link = other) -> Array:
                return other.slope()

            near = f"{called(link.a)} and {called(link.z)}"
            yield Candidate(
                "wrong-operand" if offset is None else "shifted-index",
                Changes(links={link.a: (link.z, _multiplied(form))}), link.z, link.a,
                f"between {near}, the derivative of {link.name} is taken at {called(other.z)}"
                + ("" if offset is None else f", one step {'after' if offset > 0 else 'before'}"),
                f"take it at {called(link.z)}",
                f"neighbour-{offset}:{link.name}" if offset is not None else "", 0.35,
            )  # fmt: skip


def of_logistic_loss(about: Circumstances, z: Value) -> Iterator[Candidate]:
    """Once more the derivative of the sigmoid, where the loss is one of logits: dz = p - y has
    it in it already."""
    losses = [
        edge.node for edge in about.record.consumers.get(z, [])
        if edge.node.operation.name in _LOGISTIC  # type: ignore[union-attr]
    ]  # fmt: skip
    if losses:
        p = FUNCTIONS["sigmoid"].value(np.asarray(z.data))
        yield Candidate(
            "derivative-twice", Changes(totals={z: lambda g: g * p * (1 - p)}), z, losses[0],
            f"the gradient of {called(z)} is multiplied by the sigmoid's derivative p(1 - p), "
            f"which is in that of {called(losses[0])} already", "leave p(1 - p) out: dz = p - y",
            "logistic", 0.15,
        )  # fmt: skip


_LOGISTIC = {"softplus", "logaddexp", "logsumexp"}
NEIGHBOURS = 6
_SELECTIONS = {"where", "clip", "maximum", "minimum", "fmax", "fmin"}


def of_last_step(about: Circumstances, value: Value) -> Iterator[Candidate]:
    """The same mistakes made on one of the ways that part at the pre-activation only: in the last
    line of a parameter's derivation, or in what is passed on to earlier layers and time steps.

    There the cotangent of the pre-activation is taken wrongly, while the others get the right one.
    """
    for edge in about.record.consumers.get(value, []):
        if value.operation is not None and edge.node.operation.name not in _PRODUCTS:  # type: ignore[union-attr]
            continue
        g = about.found.get(edge.node)
        if g is None:
            continue
        for link in about.links:
            if not link.elementwise or link.z.shape != edge.node.shape:
                continue
            if link.z is not edge.node and not _feeds(edge.node, link.z):
                continue
            for kind, family, form, sentence, correction, prior in _wrong_slopes(link):
                if not family.startswith(("missing", "twice", "at-")):
                    continue
                yield Candidate(
                    kind, Changes(edges={edge: _last_step(link, form)}), value, edge.node,
                    f"in the gradient of {called(value)}, {sentence}", correction,
                    f"last-{family}:{link.name}:{edge.argnum}", prior + 0.4,
                )  # fmt: skip


_PRODUCTS = {"multiply", "matmul", "linear", "conv2d", "conv1d", "einsum", "dot"}
# Functions of which people write f and f' and apply them to a neuron's sum or activation.
ACTIVATIONS = {"sigmoid", "tanh", "softplus", "SiLU", "softsign", "ELU", "arctan", ""}

Slope = tuple[str, str, Form, str, str, float]


@lru_cache(maxsize=4096)
def _wrong_slopes(link: Link) -> list[Slope]:
    return list(_each_wrong_slope(link))


def _formula_of(link: Link) -> str:
    """The derivative of a function with a parameter, or of a clip, "" for others."""
    if link.name.startswith("leaky ReLU with"):
        return f"1 where z > 0, else {link.name.split()[-1]}"
    if link.name.startswith("ELU with"):
        return f"1 where z > 0, else {link.name.split()[-1]} e^z"
    return "1 between its limits, else 0" if _operation(link) == "clip" else ""


def _each_wrong_slope(link: Link) -> Iterator[Slope]:
    """(kind, family, form, sentence, correction, prior) for each wrong derivative of a link."""
    name = link.name or _operation(link)
    function = FUNCTIONS.get(link.name)
    formula = function.formula if function else _formula_of(link)
    formula = f": {formula}" if formula else ""
    near, far = called(link.a), called(link.z)
    right = f"multiply by the derivative of {name} at {far}{formula}"
    yield (
        "derivative-missing", "missing", lambda z, a: np.ones_like(np.asarray(z)),
        f"the derivative of {name} is left out between {near} and {far}", right, 0.1,
    )  # fmt: skip
    yield (
        "derivative-twice", "twice", lambda z, a: link.slope(z) ** 2,
        f"the derivative of {name} between {near} and {far} is applied twice", "apply it once",
        0.1,
    )  # fmt: skip
    yield (
        "derivative-at-output", "at-output", lambda z, a: link.slope(a),
        f"the derivative of {name} is evaluated at its output {near} instead of its input {far}",
        right, 0.1 if link.name in ACTIVATIONS and link.whole else 0.6,
    )  # fmt: skip
    if function is not None and function.from_output is not None:
        by_output = function.from_output
        yield (
            "derivative-at-input", "at-input", lambda z, a: by_output(z),
            f"the derivative of {name}, written {function.output_formula} in terms of its output "
            f"a, is evaluated at the input {far} instead of the output {near}",
            f"use {function.output_formula} with a = {near}", 0.1,
        )  # fmt: skip
    for family, of_output, words, missing in _PARTS.get(link.name, ()):
        whole = function.output_formula.replace("a", near) if function else ""
        yield (
            "wrong-derivative", f"part-{family}", _at_output(of_output),
            f"between {near} and {far}, {words.format(near)} is used where {whole}, the derivative "
            f"of {name}, belongs: {missing.format(near)}", right, 0.15,
        )  # fmt: skip
    for family, form, words, prior in _other_slopes(link, near, far):
        if not _proportional(link, form):
            yield (
                "wrong-derivative", family, form,
                f"between {near} and {far}, {words} is used where that of {name} belongs",
                right, prior,
            )  # fmt: skip


# The derivative in terms of the output, with a part of it forgotten.
_PARTS: dict[str, tuple[tuple[str, Callable[[Array], Array], str, str], ...]] = {
    "sigmoid": (
        ("a", np.asarray, "{}", "the factor (1 - {}) is missing"),
        ("1-a", lambda a: 1 - np.asarray(a), "1 - {}", "the factor {} is missing"),
        ("1-a²", lambda a: 1 - np.square(a), "1 - {}²", "that is the derivative of tanh"),
    ),
    "tanh": (
        ("1-a", lambda a: 1 - np.asarray(a), "1 - {}", "the square of {} is missing"),
        ("a²", np.square, "{}²", "it has to be subtracted from 1"),
        ("1+a²", lambda a: 1 + np.square(a), "1 + {}²", "the sign of {}² is wrong"),
    ),
}


def _other_slopes(link: Link, near: str, far: str) -> Iterator[tuple[str, Form, str, float]]:
    """Derivatives of other functions, at either end, and simple expressions in z and a."""
    for other, its in FUNCTIONS.items():
        if other == link.name:
            continue
        words = f"the derivative of {other}"
        far_fetched = 0.0 if _confused(link.name, other) else 0.15
        yield f"{other}-z", _at_input(its.slope), f"{words} at {far}", 0.2 + far_fetched
        yield f"{other}-a", _at_output(its.slope), f"{words} at {near}", 0.4 + far_fetched
        if its.from_output is not None and other not in ("exp", "reciprocal"):  # powers, below
            by_output = f"{words}, {its.output_formula} with a ="
            prior = 0.2 + far_fetched
            yield f"{other}-out", _at_output(its.from_output), f"{by_output} {near},", prior
            yield f"{other}-in", _at_input(its.from_output), f"{by_output} {far},", prior + 0.2
    yield "itself", lambda z, a: np.asarray(a), f"{near} itself", 0.3
    yield "its input", lambda z, a: np.asarray(z), f"{far} itself", 0.4
    for power in (-2.0, -1.0, -0.5, 0.5, 2.0, 3.0):
        yield f"z^{power:g}", _at_input(_power(power)), f"{far}^{power:g}", 0.5
        yield f"a^{power:g}", _at_output(_power(power)), f"{near}^{power:g}", 0.5
    exponent = link.a.args[1] if len(link.inside) == 1 and len(link.a.args) > 1 else None
    if _operation(link) == "power" and isinstance(exponent, (int, float)):
        for lower in (exponent, exponent - 2):
            form = _at_input(_power(lower, exponent))
            yield f"n z^{lower:g}", form, f"{exponent:g} {far}^{lower:g}", 0.2
    yield "1-a", lambda z, a: 1 - np.asarray(a), f"1 - {near}", 0.5
    yield "1-z²", lambda z, a: 1 - np.asarray(z) ** 2, f"1 - {far}²", 0.5
    yield "a+1", lambda z, a: 1 + np.asarray(a), f"1 + {near}", 0.6
    yield "(1-a)²", lambda z, a: (1 - np.asarray(a)) ** 2, f"(1 - {near})²", 0.6
    yield "1-s", lambda z, a: 1 - link.slope(z), "1 minus it", 0.6


def _confused(one: str, other: str) -> bool:
    """Whether people mistake two functions for each other: both activations, sine and cosine."""
    names = {one.split(" with ")[0], other}
    return any(names <= family for family in _FAMILIES)


_FAMILIES = (
    {"sigmoid", "tanh", "ReLU", "softplus", "SiLU", "softsign", "ELU", "leaky ReLU", "GELU",
     "GELU's tanh approximation", "GELU's sigmoid approximation", "arctan"},
    {"sin", "cos"}, {"square", "abs"}, {"sqrt", "reciprocal"}, {"exp", "log"},
)  # fmt: skip


def _at_input(function: Callable[[Array], Array]) -> Form:
    return lambda z, a: function(z)


def _at_output(function: Callable[[Array], Array]) -> Form:
    return lambda z, a: function(a)


def _power(power: float, factor: float = 1.0) -> Callable[[Array], Array]:
    return lambda x: factor * np.asarray(x, dtype=np.float64) ** power


def _proportional(link: Link, form: Form) -> bool:
    """Whether a slope is the right one times a constant: then it is a factor, not another
    function. Tried at other points too, as a single number is proportional to any other."""
    with np.errstate(all="ignore"):
        wrong = np.concatenate(
            [np.ravel(form(np.asarray(z), np.asarray(a))) for z, a, _ in link.probes]
        )
    right = np.concatenate([np.ravel(slope) for _, _, slope in link.probes])
    size = float(right @ right)
    if not np.isfinite(wrong).all() or not np.isfinite(size) or size == 0:
        return False
    c = float(wrong @ right) / size
    return bool(np.max(np.abs(wrong - c * right)) <= 1e-9 * np.max(np.abs(wrong)))


def _multiplied(form: Form) -> Jump:
    def jump(g: Array, z: Array, a: Array) -> Array:
        with np.errstate(all="ignore"):
            return g * form(np.asarray(z), np.asarray(a))

    return jump


def _last_step(link: Link, form: Form) -> Callable[[Local], Any]:
    def change(local: Local) -> Array:
        # What belongs to other uses of z stays as it is.
        above = local.found[link.a]
        with np.errstate(all="ignore"):
            wrong = above * form(np.asarray(link.z.data), np.asarray(link.a.data))
        return local.rule(g=local.g + wrong - link.pull(above))

    return change


def _feeds(node: Value, z: Value) -> bool:
    """Whether z is the node plus something (a bias), perhaps in a few steps."""
    for _ in range(4):
        if node is z:
            return True
        following = [
            a for a in z.args if type(a) is Value and a.operation is not None and a.shape == z.shape
        ]
        if z.operation is None or z.operation.name not in ("add", "subtract") or not following:
            return False
        if any(a is node for a in following):
            return True
        z = following[0]
    return False


def _operation(link: Link) -> str:
    assert link.a.operation is not None
    return link.a.operation.name
