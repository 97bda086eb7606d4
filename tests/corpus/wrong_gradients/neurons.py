"""Networks of scalar neurons, derived neuron by neuron as in code that models them as objects."""

from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients
from tinygrad_lite import Value


def model(
    sizes: tuple[int, ...] = (3, 4, 2), seed: int = 0, act: str = "sigmoid", skip: bool = False
) -> SimpleNamespace:
    """Layers of neurons, each connected to every one before it; squared error of one sample."""
    rng = np.random.default_rng(seed)
    x = [float(v) for v in rng.uniform(0.1, 1, sizes[0])]
    activations: list[list[Any]] = [x]
    weights, biases, sums = [], [], []
    for layer, (before, here) in enumerate(pairwise(sizes), 1):
        w = [[Value(float(rng.uniform(-1, 1)), name=f"w{layer}{j}{i}") for i in range(before)]
             for j in range(here)]  # fmt: skip
        b = [Value(float(rng.uniform(-1, 1)), name=f"b{layer}{j}") for j in range(here)]
        zs, outs = [], []
        for j in range(here):
            z = b[j]
            for i in range(before):
                z = z + w[j][i] * activations[-1][i]
            z.name = f"z{layer}{j}"
            last = layer == len(sizes) - 1
            if act == "relu" and not last:
                a = z.relu()
            elif act == "tanh" and not last:
                a = z.tanh()
            elif act == "written out":
                a = 1 / (1 + np.exp(-z))
            else:
                a = z.sigmoid()
            a.name = f"a{layer}{j}"
            zs.append(z)
            outs.append(a)
        weights.append(w)
        biases.append(b)
        sums.append(zs)
        activations.append(outs)
    y = [1.0] + [0.0] * (sizes[-1] - 1)
    cost: Any = 0.0
    for a, target in zip(activations[-1], y, strict=True):
        cost = cost + (a - target) ** 2
    return SimpleNamespace(
        cost=cost, w=weights, b=biases, z=sums, a=activations, y=y, act=act, layers=len(weights)
    )


def data(x: Any) -> float:
    return x.data if isinstance(x, Value) else x


def slope_of(m: SimpleNamespace, layer: int, z: float, a: float) -> float:
    if layer < m.layers - 1 and m.act == "relu":
        return float(z > 0)
    if layer < m.layers - 1 and m.act == "tanh":
        return 1 - a * a
    return a * (1 - a)


def derive(
    m: SimpleNamespace,
    *,
    error: Any = lambda a, y: 2 * (a - y),
    slope: Any = None,
    collect: Any = sum,
    weight: Any = lambda delta, a, z: delta * a,
    bias: Any = lambda delta: delta,
    hidden_slope: Any = None,
    output_slope: Any = None,
    passed: Any = lambda w, delta: w * delta,
) -> Gradients:
    """Output neurons first, then layer by layer what their outgoing connections passed back."""
    grads: Gradients = {}
    deltas: list[float] = []
    for layer in reversed(range(m.layers)):
        here: list[float] = []
        for j, a in enumerate(m.a[layer + 1]):
            z = m.z[layer][j].data
            if layer == m.layers - 1:
                back = error(a.data, m.y[j])
                rule = output_slope or slope or slope_of
            else:
                back = collect([passed(m.w[layer + 1][k][j].data, d) for k, d in enumerate(deltas)])
                rule = hidden_slope or slope or slope_of
            delta = back * rule(m, layer, z, a.data)
            here.append(delta)
            grads[m.b[layer][j]] = bias(delta)
            for i, w in enumerate(m.w[layer][j]):
                before = m.a[layer][i]
                pre = m.z[layer - 1][i].data if layer else before
                grads[w] = weight(delta, data(before), pre)
        deltas = here
    return grads


def average(terms: list[float]) -> float:
    return sum(terms) / len(terms)


DOMAIN = Domain("neurons", model, derive)
wrong, right = DOMAIN.wrong, DOMAIN.right
wrong("averaged-paths", "the blog's equations", collect=average)
wrong(
    "averaged-paths",
    "the blog's, two hidden layers",
    model={"sizes": (3, 4, 3, 2)},
    collect=average,
)
wrong(
    "averaged-paths",
    "the blog's, ReLU",
    model={"sizes": (3, 5, 3), "act": "relu", "seed": 2},
    collect=average,
)
wrong(
    "one-path",
    "only the last outgoing connection",
    model={"sizes": (3, 4, 3)},
    also="overwritten-path",  # the same numbers
    collect=lambda t: t[-1],
)
wrong("factor", "the 2 of the square forgotten", error=lambda a, y: a - y)
wrong("sign", "desired minus actual", error=lambda a, y: 2 * (y - a))
wrong("derivative-missing", "hidden sigmoid", hidden_slope=lambda m, layer, z, a: 1.0)
wrong("derivative-missing", "output sigmoid", output_slope=lambda m, layer, z, a: 1.0)
wrong(
    "derivative-at-input",
    "z(1 - z)",
    model={"act": "written out"},
    slope=lambda m, layer, z, a: z * (1 - z),
)
wrong(
    "derivative-at-output",
    "prime of the activation",
    slope=lambda m, layer, z, a: (s := 1 / (1 + math.exp(-a))) * (1 - s),
)
wrong("wrong-derivative", "tanh's for sigmoid's", hidden_slope=lambda m, layer, z, a: 1 - a * a)
wrong(
    "wrong-operand",
    "pre-activation in the weight's gradient",
    weight=lambda delta, a, z: delta * z,
    model={"act": "tanh"},
)
right("the chain rule")
right("ReLU", model={"act": "relu", "seed": 1})
right("tanh", model={"act": "tanh", "seed": 3})
right("sigmoid written out", model={"act": "written out"})
right("three hidden layers", model={"sizes": (2, 3, 4, 3, 1)})
right(
    "by exponentials",
    model={"act": "sigmoid"},
    slope=lambda m, layer, z, a: math.exp(-z) / (1 + math.exp(-z)) ** 2,
)
right(
    "rounded to float32",
    weight=lambda delta, a, z: float(np.float32(delta * a)),
    bias=lambda d: float(np.float32(d)),
)
