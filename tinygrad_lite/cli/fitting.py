"""From the options of ``tinygrad-lite train`` to a trained model: what is minimised, and how."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.cli import datasets
from tinygrad_lite.cli.errors import CommandError
from tinygrad_lite.cli.networks import NamedNetwork

if TYPE_CHECKING:
    from tinygrad_lite import nn
    from tinygrad_lite.training import History

Array = np.ndarray[Any, Any]
Loss = Callable[[Any, Any], Any]

RATES = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "adagrad": 1e-2, "sgd": 0.05}
LOSSES = ("auto", "cross-entropy", "squared-error")
SCHEDULES = ("cosine", "constant", "one-cycle")


def chosen_loss(name: str, network: NamedNetwork, data: datasets.Dataset) -> tuple[Loss, str]:
    """The loss that `--loss` means for a network and data, and its name."""
    from tinygrad_lite import nn

    last = None
    if isinstance(network.thing, nn.Sequential) and len(network.thing):
        last = network.thing[-1]
    if name == "auto":
        squeezed = network.is_neurons or isinstance(last, (nn.Sigmoid, nn.Softmax))
        name = "squared-error" if squeezed or not data.classes else "cross-entropy"
    if name == "cross-entropy":
        if not data.classes:
            raise CommandError(f"--loss cross-entropy is for classes; {data.name} holds values")
        if isinstance(last, nn.LogSoftmax):
            return nn.nll_loss, "negative log-likelihood"
        return nn.cross_entropy, name
    return (nn.squared_error if data.classes else nn.mse_loss), name


def _targets(data: datasets.Dataset, targets: Array, loss: Loss, outputs: Array) -> Array:
    from tinygrad_lite import nn

    if data.classes and loss is nn.squared_error:
        return np.asarray(nn.one_hot(targets, outputs.shape[1], outputs.dtype))
    if not data.classes:
        return targets.reshape(len(targets), *outputs.shape[1:]).astype(outputs.dtype)
    return targets


def train_model(
    model: nn.Module,
    loss: Loss,
    network: NamedNetwork,
    data: datasets.Dataset,
    options: argparse.Namespace,
) -> History:
    """Train a model, and tell how it went."""
    from tinygrad_lite import optim
    from tinygrad_lite.data import Affine, Batches, split
    from tinygrad_lite.training import fit

    outputs = network.scores(data.sample)
    _check_outputs(outputs, data)
    inputs = network.given(data.train_inputs)
    if network.is_neurons:
        inputs = inputs.reshape(len(inputs), -1)
    targets = _targets(data, data.train_targets, loss, outputs)
    kept = None
    if options.validation:
        labels = data.train_targets if data.classes else None
        (inputs, targets), kept = split(
            inputs, targets, validation=options.validation, seed=options.seed, stratify=labels
        )
    augment = None
    if options.augment:
        if inputs.ndim != 4:
            raise CommandError("--augment is for networks that take images")
        augment = Affine(degrees=12, translate=0.08, scale=(0.88, 1.12), shear=8)
    batches = Batches(inputs, targets, batch_size=options.batch, seed=options.seed, augment=augment)
    optimiser = _optimiser(optim, options, model)
    schedule = _schedule(optim, options, optimiser, len(batches))
    return fit(
        model,
        loss,
        optimiser,
        batches,
        epochs=options.epochs,
        validation=kept,
        metrics={"accuracy": _accuracy} if data.classes else None,
        monitor="validation_accuracy" if data.classes and kept else None,
        schedule=schedule,
        schedule_each="batch",
        clip=options.clip,
        patience=options.patience,
        checkpoint=options.checkpoint,
        progress=not options.quiet,
    )


def _check_outputs(outputs: Array, data: datasets.Dataset) -> None:
    wanted = len(data.classes)
    if wanted and (outputs.ndim != 2 or outputs.shape[1] < wanted):
        raise CommandError(
            f"the network gives outputs of shape {outputs.shape[1:]}, and {data.name} has "
            f"{wanted} classes: it must give a score for each"
        )
    entries = int(np.prod(data.train_targets.shape[1:]))
    if not wanted and outputs[0].size != entries:
        raise CommandError(
            f"the network gives {outputs[0].size} values for a sample, and {data.name} has "
            f"{entries}"
        )


def _accuracy(output: Array, target: Array) -> float:
    labels = target if target.ndim == 1 else np.argmax(target, axis=1)
    return float(np.mean(np.argmax(output, axis=1) == labels))


def _optimiser(optim: Any, options: argparse.Namespace, model: nn.Module) -> Any:
    kinds = {
        "adam": optim.Adam, "adamw": optim.AdamW, "rmsprop": optim.RMSprop,
        "adagrad": optim.Adagrad, "sgd": optim.SGD,
    }  # fmt: skip
    name = options.optimiser
    more = {"momentum": 0.9} if name == "sgd" else {}
    return kinds[name](model.parameters(), lr=options.lr or RATES[name], **more)


def _schedule(optim: Any, options: argparse.Namespace, optimiser: Any, batches: int) -> Any:
    steps = options.epochs * batches
    if options.schedule == "constant":
        return None
    if options.schedule == "cosine":
        return optim.CosineAnnealingLR(optimiser, steps)
    rate = options.lr or RATES[options.optimiser]
    return optim.OneCycleLR(optimiser, rate, total_steps=steps + 1, cycle_momentum=False)
