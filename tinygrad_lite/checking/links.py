"""Links: a Value z, a Value a computed from nothing else than z, and what lies between.

An activation is such a link, whether it is one operation or written out: ``1 / (1 + exp(-z))``
is the sigmoid, and `Link.name` says so. So are softmax and normalisation, which mix entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array
from tinygrad_lite.checking.passes import Record, recompute
from tinygrad_lite.checking.variables import is_call
from tinygrad_lite.engine.backward import pull_back
from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.engine.value import Value
from tinygrad_lite.rules.error_function import erfc

LONGEST = 14  # operations in a link: GELU written out has nine
WIDEST = 4  # Values at once between its ends


def _sigmoid(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _normal(x: Array) -> Array:
    return 0.5 * erfc(np.asarray(x) * -math.sqrt(0.5))


def _bell(x: Array) -> Array:
    return np.exp(-0.5 * np.square(x)) / math.sqrt(2 * math.pi)


def _cubic(z: Array) -> Array:
    return math.sqrt(2 / math.pi) * (z + 0.044715 * np.asarray(z) ** 3)


def _gelu_tanh_slope(z: Array) -> Array:
    t = np.tanh(_cubic(z))
    inner = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * np.asarray(z) ** 2)
    return 0.5 * (1 + t) + 0.5 * z * (1 - t**2) * inner


@dataclass(frozen=True)
class Function:
    """A function people use, its derivative, and that by way of the function's own result."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    from_output: Callable[[Array], Array] | None = None
    formula: str = ""
    output_formula: str = ""


