"""Training runs: the published one, and that of the learned convolutions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from networks import (
    Array,
    BlogNetwork,
    ConvolutionalNetwork,
    DigitNetwork,
    chunks,
    pixels,
    start_quietly,
)

import tinygrad_lite as tg
from tinygrad_lite import nn, optim
from tinygrad_lite.data import Batches, Mnist


@dataclass(frozen=True)
class Round:
    """Some shuffled samples in batches of one size; the step size goes evenly from lr to lr_end."""

    samples: int
    batch_size: int
    lr: float
    lr_end: float


@dataclass(frozen=True)
class Recipe:
    """How a network is trained."""

    rounds: list[Round]
    loss: Callable[[Any, Array], Any]  # of the outputs and the integer labels
    momentum: float = 0.0
    bias_limit: float | None = None
    test_every: int | None = None  # batches; None for the end of every round


def squared_error(outputs: Any, labels: Array) -> Any:
    """The blog's: 1 is wanted of the label's output, 0 of the others."""
    return nn.squared_error(outputs, nn.one_hot(labels, 10))


PUBLISHED = Recipe(
    rounds=[Round(10_000, 50 + 10 * i, 0.97**i, 0.97**i) for i in range(12)],
    loss=squared_error,
    bias_limit=0.8,
    test_every=25,
)
CONVOLUTIONAL = Recipe(
    rounds=[
        Round(60_000, 64, 0.02, 0.1),
        Round(60_000, 64, 0.1, 0.05),
        Round(60_000, 64, 0.05, 0.0),
    ],
    loss=nn.cross_entropy,
    momentum=0.9,
)


def recipe_of(network: DigitNetwork, quick: bool = False) -> Recipe:
    """The recipe for a network; a quick one stops early, and its rate says little."""
    learned = isinstance(network, ConvolutionalNetwork)
    recipe = CONVOLUTIONAL if learned else PUBLISHED
    if not quick:
        return recipe
    rounds = [Round(6_000, 64, 0.1, 0.0)] if learned else recipe.rounds[:2]
    return Recipe(rounds, recipe.loss, recipe.momentum, recipe.bias_limit, recipe.test_every)


@dataclass(frozen=True)
class Score:
    """How a network does on a set of images."""

    cost: float
    rate: float  # per cent
    outputs: Array  # (N, 10)

    @property
    def guesses(self) -> Array:
        """The digit that each image is taken for."""
        return self.outputs.argmax(axis=1)


@dataclass(frozen=True)
class SilentOutput:
    """An output that (almost) never answers, and the gradient that betrays it."""

    digit: int
    recognised: float  # per cent of the images of its digit
    gradient: float  # norm of the cost's derivative by its weights
    usual: float  # the same of the other outputs, median


@dataclass
class Run:
    """One training run: what was scored on the way, and the end."""

    network: DigitNetwork
    seed: int
    seconds: float = 0.0
    batches: list[int] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    final: Score | None = None
    silent: list[SilentOutput] = field(default_factory=list)


# Called after every batch, with the run so far and the share of it that is done.
Progress = Callable[[Run, float], None]


def train(
    network: DigitNetwork,
    recipe: Recipe,
    mnist: Mnist,
    generator: np.random.Generator,
    progress: Progress = lambda run, done: None,
    seed: int = 0,
    quiet: bool = False,
) -> Run:
    """Train a network and score it on the way.

    Args:
        network: to be trained, in place.
        recipe: how.
        mnist: the images.
        generator: shuffles them.
        progress: called after every batch.
        seed: noted in the run.
        quiet: start the outputs low, see `start_quietly`.

    Raises:
        FloatingPointError: the cost became NaN.
    """
    start = time.perf_counter()
    run = Run(network, seed)
    features, labels = network.features(mnist.train_images), mnist.train_labels
    test = pixels(network.features(mnist.test_images))
    if quiet and isinstance(network, BlogNetwork):
        start_quietly(network, features[:1000])
    biases = [p for name, p in network.named_parameters() if name.endswith("bias")]
    limits = [] if recipe.bias_limit is None else [
        optim.Clamp(biases, -recipe.bias_limit, recipe.bias_limit)
    ]  # fmt: skip
    optimiser = optim.SGD(network.parameters(), 0.0, recipe.momentum, constraints=limits)
    total = sum(len(_batches(features, labels, r, 0)) for r in recipe.rounds)
    batch = samples = 0
    for part in recipe.rounds:
        batches = _batches(features, labels, part, generator)
        for position, (x, y) in enumerate(batches):
            optimiser.lr = part.lr + (part.lr_end - part.lr) * position / len(batches)
            optimiser.zero_grad()
            loss = recipe.loss(network(x), y)
            loss.backward()
            optimiser.step()
            batch += 1
            samples += len(x)
            if not np.isfinite(loss.data):
                raise FloatingPointError(
                    f"network {network.title}: the cost became {loss.item()} at batch {batch}; "
                    f"train it inside tinygrad_lite.detect_anomaly() to see where"
                )
            ends = position + 1 == len(batches)
            if batch == total or (
                ends if recipe.test_every is None else batch % recipe.test_every == 0
            ):
                run.final = score(network, recipe, test, mnist.test_labels)
                run.batches.append(batch)
                run.samples.append(samples)
                run.costs.append(run.final.cost)
                run.rates.append(run.final.rate)
            progress(run, batch / total)
    run.seconds = time.perf_counter() - start
    assert run.final is not None
    run.silent = silent_outputs(network, recipe, run.final, mnist)
    return run


def score(network: DigitNetwork, recipe: Recipe, features: Array, labels: Array) -> Score:
    """Average cost and success rate, without recording anything."""
    network.eval()
    with tg.no_grad():
        parts = [network(features[part]).data for part in chunks(len(features), 1000)]
        outputs = np.concatenate(parts)
        cost = float(recipe.loss(outputs, labels))
    network.train()
    rate = 100 * float(np.mean(outputs.argmax(axis=1) == labels))
    return Score(cost, rate, outputs)


def silent_outputs(
    network: DigitNetwork, recipe: Recipe, final: Score, mnist: Mnist
) -> list[SilentOutput]:
    """Outputs whose digit is recognised on fewer than one image in ten.

    Its sigmoid is flat where it stands: the derivative of the cost by its weights is next to
    nothing although it is wrong about every image of its digit, so no step will move it.
    """
    right = final.guesses == mnist.test_labels
    shares = [100 * float(np.mean(right[mnist.test_labels == d])) for d in range(10)]
    if min(shares) >= 10:
        return []
    network.zero_grad()
    features = network.features(mnist.train_images[:1000])
    recipe.loss(network(features), mnist.train_labels[:1000]).backward()
    norms = np.linalg.norm(network.output.weight.grad, axis=1)
    usual = float(np.median([n for n, share in zip(norms, shares, strict=True) if share >= 10]))
    return [
        SilentOutput(d, share, float(norms[d]), usual)
        for d, share in enumerate(shares)
        if share < 10
    ]


def _batches(
    features: Array, labels: Array, part: Round, generator: np.random.Generator | int
) -> Batches:
    return Batches(
        features, labels, batch_size=part.batch_size, samples=part.samples, seed=generator
    )
