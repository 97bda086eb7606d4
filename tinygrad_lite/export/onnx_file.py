"""ONNX files, for other runtimes. Needs the package onnx: ``pip install tinygrad-lite[onnx]``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.export.atomic import replacing
from tinygrad_lite.export.errors import ExportError
from tinygrad_lite.export.graph import Batch, Graph, Size, Step, Tensor
from tinygrad_lite.export.graph_file import in_precision
from tinygrad_lite.export.onnx_nodes import NODES
from tinygrad_lite.export.recording import graph_of

OPSET = 17
IR_VERSION = 8  # of the time of that opset; the package's own is refused by older runtimes


def onnx(
    model: Any,
    path: str | os.PathLike[str],
    example: Any = None,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    batch_axis: int = 0,
    title: str = "",
    precision: str = "float32",
) -> Any:
    """Write what a model computes, in use, as an ONNX file with a batch of any size.

    Args:
        model: a Module, a function of arrays, a `Program` or a `Graph`.
        path: of the file; an earlier one is replaced at once.
        example: inputs as the model takes them, the batch first; a tuple for several inputs. Not
            needed for a `Graph`.
        inputs, outputs, batch_axis: see `graph_of`.
        title: for people.
        precision: "float32", which every runtime computes in, or "float64", of which runtimes
            know some operations only.

    Returns:
        The `onnx.ModelProto` that was written: opset 17, IR version 8, checked by `onnx.checker`.

    Raises:
        ExportError: the model has no graph, or an operation has no form in ONNX; names it.
        ModuleNotFoundError: the package onnx is not installed.
        OSError: the file cannot be written.
    """
    package = _package()
    if not isinstance(model, Graph):
        if example is None:
            raise ExportError("onnx(model, path, example) needs an example of what the model takes")
        model = graph_of(model, example, inputs=inputs, outputs=outputs, batch_axis=batch_axis)
    if precision not in ("float32", "float64"):
        raise ExportError(f"precision={precision!r}: expected float32 or float64")
    graph = in_precision(model, precision)
    proto = _Writing(package, graph).model(title or str(graph.notes.get("title", "")))
    try:
        package.checker.check_model(proto, full_check=True)
    except (package.checker.ValidationError, package.shape_inference.InferenceError) as error:
        raise ExportError(
            f"{Path(path).name}: the package onnx refuses the model: {error}"
        ) from None
    with replacing(path) as file:
        file.write(proto.SerializeToString(deterministic=True))
    return proto


def _package() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
        import onnx.shape_inference
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "ONNX files need the package onnx: pip install 'tinygrad-lite[onnx]'"
        ) from None
    return onnx


class _Writing:
    """The `NodeWriter` of `onnx_nodes`."""

    def __init__(self, package: Any, graph: Graph) -> None:
        self.package = package
        self.graph = graph
        self.nodes: list[Any] = []
        self.scope = ""
        self.initializers: dict[str, Any] = {}
        self.tensors = {tensor.name: tensor for tensor in graph.inputs}
        for name, array in graph.weights.items():
            self.tensors[name] = Tensor(name, array.shape, str(array.dtype))
        # Results that steps do not name must not collide with those they do.
        self.names = {*self.tensors, *(step.output.name for step in graph.steps)}

    def model(self, title: str) -> Any:
        helper = self.package.helper
        for step in self.graph.steps:
            self._step(step)
        for name, array in self.graph.weights.items():
            self._keep(name, array)
        graph = helper.make_graph(
            self.nodes,
            title or "graph",
            [self._declared(tensor) for tensor in self.graph.inputs],
            [self._declared(tensor) for tensor in self._outputs()],
            list(self.initializers.values()),
        )
        from importlib.metadata import version

        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="tinygrad_lite",
            producer_version=version("tinygrad-lite"),
        )

    def _outputs(self) -> list[Tensor]:
        """The outputs; one that is an input, a weight or an output already becomes a copy."""
        made = {step.output.name for step in self.graph.steps}
        outputs: list[Tensor] = []
        for tensor in self.graph.outputs:
            if tensor.name not in made or tensor in outputs:
                name = self.node("Identity", tensor.name)
                tensor = Tensor(name, tensor.shape, tensor.dtype)
            outputs.append(tensor)
        return outputs

    def _step(self, step: Step) -> None:
        row = NODES.get(step.operation)
        if row is None:
            raise ExportError(
                f"{step.operation} has no form in ONNX"
                + (f" (in {step.scope})" if step.scope else "")
                + "; docs/files.md lists the operations that have one"
            )
        self.scope = step.scope
        names = [self._operand(given, step) for given in step.inputs]
        row(self, names, step)
        self.tensors[step.output.name] = step.output

    def _operand(self, given: Any, step: Step) -> str:
        if isinstance(given, str):
            return given
        # A plain number takes the dtype of what it meets.
        dtypes = [self.tensors[other].dtype for other in step.inputs if isinstance(other, str)]
        dtype = dtypes[-1] if dtypes else step.output.dtype
        if step.output.dtype != "bool" and np.dtype(dtype).kind != "f":
            dtype = step.output.dtype
        return self.constant(np.array(given, dtype))

    def _declared(self, tensor: Tensor) -> Any:
        helper = self.package.helper
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
        shape = [str(s) if isinstance(s, Batch) else s for s in tensor.shape]
        return helper.make_tensor_value_info(tensor.name, kind, shape)

    def _keep(self, name: str, array: Any) -> None:
        ordered = np.array(array, order="C")
        self.initializers[name] = self.package.numpy_helper.from_array(ordered, name)

    # -- what rows use ---------------------------------------------------------------------------

    def node(self, kind: str, *inputs: str, result: str = "", **attributes: Any) -> str:
        """Append a node with one result, and return its name."""
        name = result or self._free(f"{kind.lower()}{len(self.nodes)}")
        label = f"{self.scope}/{kind}" if self.scope else kind
        self.nodes.append(
            self.package.helper.make_node(
                kind, list(inputs), [name], name=f"{label} {len(self.nodes)}", **attributes
            )
        )
        return name

    def constant(self, array: Any) -> str:
        """The name of an array kept in the file; equal ones are kept once."""
        array = np.asarray(array)
        text = "_".join(map(str, array.ravel().tolist())) if array.size <= 8 else ""
        name = f"{array.dtype}{list(array.shape)} {text}" if text else ""
        if not name or name not in self.initializers:
            name = name or self._free(f"array{len(self.initializers)}")
            self._keep(name, array)
            self.tensors[name] = Tensor(name, array.shape, str(array.dtype))
        return name

    def sizes(self, shape: Sequence[Size]) -> str:
        """The name of a vector of integers that holds a shape."""
        if not any(isinstance(size, Batch) for size in shape):
            return self.constant(np.array(shape, np.int64))
        axes = {tensor.name: tensor.batch_axis for tensor in self.graph.inputs}
        name, axis = next((name, axis) for name, axis in axes.items() if axis is not None)
        batch = self.node("Shape", name, start=axis, end=axis + 1)
        parts = []
        for size in shape:
            if isinstance(size, Batch) and size.times == 1:
                parts.append(batch)
            elif isinstance(size, Batch):
                times = self.constant(np.array([size.times], np.int64))
                parts.append(self.node("Mul", batch, times))
            else:
                parts.append(self.constant(np.array([size], np.int64)))
        return self.node("Concat", *parts, axis=0)

    def shape(self, name: str) -> tuple[Size, ...]:
        """Shape of an input of the step."""
        return self.tensors[name].shape

    def dtype(self, name: str) -> str:
        """Dtype of an input of the step."""
        return self.tensors[name].dtype

    def cast(self, name: str, dtype: str) -> str:
        """The name of an input converted to a dtype."""
        if self.tensors[name].dtype == dtype:
            return name
        kind = self.package.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.node("Cast", name, to=kind)

    def _free(self, name: str) -> str:
        while name in self.names:
            name = f"{name}_"
        self.names.add(name)
        return name
