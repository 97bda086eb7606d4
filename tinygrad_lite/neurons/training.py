"""Training as in the blog: draw samples, propagate, pull back, nudge, score, repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_lite.data.batches import Batches
from tinygrad_lite.engine.modes import no_grad
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.neurons.evaluation import SAMPLES_AT_ONCE, Constants, scores_of
from tinygrad_lite.neurons.history import History
from tinygrad_lite.neurons.inputs import as_samples, as_targets
from tinygrad_lite.neurons.learning import Learning
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
    tests = None if test_images is None else _checked(network, test_images, test_labels)
    learner = _Learner(network, tests, bias_limit)
    generator = np.random.default_rng(seed)
    history = History()
    report = Report(progress, iterations)

    def score() -> None:
        if tests is not None:
            with np.errstate(all="ignore"):
                history.add_test(*learner.scores())
            report.update(history)

    try:
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
                cost = learner.learn(batch.astype(np.float64, copy=False), answers, step)
                history.add_batch(iteration, len(batch), step, cost)
                if history.batches % evaluate_every == 0:
                    score()
                report.update(history)
            report.iteration_done(history)
    finally:
        learner.finish()
    if history.tested_after[-1:] != [history.batches]:
        score()
    report.close(history)
    return history


def _checked(network: Network, images: Any, labels: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images and labels as arrays, known to fit before anything is learned.

    Single precision stays, as all images in double precision take much memory."""
    examples: Any = np.asarray(data_of(images))
    if examples.dtype == np.float32 and examples.ndim > 1:
        for start in range(0, len(examples), SAMPLES_AT_ONCE):
            as_samples(examples[start : start + SAMPLES_AT_ONCE], network.input_layer)
        examples = examples.reshape(len(examples), -1)
    else:
        examples, _ = as_samples(images, network.input_layer)
    if not len(examples):
        raise ValueError("there is no image to learn from or to test on")
    targets = np.asarray(labels)
    as_targets(targets, len(examples), len(network.output_layer))
    return examples, targets


class _Learner:
    """Steps 1 to 7 of the blog's algorithm, by matrices where the network suits them.

    Args:
        network: what learns.
        tests: images and labels to score.
        bias_limit: largest magnitude of a bias, None for no limit.
    """

    def __init__(
        self,
        network: Network,
        tests: tuple[NDArray[Any], NDArray[Any]] | None,
        bias_limit: float | None,
    ) -> None:
        self.network, self.tests, self.bias_limit = network, tests, bias_limit
        self.constants = Constants(network)
        self.learning = Learning(network, list(self.constants.neurons))
        self.by_matrices = self.learning.suits
        self.last: tuple[Any, Any] | None = None
        network.zero_grad()
        if tests is not None and self.by_matrices:
            self.known_of_tests = self.constants.known(tests[0])

    def learn(self, images: NDArray[np.float64], labels: NDArray[Any], step_size: float) -> float:
        """Learn from one batch; returns the cost before.

        Raises:
            TrainingStopped: a NaN or infinity appeared.
        """
        self.last = images, labels
        known = self.constants.known(images)
        with np.errstate(all="ignore"):  # what overflows is found and named below
            if self.by_matrices:
                desired = np.stack(as_targets(labels, len(images), len(self.network.output_layer)))
                cost = self.learning.step(images, desired, known, step_size, self.bias_limit)
                numbers: Any = self.learning.pack.data
            else:
                cost = self._by_neurons(images, labels, known, step_size)
                numbers = [parameter.data for parameter in self.network.parameters]
            if not np.isfinite(cost):
                found = self._cost(images, labels, known)
                raise TrainingStopped(_first_unlit(self.network, found))
        if not np.isfinite(numbers).all():
            raise TrainingStopped(_first_lost(self.network))
        return cost

    def _by_neurons(self, images: Any, labels: Any, known: Any, step_size: float) -> float:
        self.network.zero_grad()
        cost = self._cost(images, labels, known)
        if np.isfinite(cost.data):
            cost.backward()
            self.network.nudge(step_size, self.bias_limit)
        return cost.item()

    def _cost(self, images: Any, labels: Any, known: NDArray[np.float64]) -> Value:
        given: dict[Neuron, Any] = dict(zip(self.constants.neurons, known, strict=True))
        return self.network.cost(images, labels, known=given)

    def scores(self) -> tuple[float, float]:
        """Success rate and average cost on the test images, as the network is now."""
        assert self.tests is not None
        images, labels = self.tests
        if self.by_matrices:
            return scores_of(self.learning.outputs(images, self.known_of_tests), labels)
        return self.network.scores(images, labels)

    def finish(self) -> None:
        """Leave every Value its own number, and the neurons lit by the last batch."""
        if self.by_matrices:
            self.learning.pack.release()
            if self.last is not None:
                with np.errstate(all="ignore"), no_grad():
                    self._cost(*self.last, self.constants.known(self.last[0]))


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
