"""The Recording: what a captured function did, in the terms of the rulebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.engine.value import Value
from tinygrad_lite.replay.packs import Pack


@dataclass(eq=False, slots=True)
class Slot:
    """A number or array that a recording computes or is given.

    is_number
        a Python float rather than an array
    example
        what it was while recording; not kept alive in place of being recomputed
    """

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_number: bool
    example: Any = field(repr=False, default=None)

    def __str__(self) -> str:
        return f"%{self.index}"


# -- where slots without an instruction come from ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Argument:
    """The n-th number or array among the arguments of the call."""

    position: int


@dataclass(frozen=True, slots=True)
class LeafData:
    """The data of a leaf Value when the call begins."""

    value: Value


@dataclass(frozen=True, slots=True)
class LeafGrad:
    """The gradient of a leaf Value when the call begins, where the function adds to it."""

    value: Value


@dataclass(frozen=True, slots=True)
class Attribute:
    """An array that is an attribute of an object, such as a running average."""

    owner: Any
    name: str


@dataclass(eq=False, slots=True)
class Constant:
    """The data of a leaf Value that the function makes anew in each call, from plain data."""

    data: Any


Source = Argument | LeafData | LeafGrad | Attribute | Constant | Pack


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A Value that the function returns.

    slot
        of its number or array
    origins
        the leaves that the function may have recorded it from, none if it recorded nothing
    """

    slot: Slot
    origins: tuple[Value, ...] = ()


# -- instructions --------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Instruction:
    """``targets = function(*arguments, **settings)``.

    function
        a row of the rulebook, which can be pulled back, or any other function of plain arrays
    arguments
        Slots and constants, also within tuples, lists and dicts; as in `settings`
    pulled
        positions of the arguments that were Values, to which a pull-back passes gradients; none
        for a call on plain arrays, or under `no_grad`
    into
        an earlier version of the target, in whose memory the result is written
    repeats
        whether it must run anew although nothing it depends on has changed, as a random draw
    source
        file and line that asked for it
    """

    targets: tuple[Slot, ...]
    function: Operation | Callable[..., Any]
    arguments: tuple[Any, ...]
    settings: dict[str, Any]
    pulled: tuple[int, ...] = ()
    into: Slot | None = None
    repeats: bool = False
    source: tuple[str, int] | None = None


@dataclass(eq=False, slots=True)
class PullBack:
    """``targets`` are the gradients of the outputs, weighted by the seeds, by ``wrt``.

    boundary
        slots that count as given beside `wrt`: nothing is pulled back through them
    """

    targets: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    seeds: tuple[Any, ...]
    wrt: tuple[Slot, ...]
    boundary: tuple[Slot, ...] = ()


@dataclass(eq=False, slots=True)
class Update:
    """A step of an optimiser: ``targets``, the new data of parameters, from gradients.

    Replays call the optimiser itself, so its learning rate and state are those of the moment.
    """

    targets: tuple[Slot, ...]
    optimizer: Any
    parameters: tuple[Value | Pack, ...]
    data: tuple[Slot, ...]
    gradients: tuple[Slot | None, ...]


Step = Instruction | PullBack | Update


@dataclass(eq=False, slots=True)
class Recording:
    """Everything one call of a function did, and what it left behind.

    sources
        where the slots come from that no step defines
    stores
        the slot whose content a source has at the end, for sources that the call changed
    gradients
        the slot that is `.grad` at the end, None where it was reset, for leaves it touched
    result
        what the function returned: Slots within tuples, lists and dicts, `Wrapped` where a Value
        is returned
    """

    sources: dict[Slot, Source]
    steps: list[Step]
    stores: dict[Source, Slot]
    gradients: dict[Value | Pack, Slot | None]
    result: Any


def slots_in(tree: Any) -> Iterator[Slot]:
    """The Slots within tuples, lists, dicts and slices."""
    kind = type(tree)
    if kind is Slot:
        yield tree
    elif kind is Wrapped:
        yield tree.slot
    elif kind is tuple or kind is list:
        for branch in tree:
            yield from slots_in(branch)
    elif kind is dict:
        for branch in tree.values():
            yield from slots_in(branch)


def taken_by(step: Step) -> Iterator[Slot]:
    """The Slots that a step reads."""
    if isinstance(step, Instruction):
        yield from slots_in(step.arguments)
        yield from slots_in(step.settings)
    elif isinstance(step, PullBack):
        yield from step.outputs
        yield from slots_in(step.seeds)
        yield from step.wrt
    else:
        yield from step.data
        yield from (slot for slot in step.gradients if slot is not None)
