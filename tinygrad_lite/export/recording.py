"""From a model, or a Program, to a Graph.

A model is recorded twice, with batches of 2 and of 3 samples of different content. Sizes that
differ between the two recordings depend on the batch, and become `Batch`; arrays that differ depend
on data in a way that no operation recorded, and are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.engine.backward import consumers_first, leaves_of
from tinygrad_lite.engine.modes import enable_grad, no_grad
from tinygrad_lite.engine.program import Instruction, Program, Slot
from tinygrad_lite.engine.trees import flatten
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.export import translation_layers, translation_places  # noqa: F401 (rows)
from tinygrad_lite.export.comparisons import Comparison, noting_comparisons
from tinygrad_lite.export.errors import ExportError
from tinygrad_lite.export.graph import Array, Batch, Graph, Tensor
from tinygrad_lite.export.translation import translation_of
from tinygrad_lite.export.writer import Writer

_BATCHES = (2, 3)


def graph_of(
    model: Any,
    example: Any,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    batch_axis: int = 0,
) -> Graph:
    """The graph that a model computes in use (`eval`), for batches of any size.

    Args:
        model: a Module, a function of arrays, or a `Program` (whose batch is taken to be the first
            axis of its inputs, and which cannot be checked against other batches).
        example: an input as the model takes it, the batch first; a tuple for several inputs.
            Floating arrays become Values; arrays of integers, such as tokens, are given plain.
        inputs, outputs: their names; those of the Values by default, else "input" and "output".
        batch_axis: which axis of the inputs counts the samples, if it is not the first.

    Raises:
        ExportError: an operation has no place in a graph, the result does not depend on an input,
            or depends on data by more than operations (a branch, randomness).

    >>> import numpy as np
    >>> from tinygrad_lite import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10, generator=np.random.default_rng(0)))
    >>> print(graph_of(net, np.zeros((1, 1, 28, 28), np.float32)))
    inputs  input: float32[batch, 1, 28, 28]
    # Flatten 0
    t1: float32[batch, 784] = reshape(input, shape=(batch, 784))
    # Linear 1
    output: float32[batch, 10] = linear(t1, 1.weight, 1.bias)
    outputs output
    """
    examples = example if type(example) is tuple else (example,)
    arrays = tuple(_as_example(part, batch_axis) for part in examples)
    if isinstance(model, Program):
        if batch_axis:
            raise ExportError("the batch of a Program is taken to be the first axis")
        recordings = _of_program(model, arrays)
    else:
        generator = np.random.default_rng(0)
        with _in_use(model):
            recordings = [
                _of_model(model, _varied(arrays, rows, generator, batch_axis), inputs)
                for rows in _BATCHES
            ]
    writer = Writer([recording.examples[0].shape[batch_axis] for recording in recordings])
    found = _Translating(recordings, writer).outputs(inputs, outputs)
    graph = writer.graph(found)
    if not isinstance(model, Program):
        _compare(graph, model, _varied(arrays, 5, np.random.default_rng(1), batch_axis))
    return graph


def _as_example(example: Any, batch_axis: int) -> Array:
    array = np.asarray(data_of(example))
    if not 0 <= batch_axis < array.ndim or array.dtype.kind not in "fiub" or not array.size:
        raise ExportError(
            f"an example is an array of numbers with samples along axis {batch_axis}, not an "
            f"array of shape {array.shape}, {array.dtype}"
        )
    return array


def _varied(
    arrays: Sequence[Array], rows: int, generator: np.random.Generator, batch_axis: int = 0
) -> tuple[Any, ...]:
    """Other inputs of the same kind: samples of the example with their entries shuffled."""
    varied = []
    for array in arrays:
        given = np.moveaxis(array, batch_axis, 0)
        samples = np.resize(given, (rows, *given.shape[1:])).copy()
        generator.permuted(samples.reshape(rows, -1), axis=1, out=samples.reshape(rows, -1))
        if samples.dtype.kind == "f":
            noise = generator.uniform(0, 0.1, samples.shape)
            scale = float(np.abs(array).max()) or 1.0
            samples += np.multiply(noise, scale).astype(samples.dtype)
        varied.append(np.ascontiguousarray(np.moveaxis(samples, 0, batch_axis)))
    return tuple(varied)


@contextmanager
def _in_use(model: Any) -> Iterator[None]:
    """A module and its parts with `training` off, and as they were afterwards."""
    modules = list(model.modules()) if hasattr(model, "modules") else []
    before = [module.training for module in modules]
    for module in modules:
        module.training = False
    try:
        yield
    finally:
        for module, training in zip(modules, before, strict=True):
            module.training = training


@dataclass
class _Recording:
    """A program, what stands in its input slots, and which of these are a model's inputs."""

    program: Program
    examples: tuple[Array, ...]
    given: dict[int, int]  # number of an example by slot
    constants: dict[int, Any]  # by slot
    comparisons: dict[int, tuple[Comparison, list[Any]]]  # by id of the result
    outputs: int


