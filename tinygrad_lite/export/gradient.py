"""The gradient of an output by an input, as further steps of a graph.

The rulebook cannot serve here: its rules take masks, such as where a relu is open, from plain
arrays, which a recording would freeze. So the pull-backs by data are written once more, in the
vocabulary of graphs, for the operations that image models use; the tests compare each with the
engine, and the parity vectors of every file hold the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.export.errors import ExportError
from tinygrad_lite.export.graph import Batch, Gradient, Graph, Step, Tensor
from tinygrad_lite.export.writer import Writer

# rule(w, g, out, inputs, position, settings) -> the cotangent of the input at that position
Rule = Callable[[Writer, Any, Any, tuple[Any, ...], int, dict[str, Any]], Any]


def with_gradient(graph: Graph, of: str | None = None, by: str | None = None) -> Graph:
    """A graph that can also give the gradient of an entry of `of` by `by`.

    Args:
        graph: without a gradient.
        of: a tensor or a layer of shape (batch, entries); the first output by default.
        by: a floating input; the first by default.

    Raises:
        ExportError: there is no such tensor, it does not depend on the input, or an operation on
            the way has no pull-back here.
    """
    of = graph.outputs[0].name if of is None else graph.layers.get(of, of)
    by = graph.inputs[0].name if by is None else by
    writer, tensors = _continued(graph)
    if of not in tensors or by not in {tensor.name for tensor in graph.inputs}:
        raise ExportError(f"gradient of {of!r} by {by!r}: there is no such tensor or input")
    if len(tensors[of].shape) != 2 or tensors[of].shape[0] != Batch():
        raise ExportError(f"gradient of {tensors[of]}: its shape must be (batch, entries)")
    reached = _reached_from(by, graph.steps)
    if of not in reached:
        raise ExportError(f"gradient of {of!r} by {by!r}: it does not depend on it")
    seed = writer.given("seed", writer.results(of))
    cotangents: dict[str, Any] = {of: seed}
    for step in reversed(graph.steps):
        g = cotangents.pop(step.output.name, None)
        if g is None or step.output.name not in reached:
            continue
        _pull_through(writer, step, g, tensors, cotangents, reached)
    result = cotangents[by]
    gradient = Gradient(of, seed.name, by, tuple(writer.steps), result.name)
    return replace(graph, gradient=gradient, weights={**graph.weights, **writer.weights})


def _pull_through(
    writer: Writer,
    step: Step,
    g: Any,
    tensors: dict[str, Tensor],
    cotangents: dict[str, Any],
    reached: set[str],
) -> None:
    inputs = tuple(tensors[i] if isinstance(i, str) else i for i in step.inputs)
    for position, given in enumerate(step.inputs):
        if not isinstance(given, str) or given not in reached:
            continue
        rule = _RULES.get(step.operation)
        if rule is None:
            raise ExportError(
                f"{step.operation} has no pull-back in graphs"
                + (f" (in {step.scope})" if step.scope else "")
                + ": save the graph without gradient, or of a layer before or after it"
            )
        local = rule(writer, g, step.output, inputs, position, step.settings)
        local = _fitted(writer, local, tensors[given])
        before = cotangents.get(given)
        cotangents[given] = local if before is None else writer.emit("add", before, local)


def _continued(graph: Graph) -> tuple[Writer, dict[str, Tensor]]:
    """A writer in which all tensors of a graph are at hand, and these by name."""
    writer = Writer((2, 3), prefix="g")
    generator = np.random.default_rng(0)
    runs = []
    for batch in writer.batches:
        arrays = []
        for tensor in graph.inputs:
            sizes = [s.times * batch if isinstance(s, Batch) else s for s in tensor.shape]
            arrays.append(generator.uniform(0, 1, sizes).astype(tensor.dtype))
        runs.append(graph.run(*arrays))
    tensors = {}
    for name in runs[0]:
        tensors[name] = writer.given(name, (runs[0][name], runs[1][name]))
    return writer, tensors


def _reached_from(name: str, steps: tuple[Step, ...]) -> set[str]:
    reached = {name}
    for step in steps:
        if step.operation not in _WITHOUT and any(given in reached for given in step.inputs):
            reached.add(step.output.name)
    return reached


_WITHOUT = {"greater", "greater_equal", "less", "less_equal", "equal", "sign"}


def _fitted(w: Writer, local: Any, tensor: Tensor) -> Any:
    """A cotangent summed over the axes along which the operation broadcast its input."""
    have, want = w.shape(local), tensor.shape
    extra = len(have) - len(want)
    axes = tuple(range(extra)) + tuple(
        axis
        for axis, size in enumerate(have)
        if axis >= extra and want[axis - extra] == 1 and size != 1
    )
    if axes:
        local = w.emit("sum", local, axes=axes, keepdims=True)
    return local if w.shape(local) == want else w.emit("reshape", local, shape=want)


# -- the rules -----------------------------------------------------------------------------------

_RULES: dict[str, Rule] = {}


def _rule(*operations: str) -> Callable[[Rule], Rule]:
    def enter(rule: Rule) -> Rule:
        for operation in operations:
            _RULES[operation] = rule
        return rule

    return enter


def _slope(operation: str, slope: Callable[[Writer, Any, Any], Any]) -> None:
    """A function of one number: the cotangent times its slope, from output and input."""
    _RULES[operation] = lambda w, g, out, inputs, position, settings: w.emit(
        "multiply", g, slope(w, out, inputs[0])
    )


def _one_plus_square(w: Writer, x: Any) -> Any:
    return w.emit("add", w.emit("multiply", x, x), 1)


_slope("exp", lambda w, out, x: out)
_slope("expm1", lambda w, out, x: w.emit("add", out, 1))
_slope("log", lambda w, out, x: w.emit("divide", 1, x))
_slope("log1p", lambda w, out, x: w.emit("divide", 1, w.emit("add", x, 1)))
_slope("sqrt", lambda w, out, x: w.emit("divide", 0.5, out))
_slope("sin", lambda w, out, x: w.emit("cos", x))
_slope("cos", lambda w, out, x: w.emit("negative", w.emit("sin", x)))
_slope("tanh", lambda w, out, x: w.emit("subtract", 1, w.emit("multiply", out, out)))
_slope("sigmoid", lambda w, out, x: w.emit("multiply", out, w.emit("subtract", 1, out)))
_slope("softplus", lambda w, out, x: w.emit("sigmoid", x))
_slope("relu", lambda w, out, x: w.emit("greater", out, 0))
_slope("tan", lambda w, out, x: _one_plus_square(w, out))
_slope("arctan", lambda w, out, x: w.emit("divide", 1, _one_plus_square(w, x)))
_slope("sinh", lambda w, out, x: w.emit("cosh", x))
_slope("cosh", lambda w, out, x: w.emit("sinh", x))
_slope(
    "erf",
    lambda w, out, x: w.emit(
        "multiply",
        2 / math.sqrt(math.pi),
        w.emit("exp", w.emit("negative", w.emit("multiply", x, x))),
    ),
)
_slope("absolute", lambda w, out, x: w.emit("sign", x))


@_rule("negative")
def _negative(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return w.emit("negative", g)


@_rule("add")
def _add(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return g


@_rule("subtract")
def _subtract(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return w.emit("negative", g) if position else g


@_rule("multiply")
def _multiply(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return w.emit("multiply", g, inputs[1 - position])


@_rule("divide")
def _divide(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    shared = w.emit("divide", g, inputs[1])
    return w.emit("negative", w.emit("multiply", shared, out)) if position else shared


@_rule("power")
def _power(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    x, exponent = inputs
    if position or not isinstance(exponent, (int, float)):
        raise ExportError("x ** y with a y that depends on data has no pull-back in graphs")
    slope = w.emit("multiply", exponent, w.emit("power", x, exponent - 1))
    return w.emit("multiply", g, slope)


@_rule("maximum", "minimum")
def _extremum(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    own = w.emit("equal", inputs[position], out)
    other = w.emit("equal", inputs[1 - position], out)
    both = w.emit("multiply", 0.5, w.emit("multiply", own, other))  # ties: half to each
    return w.emit("multiply", g, w.emit("subtract", own, both))


@_rule("where")
def _where(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return w.emit("where", inputs[0], *((g, 0) if position == 1 else (0, g)))


@_rule("astype")
def _astype(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return w.emit("astype", g, dtype=inputs[0].dtype)


@_rule("matmul")
def _matmul(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    x, y = inputs
    if min(len(w.shape(x)), len(w.shape(y))) < 2:
        raise ExportError("matmul of vectors has no pull-back in graphs: give them two axes")
    if position:
        return w.emit("matmul", _swapped(w, x), g)
    return w.emit("matmul", g, _swapped(w, y))


def _swapped(w: Writer, x: Any) -> Any:
    ndim = len(w.shape(x))
    return w.emit("transpose", x, axes=(*range(ndim - 2), ndim - 1, ndim - 2))


@_rule("linear")
def _linear(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    _only_data(position, "linear")
    return w.emit("matmul", g, inputs[1])


@_rule("conv2d")
def _conv2d(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    _only_data(position, "conv2d")
    size = w.shape(inputs[0])[2:]
    return w.emit("conv_transpose2d", g, inputs[1], size=size, **settings)


@_rule("conv_transpose2d")
def _conv_transpose2d(
    w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any
) -> Any:
    _only_data(position, "conv_transpose2d")
    rest = {key: value for key, value in settings.items() if key != "size"}
    return w.emit("conv2d", g, inputs[1], **rest)


def _only_data(position: int, operation: str) -> None:
    if position:
        raise ExportError(f"{operation} with a weight that depends on data has no pull-back here")


@_rule("max_pool")
def _max_pool(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return w.emit("max_pool_share", g, inputs[0], out, **settings)


@_rule("window_sums")
def _window_sums(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return w.emit("window_spread", g, size=w.shape(inputs[0])[2:], **settings)


@_rule("softmax")
def _softmax(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    total = w.emit("sum", w.emit("multiply", g, out), axes=(settings["axis"],), keepdims=True)
    return w.emit("multiply", out, w.emit("subtract", g, total))


@_rule("log_softmax")
def _log_softmax(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    total = w.emit("sum", g, axes=(settings["axis"],), keepdims=True)
    return w.emit("subtract", g, w.emit("multiply", w.emit("exp", out), total))


def _with_axes(w: Writer, x: Any, shape: tuple[Any, ...], axes: tuple[int, ...]) -> Any:
    """A reduced tensor with the reduced axes back at size 1."""
    if any(isinstance(shape[axis], Batch) for axis in axes):
        raise ExportError("a reduction over the batch has no gradient for each sample")
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return x if w.shape(x) == kept else w.emit("reshape", x, shape=kept)


def _reduction(share: bool) -> Rule:
    def pull(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
        shape = w.shape(inputs[0])
        reduced = [shape[axis] for axis in settings["axes"]]
        g = _with_axes(w, g, shape, settings["axes"])
        if share:
            g = w.emit("divide", g, int(np.prod(np.array(reduced, dtype=np.int64))))
        return w.emit("broadcast_to", g, shape=shape)

    return pull


@_rule("max", "min")
def _largest(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    shape, axes = w.shape(inputs[0]), settings["axes"]
    g, top = (_with_axes(w, x, shape, axes) for x in (g, out))
    holds = w.emit("astype", w.emit("equal", inputs[0], top), dtype=inputs[0].dtype)
    count = w.emit("sum", holds, axes=axes, keepdims=True)  # ties share equally
    return w.emit("multiply", holds, w.emit("divide", g, count))


_RULES["sum"] = _reduction(share=False)
_RULES["mean"] = _reduction(share=True)


@_rule("reshape")
def _reshape(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return w.emit("reshape", g, shape=w.shape(inputs[0]))


@_rule("broadcast_to")
def _broadcast_to(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return g  # summed to the shape of the input


@_rule("transpose")
def _transpose(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return w.emit("transpose", g, axes=tuple(int(a) for a in np.argsort(settings["axes"])))


@_rule("flip")
def _flip(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    return w.emit("flip", g, axes=settings["axes"])


@_rule("concatenate")
def _concatenate(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    axis = settings["axis"]
    sizes: list[Any] = [w.shape(given)[axis] for given in inputs]
    start = sum(sizes[:position])
    return w.emit("slice", g, axis=axis, start=start, stop=start + sizes[position], step=1)


@_rule("slice")
def _slice(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    shape: Any = w.shape(inputs[0])
    axis, start = settings["axis"], settings["start"]
    if settings["step"] != 1:
        raise ExportError("a slice with a step has no pull-back in graphs")
    before, after = [0] * len(shape), [0] * len(shape)
    before[axis], after[axis] = start, shape[axis] - settings["stop"]
    return w.emit("pad", g, before=tuple(before), after=tuple(after), fill=0.0)


@_rule("pad")
def _pad(w: Writer, g: Any, out: Any, inputs: Any, position: int, settings: Any) -> Any:
    shape: Any = w.shape(inputs[0])
    for axis, (before, after) in enumerate(zip(settings["before"], settings["after"], strict=True)):
        if before or after:
            g = w.emit("slice", g, axis=axis, start=before, stop=before + shape[axis], step=1)
    return g
