"""How good a model is on data that it was not trained with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_lite.data import Batches
from tinygrad_lite.engine.modes import no_grad
from tinygrad_lite.engine.value import data_of

Array = np.ndarray[Any, Any]
Loss = Callable[[Any, Any], Any]
Metric = Callable[[Array, Any], Any]
Metrics = Mapping[str, Metric]

ROWS = 200
"""Rows at a time, where arrays are given instead of batches; a convolution of more would leave the
cache."""


def accuracy(output: Array, labels: Array) -> float:
    """Share of rows whose largest output is that of the label; of one output, whose sign is right.

    Args:
        output: shape (..., classes), or (N, classes, ...) as `cross_entropy` takes it; or that of
            the labels, positive meaning 1.
        labels: integers, shape (...,).

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    labels = np.asarray(labels)
    if output.ndim == labels.ndim + 1 and output.shape[-1] > 1:
        classes = -1 if output.shape[:-1] == labels.shape else 1
        return float(np.mean(output.argmax(axis=classes) == labels))
    return float(np.mean((output.reshape(labels.shape) > 0) == labels))


def evaluate(model: Any, loss: Loss, data: Any, metrics: Metrics | None = None) -> dict[str, float]:
    """Loss and metrics of a model, averaged over the rows of some data; nothing is recorded.

    Args:
        model: a `nn.Module`; it is evaluated in `eval` mode, and left in the mode it was in.
        loss: function of output and target that averages over the rows of a batch.
        data: batches, as `fit` takes them; or a tuple of arrays.
        metrics: by name, functions of output and target that average over rows. By default
            `accuracy`, if the targets are integers.

    Returns:
        "loss" and every metric.

    Raises:
        ValueError: there are no rows.

    >>> from tinygrad_lite import nn
    >>> net = nn.Linear(4, 3, generator=np.random.default_rng(0))
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 2, 0])
    >>> evaluate(net, nn.cross_entropy, (x, y))
    {'loss': 0.9908..., 'accuracy': 0.75}
    """
    sums: dict[str, float] = {}
    rows = 0
    mode = model.training
    model.eval()
    try:
        with no_grad():
            for batch in batches_of(data):
                inputs, target = split_batch(batch)
                output = data_of(model(*inputs))
                chosen = default_metrics(target) if metrics is None else metrics
                figures = {"loss": loss(output, target)}
                figures |= {name: metric(output, target) for name, metric in chosen.items()}
                count = len(target)
                rows += count
                for name, figure in figures.items():
                    sums[name] = sums.get(name, 0.0) + count * float(data_of(figure))
    finally:
        model.train(mode)
    if not rows:
        raise ValueError("evaluate: the data has no rows")
    return {name: total / rows for name, total in sums.items()}


def predict(model: Any, data: Any) -> Array:
    """Outputs of a model for all rows, in `eval` mode and without recording.

    Args:
        model: a `nn.Module` with one input.
        data: an array, shape (rows, ...); or batches, of which the first array is the input.

    Returns:
        Shape (rows, ...).
    """
    mode = model.training
    model.eval()
    try:
        with no_grad():
            given = (data,) if isinstance(data, np.ndarray) else data
            return np.concatenate([data_of(model(batch[0])) for batch in batches_of(given)])
    finally:
        model.train(mode)


def batches_of(data: Any) -> Iterable[Any]:
    """The data itself, or batches of a tuple of arrays."""
    if isinstance(data, tuple) and all(isinstance(array, np.ndarray) for array in data):
        return Batches(*data, batch_size=ROWS)
    if isinstance(data, np.ndarray):
        raise TypeError(
            f"expected arrays (x, y) or batches, but got one array of shape {data.shape}"
        )
    batches: Iterable[Any] = data
    return batches


def split_batch(batch: Any) -> tuple[tuple[Any, ...], Any]:
    """Inputs and target: the last array is the target; a single one is both."""
    if not isinstance(batch, (tuple, list)):
        return (batch,), batch
    return (tuple(batch[:-1]) or (batch[0],)), batch[-1]


def default_metrics(target: Any) -> Metrics:
    """Accuracy for integer labels, nothing otherwise."""
    return {"accuracy": accuracy} if np.asarray(target).dtype.kind in "biu" else {}
