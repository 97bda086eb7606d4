"""The best parameters so far, and whether to go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tinygrad_lite.nn.module import Module


class Best:
    """Watches one figure of the epochs.

    Args:
        monitor: name of the figure.
        highest: whether more is better.
        keep: whether to keep the parameters of the best epoch.
        patience: epochs without a better one after which to stop; None for never.
    """

    def __init__(self, monitor: str, highest: bool, keep: bool, patience: int | None) -> None:
        self.monitor = monitor
        self.highest = highest
        self.keep = keep
        self.patience = patience
        self.figure = -math.inf if highest else math.inf
        self.waited = 0
        self.tensors: dict[str, Any] | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody asks which epoch was the best."""
        return self.keep or self.patience is not None

    def look(self, figure: float, model: Module) -> bool:
        """Note an epoch's figure; whether it is the best so far (NaN never is)."""
        if figure > self.figure if self.highest else figure < self.figure:
            self.figure, self.waited = figure, 0
            if self.keep:
                self.tensors = model.state_dict()
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.waited >= self.patience

    def restore(self, model: Module) -> None:
        """Give the model its best parameters, if there are any."""
        if self.tensors is not None:
            model.load_state_dict(self.tensors)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"figure": self.figure, "waited": self.waited, "tensors": self.tensors}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` told of."""
        self.figure, self.waited = state["figure"], state["waited"]
        self.tensors = state["tensors"]
