"""Graphs that several tests draw."""

import random
from itertools import pairwise

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import Value, scope


def neuron():
    """The neuron of micrograd's introduction: o = tanh(x1 w1 + x2 w2 + b)."""
    x1, x2 = Value(2.0, name="x1"), Value(0.0, name="x2")
    w1, w2 = Value(-3.0, name="w1"), Value(1.0, name="w2")
    b = Value(6.8813735870195432, name="b")
    out = np.tanh(x1 * w1 + x2 * w2 + b)
    out.name = "o"
    return out


def two_layers(dtype=np.float64):
    """A tensor network with biases that broadcast, in two scopes."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(5, 4)).astype(dtype)
    w1 = Value(rng.normal(size=(4, 3)).astype(dtype), name="w1")
    b1 = Value(np.zeros(3, dtype), name="b1")
    w2 = Value(rng.normal(size=(3, 2)).astype(dtype), name="w2")
    with scope("hidden"):
        hidden = tg.sigmoid(inputs @ w1 + b1)
    with scope("output"):
        answer = hidden @ w2
    cost = ((answer - 1.0) ** 2).mean()
    cost.name = "cost"
    return cost


def scalar_network(sizes, samples, seed=0):
    """A network of scalars without scopes, in the way of micrograd; the sum of its outputs."""
    rng = random.Random(seed)
    layers = [
        [[Value(rng.uniform(-1, 1)) for _ in range(n + 1)] for _ in range(m)]
        for n, m in pairwise(sizes)
    ]
    total = Value(0.0)
    for _ in range(samples):
        x = [Value(rng.uniform(-1, 1)) for _ in range(sizes[0])]
        for layer in layers:
            outputs = []
            for *weights, bias in layer:
                for weight, entry in zip(weights, x, strict=True):
                    bias = bias + weight * entry
                outputs.append(bias.relu())
            x = outputs
        total = total + x[0]
    return total


def random_program(seed, length=40):
    """A scalar graph with much reuse."""
    rng = random.Random(seed)
    values = [Value(rng.uniform(0.5, 1.5), name=f"x{i}") for i in range(4)]
    for _ in range(length):
        a, b = rng.choice(values), rng.choice(values)
        operation = rng.randrange(5)
        if operation == 0:
            values.append(a + b)
        elif operation == 1:
            values.append(a * b * 0.5)
        elif operation == 2:
            values.append(a - b)
        elif operation == 3:
            values.append(np.tanh(a))
        else:
            values.append(a / (b * b + 1.0))
    total = values[0] * 0.0
    for value in values:
        total = total + value
    return total
