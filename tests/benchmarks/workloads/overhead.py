"""What an operation costs beside its arithmetic: 60 operations on arrays of 3x3, and on numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from harness import US, Step, Workload

import tinygrad_lite as tg
from tinygrad_lite import Value

ROUNDS = 20  # of a product, a sum and a tanh


def start() -> list[np.ndarray]:
    """What is computed with."""
    return [np.full((3, 3), number) for number in (0.5, 0.9, 0.1)]


def chain(tanh: Any, x: Any, a: Any, b: Any) -> Any:
    """The computation."""
    for _ in range(ROUNDS):
        x = tanh(x * a + b)
    return x.sum()


def ours(captured: bool) -> Step:
    """Forward and backward."""
    values = [Value(p) for p in start()]

    def step() -> Any:
        for value in values:
            value.grad = None
        out = chain(np.tanh, *values)
        out.backward()
        return out

    return tg.capture(step) if captured else step


def numbers(captured: bool) -> Step:
    """The same with numbers in place of arrays."""
    values = [Value(float(p[0, 0])) for p in start()]

    def step() -> Any:
        for value in values:
            value.grad = None
        x, a, b = values
        for _ in range(ROUNDS):
            x = (x * a + b).tanh()
        x.backward()
        return x

    return tg.capture(step) if captured else step


def micrograd_step() -> Step:
    """The same in micrograd; it has no tanh, but what makes one."""
    from micrograd.engine import Value as Theirs

    class WithTanh(Theirs):
        """micrograd's Value with the tanh of its author's lecture."""

        def tanh(self) -> Any:
            top = np.tanh(self.data)
            out = Theirs(top, (self,), "tanh")

            def backward() -> None:
                self.grad += (1 - top**2) * out.grad

            out._backward = backward
            return out

    values = [Theirs(float(p[0, 0])) for p in start()]

    def step() -> float:
        for value in values:
            value.grad = 0
        x, a, b = values
        for _ in range(ROUNDS):
            x = WithTanh.tanh(x * a + b)
        x.backward()
        return x.data

    return step


def torch_step(entries: list[Any]) -> Step:
    """The same in PyTorch."""
    import torch

    tensors = [torch.tensor(p, requires_grad=True) for p in entries]

    def step() -> float:
        for tensor in tensors:
            tensor.grad = None
        out = chain(torch.tanh, *tensors)
        out.backward()
        return out.item()

    return step


def jax_step(jitted: bool) -> Step:
    """The same in JAX."""
    import jax
    import jax.numpy as jnp

    function = jax.value_and_grad(partial(chain, jnp.tanh), argnums=(0, 1, 2))
    function = jax.jit(function) if jitted else function
    arrays = [jnp.asarray(p) for p in start()]
    return lambda: float(function(*arrays)[0].block_until_ready())


def autograd_step() -> Step:
    """The same with HIPS autograd."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    function = value_and_grad(lambda arrays: anp.sum(chain(anp.tanh, *arrays)))
    return lambda: function(start())[0]


def mygrad_step() -> Step:
    """The same in MyGrad."""
    import mygrad as mg

    tensors = [mg.tensor(p) for p in start()]

    def step() -> float:
        out = chain(mg.tanh, *tensors)
        out.backward()
        for tensor in tensors:
            tensor.null_grad()
        return out.item()

    return step


def by_hand() -> Step:
    """The forward pass alone, in NumPy."""
    arrays = start()
    return lambda: float(chain(np.tanh, *arrays))


def workloads() -> Iterator[Workload]:
    """Arrays, then numbers; times are of one operation, forward and backward."""
    yield Workload(
        "one operation on arrays of 3x3, float64, forward and backward",
        {
            f"{US}, captured": partial(ours, True),
            f"{US}, eager": partial(ours, False),
            "NumPy, forward only": by_hand,
            "PyTorch": lambda: torch_step(start()),
            "jax.jit": partial(jax_step, True),
            "JAX without jit": partial(jax_step, False),
            "autograd": autograd_step,
            "MyGrad": mygrad_step,
        },
        unit=3 * ROUNDS,
    )
    yield Workload(
        "one operation on numbers, forward and backward",
        {
            f"{US}, captured": partial(numbers, True),
            f"{US}, eager": partial(numbers, False),
            "micrograd": micrograd_step,
            "PyTorch": lambda: torch_step([p[0, 0] for p in start()]),
        },
        unit=3 * ROUNDS,
    )
