"""Optimisers: how parameters move once their gradients are known."""

from tinygrad_lite.optim import lr_scheduler
from tinygrad_lite.optim.adaptive import Adagrad, Adam, AdamW, RMSprop
from tinygrad_lite.optim.clipping import clip_grad_norm_, clip_grad_value_
from tinygrad_lite.optim.lbfgs import LBFGS
from tinygrad_lite.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from tinygrad_lite.optim.optimizer import Clamp, Optimizer
from tinygrad_lite.optim.scipy_bridge import minimize
from tinygrad_lite.optim.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clamp",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
    "minimize",
]
