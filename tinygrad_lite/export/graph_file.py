"""The graph file: a graph as JSON, with weights, and with answers for a reader to check itself by.

`docs/graph_file.md` specifies the format.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.export.arrays import encoded
from tinygrad_lite.export.atomic import replacing
from tinygrad_lite.export.errors import ExportError
from tinygrad_lite.export.gradient import with_gradient
from tinygrad_lite.export.graph import Array, Batch, Graph, Step, Tensor
from tinygrad_lite.export.recording import graph_of

FORMAT = "tinygrad_lite graph"
VERSION = 1

_PRECISIONS = ("float16", "float32", "float64")


def save_graph(
    model: Any,
    path: str | os.PathLike[str],
    example: Any,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    batch_axis: int = 0,
    title: str = "",
    classes: Sequence[str] = (),
    normalisation: Mapping[str, Any] | None = None,
    gradient: bool | str = False,
    weights: str = "float32",
    vectors: int = 4,
    tolerance: float = 1e-5,
) -> Graph:
    """Write what a model computes as a graph file, which `load_graph` and the web page read.

    Args:
        model: a Module, a function of arrays, a `Program` or a `Graph`.
        path: of the file; an earlier one is replaced at once.
        example: inputs as the model takes them, the batch first; a tuple for several inputs. The
            first samples become the parity vectors.
        inputs, outputs, batch_axis: see `graph_of`.
        title: for people.
        classes: what the entries of the output stand for.
        normalisation: how an input is made from raw data, such as ``{"mean": 0.13,
            "standard_deviation": 0.31}`` for ``(x - mean) / standard_deviation``.
        gradient: whether to add the steps that give the gradient of any entry of the output by
            the input; or the name of the tensor or layer to differentiate instead of the output,
            such as the one before a softmax.
        weights: precision in the file, "float32", "float64" or "float16".
        vectors: how many samples of the example become parity vectors.
        tolerance: by how much the file may differ from the model on the example, relative to the
            largest output; noted in the file for readers to use.

    Returns:
        The graph in the file, in the precision of its weights.

    Raises:
        ExportError: the model has no graph, or differs from it by more than the tolerance.
        OSError: the file cannot be written.

    >>> import numpy as np, tempfile
    >>> from tinygrad_lite import nn
    >>> from tinygrad_lite.export import load_graph
    >>> net = nn.Sequential(nn.Linear(3, 2, generator=np.random.default_rng(0)), nn.ReLU())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     graph = save_graph(net, f"{folder}/net.json", np.ones((4, 3), np.float32))
    ...     again = load_graph(f"{folder}/net.json")
    >>> bool((again(np.ones((1, 3))) == graph(np.ones((1, 3)))).all())
    True
    """
    if weights not in _PRECISIONS:
        raise ExportError(f"weights={weights!r}: expected one of {', '.join(_PRECISIONS)}")
    examples = example if type(example) is tuple else (example,)
    exact = model if isinstance(model, Graph) else graph_of(
        model, example, inputs=inputs, outputs=outputs, batch_axis=batch_axis
    )  # fmt: skip
    graph = in_precision(exact, weights)
    if gradient:
        graph = with_gradient(graph, of=gradient if isinstance(gradient, str) else None)
    difference = _difference(exact, graph, examples)
    if not difference <= tolerance:
        raise ExportError(
            f"with {weights} weights the graph differs from the model by {difference:.2g} of its "
            f"largest output, more than tolerance={tolerance:g}: use more precise weights, or "
            f"allow it"
        )
    notes: dict[str, Any] = {
        **({"title": title} if title else {}),
        **({"classes": list(classes)} if classes else {}),
        **({"normalisation": dict(normalisation)} if normalisation else {}),
    }
    graph = replace(graph, notes={**graph.notes, **notes})
    document = _document(graph, weights)
    document["parity"] = {
        "tolerance": tolerance,
        "difference_from_model": difference,
        "vectors": _vectors(graph, examples, vectors),
    }
    with replacing(path) as file:
        file.write(_text(document).encode())
    return graph


def in_precision(graph: Graph, dtype: str) -> Graph:
    """A graph in which every float, of weights, inputs and results, has a dtype.

    Half-precision weights are rounded to that, and computed with in single precision.
    """
    wide = "float32" if dtype == "float16" else dtype

    def cast(tensor: Tensor) -> Tensor:
        return replace(tensor, dtype=wide) if tensor.dtype.startswith("float") else tensor

    def weight(array: Array) -> Array:
        return array.astype(dtype).astype(wide) if array.dtype.kind == "f" else array

    def setting(key: str, value: Any) -> Any:
        return wide if key == "dtype" and str(value).startswith("float") else value

    steps = tuple(
        replace(
            step,
            output=cast(step.output),
            settings={key: setting(key, value) for key, value in step.settings.items()},
        )
        for step in graph.steps
    )
    return replace(
        graph,
        inputs=tuple(map(cast, graph.inputs)),
        outputs=tuple(map(cast, graph.outputs)),
        weights={name: weight(array) for name, array in graph.weights.items()},
        steps=steps,
    )


def _difference(exact: Graph, graph: Graph, examples: tuple[Any, ...]) -> float:
    """Largest difference on the example, relative to the largest output."""
    worst = 0.0
    for one, other in zip(_outputs(exact, examples), _outputs(graph, examples), strict=True):
        scale = max(1.0, float(np.max(np.abs(one), initial=0.0)))
        worst = max(worst, float(np.max(np.abs(one - other), initial=0.0)) / scale)
    return worst


def _outputs(graph: Graph, examples: tuple[Any, ...]) -> tuple[Array, ...]:
    result = graph(*examples)
    return result if isinstance(result, tuple) else (result,)


def _vectors(graph: Graph, examples: tuple[Any, ...], count: int) -> list[dict[str, Any]]:
    """Single samples of the example with what Python computes for them."""
    vectors = []
    axis = graph.inputs[0].batch_axis or 0
    for row in range(min(count, np.shape(examples[0])[axis])):
        sample = [
            np.take(np.asarray(array, tensor.dtype), [row], tensor.batch_axis or 0)
            for array, tensor in zip(examples, graph.inputs, strict=True)
        ]
        outputs = _outputs(graph, tuple(sample))
        vector = {
            "inputs": {t.name: encoded(a) for t, a in zip(graph.inputs, sample, strict=True)},
            "outputs": {t.name: encoded(a) for t, a in zip(graph.outputs, outputs, strict=True)},
        }
        if graph.gradient is not None:
            largest = int(np.argmax(graph.run(*sample)[graph.gradient.of]))
            gradient = graph.gradient_of(largest, *sample)
            vector["gradient"] = {"entry": largest, "value": encoded(gradient)}  # type: ignore[dict-item]
        vectors.append(vector)
    return vectors


# -- as JSON -------------------------------------------------------------------------------------


def _document(graph: Graph, precision: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        **graph.notes,
        "inputs": [_tensor(tensor) for tensor in graph.inputs],
        "outputs": [_tensor(tensor) for tensor in graph.outputs],
        "instructions": [_step(step) for step in graph.steps],
        "layers": [{"name": name, "output": output} for name, output in graph.layers.items()],
        "weights": {
            name: encoded(array.astype(precision) if array.dtype.kind == "f" else array)
            for name, array in graph.weights.items()
        },
    }
    if graph.gradient is not None:
        gradient = graph.gradient
        document["gradient"] = {
            "of": gradient.of,
            "seed": gradient.seed,
            "by": gradient.by,
            "instructions": [_step(step) for step in gradient.steps],
            "output": gradient.output,
        }
    return document


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "dtype": tensor.dtype, "shape": _setting(tensor.shape)}


def _step(step: Step) -> dict[str, Any]:
    return {
        "operation": step.operation,
        "inputs": list(step.inputs),
        "settings": {key: _setting(value) for key, value in step.settings.items()},
        "output": step.output.name,
        "shape": _setting(step.output.shape),
        "dtype": step.output.dtype,
        **({"scope": step.scope} if step.scope else {}),
    }


def _setting(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_setting(part) for part in value]
    if isinstance(value, Batch):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def _text(document: dict[str, Any]) -> str:
    """JSON with a line for every entry of the outer lists, so that people can read and compare."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n  ".join(_compact(row) for row in value)
            text = f"[\n  {rows}\n ]"
        elif key == "weights":
            rows = ",\n  ".join(f"{_compact(name)}: {_compact(row)}" for name, row in value.items())
            text = f"{{\n  {rows}\n }}" if rows else "{}"
        else:
            text = _compact(value)
        parts.append(f"{_compact(key)}: {text}")
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
