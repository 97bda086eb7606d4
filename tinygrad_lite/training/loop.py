"""fit: train a model, watch it, keep the best, survive being killed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

from tinygrad_lite.nn.module import Module
from tinygrad_lite.training.best import Best
from tinygrad_lite.training.evaluation import Loss, Metrics, evaluate
from tinygrad_lite.training.history import History, counted
from tinygrad_lite.training.interrupt import on_interrupt
from tinygrad_lite.training.progress import Progress
from tinygrad_lite.training.run import Run
from tinygrad_lite.training.settings import check, check_parts, noted
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
            "loss" without validation, or ``"validation_"`` and the name of a metric.
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
        FloatingPointError: the cost became NaN or infinite; the model has its best parameters, if
            they were kept.
        CheckpointError: the file to resume from is no checkpoint, is damaged, or does not fit;
            nothing was changed.
        TypeError, ValueError: something is in the place of something else, `data` gives no
            batches, or a setting is out of range.

    >>> import numpy as np
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
    check_parts(model, loss, optimiser, data, validation, metrics, callbacks)
    check(epochs, schedule_each, clip, patience, checkpoint_every)
    monitor = monitor or ("loss" if validation is None else "validation_loss")
    highest = not monitor.endswith(("loss", "error")) if highest is None else highest
    keep_best = validation is not None if keep_best is None else keep_best
    best = Best(monitor, highest, keep_best, patience)
    step = Step(model, loss, optimiser, clip, capture)
    run = Run(model, optimiser, data, schedule, step, best, callbacks, validation)
    history = run.history
    history.monitor, history.highest, history.kept = monitor, highest, keep_best
    history.settings = noted(
        loss, optimiser, data, schedule, schedule_each,
        {"epochs": epochs, "clip": clip, "monitor": monitor, "patience": patience},
    )  # fmt: skip
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
                tested = validation is not None
                run.end_epoch(evaluate(model, loss, validation, metrics) if tested else {})
                if schedule is not None and schedule_each == "epoch":
                    run.step_schedule()
                run.call("on_epoch")
                bar.epoch_done(history)
                if path:
                    run.save(path)
    history.ended = history.ended or f"trained {counted(history.epochs, 'epoch')}"
    bar.close()
    if history.verdict:
        bar.note(history.verdict)
    if path:
        run.save(path)
    best.restore(model)
    model.eval()
    return history
