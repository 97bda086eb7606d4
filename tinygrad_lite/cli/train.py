"""``tinygrad-lite train``: train a network on data, and write it to files."""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.cli import datasets, export, networks
from tinygrad_lite.cli.errors import CommandError
from tinygrad_lite.cli.evaluate import Classification, Regression
from tinygrad_lite.cli.layout import HelpFormatter
from tinygrad_lite.cli.networks import NamedNetwork

if TYPE_CHECKING:
    from tinygrad_lite import nn
    from tinygrad_lite.training import History

Array = np.ndarray[Any, Any]
Loss = Callable[[Any, Any], Any]

_RATES = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "adagrad": 1e-2, "sgd": 0.05}
_LOSSES = ("auto", "cross-entropy", "squared-error")


def add(subcommands: Any) -> None:
    """Add the parser."""
    parser = subcommands.add_parser(
        "train",
        help="train a network on data, test it, and write it to a file",
        description=(
            "Train a network on the training part of the data. A share of that is set aside, and "
            "the epoch that does best on it is kept; in the end the network is tested on the test "
            "part. Ctrl-C ends training early and writes what there is."
        ),
        epilog=(
            "examples:\n"
            "  tinygrad-lite train 784-16-10 --data mnist --out digits.npz\n"
            "  tinygrad-lite train cnn --data fashion --epochs 5 --augment --out clothes.npz\n"
            "  tinygrad-lite train net.py:Net --data mine.npz --lr 0.01 --checkpoint run.ckpt\n"
            "  tinygrad-lite train net.py:Net --data mine.npz --lr 0.01 --checkpoint run.ckpt "
            "--resume"
        ),
        formatter_class=HelpFormatter,
    )
    networks.add_argument(parser)
    datasets.add_option(parser, datasets.DEFAULT_NOTE)
    _add_settings(parser.add_argument_group("training"))
    _add_files(parser.add_argument_group("files"))
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def _add_settings(group: Any) -> None:
    group.add_argument("--epochs", metavar="N", type=_count, default=10, help="default: 10")
    group.add_argument("--batch", metavar="N", type=_count, default=64, help="default: 64 samples")
    group.add_argument("--optimiser", choices=tuple(_RATES), default="adam", help="default: adam")
    rates = ", ".join(f"{rate:g} ({name})" for name, rate in _RATES.items())
    group.add_argument("--lr", metavar="RATE", type=_positive, help=f"default: {rates}")
    group.add_argument(
        "--schedule",
        choices=("cosine", "constant", "one-cycle"),
        default="cosine",
        help="how the rate changes: down along a cosine (default), not, or up and down",
    )
    group.add_argument(
        "--loss",
        choices=_LOSSES,
        default="auto",
        help=(
            "what is minimised. auto (default): for values to predict, the squared error; for "
            "classes, the cross-entropy of outputs that may be any numbers, or the squared error "
            "of those that lie between 0 and 1: of neurons, sigmoid or softmax at the end"
        ),
    )
    group.add_argument("--clip", metavar="NORM", type=_positive, help="largest gradient norm")
    group.add_argument(
        "--patience", metavar="N", type=_count, help="stop after N epochs that were no better"
    )
    group.add_argument(
        "--validation",
        metavar="SHARE",
        type=float,
        default=0.1,
        help="share of the training data to choose the best epoch by, 0 for none (default: 0.1)",
    )
    group.add_argument(
        "--augment",
        action="store_true",
        help="images: shift, turn, scale and slant each one a little, differently in every epoch",
    )
    group.add_argument(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="of initial weights, order and dropout; the same seed gives the same network "
        "(default: 0)",
    )


def _add_files(group: Any) -> None:
    group.add_argument("--weights", metavar="FILE", help="start from these (.npz, .safetensors)")
    group.add_argument(
        "--out",
        metavar="FILE",
        action="append",
        default=[],
        help="write the network there: .npz, .safetensors, .json or .onnx; may be repeated",
    )
    group.add_argument(
        "--report", metavar="FILE.html", help="write a page with curves, mistakes and weights"
    )
    group.add_argument(
        "--checkpoint", metavar="FILE", help="keep the state of training there after every epoch"
    )
    group.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint, if there is one"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, found {text}")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text}")
    return number


def run(options: argparse.Namespace) -> int:
    """Train, test, write the files, and print how it went."""
    _check_files(options)
    network = networks.network(options.network, options.weights, options.seed)
    if network.is_graph:
        raise CommandError(f"{options.network} is a graph file, which can only be run")
    data, whose = datasets.chosen(options)
    network.fit_to(data.sample, whose)
    _rehearse(network, options)
    model = network.thing.to_layers() if network.is_neurons else network.thing
    loss, loss_name = _loss(options.loss, network, data)
    if not options.quiet:
        aside = f"{options.validation:.0%} of them set aside to choose the epoch by, "
        print(
            f"{options.network} ({_size(model):,} parameters) on {len(data.train_inputs):,} "
            f"samples of {whose}, {aside if options.validation else ''}{loss_name}, "
            f"seed {options.seed}",
            file=sys.stderr,
        )
    # A cost that overflows ends training with an error of its own.
    with _plain_warnings(), np.errstate(all="ignore"):
        history = _train(model, loss, network, data, options)
    if network.is_neurons:
        network.thing = network.thing.from_layers(model)
    result = _tested(network, data)
    for out in options.out:
        export.write(network, out, data=options.data, notes=_notes(options))
    if options.report:
        _report(options, network, model, history, data)
    _print(options, result, history)
    return 130 if (history.ended or "").startswith("interrupted") else 0