def _of_model(
    model: Callable[..., Any], examples: tuple[Array, ...], names: Sequence[str] | None
) -> _Recording:
    named = names or (
        ["input"] if len(examples) == 1 else [f"input{i}" for i in range(len(examples))]
    )
    given = [
        Value(array, name) if array.dtype.kind == "f" else array
        for array, name in zip(examples, named, strict=True)
    ]
    with enable_grad(), noting_comparisons() as noted:
        result = model(*given)
    outputs, _ = flatten(result)
    for out in outputs:
        if type(out) is not Value:
            raise ExportError(
                f"the model returned a {type(out).__name__} that no operation on its inputs and "
                f"parameters made; a graph needs Values"
            )
    compared = [v for c in noted.values() for v in (c.left, c.right) if type(v) is Value]
    order = consumers_first(*outputs, *compared)
    leaves = leaves_of(order)
    leaves += [value for value in dict.fromkeys((*outputs, *compared)) if value.is_leaf]
    leaves = list(dict.fromkeys(leaves))
    program = Program([*outputs, *compared], leaves)
    slots = dict(zip(leaves, program.inputs, strict=True))
    for value, instruction in zip(order[::-1], program.instructions, strict=True):
        slots[value] = instruction.target
    return _Recording(
        program,
        examples,
        {slots[v].index: i for i, v in enumerate(given) if type(v) is Value and v in slots},
        {slots[v].index: v.data for v in leaves if all(v is not g for g in given)},
        {
            key: (c, [slots[v] if type(v) is Value else v for v in (c.left, c.right)])
            for key, c in noted.items()
        },
        len(outputs),
    )


def _of_program(program: Program, arrays: tuple[Array, ...]) -> list[_Recording]:
    if len(program.inputs) != len(arrays):
        raise ExportError(
            f"the program has {len(program.inputs)} inputs, but the example {len(arrays)} arrays: "
            f"make it with Program(output, [input]), so that weights are no inputs"
        )
    for slot, array in zip(program.inputs, arrays, strict=True):
        if slot.shape != array.shape:
            raise ExportError(
                f"the program was recorded for an input of shape {slot.shape}, and the example has "
                f"shape {array.shape}"
            )
    more = _varied(arrays, len(arrays[0]) + 1, np.random.default_rng(0))
    given = {slot.index: position for position, slot in enumerate(program.inputs)}
    return [
        _Recording(program, examples, given, {}, {}, len(program.outputs))
        for examples in (arrays, more)
    ]


