"""A training step of a small convolutional network, and of a wider one with batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from harness import US, Step, Workload

import tinygrad_lite as tg
from tinygrad_lite import Value, nn, optim

RATE = 0.01


def data(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels."""
    rng = np.random.default_rng(0)
    return rng.random((batch, 1, 28, 28), dtype=np.float32), rng.integers(0, 10, batch)


def parameters() -> list[np.ndarray]:
    """Kernels, weights and biases of conv 5x5 to 8, conv 5x5 to 16 and linear 10."""
    rng = np.random.default_rng(1)
    shapes: list[tuple[int, ...]] = [(8, 1, 5, 5), (8,), (16, 8, 5, 5), (16,), (10, 256), (10,)]
    scales = (0.2, 0.2, 0.07, 0.07, 0.06, 0.06)
    return [
        (rng.random(s, dtype=np.float32) * 2 - 1) * np.float32(k)
        for s, k in zip(shapes, scales, strict=True)
    ]


def ours(batch: int, captured: bool = False) -> Step:
    """The small network with our functions."""
    x, labels = data(batch)
    values = [Value(p) for p in parameters()]

    def step() -> Any:
        w1, b1, w2, b2, w3, b3 = values
        h = tg.max_pool2d(tg.relu(tg.conv2d(x, w1, b1)), 2)
        h = tg.max_pool2d(tg.relu(tg.conv2d(h, w2, b2)), 2)
        loss = nn.cross_entropy(tg.linear(h.reshape(batch, -1), w3, b3), labels)
        for value in values:
            value.grad = None
        loss.backward()
        for value in values:
            value.data -= RATE * value.grad
        return loss

    return tg.capture(step) if captured else step


def torch_step(batch: int) -> Step:
    """The same in PyTorch, eager."""
    import torch
    import torch.nn.functional as F

    images, numbers = data(batch)
    x, labels = torch.from_numpy(images), torch.from_numpy(numbers)
    tensors = [torch.from_numpy(p).requires_grad_() for p in parameters()]

    def step() -> Any:
        w1, b1, w2, b2, w3, b3 = tensors
        h = F.max_pool2d(F.relu(F.conv2d(x, w1, b1)), 2)
        h = F.max_pool2d(F.relu(F.conv2d(h, w2, b2)), 2)
        loss = F.cross_entropy(F.linear(h.reshape(batch, -1), w3, b3), labels)
        for tensor in tensors:
            tensor.grad = None
        loss.backward()
        with torch.no_grad():
            for tensor in tensors:
                tensor -= RATE * tensor.grad
        return loss.item()

    return step


