"""XOR, number by number: why a network needs a hidden layer, with a graph small enough to read.

A neuron draws one straight line. "One of the two, but not both" cannot be told by one line, so
the best that a single neuron can do is to say 1/2 four times, at a cost of log 2. With two neurons
before it, it can do all four. Everything here is single numbers: no arrays, no layers.

    python examples/xor.py
"""

from __future__ import annotations

import math
import random

from common import options, save

import tinygrad_lite as tg
from tinygrad_lite import Value

CASES = [((0.0, 0.0), 0.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0), ((1.0, 1.0), 0.0)]


class Neuron:
    """A weighted sum of its inputs and a bias."""

    def __init__(self, inputs: int, name: str, draw: random.Random) -> None:
        self.weights = [Value(draw.uniform(-1, 1), name=f"{name}.w{i}") for i in range(inputs)]
        self.bias = Value(0.0, name=f"{name}.bias")
        self.parameters = [*self.weights, self.bias]

    def __call__(self, inputs):
        return sum((w * x for w, x in zip(self.weights, inputs, strict=True)), self.bias)


def cost_of(predict) -> Value:
    """Mean of minus the logarithm of the probability given to the right answer."""
    return sum((tg.softplus(z) - y * z for z, y in ((predict(x), y) for x, y in CASES)), 0.0) / 4


def train(parameters: list[Value], predict, steps: int, rate: float = 1.0) -> float:
    """Plain gradient descent; the cost at the end."""
    for _ in range(steps):
        for p in parameters:
            p.grad = None
        cost_of(predict).backward()
        for p in parameters:
            p.data -= rate * p.grad
    return cost_of(predict).item()


def main() -> None:
    asked = options(__doc__)
    draw = random.Random(1)

    alone = Neuron(2, "alone", draw)
    cost_alone = train(alone.parameters, alone, 200 if asked.quick else 2000)
    print(f"one neuron:     cost {cost_alone:.6f}; log 2 is {math.log(2):.6f}")

    hidden = [Neuron(2, f"hidden{i}", draw) for i in range(2)]
    output = Neuron(2, "output", draw)

    def network(x):
        return output([neuron(x).tanh() for neuron in hidden])

    parameters = [p for neuron in (*hidden, output) for p in neuron.parameters]
    cost = train(parameters, network, 200 if asked.quick else 2000)
    print(f"three neurons:  cost {cost:.6f}")
    for x, y in CASES:
        print(f"  {x[0]:.0f} xor {x[1]:.0f} = {y:.0f}: {tg.sigmoid(network(x)).item():.4f}")

    # One case, with the gradient of every weight on its arrow.
    case = Value(0.0, name="x0"), Value(1.0, name="x1")
    loss = tg.softplus(-network(case))
    save(tg.draw(loss, detail="brief", title="the cost of 0 xor 1 = 1"), asked.output, "xor.svg")

    # -- check -----------------------------------------------------------------------------------
    # The cost of a single neuron is convex, so its minimum, log 2 at zero, is the one to be found.
    assert abs(cost_alone - math.log(2)) < (1e-3 if asked.quick else 1e-9)
    assert all((network(x).item() > 0) == (y > 0) for x, y in CASES)
    for p in parameters:  # the gradients, against differences of the cost itself
        p.grad = None
    cost_of(network).backward()
    for p in parameters:
        here, step = p.data, 1e-5
        p.data = here + step
        above = cost_of(network).item()
        p.data = here - step
        below = cost_of(network).item()
        p.data = here
        assert abs(p.grad - (above - below) / (2 * step)) < 1e-8, p.name
    print("check: log 2 alone, all four together, gradients as finite differences have them")


if __name__ == "__main__":
    main()
