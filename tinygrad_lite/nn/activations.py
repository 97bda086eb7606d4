"""Activation functions as modules, for `Sequential`."""

from __future__ import annotations

from typing import Any

from tinygrad_lite.nn.module import Module
from tinygrad_lite.rules.activations import relu, sigmoid


class ReLU(Module):
    """`tinygrad_lite.relu`."""

    def forward(self, x: Any) -> Any:
        return relu(x)


class Sigmoid(Module):
    """`tinygrad_lite.sigmoid`."""

    def forward(self, x: Any) -> Any:
        return sigmoid(x)
