"""``tinygrad-lite train``: train a network on data, and write it to files."""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.cli import datasets, export, networks
from tinygrad_lite.cli.errors import CommandError
from tinygrad_lite.cli.evaluate import Classification, Regression
from tinygrad_lite.cli.fitting import LOSSES, RATES, SCHEDULES, chosen_loss, train_model
from tinygrad_lite.cli.layout import HelpFormatter
from tinygrad_lite.cli.networks import NamedNetwork

if TYPE_CHECKING:
    from tinygrad_lite import nn
    from tinygrad_lite.training import History


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
    group.add_argument("--optimiser", choices=tuple(RATES), default="adam", help="default: adam")
    rates = ", ".join(f"{rate:g} ({name})" for name, rate in RATES.items())
    group.add_argument("--lr", metavar="RATE", type=_positive, help=f"default: {rates}")
    group.add_argument(
        "--schedule",
        choices=SCHEDULES,
        default="cosine",
        help="how the rate changes: down along a cosine (default), not, or up and down",
    )
    group.add_argument(
        "--loss",
        choices=LOSSES,
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
    loss, loss_name = chosen_loss(options.loss, network, data)
    if not options.quiet:
        aside = f"{options.validation:.0%} of them set aside to choose the epoch by, "
        print(
            f"{options.network} ({_size(model):,} parameters) on {len(data.train_inputs):,} "
            f"samples of {whose}, {aside if options.validation else ''}{loss_name}, "
            f"seed {options.seed}",
            file=sys.stderr,
        )
    # A cost that overflows ends training with an error of its own.
    with np.errstate(all="ignore"):
        history = train_model(model, loss, network, data, options)
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
