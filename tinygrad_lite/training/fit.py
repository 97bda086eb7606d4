"""fit: train a model, watch it, keep the best, survive being killed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np

from tinygrad_lite.data.batches import Source
from tinygrad_lite.nn.module import Module
from tinygrad_lite.training.best import Best
from tinygrad_lite.training.evaluate import Loss, Metrics, evaluate
from tinygrad_lite.training.history import History
from tinygrad_lite.training.interrupt import on_interrupt
from tinygrad_lite.training.progress import Progress
from tinygrad_lite.training.run import Run
from tinygrad_lite.training.step import Step


def fit(
    model: Module,
    loss: Loss,
    optimiser: Any,
    data: Iterable[Any],
    *,
    epochs: int = 10,
    validation: Any = None,
    metrics: Metrics | None = None,
    schedule: Any = None,
    schedule_each: Literal["batch", "epoch"] = "epoch",
    clip: float | None = None,
    monitor: str | None = None,
    highest: bool | None = None,
    keep_best: bool | None = None,
    patience: int | None = None,
    callbacks: Sequence[Any] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = True,
    capture: bool = True,
    progress: bool | TextIO = True,
) -> History:
    """Train a model.

    Every batch goes forward, backward and into `optimiser.step()`. Every epoch ends with a
    validation, where there is data for it. Ctrl-C ends training after the batch at hand, as if
    it had been the last (a second Ctrl-C breaks off at once). Afterwards the model is in `eval`
    mode, with the best parameters if they were kept.

    Args:
        model: a `nn.Module`.
        loss: function of output and target that averages over the rows of a batch.
        optimiser: of the model's parameters, from `optim`.
        data: what gives the batches of an epoch each time it is iterated over: `data.Batches`,
            `data.Stream` or a list. A batch is a tuple of arrays: the inputs, then the target; a
            single array is both.
        epochs: how many to train in all, those before a resumed checkpoint included.
        validation: batches as in `data`, or a tuple of arrays.
        metrics: what to measure in validation, see `evaluate`; accuracy for integer targets.
        schedule: its `step()` is called after each epoch, or batch; that of a
            `optim.ReduceLROnPlateau` with the monitored figure.
        schedule_each: "epoch" or "batch".
        clip: greatest norm of all gradients together; larger ones are scaled down to it.
        monitor: figure of an epoch that tells the best one: "validation_loss" by default, or
            "loss" without validation, or "validation_" and the name of a metric.
        highest: whether more of it is better; by default, unless its name ends with "loss" or
            "error".
        keep_best: whether to end with the parameters of the best epoch; by default if there is
            validation.
        patience: stop after so many epochs that were no better; None for never.
        callbacks: called with the `Run` after every epoch; or objects with `on_epoch(run)` or
            `on_batch(run)`, or both. `run.stop()` ends training. Those with `state_dict` and
            `load_state_dict` are part of the checkpoint.
        checkpoint: file to write a checkpoint to after every epoch and at the end, in one go and
            replacing the last one.
        checkpoint_every: also after every so many batches.
        resume: if there is such a file, go on from it, to the same parameters, bit by bit, as if
            training had not been interrupted; False starts anew.
        capture: record the step once and replay it. Where it cannot be captured, a warning says
            why, and it runs as written.
        progress: True for a line on standard error, False for silence, or a stream.

    Returns:
        What happened, also where training was interrupted.

    Raises:
        FloatingPointError: the cost became NaN or infinite.
        CheckpointError: the file to resume from is no checkpoint, is damaged, or does not fit;
            nothing was changed.
        ValueError: `data` gives no batches, or a setting is out of range.

    >>> from tinygrad_lite import data, nn, optim, training
    >>> generator = np.random.default_rng(0)
    >>> x = generator.uniform(-1, 1, (256, 2))
    >>> y = (x[:, 0] * x[:, 1] > 0).astype(int)
    >>> net = nn.Sequential(
    ...     nn.Linear(2, 16, generator=generator), nn.Tanh(), nn.Linear(16, 2, generator=generator)
    ... ).double()
    >>> batches = data.Batches(x, y, batch_size=32, seed=0)
    >>> optimiser = optim.SGD(net.parameters(), lr=0.5, momentum=0.9)
    >>> history = training.fit(net, nn.cross_entropy, optimiser, batches, epochs=30, progress=False)
    >>> training.evaluate(net, nn.cross_entropy, (x, y))["accuracy"] > 0.9
    True
    """
    _check(epochs, schedule_each, clip, patience, checkpoint_every, data)
    monitor = monitor or ("loss" if validation is None else "validation_loss")
    highest = not monitor.endswith(("loss", "error")) if highest is None else highest
    best = Best(
        monitor, highest, validation is not None if keep_best is None else keep_best, patience
    )
    step = Step(model, loss, optimiser, clip, capture)
    run = Run(model, optimiser, data, schedule, step, best, callbacks, validation)
    history = run.history
    history.settings = {
        "loss": getattr(loss, "__name__", repr(loss)),
        "optimiser": _told(optimiser),
        "schedule": "none"
        if schedule is None
        else f"{type(schedule).__name__}, each {schedule_each}",
        "epochs": epochs,
        "clip": "none" if clip is None else clip,
        "monitor": monitor if best.wanted else "none",
        "patience": "none" if patience is None else patience,
        "data": _told_data(data),
        "captured": capture,
    }
    path = None if checkpoint is None else Path(checkpoint)
    sized = getattr(data, "__len__", None)
    bar = Progress(progress, epochs, sized() if sized else None)
    if path is not None and resume and path.exists():
        run.load(path)
        bar.note(f"resumed from {path}: epoch {run.epoch}, batch {run.batch}")

    model.train()
    with on_interrupt(lambda: run.stop("interrupted by Ctrl-C")):
        while history.epochs < epochs and history.ended is None:
            for batch in run.batches():
                run.train(batch)
                if schedule is not None and schedule_each == "batch":
                    schedule.step()
                run.call("on_batch")
                bar.batch_done(run.epoch, run.batch, run.cost, run.rows)
                if path and checkpoint_every and history.batches % checkpoint_every == 0:
                    run.save(path)
                if history.ended is not None:
                    break
            else:
                run.end_epoch(
                    {} if validation is None else evaluate(model, loss, validation, metrics)
                )
                if schedule is not None and schedule_each == "epoch":
                    run.step_schedule()
                run.call("on_epoch")
                bar.epoch_done(history)
                if path:
                    run.save(path)
    history.ended = history.ended or f"trained {history.epochs} epochs"
    bar.close()
    if path:
        run.save(path)
    best.restore(model)
    model.eval()
    return history


def _told(optimiser: Any) -> str:
    """Class and settings."""
    groups = getattr(optimiser, "param_groups", [{}])
    settings = [f"{name}={value!r}" for name, value in groups[0].items() if name != "params"]
    more = f" and {len(groups) - 1} more groups" if len(groups) > 1 else ""
    return f"{type(optimiser).__name__}({', '.join(settings)}){more}"


def _told_data(data: Any) -> str:
    batches = f"{len(data)} batches in " if hasattr(data, "__len__") else ""
    return f"{batches}{data!r}" if isinstance(data, Source) else f"{batches}{type(data).__name__}"


def _check(
    epochs: int,
    schedule_each: str,
    clip: float | None,
    patience: int | None,
    checkpoint_every: int | None,
    data: Any,
) -> None:
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
    if isinstance(data, np.ndarray) or (
        isinstance(data, tuple) and any(isinstance(array, np.ndarray) for array in data)
    ):
        raise ValueError(
            "fit: data must give batches: data.Batches(x, y, batch_size=64, seed=0) makes them of "
            "arrays"
        )
