"""Program: the immutable straight-line record of a graph, for reading, drawing and replaying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.engine.backward import consumers_first, leaves_of
from tinygrad_lite.engine.errors import explained
from tinygrad_lite.engine.record import computed
from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.engine.value import Value, source_of


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a program's memory: an input, or the result of an instruction."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"%{self.index}"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One operation: ``target = operation(*arguments, **metadata)``.

    arguments
        a Slot for what the program computes or is given, else a plain constant
    """

    target: Slot
    operation: Operation
    arguments: tuple[Any, ...]
    metadata: dict[str, Any]
    scope: str
    source: tuple[str, int] | None

    def __str__(self) -> str:
        parts = [str(a) if isinstance(a, Slot) else _constant(a) for a in self.arguments]
        parts += [f"{k}={_constant(v)}" for k, v in self.metadata.items()]
        return f"{_typed(self.target)} = {self.operation.name}({', '.join(parts)})"


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Program:
    """Instructions in creation order, from inputs to outputs; immutable.

    Args:
        outputs: the Values to compute.
        inputs: Values to be replaced when the program is run; all leaves by default. Leaves that
            are not inputs become constants.

    Attributes:
        inputs: a Slot for each input.
        instructions: what is computed, in order.
        outputs: the Slot of each output, or its data where that is a constant.

    Raises:
        TypeError: an output is not a Value.
        ValueError: an input is not among what the outputs depend on.

    >>> from tinygrad_lite import Value
    >>> x = Value(2.0, name="x")
    >>> program = Program((x * 3).tanh())
    >>> print(program)
    inputs  %0 x: float64[]
    %1: float64[] = multiply(%0, 3)
    %2: float64[] = tanh(%1)
    outputs %2
    >>> round(program(0.5)[0], 6)
    0.905148
    """

    inputs: tuple[Slot, ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[Any, ...]

    def __init__(
        self, outputs: Value | Sequence[Value], inputs: Sequence[Value] | None = None
    ) -> None:
        outs: list[Any] = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        for out in outs:
            if not isinstance(out, Value):
                raise TypeError(
                    f"a Program records the computation of Values; an output is a "
                    f"{type(out).__name__}"
                )
        order = consumers_first(*outs)[::-1]
        reached = set(order) | set(leaves_of(order)) | set(outs)
        if inputs is None:
            leaves = leaves_of(order)
            inputs = leaves + [out for out in outs if out.is_leaf and out not in leaves]
        for value in inputs:
            if value not in reached:
                raise ValueError(f"the outputs do not depend on the input {value!r}")
        slots: dict[Value, Slot] = {}
        for value in inputs:
            slots[value] = _slot(len(slots), value)
        instructions = []
        for node in order:
            if node not in slots and node.operation is not None:
                arguments = tuple(
                    slots.get(a, a.data) if type(a) is Value else a for a in node.args
                )
                slots[node] = _slot(len(slots), node)
                instructions.append(
                    Instruction(
                        slots[node], node.operation, arguments, dict(node.metadata or {}),
                        node.scope, source_of(node),
                    )
                )  # fmt: skip
        for name, content in (
            ("inputs", (slots[v] for v in inputs)),
            ("instructions", instructions),
            ("outputs", (slots.get(out, out.data) for out in outs)),
        ):
            object.__setattr__(self, name, tuple(content))

    def __len__(self) -> int:
        return len(self.instructions)

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self.instructions)

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Run it on plain arrays, one per input, and return plain outputs.

        Raises:
            TypeError: not as many arrays as inputs.
            TypeError, ValueError, IndexError: an instruction cannot be run on such arrays.
        """
        if len(arrays) != len(self.inputs):
            raise TypeError(f"the program has {len(self.inputs)} inputs, got {len(arrays)} arrays")
        memory: dict[int, Any] = {
            slot.index: array for slot, array in zip(self.inputs, arrays, strict=True)
        }
        for instruction in self.instructions:
            arguments = [
                memory[a.index] if isinstance(a, Slot) else a for a in instruction.arguments
            ]
            operation, metadata = instruction.operation, instruction.metadata
            try:
                memory[instruction.target.index] = computed(operation, arguments, metadata)
            except (TypeError, ValueError, IndexError) as error:
                raise explained(error, operation, tuple(arguments), metadata) from None
        return tuple(memory[out.index] if isinstance(out, Slot) else out for out in self.outputs)

    def __str__(self) -> str:
        lines = [f"inputs  {', '.join(_typed(slot) for slot in self.inputs)}"]
        scope = ""
        for instruction in self.instructions:
            if instruction.scope != scope:
                scope = instruction.scope
                lines.append(f"# {scope}".rstrip())
            lines.append(str(instruction))
        outputs = (str(out) if isinstance(out, Slot) else _constant(out) for out in self.outputs)
        return "\n".join([*lines, f"outputs {', '.join(outputs)}"])

    def __repr__(self) -> str:
        return f"<Program of {len(self)} instructions, {len(self.inputs)} inputs>"


def _slot(index: int, value: Value) -> Slot:
    if type(value.data) is tuple:
        return Slot(index, value.name, (len(value.data),), "tuple")
    return Slot(index, value.name, value.shape, str(value.dtype))


def _typed(slot: Slot) -> str:
    name = f" {slot.name}" if slot.name else ""
    return f"{slot}{name}: {slot.dtype}[{','.join(map(str, slot.shape))}]"


def _constant(constant: Any) -> str:
    if isinstance(constant, np.ndarray) and constant.size > 4:
        return f"<{constant.dtype}[{','.join(map(str, constant.shape))}]>"
    if isinstance(constant, np.ndarray):
        return str(constant.tolist())
    if isinstance(constant, tuple):
        return f"({', '.join(_constant(c) for c in constant)})"
    return repr(constant) if not isinstance(constant, np.generic) else str(constant)