class _Translating:
    """Walks two recordings of the same model side by side."""

    def __init__(self, recordings: Sequence[_Recording], writer: Writer) -> None:
        self.first, self.second = recordings
        self.writer = writer
        self.made: dict[int, Any] = {}  # by slot

    def outputs(self, inputs: Sequence[str] | None, outputs: Sequence[str] | None) -> list[Any]:
        first, second = self.first, self.second
        self._inputs(inputs)
        programs = (first.program, second.program)
        if [i.operation for i in programs[0]] != [i.operation for i in programs[1]]:
            raise ExportError(
                f"the model computes other operations for other inputs ({len(programs[0])} and "
                f"{len(programs[1])} of them): a graph holds no branches on data"
            )
        for here, there in zip(*programs, strict=True):
            self.made[here.target.index] = self._translated(here, there)
            self.writer.note_layer(here.scope, self.made[here.target.index])
        ends = list(zip(first.program.outputs, second.program.outputs, strict=True))
        found = [self._argument(*pair, "an output") for pair in ends[: first.outputs]]
        names = outputs or (
            ["output"] if len(found) == 1 else [f"output{i}" for i in range(len(found))]
        )
        if len(names) != len(found):
            raise ExportError(
                f"the model has {len(found)} outputs, but {len(names)} names are given"
            )
        return self.writer.named(found, names)

    def _inputs(self, names: Sequence[str] | None) -> None:
        slots = {position: slot for slot, position in self.first.given.items()}
        by_index = {slot.index: slot for slot in self.first.program.inputs}
        count = len(self.first.examples)
        for position, examples in enumerate(
            zip(self.first.examples, self.second.examples, strict=True)
        ):
            told = by_index[slots[position]].name if position in slots else ""
            name = (
                names[position] if names else told or (f"input{position}" if count > 1 else "input")
            )
            tensor = self.writer.input(name, examples)
            if position in slots:
                self.made[slots[position]] = tensor
        for slot in self.first.program.inputs:
            if slot.index in self.first.constants:
                data = self.first.constants[slot.index]
                self.made[slot.index] = (
                    data if type(data) is float else self.writer.weight(data, slot.name)
                )

    def _translated(self, here: Instruction, there: Instruction) -> Any:
        place = here.operation.name + (f" in {here.scope}" if here.scope else "")
        translation = translation_of(here.operation)
        if translation is None:
            raise ExportError(
                f"{place} has no place in a graph; docs/graph_file.md lists the operations that "
                f"have one"
            )
        arguments = [
            self._argument(a, b, place)
            for a, b in zip(here.arguments, there.arguments, strict=True)
        ]
        settings = {
            key: self._argument(value, there.metadata.get(key), place)
            for key, value in here.metadata.items()
        }
        target = Tensor("", self._shape(here.target, there.target, place), here.target.dtype)
        self.writer.scope = here.scope
        try:
            return translation(self.writer, arguments, settings, target)
        except ExportError:
            raise
        except (ValueError, TypeError, IndexError) as error:
            raise ExportError(f"{place}: {error}") from None

    def _shape(self, here: Slot, there: Slot, place: str) -> tuple[Any, ...]:
        if here is not there:
            return tuple(
                self._argument(a, b, place) for a, b in zip(here.shape, there.shape, strict=True)
            )
        # A Program knows one batch only: take its size at the front for the batch.
        batch = len(self.first.examples[0])
        front = here.shape[:1]
        if front and front[0] % batch == 0 and (front[0] == batch or batch > 1):
            front = (Batch(front[0] // batch),)  # type: ignore[assignment]
        return (*front, *here.shape[1:])

    def _argument(self, here: Any, there: Any, place: str) -> Any:
        """What is the same in both recordings, or depends on the batch in a known way."""
        if isinstance(here, Slot):
            return self.made[here.index]
        if isinstance(here, np.ndarray) and isinstance(there, np.ndarray):
            return self._array(here, there, place)
        if type(here) is not type(there):
            raise self._differs(place, here, there)
        if isinstance(here, (tuple, list)) and len(here) == len(there):
            return tuple(self._argument(a, b, place) for a, b in zip(here, there, strict=True))
        if isinstance(here, slice):
            parts = ((here.start, there.start), (here.stop, there.stop), (here.step, there.step))
            return slice(*(self._argument(a, b, place) for a, b in parts))
        if type(here) is int and here != there:
            times, rest = divmod(here, _BATCHES[0])
            if not rest and times * _BATCHES[1] == there:
                return Batch(times)
        if here == there or (here != here and there != there):
            return here
        raise self._differs(place, here, there)

    @staticmethod
    def _differs(place: str, here: Any, there: Any) -> ExportError:
        return ExportError(
            f"{place}: a setting or size is {here!r} for one batch of 2 and {there!r} for one of "
            f"3, so it depends on data, or on the batch by more than a factor"
        )

    def _array(self, here: Array, there: Array, place: str) -> Any:
        for position, example in enumerate(self.first.examples):
            other = self.second.examples[position]
            if example.dtype.kind != "f" and (
                here is example or (_equal(here, example) and _equal(there, other))
            ):
                return self.writer.inputs[position]
        noted = self.first.comparisons.get(id(here))
        if noted is not None and id(there) in self.second.comparisons:
            (comparison, operands), (_, others) = noted, self.second.comparisons[id(there)]
            pairs = zip(operands, others, strict=True)
            return self.writer.emit(
                comparison.operation, *(self._argument(a, b, place) for a, b in pairs)
            )
        if _equal(here, there):
            return here
        spread = self._spread(here, there)
        if spread is None:
            raise ExportError(
                f"{place}: an array of shape {here.shape} differs between two inputs, so it "
                f"depends on data or chance by more than recorded operations"
            )
        return spread

    def _spread(self, here: Array, there: Array) -> Any:
        """An array that repeats one entry along the batch, such as an initial state."""
        if here.ndim != there.ndim or here.dtype != there.dtype:
            return None
        shape: list[Any] = []
        for axis, (a, b) in enumerate(zip(here.shape, there.shape, strict=True)):
            if a == b:
                shape.append(a)
                continue
            times, rest = divmod(a, _BATCHES[0])
            if rest or times * _BATCHES[1] != b:
                return None
            shape.append(Batch(times))
            one = here.take([0], axis)
            if not ((here == one).all() and (there == one).all()):
                return None
            here, there = one, there.take([0], axis)
        if not _equal(here, there):
            return None
        return self.writer.emit("broadcast_to", here, shape=tuple(shape))


def _equal(x: Array, y: Array) -> bool:
    return x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f")


def _compare(graph: Graph, model: Any, arrays: tuple[Array, ...]) -> None:
    """Refuse a graph that gives something else than the model on new inputs."""
    with _in_use(model), no_grad():
        result = model(*(Value(a) if a.dtype.kind == "f" else a for a in arrays))
    expected = [data_of(out) for out in flatten(result)[0]]
    found = graph(*arrays)
    for tensor, want, have in zip(
        graph.outputs, expected, found if isinstance(found, tuple) else (found,), strict=True
    ):
        tolerance = 1e-4 if np.asarray(want).dtype == np.float32 else 1e-9
        scale = float(np.max(np.abs(want), initial=1.0))
        if np.shape(want) != np.shape(have) or not np.allclose(
            want, have, rtol=tolerance, atol=tolerance * scale, equal_nan=True
        ):
            raise ExportError(
                f"the graph gives another {tensor.name!r} than the model on new inputs: the model "
                f"depends on data by more than recorded operations"
            )
