"""Networks of neurons and connections that one can point at.

>>> from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer
>>> network = Network([InputLayer(28, 28), HiddenLayer(16), OutputLayer(10)])
>>> network.connect_adjacent_layers()
>>> network
<Network 784-16-10 with 12704 connections>
>>> network.layers[1][3].inputs[84]
<Connection layers[0][84] -> layers[1][3]>
"""

from numpy import tanh

from tinygrad_lite.neurons.connection import Connection
from tinygrad_lite.neurons.guess import Guess
from tinygrad_lite.neurons.history import History
from tinygrad_lite.neurons.json_format import NetworkFileError
from tinygrad_lite.neurons.layer import HiddenLayer, InputLayer, Layer, OutputLayer
from tinygrad_lite.neurons.network import Network
from tinygrad_lite.neurons.neuron import (
    HiddenNeuron,
    InputNeuron,
    Neuron,
    OutputNeuron,
    ReceiverNeuron,
    StaticNeuron,
    identity,
)
from tinygrad_lite.neurons.patterns import EDGE_PATTERNS, edge_pattern, scan_pattern
from tinygrad_lite.neurons.training import TrainingStopped
from tinygrad_lite.rules.activations import relu, sigmoid

__all__ = [
    "EDGE_PATTERNS",
    "Connection",
    "Guess",
    "HiddenLayer",
    "HiddenNeuron",
    "History",
    "InputLayer",
    "InputNeuron",
    "Layer",
    "Network",
    "NetworkFileError",
    "Neuron",
    "OutputLayer",
    "OutputNeuron",
    "ReceiverNeuron",
    "StaticNeuron",
    "TrainingStopped",
    "edge_pattern",
    "identity",
    "relu",
    "scan_pattern",
    "sigmoid",
    "tanh",
]
