"""Steps of optimisers on packs: one computation for all the numbers of a pack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value
from tinygrad_lite.replay.packs import Pack


def is_entrywise(optimizer: Any) -> bool:
    """Whether an optimiser moves every entry by its own gradient alone, as those here do; nobody
    knows of one written elsewhere."""
    functions = (getattr(type(optimizer), name, None) for name in ("change", "step"))
    return all(
        getattr(function, "__module__", "").startswith("tinygrad_lite.optim.")
        and not getattr(function, "__qualname__", "").startswith("LBFGS.")
        for function in functions
    )


class PackedStep:
    """An optimiser that moves packs at once, and its other parameters as ever.

    The state of each Value (a velocity, averages) remains its own: a number that is a view of the
    pack's. So steps that are not captured, and files, know of nothing.

    Args:
        optimizer: that moves all the values.
        packs: of its parameters, those of a pack in one group.
    """

    def __init__(self, optimizer: Any, packs: Sequence[Pack]) -> None:
        self.optimizer = optimizer
        packed = {value for pack in packs for value in pack.values}
        self._loose = [p for p in optimizer.parameters if p not in packed]
        self._packs = [_PackState(optimizer, pack) for pack in packs]

    def step(self) -> None:
        """What `optimizer.step` does."""
        for pack in self._packs:
            pack.step()
        optimizer = self.optimizer
        if any(parameter.grad is not None for parameter in self._loose):
            everything = optimizer.parameters
            optimizer.parameters = self._loose
            try:
                optimizer.step()
            finally:
                optimizer.parameters = everything
        else:
            for constraint in optimizer.constraints:
                constraint()


class _PackState:
    """A pack, and the state of its numbers as vectors."""

    def __init__(self, optimizer: Any, pack: Pack) -> None:
        self.optimizer, self.pack = optimizer, pack
        self.stand_in = Value(np.zeros(len(pack.values)))
        self.state: dict[str, Any] = {}
        optimizer._group_of[self.stand_in] = optimizer._group_of[pack.values[0]]

    def step(self) -> None:
        optimizer, gradient = self.optimizer, self.pack._grad
        if gradient is None:
            return
        self._gather()
        self.stand_in.data = vector = self.pack.data
        if self.state:
            optimizer.state[self.stand_in] = self.state
        change = optimizer.change(self.stand_in, np.asarray(gradient))
        self.pack.data = vector - change  # not in place, as a plan may still need what was there
        self._share(optimizer.state.pop(self.stand_in, {}))

    def _gather(self) -> None:
        """Take over the states of the numbers, if they are not views of the vectors here."""
        first = self.optimizer.state.get(self.pack.values[0], {})
        shared = first.keys() == self.state.keys() and all(
            name == "step" or getattr(entry, "base", None) is self.state[name]
            for name, entry in first.items()
        )
        if shared:
            if "step" in first:
                self.state["step"] = first["step"]
            return
        states = [self.optimizer.state[value] for value in self.pack.values] if first else []
        self.state = {
            name: entry if name == "step" else np.array([float(state[name]) for state in states])
            for name, entry in first.items()
        }
        self._show()

    def _share(self, state: dict[str, Any]) -> None:
        """Let the numbers have a state that the optimiser made or changed."""
        if state is self.state or not state:
            for value in self.pack.values if "step" in state else ():
                self.optimizer.state[value]["step"] = state["step"]
        else:
            self.state = state
            self._show()

    def _show(self) -> None:
        for place, value in enumerate(self.pack.values):
            own = {
                name: entry if name == "step" else entry[place : place + 1].reshape(())
                for name, entry in self.state.items()
            }
            if own:
                self.optimizer.state[value] = own