FUNCTIONS: dict[str, Function] = {
    "sigmoid": Function(
        _sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z)), lambda a: a * (1 - a),
        "σ(z)(1 - σ(z))", "a(1 - a)",
    ),
    "tanh": Function(
        np.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda a: 1 - a**2, "1 - tanh(z)²", "1 - a²",
    ),
    "ReLU": Function(
        lambda z: np.maximum(z, 0), lambda z: 1.0 * (np.asarray(z) > 0),
        lambda a: 1.0 * (np.asarray(a) > 0), "1 where z > 0, else 0", "1 where a > 0, else 0",
    ),
    "softplus": Function(
        lambda z: np.logaddexp(0, z), _sigmoid, lambda a: 1 - np.exp(-a), "σ(z)", "1 - e^(-a)",
    ),
    "exp": Function(np.exp, np.exp, lambda a: a, "e^z", "a"),
    "log": Function(np.log, lambda z: 1 / z, lambda a: np.exp(-a), "1/z", "e^(-a)"),
    "sqrt": Function(
        np.sqrt, lambda z: 0.5 / np.sqrt(z), lambda a: 0.5 / a, "1 / (2√z)", "1 / (2a)",
    ),
    "sin": Function(np.sin, np.cos, None, "cos z"),
    "cos": Function(np.cos, lambda z: -np.sin(z), None, "-sin z"),
    "square": Function(np.square, lambda z: 2 * z, None, "2z"),
    "abs": Function(np.abs, np.sign, None, "sign z"),
    "reciprocal": Function(lambda z: 1 / z, lambda z: -1 / z**2, lambda a: -(a**2), "-1/z²", "-a²"),
    "arctan": Function(np.arctan, lambda z: 1 / (1 + z**2), None, "1/(1 + z²)"),
    "SiLU": Function(
        lambda z: z * _sigmoid(z), lambda z: _sigmoid(z) * (1 + z * (1 - _sigmoid(z))), None,
        "σ(z)(1 + z(1 - σ(z)))",
    ),
    "softsign": Function(
        lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2,
        lambda a: (1 - np.abs(a)) ** 2, "1/(1 + |z|)²", "(1 - |a|)²",
    ),
    "ELU": Function(
        lambda z: np.where(np.asarray(z) > 0, z, np.expm1(z)),
        lambda z: np.where(np.asarray(z) > 0, 1.0, np.exp(z)),
        lambda a: np.where(np.asarray(a) > 0, 1.0, a + 1), "1 where z > 0, else e^z",
        "1 where a > 0, else a + 1",
    ),
    "leaky ReLU": Function(
        lambda z: np.where(np.asarray(z) > 0, z, 0.01 * z),
        lambda z: np.where(np.asarray(z) > 0, 1.0, 0.01), None, "1 where z > 0, else 0.01",
    ),
    "GELU": Function(
        lambda z: z * _normal(z), lambda z: _normal(z) + z * _bell(z), None, "Φ(z) + z φ(z)",
    ),
    "GELU's tanh approximation": Function(
        lambda z: 0.5 * z * (1 + np.tanh(_cubic(z))), _gelu_tanh_slope, None,
        "(1 + t)/2 + z(1 - t²)√(2/π)(1 + 0.134145 z²)/2 with t = tanh(√(2/π)(z + 0.044715 z³))",
    ),
    "GELU's sigmoid approximation": Function(
        lambda z: z * _sigmoid(1.702 * z),
        lambda z: _sigmoid(1.702 * z) * (1 + 1.702 * z * (1 - _sigmoid(1.702 * z))), None,
        "σ(1.702 z)(1 + 1.702 z(1 - σ(1.702 z)))",
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Link:
    """From `z` to `a` through `inside` (consumers first, `a` included)."""

    z: Value
    a: Value
    inside: tuple[Value, ...]
    elementwise: bool

    @cached_property
    def members(self) -> frozenset[Value]:
        """What lies inside, for looking up."""
        return frozenset(self.inside)

    @cached_property
    def name(self) -> str:
        """Which known function it computes, "" if none."""
        if not self.elementwise or not self.z.size:
            return ""
        operation, settings = self.a.operation, _settings(self.a)
        if len(self.inside) == len(self.a.args) == 1 and settings is not None:
            assert operation is not None
            return _name_of_operation(operation, settings)
        z, a = np.asarray(self.z.data), np.asarray(self.a.data)
        name = _name_by_values(z, a)
        if name and z.size < 4:  # too few to know a function by
            with np.errstate(all="ignore"):
                for probe, out, _ in self.probes:
                    if np.isfinite(out).all() and _name_by_values(probe, np.asarray(out)) != name:
                        return ""
        return name

    @cached_property
    def whole(self) -> bool:
        """Whether it is one function to whoever wrote it: one that people know by name, or what
        was recorded by a single call."""
        places = {(node.frame_code, node.frame_offset) for node in self.inside}
        return self.elementwise and (bool(self.name) or (len(places) == 1 and is_call(self.a)))

    def slope(self, point: Array | None = None) -> Array:
        """The derivative of every entry of `a` by the same entry of `z`, here or elsewhere."""
        data: dict[Value, Array] = {self.z: self.z.data if point is None else point}
        for node in reversed(self.inside):
            data[node] = recompute(node, data)
        return _pulled(self, np.ones_like(np.asarray(self.a.data)), data)

    @cached_property
    def probes(self) -> list[tuple[Array, Array, Array]]:
        """Other inputs with their outputs and derivatives, to compare formulas at."""
        found = []
        with np.errstate(all="ignore"):
            for scale, shift in ((0.5, 0.1), (1.5, -0.3), (-0.7, 0.4)):
                z = scale * self.z.data + shift
                data: dict[Value, Array] = {self.z: z}
                for node in reversed(self.inside):
                    data[node] = recompute(node, data)
                found.append((z, data[self.a], self.slope(z)))
        return found

    def pull(self, g: Array) -> Array:
        """The right cotangent of `z` from that of `a`."""
        found = pull_back({self.a: g}, wrt=[self.z], boundary=[self.z])
        return found[self.z]

    def is_pulled_back_by(self, form: Callable[[Array, Array], Array]) -> bool:
        """Whether a formula, of the cotangent of `a` and of `a` itself, is the right one here.

        What a mistake is made in has to be right without it: a formula for something similar
        would make another mistake of its own, and its correction might be what was given.
        """
        g = np.random.default_rng(3).normal(size=self.a.shape)
        with np.errstate(all="ignore"):
            return _close(form(g, np.asarray(self.a.data)), self.pull(g))


def find_links(record: Record, places: set[Value]) -> list[Link]:
    """All links that end at one of the given Values, shortest first."""
    links = []
    for a in places:
        if a.operation is not None and type(a.data) is not tuple:
            links += _links_to(a, record)
    return links


def _links_to(a: Value, record: Record) -> list[Link]:
    # A link that ends in a linear step has the derivative of the one before, scaled; and sums are
    # what most of a large scalar graph is made of.
    if _is_linear(a) or a.operation.name in ("add", "subtract"):  # type: ignore[union-attr]
        return []
    frontier = {a}
    inside: list[Value] = []
    elementwise = True
    links: list[Link] = []
    while len(inside) < LONGEST and 0 < len(frontier) <= WIDEST:
        node = max(frontier, key=lambda value: value.serial)
        if node.operation is None or type(node.data) is tuple:
            break
        frontier.remove(node)
        inside.append(node)
        arguments = [x for x in node.args if type(x) is Value and x in record.needed]
        elementwise = elementwise and is_elementwise(node) and node.shape == a.shape
        frontier.update(arguments)
        if len(frontier) == 1:
            (z,) = frontier
            if z.shape == a.shape:
                links.append(Link(z, a, tuple(inside), elementwise))
        if not elementwise and a.ndim == 0:
            break
    return links


def is_elementwise(node: Value) -> bool:
    """Whether an operation works entry by entry."""
    operation = node.operation
    assert operation is not None
    function = operation.function
    if isinstance(function, np.ufunc):
        return function.signature is None
    if operation.name in _ELEMENTWISE:
        return True
    settings = _settings(node)
    return settings is not None and _acts_entrywise(operation, settings)


Settings = tuple[tuple[str, Any], ...]


def _settings(node: Value) -> Settings | None:
    """Keyword settings of an operation, None if they are not all plain."""
    settings = tuple((node.metadata or {}).items())
    return settings if all(type(x) in (int, float, bool, str) for _, x in settings) else None


@cache
def _acts_entrywise(operation: Operation, settings: Settings) -> bool:
    """Try it: an elementwise function of one array commutes with reordering its entries."""
    probe = np.array([[0.3, 0.1, 0.7], [0.2, 0.5, 0.4]])
    evaluate = partial(operation.evaluate, **dict(settings))
    try:
        with np.errstate(all="ignore"):
            there = np.asarray(evaluate(probe))
            back = np.asarray(evaluate(probe[::-1, ::-1].copy()))
            single = np.asarray(evaluate(probe[:1, :1]))
    except Exception:  # whatever a function does with an array that it was not made for
        return False
    return bool(
        there.shape == probe.shape
        and _close(there[::-1, ::-1], back)
        and single.shape == (1, 1)
        and _close(single, there[:1, :1])
    )


def _is_linear(node: Value) -> bool:
    """Whether an operation is linear in the single Value it has, such as 2 * z or z + 1."""
    operation = node.operation
    assert operation is not None
    values = sum(type(a) is Value for a in node.args)
    return values == 1 and (
        operation.name in _LINEAR or (operation.name == "divide" and type(node.args[0]) is Value)
    )


_LINEAR = {
    "add", "subtract", "multiply", "negative", "positive", "identity", "astype", "reshape",
    "transpose", "sum", "mean", "getitem", "matmul", "broadcast_to", "expand_dims", "squeeze",
}  # fmt: skip
_ELEMENTWISE = {"where", "clip", "astype", "identity", "product", "quotient", "nan_to_num", "power"}


@cache
def _name_of_operation(operation: Operation, settings: Settings) -> str:
    probe = np.array([-1.7, -0.6, 0.3, 0.8, 1.9])
    with np.errstate(all="ignore"):
        try:
            out = np.asarray(operation.evaluate(probe, **dict(settings)))
        except Exception:  # whatever a function does with an array that it was not made for
            return ""
    if out.shape != probe.shape:
        return ""
    return _name_by_values(probe[np.isfinite(out)], out[np.isfinite(out)])


def _name_by_values(z: Array, a: Array) -> str:
    with np.errstate(all="ignore"):
        for name, function in FUNCTIONS.items():
            if _close(a, function.value(z)):
                return name
        return _with_parameter(z, a)


def _with_parameter(z: Array, a: Array) -> str:
    """Leaky ReLU and ELU with a parameter of their own, "" for anything else."""
    z, a = np.ravel(z), np.ravel(a)
    below = z < 0
    if not below.any() or below.all() or not _close(a[~below], z[~below]):
        return ""
    for name, form in (("leaky ReLU with slope", z[below]), ("ELU with α =", np.expm1(z[below]))):
        ratio = a[below] / form
        if ratio[0] and _close(ratio, np.full_like(ratio, ratio[0])) and len(ratio) > 1:
            return f"{name} {ratio[0]:.4g}"
    return ""


def _pulled(link: Link, g: Array, data: Mapping[Value, Array]) -> Array:
    held: dict[Value, Array] = {link.a: g}
    for node in link.inside:
        g = held.pop(node)
        inputs = [data.get(x, x.data) if type(x) is Value else x for x in node.args]
        assert node.operation is not None
        for vjp, argument in zip(node.operation.vjps, node.args):  # noqa: B905
            if type(argument) is Value and (argument is link.z or argument in link.members):
                assert vjp is not None
                local = vjp(g, data[node], *inputs, **(node.metadata or {}))
                held[argument] = held[argument] + local if argument in held else local
    return held[link.z]


def _close(a: Any, b: Any) -> bool:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    scale = float(np.max(np.abs(a), initial=0.0))
    if not math.isfinite(scale) or a.shape != b.shape:
        return False
    return bool(np.all(np.abs(a - b) <= 1e-6 * scale + 1e-12))
