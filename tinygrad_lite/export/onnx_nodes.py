"""How each operation of a graph is written in ONNX, opset 17.

A row takes a `NodeWriter`, the names of the inputs, the step, and returns the name of the result.
ONNX wants operands of one dtype and no plain numbers; `NodeWriter` sees to that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from tinygrad_lite.export.graph import Batch, Size, Step

Array = np.ndarray[Any, Any]

_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


class NodeWriter(Protocol):
    """What rows write to."""

    def node(self, kind: str, *inputs: str, result: str = "", **attributes: Any) -> str:
        """Append a node with one result, and return its name: `result`, or a new one."""

    def constant(self, array: Any) -> str:
        """The name of an array kept in the file."""

    def sizes(self, shape: Sequence[Size]) -> str:
        """The name of a vector of integers that holds a shape, the batch included."""

    def shape(self, name: str) -> tuple[Size, ...]:
        """Shape of an input of the step."""

    def dtype(self, name: str) -> str:
        """Dtype of an input of the step."""

    def cast(self, name: str, dtype: str) -> str:
        """The name of an input converted to a dtype, itself if it has that."""


Row = Callable[[NodeWriter, list[str], Step], str]

NODES: dict[str, Row] = {}


def _row(*operations: str) -> Callable[[Row], Row]:
    def enter(row: Row) -> Row:
        for operation in operations:
            NODES[operation] = row
        return row

    return enter


def _simple(operation: str, kind: str) -> None:
    """A node with the same inputs, all in the dtype of the result."""

    def row(w: NodeWriter, inputs: list[str], step: Step) -> str:
        given = [w.cast(name, step.output.dtype) for name in inputs]
        return w.node(kind, *given, result=step.output.name)

    NODES[operation] = row


for _operation, _kind in {
    "negative": "Neg", "absolute": "Abs", "sign": "Sign", "exp": "Exp", "log": "Log",
    "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin", "arccos": "Acos",
    "arctan": "Atan", "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "sinh": "Sinh",
    "cosh": "Cosh", "tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid", "softplus": "Softplus",
    "erf": "Erf", "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div",
    "power": "Pow", "maximum": "Max", "minimum": "Min", "matmul": "MatMul",
}.items():  # fmt: skip
    _simple(_operation, _kind)


def _comparison(operation: str, kind: str) -> None:
    def row(w: NodeWriter, inputs: list[str], step: Step) -> str:
        dtype = str(np.result_type(*(w.dtype(name) for name in inputs)))
        return w.node(kind, *(w.cast(n, dtype) for n in inputs), result=step.output.name)

    NODES[operation] = row


for _operation, _kind in {
    "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less",
    "less_equal": "LessOrEqual", "equal": "Equal",
}.items():  # fmt: skip
    _comparison(_operation, _kind)


@_row("expm1")
def _expm1(w: NodeWriter, inputs: list[str], step: Step) -> str:
    one = w.constant(np.ones((), step.output.dtype))
    return w.node("Sub", w.node("Exp", inputs[0]), one, result=step.output.name)


@_row("log1p")
def _log1p(w: NodeWriter, inputs: list[str], step: Step) -> str:
    one = w.constant(np.ones((), step.output.dtype))
    return w.node("Log", w.node("Add", inputs[0], one), result=step.output.name)


@_row("where")
def _where(w: NodeWriter, inputs: list[str], step: Step) -> str:
    condition, *alternatives = inputs
    given = [w.cast(name, step.output.dtype) for name in alternatives]
    return w.node("Where", w.cast(condition, "bool"), *given, result=step.output.name)


@_row("astype")
def _astype(w: NodeWriter, inputs: list[str], step: Step) -> str:
    same = w.dtype(inputs[0]) == step.settings["dtype"]
    name = inputs[0] if same else w.cast(inputs[0], step.settings["dtype"])
    return w.node("Identity", name, result=step.output.name)


# -- products ------------------------------------------------------------------------------------


@_row("einsum")
def _einsum(w: NodeWriter, inputs: list[str], step: Step) -> str:
    given = [w.cast(name, step.output.dtype) for name in inputs]
    return w.node("Einsum", *given, equation=step.settings["subscripts"], result=step.output.name)


@_row("linear")
def _linear(w: NodeWriter, inputs: list[str], step: Step) -> str:
    x, weight, *bias = (w.cast(name, step.output.dtype) for name in inputs)
    if len(w.shape(inputs[0])) == 2:
        return w.node("Gemm", x, weight, *bias, transB=1, result=step.output.name)
    turned = w.node("Transpose", weight, perm=[1, 0])
    if not bias:
        return w.node("MatMul", x, turned, result=step.output.name)
    return w.node("Add", w.node("MatMul", x, turned), *bias, result=step.output.name)


# -- windows -------------------------------------------------------------------------------------


def _window(step: Step) -> dict[str, Any]:
    settings = step.settings
    around = {"strides": list(settings["stride"]), "pads": [*settings["padding"]] * 2}
    if "groups" in settings:
        return {**around, "dilations": list(settings["dilation"]), "group": settings["groups"]}
    return {**around, "kernel_shape": list(settings["kernel"])}


@_row("conv2d")
def _conv2d(w: NodeWriter, inputs: list[str], step: Step) -> str:
    given = [w.cast(name, step.output.dtype) for name in inputs]
    return w.node("Conv", *given, **_window(step), result=step.output.name)


@_row("conv_transpose2d")
def _conv_transpose2d(w: NodeWriter, inputs: list[str], step: Step) -> str:
    settings = step.settings
    kernel: Any = w.shape(inputs[1])[2:]
    entries: Any = w.shape(inputs[0])[2:]
    more = [
        size - ((n - 1) * stride - 2 * padding + dilation * (k - 1) + 1)
        for size, n, k, stride, padding, dilation in zip(
            settings["size"], entries, kernel, settings["stride"], settings["padding"],
            settings["dilation"], strict=True,
        )
    ]  # fmt: skip
    given = [w.cast(name, step.output.dtype) for name in inputs]
    return w.node(
        "ConvTranspose", *given, **_window(step), output_padding=more, result=step.output.name
    )


@_row("max_pool")
def _max_pool(w: NodeWriter, inputs: list[str], step: Step) -> str:
    return w.node("MaxPool", inputs[0], **_window(step), result=step.output.name)


@_row("window_sums")
def _window_sums(w: NodeWriter, inputs: list[str], step: Step) -> str:
    mean = w.node("AveragePool", inputs[0], **_window(step), count_include_pad=1)
    entries = int(np.prod(step.settings["kernel"]))
    count = w.constant(np.array(entries, step.output.dtype))
    return w.node("Mul", mean, count, result=step.output.name)


# -- along axes ----------------------------------------------------------------------------------


def _along(operation: str, kind: str) -> None:
    NODES[operation] = lambda w, inputs, step: w.node(
        kind, inputs[0], axis=step.settings["axis"], result=step.output.name
    )


_along("softmax", "Softmax")
_along("log_softmax", "LogSoftmax")


def _reduction(operation: str, kind: str) -> None:
    def row(w: NodeWriter, inputs: list[str], step: Step) -> str:
        x, axes = w.cast(inputs[0], step.output.dtype), list(step.settings["axes"])
        keep = int(step.settings["keepdims"])
        if not axes:
            return w.node("Identity", x, result=step.output.name)
        if kind == "ReduceSum":  # the only one that takes them as an input, in this opset
            chosen = w.constant(np.array(axes, np.int64))
            return w.node(kind, x, chosen, keepdims=keep, result=step.output.name)
        return w.node(kind, x, axes=axes, keepdims=keep, result=step.output.name)

    NODES[operation] = row


for _operation, _kind in {
    "sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin",
    "prod": "ReduceProd", "logsumexp": "ReduceLogSumExp",
}.items():  # fmt: skip
    _reduction(_operation, _kind)


@_row("cumsum")
def _cumsum(w: NodeWriter, inputs: list[str], step: Step) -> str:
    axis = w.constant(np.array(step.settings["axis"], np.int64))
    return w.node("CumSum", inputs[0], axis, result=step.output.name)


# -- entries in other places ---------------------------------------------------------------------


@_row("reshape")
def _reshape(w: NodeWriter, inputs: list[str], step: Step) -> str:
    shape = step.settings["shape"]
    unknown = [isinstance(size, Batch) for size in shape]
    if sum(unknown) == 1 and 0 not in shape:  # the runtime works out the batch
        sizes = [-1 if isinstance(size, Batch) else size for size in shape]
        wanted = w.constant(np.array(sizes, np.int64))
    else:
        wanted = w.sizes(shape)
    return w.node("Reshape", inputs[0], wanted, result=step.output.name)


@_row("transpose")
def _transpose(w: NodeWriter, inputs: list[str], step: Step) -> str:
    axes = list(step.settings["axes"])
    return w.node("Transpose", inputs[0], perm=axes, result=step.output.name)


@_row("broadcast_to")
def _broadcast_to(w: NodeWriter, inputs: list[str], step: Step) -> str:
    return w.node("Expand", inputs[0], w.sizes(step.settings["shape"]), result=step.output.name)


@_row("concatenate")
def _concatenate(w: NodeWriter, inputs: list[str], step: Step) -> str:
    given = [w.cast(name, step.output.dtype) for name in inputs]
    return w.node("Concat", *given, axis=step.settings["axis"], result=step.output.name)


def _cut(w: NodeWriter, x: str, rows: Sequence[tuple[int, int, int, int]], result: str) -> str:
    """Slices (axis, start, stop, step)."""
    axes, starts, stops, steps = (
        w.constant(np.array(column, np.int64)) for column in zip(*rows, strict=True)
    )
    return w.node("Slice", x, starts, stops, axes, steps, result=result)


@_row("slice")
def _slice(w: NodeWriter, inputs: list[str], step: Step) -> str:
    settings = step.settings
    stop = settings["stop"]
    if stop is None:
        stop = _INT64_MIN if settings["step"] < 0 else _INT64_MAX
    row = (settings["axis"], settings["start"], stop, settings["step"])
    return _cut(w, inputs[0], [row], step.output.name)


@_row("flip")
def _flip(w: NodeWriter, inputs: list[str], step: Step) -> str:
    rows = [(axis, -1, _INT64_MIN, -1) for axis in step.settings["axes"]]
    return _cut(w, inputs[0], rows, step.output.name)


@_row("take")
def _take(w: NodeWriter, inputs: list[str], step: Step) -> str:
    x, indices = inputs
    if w.dtype(indices) not in ("int32", "int64"):
        indices = w.cast(indices, "int64")
    return w.node("Gather", x, indices, axis=step.settings["axis"], result=step.output.name)


@_row("pad")
def _pad(w: NodeWriter, inputs: list[str], step: Step) -> str:
    settings = step.settings
    widths = w.constant(np.array([*settings["before"], *settings["after"]], np.int64))
    fill = w.constant(np.array(settings["fill"], step.output.dtype))
    return w.node("Pad", inputs[0], widths, fill, result=step.output.name)