def _check_files(options: argparse.Namespace) -> None:
    """Refuse at once what would fail after hours of training."""
    for out in options.out:
        if Path(out).suffix.lower() not in export.ENDINGS:
            raise CommandError(
                f"--out {out}: end the name with {', '.join(export.ENDINGS[:-1])} or "
                f"{export.ENDINGS[-1]}"
            )
    for path in (*options.out, options.checkpoint, options.report):
        if path is not None and not Path(path).resolve().parent.is_dir():
            raise CommandError(f"{path}: there is no folder {Path(path).parent}")
    if options.resume and options.checkpoint is None:
        raise CommandError("--resume needs --checkpoint FILE")
    if options.checkpoint and Path(options.checkpoint).exists() and not options.resume:
        raise CommandError(
            f"{options.checkpoint} exists: add --resume to go on from it, or remove it"
        )
    if not 0 <= options.validation < 1:
        raise CommandError(f"--validation {options.validation}: give a share from 0 to below 1")


def _rehearse(network: NamedNetwork, options: argparse.Namespace) -> None:
    """Write the untrained network, so that a file that cannot be written is known before training:
    an operation without a translation, or a package that is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        for out in options.out:
            export.write(network, str(Path(folder) / Path(out).name), data=options.data, notes={})


def _size(model: nn.Module) -> int:
    return sum(parameter.size for parameter in model.parameters())


def _loss(name: str, network: NamedNetwork, data: datasets.Dataset) -> tuple[Loss, str]:
    """The loss, of outputs and targets as `_targets` makes them, and its name."""
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


def _targets(data: datasets.Dataset, targets: Array, loss_name: Loss, outputs: Array) -> Array:
    from tinygrad_lite import nn

    if data.classes and loss_name is nn.squared_error:
        return np.asarray(nn.one_hot(targets, outputs.shape[1], outputs.dtype))
    if not data.classes:
        return targets.reshape(len(targets), *outputs.shape[1:]).astype(outputs.dtype)
    return targets


def _train(
    model: nn.Module,
    loss: Loss,
    network: NamedNetwork,
    data: datasets.Dataset,
    options: argparse.Namespace,
) -> History:
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
    return kinds[name](model.parameters(), lr=options.lr or _RATES[name], **more)


def _schedule(optim: Any, options: argparse.Namespace, optimiser: Any, batches: int) -> Any:
    steps = options.epochs * batches
    if options.schedule == "constant":
        return None
    if options.schedule == "cosine":
        return optim.CosineAnnealingLR(optimiser, steps)
    rate = options.lr or _RATES[options.optimiser]
    return optim.OneCycleLR(optimiser, rate, total_steps=steps + 1, cycle_momentum=False)


class _plain_warnings(warnings.catch_warnings):
    """Warnings as lines for people, without the place in the program."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.showwarning = lambda message, *_, **__: print(
            f"tinygrad-lite: {message}", file=sys.stderr
        )


def _tested(network: NamedNetwork, data: datasets.Dataset) -> Classification | Regression:
    scores = network.scores(data.test_inputs)
    return (Classification if data.classes else Regression).of(scores, data)


def _notes(options: argparse.Namespace) -> dict[str, str]:
    """What a file of weights tells of its training."""
    kept = ("data", "epochs", "batch", "optimiser", "lr", "schedule", "loss", "augment", "seed")
    return {key: str(getattr(options, key)) for key in kept if getattr(options, key) is not None}


def _report(
    options: argparse.Namespace,
    network: NamedNetwork,
    model: nn.Module,
    history: History,
    data: datasets.Dataset,
) -> None:
    """Write the page about the run; its mistakes are those on the test data."""
    from tinygrad_lite.training import report

    inputs = network.given(data.test_inputs)
    if network.is_neurons:
        inputs = inputs.reshape(len(inputs), -1)
    pictured = data.test_inputs.ndim > 2 and inputs.ndim == 2
    report(
        options.report,
        model,
        history,
        validation=(inputs, data.test_targets),
        classes=data.classes or None,
        image_shape=data.test_inputs.shape[-2:] if pictured else None,
        settings={"network": options.network, **_notes(options)},
        title=f"{options.network} on {data.name}",
    )


def _print(
    options: argparse.Namespace, result: Classification | Regression, history: History
) -> None:
    if options.json:
        told = {
            "network": options.network,
            "data": options.data,
            "seed": options.seed,
            "epochs": history.epochs,
            "best_epoch": history.best_epoch,
            "verdict": history.verdict,
            "ended": history.ended,
            "files": options.out,
            "test": result.as_json(),
        }
        print(json.dumps(told))
        return
    if isinstance(result, Classification):
        count = int(result.confusion.sum())
        print(f"test: {result.rate:.2%} of {count:,} right")
    else:
        print(f"test: mean squared error {result.mean_squared_error:.6g}")
    for out in (*options.out, *([options.report] if options.report else [])):
        print(f"wrote {out} ({Path(out).stat().st_size / 1e3:,.1f} kB)")
