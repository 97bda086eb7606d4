"""explain: the chain rule written out for a recorded graph, factor by factor, with the numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Changes, Edge
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.engine.backward import fitted
from tinygrad_lite.engine.value import Value, describe

PATHS = 12  # written out; the rest is counted

# The derivative of an operation by one argument, in terms of its arguments {0}, {1} and result.
_DERIVATIVES: dict[tuple[str, int], str] = {
    ("add", 0): "1", ("add", 1): "1", ("subtract", 0): "1", ("subtract", 1): "-1",
    ("multiply", 0): "{1}", ("multiply", 1): "{0}",
    ("divide", 0): "1 / {1}", ("divide", 1): "-{0} / {1}²",
    ("power", 0): "{1} {0}^({1} - 1)", ("power", 1): "{out} log {0}",
    ("negative", 0): "-1", ("exp", 0): "{out}", ("log", 0): "1 / {0}",
    ("sqrt", 0): "1 / (2 {out})", ("tanh", 0): "1 - {out}²", ("sin", 0): "cos {0}",
    ("cos", 0): "-sin {0}", ("sigmoid", 0): "{out} (1 - {out})", ("relu", 0): "1 if {0} > 0 else 0",
    ("square", 0): "2 {0}", ("sum", 0): "1 for each entry", ("mean", 0): "1 / number of entries",
    ("matmul", 0): "{1}ᵀ from the right", ("matmul", 1): "{0}ᵀ from the left",
}  # fmt: skip
_AS_LATEX = (
    ("²", "^2"), ("log ", r"\log "), ("cos ", r"\cos "), ("sin ", r"\sin "), ("ᵀ", r"^\top"),
    ("_", r"\_"), ("^(", "^{("), ("- 1)", "- 1)}"),
)  # fmt: skip


@dataclass(frozen=True)
class Factor:
    """One local derivative on a path: of a result by one of its arguments.

    number
        its value; for arrays None, as it is a matrix and is only ever multiplied by
    flowing
        what has arrived at the argument along this path: number, or mean size of the entries
    """

    edge: Edge
    top: str
    bottom: str
    formula: str
    number: float | None
    flowing: str

    @property
    def told(self) -> bool:
        """Whether the formula is the number already."""
        return self.number is not None and self.formula == f"{self.number:.6g}"


@dataclass(frozen=True)
class Path:
    """One way from the cost back to a Value, and its share of the gradient."""

    factors: tuple[Factor, ...]
    share: Any


@dataclass
class Explanation:
    """How a derivative comes about; `str` gives text, `latex` the formulas."""

    cost: str
    wrt: str
    gradient: Any
    paths: list[Path] = field(default_factory=list)
    total_paths: int = 0

    def __str__(self) -> str:
        count = self.total_paths
        lines = [
            f"d{self.cost}/d{self.wrt} = {_number(self.gradient)}, "
            + (f"the sum over {count:,} paths" if count > 1 else "along one path")
        ]
        for index, path in enumerate(self.paths, 1):
            chain = " · ".join(f"d{f.top}/d{f.bottom}" for f in path.factors) or "1"
            lines.append(f"path {index}: {chain} = {_number(path.share)}")
            lines += [
                f"    d{f.top}/d{f.bottom} = {f.formula}"
                + (f" = {f.number:.6g}" if f.number is not None and not f.told else "")
                + f"   so far {f.flowing}"
                for f in path.factors
            ]
        if len(self.paths) < count:
            lines.append(f"and {count - len(self.paths):,} more paths")
        return "\n".join(lines)

    @property
    def latex(self) -> str:
        """The sum over paths as an `align*` environment."""
        left = rf"\frac{{\partial {_tex(self.cost)}}}{{\partial {_tex(self.wrt)}}}"
        lines = []
        for index, path in enumerate(self.paths):
            symbols = r" \cdot ".join(
                rf"\frac{{\partial {_tex(f.top)}}}{{\partial {_tex(f.bottom)}}}"
                for f in path.factors
            )
            values = r" \cdot ".join(rf"\left({_tex_formula(f)}\right)" for f in path.factors)
            sign = "=" if index == 0 else "+"
            lines.append(f"{left if index == 0 else ''} &{sign} {symbols or '1'} \\\\")
            lines.append(rf" &\quad \left[{values or '1'}\right] \\")
        if len(self.paths) < self.total_paths:
            lines.append(r" &+ \cdots \\")
        lines.append(rf" &= {_number(self.gradient)}")
        return "\\begin{align*}\n" + "\n".join(lines) + "\n\\end{align*}"

    def _repr_latex_(self) -> str:
        return self.latex


def explain(cost: Value, wrt: Value) -> Explanation:
    """Write out how the derivative of a cost by a Value comes about.

    Args:
        cost: a single number, recorded.
        wrt: a leaf or any intermediate Value that it depends on.

    Returns:
        The paths from the cost back to `wrt`, each a product of local derivatives. For scalars
        every factor is a number; for arrays each is a linear map, told in words, and the size of
        what has flowed so far.

    Raises:
        ValueError: the cost is not a single number, or does not depend on `wrt`.

    >>> w, x = Value(2.0, name="w"), Value(3.0, name="x")
    >>> a = np.tanh(w * x - 5)
    >>> a.name = "a"
    >>> print(explain(a, w))
    da/dw = 1.25992, along one path
    path 1: da/dv2 · dv2/dv1 · dv1/dw = 1.25992
        da/dv2 = 1 - a² = 0.419974   so far 0.419974
        dv2/dv1 = 1   so far 0.419974
        dv1/dw = x = 3   so far 1.25992
    """
    if np.size(cost.data) != 1:
        raise ValueError(f"explain needs a cost that is a single number; this is {describe(cost)}")
    record = Record(cost, [wrt])
    if wrt is not cost and wrt not in record.consumers:
        raise ValueError(f"the cost does not depend on {describe(wrt)}: its derivative is zero")
    found = record.pull()
    names = _names(record, wrt)
    explanation = Explanation(names[cost], names[wrt], found[wrt])
    explanation.total_paths = _count_paths(record, wrt)
    for edges in _paths(record, wrt):
        explanation.paths.append(_written_out(record, edges, names))
        if len(explanation.paths) == PATHS:
            break
    return explanation


def _names(record: Record, wrt: Value) -> dict[Value, str]:
    """A short symbol for every Value on the way: its name, or v1, v2 ... in order."""
    names = {}
    count = 0
    for value in [wrt, *reversed(record.nodes)]:
        if value in names:
            continue
        if not value.name:
            count += 1
        names[value] = value.name or (f"v{count}" if value is not record.cost else "C")
    return names


def _count_paths(record: Record, wrt: Value) -> int:
    ways: dict[Value, int] = {record.cost: 1}
    for node in record.nodes:
        for argument in node.args:
            if type(argument) is Value and argument in record.needed:
                ways[argument] = ways.get(argument, 0) + ways.get(node, 0)
    return ways.get(wrt, 0)


def _paths(record: Record, wrt: Value) -> Any:
    """Ways from the cost back to `wrt`, as edges, depth first with a stack of its own."""
    stack: list[tuple[Value, tuple[Edge, ...]]] = [(record.cost, ())]
    while stack:
        node, edges = stack.pop()
        if node is wrt:
            yield edges
            continue
        steps = [
            Edge(node, i)
            for i, a in enumerate(node.args)
            if type(a) is Value and a in record.needed
        ]
        stack += [(edge.argument, (*edges, edge)) for edge in reversed(steps)]


def _written_out(record: Record, edges: tuple[Edge, ...], names: dict[Value, str]) -> Path:
    data = record.cost.data
    g: Any = 1.0 if type(data) is float else np.ones_like(data)
    factors = []
    for edge in edges:
        node = edge.node
        one = 1.0 if type(node.data) is float else np.ones_like(node.data)
        scalar = np.size(node.data) == 1 and np.size(edge.argument.data) == 1
        number = float(np.sum(_through(record, edge, one))) if scalar else None
        g = _through(record, edge, g)
        factors.append(
            Factor(edge, names[node], names[edge.argument], _formula(edge, names), number,
                   _number(g))
        )  # fmt: skip
    return Path(tuple(factors), g)


def _through(record: Record, edge: Edge, g: Any) -> Any:
    """What a cotangent becomes along one edge alone, other uses of the argument left out."""
    local = record.local(edge, {edge.node: g}, Changes())
    return fitted(local.rule(), edge.argument, edge.node)


def _formula(edge: Edge, names: dict[Value, str]) -> str:
    node = edge.node
    assert node.operation is not None
    form = _DERIVATIVES.get((node.operation.name, edge.argnum))
    if form is None:
        return f"the rule of {node.operation.name}"
    arguments = [
        names.get(a, a.name or _number(a.data)) if type(a) is Value else _number(a)
        for a in node.args
    ]
    exponent = node.args[-1]
    if node.operation.name == "power" and edge.argnum == 0 and isinstance(exponent, (int, float)):
        lower = "" if exponent == 2 else f"^{exponent - 1:g}"
        return f"{exponent:g} {arguments[0]}{lower}"
    return form.format(*arguments, out=names[node])


def _number(x: Any) -> str:
    if np.size(x) == 1:
        return f"{float(np.reshape(x, ())):.6g}"
    x = np.asarray(x)
    if x.size <= 6 and x.ndim == 1:
        return np.array2string(x, precision=4, separator=", ")
    return f"an array of shape {x.shape}, mean size {np.mean(np.abs(x)):.4g}"


def _tex(name: str) -> str:
    stem = name.rstrip("0123456789")
    digits = name[len(stem) :]
    safe = stem.replace("_", r"\_")
    return f"{safe}_{{{digits}}}" if digits and stem else safe or digits


def _tex_formula(factor: Factor) -> str:
    text = factor.formula
    for plain, tex in _AS_LATEX:
        text = text.replace(plain, tex)
    if any(c.isalpha() for c in text.replace("\\", "")) and " " in text and "\\" not in text:
        text = rf"\text{{{factor.formula}}}" if "rule" in text or "entr" in text else text
    text = re.sub(r"\bv(\d+)", r"v_{\1}", text)
    return text + (
        f" = {factor.number:.6g}" if factor.number is not None and not factor.told else ""
    )
