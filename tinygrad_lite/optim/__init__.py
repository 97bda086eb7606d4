"""Optimisers: how parameters move once their gradients are known."""

from tinygrad_lite.optim.optimizer import Clamp, Optimizer
from tinygrad_lite.optim.sgd import SGD

__all__ = ["SGD", "Clamp", "Optimizer"]
