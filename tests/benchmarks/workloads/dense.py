"""A training step of 784-h-10, sigmoid and squared error, float32, as the blog's networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from harness import US, Step, Workload

import tinygrad_lite as tg
from tinygrad_lite import Value

RATE = 0.1
Arrays = list[np.ndarray]


def data(hidden: int, batch: int) -> Arrays:
    """Images, desired activations, and the parameters of both layers."""
    rng = np.random.default_rng(0)
    shapes = [(784, hidden), (hidden,), (hidden, 10), (10,)]
    images = rng.random((batch, 784), dtype=np.float32)
    desired = np.eye(10, dtype=np.float32)[rng.integers(0, 10, batch)]
    return [images, desired] + [rng.random(s, dtype=np.float32) - np.float32(0.5) for s in shapes]


def by_hand(x, y, w1, b1, w2, b2) -> Step:
    """What one would write in NumPy, gradients derived by hand."""

    def step() -> object:
        hidden = 1 / (1 + np.exp(-(x @ w1 + b1)))
        out = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
        error = out - y
        cost = (error**2).sum() / len(x)
        q = 2 / len(x) * error * out * (1 - out)
        p = q @ w2.T * hidden * (1 - hidden)
        for parameter, gradient in (
            (w2, hidden.T @ q), (b2, q.sum(axis=0)), (w1, x.T @ p), (b1, p.sum(axis=0)),
        ):  # fmt: skip
            parameter -= RATE * gradient
        return cost

    return step


def ours(captured, x, y, *parameters) -> Step:
    """The same with Values."""
    step = _with_values(x, y, parameters, lambda x, w, b: x @ w + b)
    return tg.capture(step) if captured else step


def ours_by_layers(x, y, w1, b1, w2, b2) -> Step:
    """The same with the operation of `nn.Linear`, which keeps weights as (outputs, inputs)."""
    w1, w2 = np.ascontiguousarray(w1.T), np.ascontiguousarray(w2.T)
    return _with_values(x, y, [w1, b1, w2, b2], tg.linear)


def _with_values(x, y, parameters, linear) -> Step:
    values = [Value(p) for p in parameters]

    def step() -> object:
        w1, b1, w2, b2 = values
        hidden = tg.sigmoid(linear(x, w1, b1))
        out = tg.sigmoid(linear(hidden, w2, b2))
        cost = ((out - y) ** 2).sum() / len(x)
        for value in values:
            value.grad = None
        cost.backward()
        for value in values:
            value.data -= RATE * value.grad
        return cost

    return step


def torch_step(x, y, *parameters) -> Step:
    """The same in PyTorch, eager."""
    import torch

    x, y = torch.from_numpy(x), torch.from_numpy(y)
    tensors = [torch.from_numpy(p).requires_grad_() for p in parameters]

    def step() -> object:
        w1, b1, w2, b2 = tensors
        hidden = torch.sigmoid(x @ w1 + b1)
        out = torch.sigmoid(hidden @ w2 + b2)
        cost = ((out - y) ** 2).sum() / len(x)
        for tensor in tensors:
            tensor.grad = None
        cost.backward()
        with torch.no_grad():
            for tensor in tensors:
                tensor -= RATE * tensor.grad
        return cost

    return step


def jax_step(x, y, *parameters) -> Step:
    """The same in JAX, compiled."""
    import jax
    import jax.numpy as jnp

    def cost(parameters, x, y):
        w1, b1, w2, b2 = parameters
        out = jax.nn.sigmoid(jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2)
        return jnp.sum((out - y) ** 2) / len(x)

    @jax.jit
    def update(parameters, x, y):
        value, gradients = jax.value_and_grad(cost)(parameters, x, y)
        return value, [p - RATE * g for p, g in zip(parameters, gradients, strict=True)]

    state = [jnp.asarray(p) for p in parameters]
    x, y = jnp.asarray(x), jnp.asarray(y)

    def step() -> object:
        nonlocal state
        value, state = update(state, x, y)
        return value.block_until_ready()

    return step


def autograd_step(x, y, *parameters) -> Step:
    """The same with HIPS autograd."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    def cost(parameters):
        w1, b1, w2, b2 = parameters
        hidden = 1 / (1 + anp.exp(-(anp.dot(x, w1) + b1)))
        out = 1 / (1 + anp.exp(-(anp.dot(hidden, w2) + b2)))
        return anp.sum((out - y) ** 2) / len(x)

    both = value_and_grad(cost)

    def step() -> object:
        value, gradients = both(list(parameters))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= RATE * gradient
        return value

    return step


def mygrad_step(x, y, *parameters) -> Step:
    """The same in MyGrad."""
    import mygrad as mg
    from mygrad.nnet import sigmoid

    tensors = [mg.tensor(p) for p in parameters]

    def step() -> object:
        w1, b1, w2, b2 = tensors
        out = sigmoid(sigmoid(x @ w1 + b1) @ w2 + b2)
        cost = ((out - y) ** 2).sum() / len(x)
        cost.backward()
        for tensor in tensors:
            tensor.data -= RATE * tensor.grad
            tensor.null_grad()
        return cost.item()

    return step


PEERS = {
    "PyTorch": torch_step,
    "jax.jit": jax_step,
    "autograd": autograd_step,
    "MyGrad": mygrad_step,
}


def built(make: Callable[..., Step], hidden: int, batch: int) -> Step:
    """A step with data of its own."""
    return make(*data(hidden, batch))


def workloads() -> Iterator[Workload]:
    """784-16-10 at batch 50, 784-128-10 at batch 128."""
    makers = {
        f"{US}, captured": partial(ours, True),
        f"{US}, eager": partial(ours, False),
        f"{US}, eager, linear": ours_by_layers,
        "NumPy by hand": by_hand,
        **PEERS,
    }
    for hidden, batch in ((16, 50), (128, 128)):
        yield Workload(
            f"784-{hidden}-10 step, batch {batch}, float32",
            {name: partial(built, make, hidden, batch) for name, make in makers.items()},
        )