def jax_step(batch: int) -> Step:
    """The same in JAX, compiled."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    def pool(x: Any) -> Any:
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def convolved(x: Any, w: Any, b: Any) -> Any:
        return lax.conv(x, w, (1, 1), "VALID") + b[:, None, None]

    def cost(parameters: Any, x: Any, labels: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = parameters
        h = pool(jax.nn.relu(convolved(x, w1, b1)))
        h = pool(jax.nn.relu(convolved(h, w2, b2)))
        logs = jax.nn.log_softmax(h.reshape(len(x), -1) @ w3.T + b3)
        return -jnp.mean(logs[jnp.arange(len(x)), labels])

    @jax.jit
    def update(parameters: Any, x: Any, labels: Any) -> Any:
        value, gradients = jax.value_and_grad(cost)(parameters, x, labels)
        return value, [p - RATE * g for p, g in zip(parameters, gradients, strict=True)]

    state = [jnp.asarray(p) for p in parameters()]
    x, labels = map(jnp.asarray, data(batch))

    def step() -> Any:
        nonlocal state
        value, state = update(state, x, labels)
        return float(value)

    return step


def mygrad_step(batch: int) -> Step:
    """The same in MyGrad."""
    import mygrad as mg
    from mygrad.nnet import conv_nd, max_pool, relu, softmax_crossentropy

    x, labels = data(batch)
    tensors = [mg.tensor(p) for p in parameters()]

    def step() -> Any:
        w1, b1, w2, b2, w3, b3 = tensors
        h = max_pool(relu(conv_nd(x, w1, stride=1) + b1.reshape(1, -1, 1, 1)), (2, 2), 2)
        h = max_pool(relu(conv_nd(h, w2, stride=1) + b2.reshape(1, -1, 1, 1)), (2, 2), 2)
        loss = softmax_crossentropy(h.reshape(batch, -1) @ w3.T + b3, labels)
        loss.backward()
        for tensor in tensors:
            tensor.data -= RATE * tensor.grad
            tensor.null_grad()
        return loss.item()

    return step


# -- a wider one ---------------------------------------------------------------------------------

WIDE = ((1, 32), (32, 32), (0, 0), (32, 64), (64, 64), (0, 0))  # (0, 0): pooling


def wide(batch: int, captured: bool = False) -> Step:
    """3x3 convolutions to 32 and 64 channels, each with batch normalisation and ReLU, by layers."""
    layers: list[nn.Module] = []
    for inputs, outputs in WIDE:
        if not outputs:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 49, 10))
    model.load_state_dict(wide_state())
    x, labels = data(batch)
    optimiser = optim.SGD(model.parameters(), lr=RATE)

    def step() -> Any:
        loss = nn.cross_entropy(model(x), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    return tg.capture(step) if captured else step


def torch_wide(batch: int) -> Step:
    """The same in PyTorch."""
    import torch
    from torch import nn as tnn

    layers: list[Any] = []
    for inputs, outputs in WIDE:
        if not outputs:
            layers.append(tnn.MaxPool2d(2))
            continue
        layers += [
            tnn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            tnn.BatchNorm2d(outputs),
            tnn.ReLU(),
        ]
    model = tnn.Sequential(*layers, tnn.Flatten(), tnn.Linear(64 * 49, 10))
    state = {name: torch.from_numpy(np.array(a)) for name, a in wide_state().items()}
    model.load_state_dict(state)
    images, numbers = data(batch)
    x, labels = torch.from_numpy(images), torch.from_numpy(numbers)
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE)

    def step() -> Any:
        loss = tnn.functional.cross_entropy(model(x), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def wide_state() -> dict[str, np.ndarray]:
    """Initial weights, in the names that both libraries give them."""
    rng = np.random.default_rng(2)

    def uniform(*shape: int) -> np.ndarray:
        limit = np.float32(1 / np.sqrt(np.prod(shape[1:]) if len(shape) > 1 else 100))
        return (rng.random(shape, dtype=np.float32) * 2 - 1) * limit

    state: dict[str, np.ndarray] = {}
    position = 0
    for inputs, outputs in WIDE:
        if not outputs:
            position += 1
            continue
        state[f"{position}.weight"] = uniform(outputs, inputs, 3, 3)
        state[f"{position + 1}.weight"] = np.ones(outputs, np.float32)
        state[f"{position + 1}.bias"] = np.zeros(outputs, np.float32)
        state[f"{position + 1}.running_mean"] = np.zeros(outputs, np.float32)
        state[f"{position + 1}.running_var"] = np.ones(outputs, np.float32)
        state[f"{position + 1}.num_batches_tracked"] = np.array(0)
        position += 3
    state[f"{position + 1}.weight"] = uniform(10, 64 * 49)
    state[f"{position + 1}.bias"] = uniform(10)
    return state


def workloads() -> Iterator[Workload]:
    """Batches of 64 and 256, then the wider network."""
    for batch in (64, 256):
        yield Workload(
            f"CNN step (conv 5x5 to 8 and 16, max-pooling, linear 10), batch {batch}, float32",
            {
                f"{US}, captured": partial(ours, batch, captured=True),
                f"{US}, eager": partial(ours, batch),
                "PyTorch": partial(torch_step, batch),
                "jax.jit": partial(jax_step, batch),
                "MyGrad": partial(mygrad_step, batch),
            },
        )
    yield Workload(
        "CNN step (3x3 to 32, 32, pool, 64, 64, pool, with batch norm), batch 128, float32",
        {
            f"{US}, captured": partial(wide, 128, captured=True),
            f"{US}, eager": partial(wide, 128),
            "PyTorch": partial(torch_wide, 128),
        },
        tolerance=1e-2,  # it grows along the steps, through divisions by small deviations
    )
