"""What capturing a function asks of the engine: see `tinygrad_lite.replay`."""

from __future__ import annotations

from typing import Any, Protocol

from tinygrad_lite.engine.modes import ENTERED, MODE
from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.engine.value import Value


class Trace(Protocol):
    """Told of everything that happens to Values while a function is captured."""

    def record(self, operation: Operation, args: tuple[Any, ...], metadata: Any) -> Any:
        """Run and remember an operation; what `record` returns."""

    def adopt(self, node: Value) -> None:
        """Take note of a Value that was recorded without `record`."""

    def call(self, function: Any, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Run a function on plain arrays, some of which may be traced."""

    def pull_back(self, cotangents: dict[Value, Any], wrt: Any, boundary: Any) -> Any:
        """What `pull_back` returns, or None to let it run."""

    def touch_gradient(self, value: Value, setting: bool) -> None:
        """Take note that the gradient of a Value is about to be read, or set."""

    def update(self, optimizer: Any) -> None:
        """Run and remember a step of an optimiser."""

    def draw(self, generator: Any, method: str, args: Any, settings: Any) -> Any:
        """Draw random numbers, and remember to draw others when replaying."""


def current() -> Trace | None:
    """The trace of the function that is being captured here, if any."""
    return MODE.get().trace if ENTERED.count else None
