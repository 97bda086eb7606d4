"""Training as in the blog: draw samples, propagate, pull back, nudge, score, repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_lite.data.batches import Batches
from tinygrad_lite.engine.value import Value
from tinygrad_lite.neurons.evaluation import Constants
from tinygrad_lite.neurons.history import History
from tinygrad_lite.neurons.inputs import as_samples, as_targets
from tinygrad_lite.neurons.neuron import Neuron, StaticNeuron
from tinygrad_lite.neurons.progress import Report

if TYPE_CHECKING:
    from tinygrad_lite.neurons.network import Network

Schedule = float | Callable[[int], float]


class TrainingStopped(ArithmeticError):
    """A NaN or infinity appeared in training; the message names the neuron or connection."""


def growing_batches(iteration: int) -> int:
    """The published run's batch sizes: 50, 60, 70 ..."""
    return 50 + 10 * iteration


def shrinking_steps(iteration: int) -> float:
    """The published run's step sizes: 1, 0.97, 0.97² ..."""
    return float(0.97**iteration)


def train(
    network: Network,
    images: Any,
    labels: ArrayLike,
    *,
    test_images: Any = None,
    test_labels: ArrayLike | None = None,
    iterations: int = 12,
    samples: int = 10_000,
    batch_size: Schedule = growing_batches,
    step_size: Schedule = shrinking_steps,
    bias_limit: float | None = 0.8,
    evaluate_every: int = 25,
    seed: int = 0,
    progress: bool | TextIO = True,
) -> History:
    """Adjust the weights and biases of a network by gradient descent on the cost of its answers.

    The schedule's defaults are those of the published run. The same arguments give the same
    network, to the last bit on one machine.

    Args:
        network: changed in place.
        images: one sample in each row, or as pictures, shape (n, height, width); in 0 to 1.
        labels: integer classes, shape (n,), or desired activations, shape (n, outputs).
        test_images, test_labels: what is scored, of the same form; without them the cost of each
            batch is the only record.
        iterations: how often `samples` images are drawn and learned from.
        samples: images drawn in an iteration without replacement, at most all there are.
        batch_size: images between two nudges: a number, or a function of the iteration from 0 on;
            rounded down.
        step_size: multiples of the average gradient to go: a number, or a function of the
            iteration.
        bias_limit: largest magnitude of a bias; None for no limit.
        evaluate_every: the test images are scored after every so many batches, and at the end.
        seed: of the order in which images are drawn.
        progress: whether to report on standard error (in one line, on a terminal), or the stream
            to report on.

    Returns:
        What happened, batch by batch.

    Raises:
        TrainingStopped: a NaN or infinity appeared; names the neuron or connection.
        TypeError, ValueError: an argument does not fit, saying how; or test images came without
            labels, or the reverse.
    """
    for name, number, least in (
        ("iterations", iterations, 0),
        ("samples", samples, 1),
        ("bias_limit", 0.0 if bias_limit is None else bias_limit, 0),
        ("evaluate_every", evaluate_every, 1),
    ):
        if not number >= least:
            raise ValueError(f"{name}: expected at least {least}, found {number}")
    if (test_images is None) != (test_labels is None):
        raise ValueError("give test_images and test_labels together, or neither")
    examples, targets = _checked(network, images, labels)
    constants = Constants(network)
    generator = np.random.default_rng(seed)
    history = History()
    report = Report(progress, iterations)
    test: Callable[[], tuple[float, float]] | None = None
    if test_images is not None:
        test = constants.test(*_checked(network, test_images, test_labels))

    def score() -> None:
        if test is not None:
            with np.errstate(all="ignore"):
                history.add_test(*test())
            report.update(history)

    for iteration in range(iterations):
        batches = Batches(
            examples,
            targets,
            batch_size=int(_at(batch_size, iteration)),
            samples=min(samples, len(examples)),
            seed=generator,
        )
        step = float(_at(step_size, iteration))
        for batch, answers in batches:
            cost = learn(network, batch, answers, step, bias_limit, constants.known(batch))
            history.add_batch(iteration, len(batch), step, cost)
            if history.batches % evaluate_every == 0:
                score()
            report.update(history)
        report.iteration_done(history)
    if history.tested_after[-1:] != [history.batches]:
        score()
    report.close(history)
    return history


def _checked(
    network: Network, images: Any, labels: Any
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Images and labels as arrays, known to fit before anything is learned."""
    examples, _ = as_samples(images, network.input_layer)
    if not len(examples):
        raise ValueError("there is no image to learn from or to test on")
    targets = np.asarray(labels)
    as_targets(targets, len(examples), len(network.output_layer))
    return examples, targets


def learn(
    network: Network,
    images: Any,
    labels: ArrayLike,
    step_size: float,
    bias_limit: float | None,
    known: Mapping[Neuron, Any],
) -> float:
    """Steps 1 to 7 of the blog's algorithm for one batch; returns the cost before the nudge.

    Raises:
        TrainingStopped: a NaN or infinity appeared.
    """
    with np.errstate(all="ignore"):  # what overflows is found and named below
        network.zero_grad()
        cost = network.cost(images, labels, known=known)
        if not np.isfinite(cost.data):
            raise TrainingStopped(_first_unlit(network, cost))
        cost.backward()
        network.nudge(step_size, bias_limit)
    parameters = network.parameters
    if not np.isfinite([parameter.data for parameter in parameters]).all():
        raise TrainingStopped(_first_lost(network))
    return cost.item()


def _first_unlit(network: Network, cost: Value) -> str:
    """The first neuron, as they are lit, whose activation is not finite; or else the output neuron
    that is farthest off, whose square is not."""
    for neuron in network.order:
        if not np.isfinite(neuron.activation.data).all():
            return f"the activation of {neuron!r} is {_what(neuron.activation.data)}"
    worst = max(network.output_layer, key=lambda neuron: np.abs(neuron.activation.data).max())
    activation = np.abs(worst.activation.data).max()
    return f"the activation of {worst!r} reaches {activation:.3g}, so the cost is {cost.data}"


def _first_lost(network: Network) -> str:
    """The first weight or bias that is not finite."""
    for neuron in network.receivers:
        if isinstance(neuron, StaticNeuron):
            continue
        for connection in neuron.inputs:
            if not np.isfinite(connection.weight.data):
                return f"the weight of {connection!r} {_became(connection.weight)}"
        if not np.isfinite(neuron.bias.data):
            return f"the bias of {neuron!r} {_became(neuron.bias)}"
    return "a weight or bias is not finite"


def _became(parameter: Value) -> str:
    return f"became {parameter.data}, as its gradient was {parameter.grad}: try smaller steps"


def _what(data: Any) -> str:
    return "NaN" if np.isnan(data).any() else "infinite"


def _at(schedule: Schedule, iteration: int) -> float:
    return schedule(iteration) if callable(schedule) else schedule
