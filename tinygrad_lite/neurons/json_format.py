"""The original's network format: what its files hold, and how to say where one is wrong.

::

    {"inputLayerLength": 784,
     "otherLayers": [
       {"neurons": [
         {"bias": -1.0,
          "activationFunction": "RELU",
          "inputs": [{"fromLayer": 0, "fromNeuron": 84, "weight": 0.7}, ...]},
         ...]},
       ...]}

Layer 0 is the input layer, layer k is ``otherLayers[k - 1]``, the last is the output layer. Inputs
may come from any earlier layer.
"""

from __future__ import annotations

from tinygrad_lite.neurons.neuron import ActivationFunction
from tinygrad_lite.rules.activations import relu, sigmoid

FUNCTIONS: dict[str, ActivationFunction] = {"SIGMOID": sigmoid, "RELU": relu}
"""Activation functions by the names they have in files."""


class NetworkFileError(ValueError):
    """A network file is not as the format wants it, or a network cannot be written in it."""
