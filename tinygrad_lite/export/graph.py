"""Graph: a recorded computation without Python in it, as files hold it; run by NumPy.

It is made from a `Program` (see `recording`): operations by name, settings as plain data, arrays by
name, and the size of the batch left open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import data_of
from tinygrad_lite.export.vocabulary import OPERATIONS

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """A size that is not known until the graph is run: `times` entries for each sample."""

    times: int = 1

    def __str__(self) -> str:
        return "batch" if self.times == 1 else f"batch*{self.times}"


Size = int | Batch
Reference = str | float | int | bool


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a name stands for: shape, with `Batch` where the batch decides, and dtype."""

    name: str
    shape: tuple[Size, ...]
    dtype: str

    @property
    def batch_axis(self) -> int | None:
        """Which axis counts the samples, None if none does."""
        return self.shape.index(Batch()) if Batch() in self.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: ``output = operation(*inputs, **settings)``.

    inputs
        names of tensors, or plain numbers, which do not widen what they meet
    """

    operation: str
    inputs: tuple[Reference, ...]
    settings: dict[str, Any]
    output: Tensor
    scope: str = ""

    def __str__(self) -> str:
        parts = [str(given) for given in self.inputs]
        parts += [f"{key}={_plain(value)}" for key, value in self.settings.items()]
        return f"{self.output} = {self.operation}({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class Gradient:
    """Steps that follow those of a graph, and pull a cotangent back to an input.

    of
        name of the tensor that is differentiated
    seed
        the cotangent of that, a further input: 1 at the entry asked for, 0 elsewhere
    by
        name of the input
    output
        name of the result, of the shape of the input
    """

    of: str
    seed: str
    by: str
    steps: tuple[Step, ...]
    output: str


@dataclass(frozen=True)
class Graph:
    """Steps from inputs to outputs, with the arrays they need.

    Call it with arrays to get plain arrays: one, or a tuple if there are several outputs.

    Attributes:
        inputs, outputs: tensors; most begin with the batch.
        weights: arrays by name.
        steps: what is computed, in order.
        layers: name of the tensor that each layer gives, by the layer's name.
        gradient: how to get the gradient of an output by an input, if that was asked for.
        notes: what else a file tells, such as "classes" or "normalisation".
    """

    inputs: tuple[Tensor, ...]
    weights: Mapping[str, Array]
    steps: tuple[Step, ...]
    outputs: tuple[Tensor, ...]
    layers: Mapping[str, str] = field(default_factory=dict)
    gradient: Gradient | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, *arrays: Any) -> Any:
        """The outputs for these inputs.

        Raises:
            TypeError: not as many arrays as inputs.
            ValueError: an array does not have the shape of its input.
        """
        found = self.run(*arrays)
        results = tuple(found[output.name] for output in self.outputs)
        return results[0] if len(results) == 1 else results

    def run(self, *arrays: Any) -> dict[str, Any]:
        """Every tensor by name, for these inputs; raises as a call does."""
        memory, batch = self._begin(arrays)
        _execute(self.steps, memory, batch)
        return memory

    def gradient_of(self, entry: int | Sequence[int] | Array, *arrays: Any) -> Array:
        """The gradient of one entry of what `gradient.of` names, by the input.

        Args:
            entry: number of the entry, the same for every sample or one for each.
            *arrays: the inputs, as for a call.

        Raises:
            ValueError: the graph was made without a gradient; else as a call does.
        """
        if self.gradient is None:
            raise ValueError(
                "this graph holds no gradient: make it with gradient=True, as in "
                "save_graph(model, path, example, gradient=True)"
            )
        memory, batch = self._begin(arrays)
        _execute(self.steps, memory, batch)
        output = memory[self.gradient.of]
        seed = np.zeros_like(output)
        seed[np.arange(len(output)), entry] = 1
        memory[self.gradient.seed] = seed
        _execute(self.gradient.steps, memory, batch)
        gradient: Array = memory[self.gradient.output]
        return gradient

    def __str__(self) -> str:
        lines = [f"inputs  {', '.join(map(str, self.inputs))}"]
        scope = ""
        for step in self.steps:
            if step.scope != scope:
                scope = step.scope
                lines.append(f"# {scope}".rstrip())
            lines.append(str(step))
        lines.append(f"outputs {', '.join(output.name for output in self.outputs)}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        count = sum(weight.size for weight in self.weights.values())
        return f"<Graph of {len(self.steps)} steps with {count} weights>"

    def _begin(self, arrays: Sequence[Any]) -> tuple[dict[str, Any], int]:
        """The memory with inputs and weights in it, and the size of the batch."""
        if len(arrays) != len(self.inputs):
            named = ", ".join(tensor.name for tensor in self.inputs)
            raise TypeError(
                f"the graph takes {len(self.inputs)} inputs ({named}), got {len(arrays)} arrays"
            )
        memory: dict[str, Any] = dict(self.weights)
        batch: int | None = None
        for tensor, given in zip(self.inputs, arrays, strict=True):
            array = np.asarray(data_of(given), dtype=tensor.dtype)
            axis = tensor.batch_axis
            if batch is None and axis is not None and array.ndim > axis:
                batch = array.shape[axis]
            if array.shape != resolved(tensor.shape, batch or 0):
                raise ValueError(
                    f"the input {tensor.name!r} must have the shape "
                    f"({', '.join(map(str, tensor.shape))}), not {array.shape}"
                )
            memory[tensor.name] = array
        return memory, 1 if batch is None else batch


def resolved(setting: Any, batch: int) -> Any:
    """A setting with numbers in the place of sizes that depend on the batch."""
    if isinstance(setting, Batch):
        return setting.times * batch
    if isinstance(setting, tuple):
        return tuple(resolved(part, batch) for part in setting)
    return setting


def _execute(steps: Sequence[Step], memory: dict[str, Any], batch: int) -> None:
    for step in steps:
        given = [memory[name] if isinstance(name, str) else name for name in step.inputs]
        settings = {key: resolved(value, batch) for key, value in step.settings.items()}
        memory[step.output.name] = OPERATIONS[step.operation].evaluate(*given, **settings)


def _plain(setting: Any) -> str:
    if isinstance(setting, tuple):
        return f"({', '.join(map(_plain, setting))})"
    return str(setting) if isinstance(setting, Batch) else repr(setting)
