"""The random generators that the parts of a module draw from: their states by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tinygrad_lite.nn.module import Module


def states_of(module: Module) -> dict[str, Any]:
    """See `Module.generator_states`."""
    return {path: _listed(g.bit_generator.state) for path, g in _generators(module)}


def set_states(module: Module, states: Mapping[str, Any]) -> None:
    """See `Module.load_generator_states`."""
    own = dict(_generators(module))
    if own.keys() != states.keys():
        raise KeyError(
            f"load_generator_states of {type(module).__name__}: it has the generators "
            f"{sorted(own)}, given are {sorted(states)}"
        )
    for path, generator in own.items():
        kind = generator.bit_generator.state["bit_generator"]
        if states[path]["bit_generator"] != kind:
            raise ValueError(
                f"load_generator_states: {path} is a {kind}, given is the state of a "
                f"{states[path]['bit_generator']}"
            )
    for path, generator in own.items():
        generator.bit_generator.state = states[path]


def _generators(module: Module) -> Iterator[tuple[str, np.random.Generator]]:
    for prefix, part in module.named_modules():
        for name, thing in vars(part).items():
            if isinstance(thing, np.random.Generator) and not name.startswith("_"):
                yield (f"{prefix}.{name}" if prefix else name), thing


def _listed(state: Any) -> Any:
    """A state with lists in the place of arrays."""
    if isinstance(state, dict):
        return {name: _listed(part) for name, part in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state
