"""A Hessian-vector product: of the loss of a 64-64-10 network by all of its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from harness import US, Step, Workload

import tinygrad_lite as tg

BATCH, SHAPES = 128, [(64, 64), (64,), (64, 10), (10,)]


def data() -> tuple[Any, Any, list[Any], list[Any]]:
    """Inputs, wanted outputs, parameters and the vector."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((BATCH, 64)), rng.standard_normal((BATCH, 10))
    weights = [rng.standard_normal(s) * 0.1 for s in SHAPES]
    return x, y, weights, [rng.standard_normal(s) for s in SHAPES]


def loss(tanh: Any, x: Any, y: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Mean squared error."""
    return ((tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2).mean()


def curvature(vector: Any, product: Any) -> float:
    """The vector times the product: a number to compare."""
    return float(
        sum((np.asarray(v) * np.asarray(p)).sum() for v, p in zip(vector, product, strict=True))
    )


def ours(captured: bool) -> Step:
    """`hvp`."""
    x, y, weights, vector = data()

    def product(*parameters: Any) -> Any:
        return tg.hvp(lambda *ws: loss(np.tanh, x, y, *ws), parameters, vector)

    run = tg.capture(product) if captured else product
    return lambda: curvature(vector, run(*weights))


def torch_step() -> Step:
    """Differentiated twice backward, as is usual in PyTorch."""
    import torch

    x, y, weights, vector = data()
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    tensors = [torch.from_numpy(w).requires_grad_() for w in weights]
    directions = [torch.from_numpy(v) for v in vector]

    def step() -> float:
        gradients = torch.autograd.grad(
            loss(torch.tanh, x, y, *tensors), tensors, create_graph=True
        )
        product = torch.autograd.grad(gradients, tensors, directions)
        return curvature(vector, product)

    return step


def jax_step() -> Step:
    """Forward over backward, compiled, in float64."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    x, y, weights, vector = data()
    gradient = jax.grad(lambda ws: loss(jnp.tanh, x, y, *ws))
    product = jax.jit(lambda ws, vs: jax.jvp(gradient, (ws,), (vs,))[1])
    return lambda: curvature(vector, product(weights, vector))


def autograd_step() -> Step:
    """HIPS autograd's own."""
    import autograd.numpy as anp
    from autograd import make_hvp
    from autograd.misc.flatten import flatten

    x, y, weights, vector = data()
    flat, unflatten = flatten(weights)
    direction = flatten(vector)[0]

    def of_flat(parameters: Any) -> Any:
        w1, b1, w2, b2 = unflatten(parameters)
        return anp.mean((anp.dot(anp.tanh(anp.dot(x, w1) + b1), w2) + b2 - y) ** 2)

    return lambda: float(direction @ make_hvp(of_flat)(flat)[0](direction))


def workloads() -> Iterator[Workload]:
    """One product."""
    yield Workload(
        "Hessian-vector product, 64-64-10 network, 4,810 parameters, batch 128, float64",
        {
            f"{US}, captured": partial(ours, True),
            f"{US}, eager": partial(ours, False),
            "PyTorch": torch_step,
            "jax.jit": jax_step,
            "autograd": autograd_step,
        },
        tolerance=1e-6,
    )
