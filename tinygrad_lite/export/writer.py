"""Writing a graph step by step, each step computed at once for two sizes of the batch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lite.export.errors import ExportError
from tinygrad_lite.export.graph import Array, Batch, Graph, Reference, Size, Step, Tensor, resolved
from tinygrad_lite.export.vocabulary import OPERATIONS


class Writer:
    """Collects steps. Tensors stand for what it has computed; arrays become weights when used.

    Args:
        batches: two sizes of the batch, from which shapes are told.
        prefix: of the names of results.
    """

    def __init__(self, batches: Sequence[int], prefix: str = "t") -> None:
        self.batches = tuple(batches)
        self.prefix = prefix
        self.inputs: list[Tensor] = []
        self.steps: list[Step] = []
        self.weights: dict[str, Array] = {}
        self.layers: dict[str, str] = {}
        self.scope = ""
        self._memory: dict[str, tuple[Any, Any]] = {}
        self._tensors: dict[str, Tensor] = {}
        self._known: dict[int, tuple[Any, Tensor]] = {}  # weights by the id of the array
        self._varying: set[str] = set()  # with inputs or with the batch

    def input(self, name: str, examples: Sequence[Array]) -> Tensor:
        """Declare an input, given an example for each size of the batch."""
        tensor = self._enter(name, (examples[0], examples[1]))
        self.inputs.append(tensor)
        self._varying.add(tensor.name)
        return tensor

    def given(self, name: str, results: tuple[Any, Any]) -> Tensor:
        """A tensor computed elsewhere, given its results for each size of the batch."""
        tensor = self._enter(name, results)
        self._varying.add(tensor.name)
        return tensor

    def weight(self, data: Any, name: str = "") -> Tensor:
        """The tensor that stands for an array."""
        if id(data) not in self._known:
            array = np.asarray(data)
            name = self._free(name or f"{self.prefix}constant{len(self.weights) + 1}")
            self.weights[name] = array
            self._known[id(data)] = (data, self._enter(name, (array, array)))
        return self._known[id(data)][1]

    def shape(self, argument: Any) -> tuple[Size, ...]:
        """Shape of a tensor, array or number."""
        return argument.shape if isinstance(argument, Tensor) else np.shape(argument)

    def emit(self, operation: str, *inputs: Any, **settings: Any) -> Tensor:
        """Append a step; what no input of the graph has a part in is computed now and kept."""
        row = OPERATIONS[operation]
        for key in settings.keys() - row.settings.keys():
            raise ExportError(
                f"{operation} with the setting {key}={settings[key]!r} has no place in a graph"
            )
        names = tuple(self._reference(given) for given in inputs)
        results = []
        for position, batch in enumerate(self.batches):
            arrays = [self._memory[n][position] if isinstance(n, str) else n for n in names]
            given = {key: resolved(value, batch) for key, value in settings.items()}
            results.append(row.evaluate(*arrays, **given))
        if not any(name in self._varying for name in names) and not _depends_on_batch(settings):
            return self.weight(results[0])
        tensor = self._enter(
            self._free(f"{self.prefix}{len(self.steps) + 1}"), (results[0], results[1])
        )
        self._varying.add(tensor.name)
        self.steps.append(Step(operation, names, settings, tensor, self.scope))
        return tensor

    def results(self, name: str) -> tuple[Any, Any]:
        """What a tensor was for each size of the batch."""
        return self._memory[name]

    def note_layer(self, scope: str, result: Any) -> None:
        """Remember what a layer, and those around it, gave last."""
        if scope and isinstance(result, Tensor):
            parts = scope.split("/")
            for depth in range(1, len(parts) + 1):
                self.layers["/".join(parts[:depth])] = result.name

    def named(self, results: Sequence[Any], names: Sequence[str]) -> list[Tensor]:
        """Give results of steps the names asked for."""
        given = {tensor.name for tensor in self.inputs}
        renamed = []
        for result, name in zip(results, names, strict=True):
            tensor = result if isinstance(result, Tensor) else self.weight(np.asarray(result))
            made_here = any(step.output is tensor for step in self.steps)
            if made_here and name != tensor.name and tensor not in renamed:
                if name in self._tensors or name in given:
                    raise ExportError(f"the name {name!r} is given to an output and to a weight")
                tensor = self._rename(tensor, name)
            renamed.append(tensor)
        return renamed

    def graph(self, outputs: Sequence[Tensor]) -> Graph:
        """What the outputs need of all that was written."""
        needed = {tensor.name for tensor in outputs}
        steps = []
        for step in reversed(self.steps):
            if step.output.name in needed:
                steps.append(step)
                needed.update(name for name in step.inputs if isinstance(name, str))
        for tensor in self.inputs:
            if tensor.name not in needed:
                raise ExportError(f"the result does not depend on the input {tensor.name!r}")
        return Graph(
            tuple(self.inputs),
            {name: array for name, array in self.weights.items() if name in needed},
            tuple(reversed(steps)),
            tuple(outputs),
            {scope: name for scope, name in self.layers.items() if name in needed},
        )

    def _rename(self, tensor: Tensor, name: str) -> Tensor:
        new = replace(tensor, name=name)
        self._tensors[name] = new
        self.steps = [
            replace(
                step,
                inputs=tuple(name if given == tensor.name else given for given in step.inputs),
                output=new if step.output is tensor else step.output,
            )
            for step in self.steps
        ]
        self.layers = {k: name if v == tensor.name else v for k, v in self.layers.items()}
        return new

    def _reference(self, given: Any) -> Reference:
        if isinstance(given, Tensor):
            return given.name
        if isinstance(given, (bool, int, float)) and not isinstance(given, np.generic):
            if math.isfinite(given):
                return given
            given = np.float32(given)  # JSON has no infinity; float32 widens nothing
        return self.weight(given).name

    def _enter(self, name: str, examples: tuple[Any, Any]) -> Tensor:
        name = self._free(name)
        first, second = (np.shape(example) for example in examples)
        if len(first) != len(second):
            raise ExportError(f"the number of axes depends on the batch: {first} and {second}")
        shape = tuple(self._size(a, b) for a, b in zip(first, second, strict=True))
        tensor = Tensor(name, shape, str(np.asarray(examples[0]).dtype))
        self._tensors[name] = tensor
        self._memory[name] = examples
        return tensor

    def _size(self, first: int, second: int) -> Size:
        if first == second:
            return first
        times, rest = divmod(first, self.batches[0])
        if rest or times * self.batches[1] != second:
            raise ExportError(
                f"a size is {first} for a batch of {self.batches[0]} and {second} for one of "
                f"{self.batches[1]}, which is no multiple of it"
            )
        return Batch(times)

    def _free(self, name: str) -> str:
        candidate, number = name, 1
        while candidate in self._tensors:
            number += 1
            candidate = f"{name}.{number}"
        return candidate


def _depends_on_batch(settings: dict[str, Any]) -> bool:
    def within(setting: Any) -> Iterable[bool]:
        if isinstance(setting, tuple):
            for part in setting:
                yield from within(part)
        else:
            yield isinstance(setting, Batch)

    return any(any(within(setting)) for setting in settings.values())
