"""Networks the tensor way: modules with PyTorch's names, argument orders, defaults and shapes."""

from tinygrad_lite.functions import one_hot
from tinygrad_lite.nn import init
from tinygrad_lite.nn.activations import ReLU, Sigmoid
from tinygrad_lite.nn.layers import Conv2d, Flatten, Linear, MaxPool2d, Sequential
from tinygrad_lite.nn.losses import cross_entropy, squared_error
from tinygrad_lite.nn.module import Module

__all__ = [
    "Conv2d",
    "Flatten",
    "Linear",
    "MaxPool2d",
    "Module",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "cross_entropy",
    "init",
    "one_hot",
    "squared_error",
]
