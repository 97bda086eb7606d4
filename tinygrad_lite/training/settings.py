"""The settings of `fit`: checked before it begins, and noted for the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_lite.data.batches import Source
from tinygrad_lite.nn.module import Module
from tinygrad_lite.optim import Optimizer


def noted(
    loss: Any,
    optimiser: Any,
    data: Any,
    schedule: Any,
    schedule_each: str,
    others: Mapping[str, Any],
) -> dict[str, Any]:
    """The settings as texts and numbers by name; those that are None are left out."""
    settings = {
        "loss": getattr(loss, "__name__", repr(loss)),
        "optimiser": repr(optimiser)
        if isinstance(optimiser, Optimizer)
        else type(optimiser).__name__,
        "data": _told_data(data),
    }
    if schedule is not None:
        settings["schedule"] = f"{type(schedule).__name__}, stepped each {schedule_each}"
    return settings | {name: value for name, value in others.items() if value is not None}


def check_parts(
    model: Any,
    loss: Any,
    optimiser: Any,
    data: Any,
    validation: Any,
    metrics: Any,
    callbacks: Any,
) -> None:
    """Refuse what is in the place of something else.

    Raises:
        TypeError, ValueError: says what was found, and what belongs there.
    """
    if not isinstance(model, Module):
        raise TypeError(f"fit: model must be an nn.Module, but is {_found(model)}")
    if isinstance(loss, type) or not callable(loss):
        raise TypeError(
            f"fit: loss must be a function of output and target, such as nn.cross_entropy or "
            f"nn.CrossEntropyLoss(), but is {_found(loss)}"
        )
    if isinstance(optimiser, type) or not hasattr(optimiser, "zero_grad"):
        raise TypeError(
            f"fit: optimiser must be one of the model's parameters, such as "
            f"optim.Adam(model.parameters(), lr=1e-3), but is {_found(optimiser)}"
        )
    if isinstance(data, np.ndarray) or (
        isinstance(data, tuple) and any(isinstance(array, np.ndarray) for array in data)
    ):
        raise ValueError(
            "fit: data must give batches: data.Batches(x, y, batch_size=64, seed=0) makes them of "
            "arrays"
        )
    if isinstance(validation, np.ndarray) or not (
        validation is None or hasattr(validation, "__iter__")
    ):
        raise TypeError(
            f"fit: validation must be arrays (x, y) or batches, but is {_found(validation)}; "
            f"(x, y), validation = data.split(x, y, validation=0.2, seed=0) sets a share aside"
        )
    if metrics is not None and not isinstance(metrics, Mapping):
        raise TypeError(
            f'fit: metrics must be functions by name, such as {{"accuracy": training.accuracy}}, '
            f"but is {_found(metrics)}"
        )
    if not hasattr(callbacks, "__iter__"):
        raise TypeError(f"fit: callbacks must be a list of them, but is {_found(callbacks)}")
    trained = getattr(optimiser, "parameters", None)
    if isinstance(trained, list) and not set(trained) & set(model.parameters()):
        raise ValueError(
            "fit: the optimiser trains none of the model's parameters: make it of this very model, "
            "as in optim.Adam(model.parameters(), lr=1e-3)"
        )


def _found(thing: Any) -> str:
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    if isinstance(thing, (str, int, float)):
        return repr(thing)
    if isinstance(thing, np.ndarray):
        return f"an array of shape {thing.shape}"
    return f"a {type(thing).__name__}"


def check(
    epochs: int,
    schedule_each: str,
    clip: float | None,
    patience: int | None,
    checkpoint_every: int | None,
) -> None:
    """Refuse settings that are out of range.

    Raises:
        ValueError: says which, and what it may be.
    """
    for name, number, least in (
        ("epochs", epochs, 0),
        ("patience", patience, 1),
        ("checkpoint_every", checkpoint_every, 1),
    ):
        if number is not None and number < least:
            raise ValueError(f"fit: {name} must be at least {least}, but is {number}")
    if schedule_each not in ("batch", "epoch"):
        raise ValueError(f"fit: schedule_each must be 'batch' or 'epoch', not {schedule_each!r}")
    if clip is not None and not clip > 0:
        raise ValueError(f"fit: clip must be positive, but is {clip}")


def _told_data(data: Any) -> str:
    batches = f"{len(data)} batches in " if hasattr(data, "__len__") else ""
    return f"{batches}{data!r}" if isinstance(data, Source) else f"{batches}{type(data).__name__}"
