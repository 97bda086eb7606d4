"""What is minimised: a single number that says how wrong the outputs of a batch are.

Where a loss has a `reduction`, it is "mean", "sum" or "none", as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value, data_of, describe
from tinygrad_lite.rules.activations import log_softmax, relu, softplus
from tinygrad_lite.rules.likelihood import label_likelihood, xlogy


def squared_error(output: Any, target: Any) -> Any:
    """Squared differences summed over the outputs and averaged over the batch, as in the blog.

    Args:
        output: shape (N, ...).
        target: of the same shape; for classes, `one_hot(labels, classes)`.

    Raises:
        ValueError: the shapes differ (they would broadcast unnoticed).

    >>> squared_error(np.array([[1.0, 2.0], [0.0, 0.0]]), np.zeros((2, 2)))
    np.float64(2.5)
    """
    if np.shape(output) != np.shape(target) or np.ndim(output) < 1:
        raise ValueError(
            f"squared_error of {_told(output)} and a target of shape {np.shape(target)}: the "
            f"shapes must be equal, and start with the batch. The target of integer labels is "
            f"nn.one_hot(labels, classes)"
        )
    difference = output - target
    return np.sum(difference * difference) / len(data_of(output))


def mse_loss(output: Any, target: Any, reduction: str = "mean") -> Any:
    """Squared differences, averaged over all entries.

    >>> mse_loss(np.array([[1.0, 2.0], [0.0, 0.0]]), np.zeros((2, 2)))
    np.float64(1.25)
    """
    difference = _difference("mse_loss", output, target)
    return _reduced("mse_loss", difference * difference, reduction)


def l1_loss(output: Any, target: Any, reduction: str = "mean") -> Any:
    """Absolute differences.

    >>> l1_loss(np.array([1.0, -3.0]), np.zeros(2))
    np.float64(2.0)
    """
    return _reduced("l1_loss", np.abs(_difference("l1_loss", output, target)), reduction)


def huber_loss(output: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Half the squared difference up to `delta`, a straight line of slope `delta` beyond.

    >>> huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, not {delta}")
    difference = _difference("huber_loss", output, target)
    bounded = np.clip(difference, -delta, delta)
    return _reduced("huber_loss", bounded * (difference - 0.5 * bounded), reduction)


def smooth_l1_loss(output: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """`huber_loss` divided by `beta`, its delta; `l1_loss` for ``beta=0``.

    >>> smooth_l1_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none", beta=0.5)
    array([0.25, 2.75])
    """
    if beta == 0:
        return l1_loss(output, target, reduction)
    return huber_loss(output, target, reduction, beta) / beta


def hinge_loss(output: Any, target: Any, reduction: str = "mean", margin: float = 1.0) -> Any:
    """``max(0, margin - target * output)`` for targets of -1 and 1, as of a support vector machine.

    >>> hinge_loss(np.array([0.25, 3.0]), np.array([1.0, -1.0]), reduction="none")
    array([0.75, 4.  ])
    """
    _difference("hinge_loss", output, target)
    return _reduced("hinge_loss", relu(margin - output * target), reduction)


def cross_entropy(
    logits: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Minus the logarithm of the probability that softmax gives to the label, batch average.

    Args:
        logits: shape (N, classes, ...), before any softmax.
        target: labels, integers of shape (N, ...); or probabilities in the shape of the logits.
        weight: of each class, or None for 1; the mean is then weighted.
        ignore_index: a label that does not count.
        reduction: "mean", "sum" or "none".
        label_smoothing: share of the target that is spread evenly over all classes.

    Raises:
        TypeError, ValueError: the labels are not integers in range, one for each row of logits.

    >>> cross_entropy(np.zeros((2, 4)), np.array([0, 3])).round(4)  # log 4
    np.float64(1.3863)
    """
    _check_reduction("cross_entropy", reduction)
    if np.ndim(logits) < 2:
        raise ValueError(
            f"cross_entropy of {_told(logits)}: the shape must be (N, classes, ...); the outputs "
            f"come first, then the target"
        )
    logs = log_softmax(logits, axis=1)
    if np.shape(target) != np.shape(logits):
        return _of_labels(
            "cross_entropy", logs, target, weight, reduction=reduction, ignore_index=ignore_index,
            label_smoothing=label_smoothing,
        )  # fmt: skip
    classes = np.shape(logits)[1]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    if weight is not None:
        target = target * np.reshape(weight, (-1,) + (1,) * (np.ndim(logits) - 2))
    losses = -np.sum(logs * target, axis=1)
    return _reduced("cross_entropy", losses, reduction)


def nll_loss(
    log_probabilities: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """`cross_entropy` of what went through `log_softmax` already.

    >>> nll_loss(np.log(np.array([[0.5, 0.5]])), np.array([1])).round(4)
    np.float64(0.6931)
    """
    _check_reduction("nll_loss", reduction)
    return _of_labels(
        "nll_loss", log_probabilities, target, weight, reduction=reduction,
        ignore_index=ignore_index,
    )  # fmt: skip


def binary_cross_entropy_with_logits(
    logits: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """Minus the logarithm of the probability that sigmoid gives to the target, in [0, 1].

    Args:
        logits: before any sigmoid.
        target: of the same shape, float.
        weight: of each entry, broadcast.
        reduction: "mean", "sum" or "none".
        pos_weight: of the targets that are 1, broadcast.

    >>> binary_cross_entropy_with_logits(np.array([0.0, 1000.0]), np.array([1.0, 1.0])).round(4)
    np.float64(0.3466)
    """
    function = "binary_cross_entropy_with_logits"
    _difference(function, logits, target)
    positive = target if pos_weight is None else target * pos_weight
    losses = positive * softplus(-logits) + (1 - target) * softplus(logits)
    return _reduced(function, losses if weight is None else losses * weight, reduction)


def binary_cross_entropy(
    probabilities: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """The same of probabilities; infinite where one is 0 or 1 and wrong (PyTorch stops at 100).

    >>> binary_cross_entropy(np.array([0.5, 1.0]), np.array([1.0, 1.0])).round(4)
    np.float64(0.3466)
    """
    _difference("binary_cross_entropy", probabilities, target)
    losses = -(xlogy(target, probabilities) + xlogy(1 - target, 1 - probabilities))
    losses = losses if weight is None else losses * weight
    return _reduced("binary_cross_entropy", losses, reduction)


def kl_div(
    log_probabilities: Any, target: Any, reduction: str = "mean", log_target: bool = False
) -> Any:
    """Kullback-Leibler divergence ``target * (log(target) - log_probabilities)``.

    Args:
        log_probabilities: of the model.
        target: probabilities, of the same shape; where 0, so is the divergence.
        reduction: "batchmean" for the divergence as mathematics has it, averaged over the batch;
            "mean" divides by all entries; "sum" or "none".
        log_target: the target is logarithms of probabilities.

    >>> kl_div(np.log(np.array([[0.5, 0.5]])), np.array([[1.0, 0.0]]), "batchmean").round(4)
    np.float64(0.6931)
    """
    _difference("kl_div", log_probabilities, target)
    if log_target:
        divergence = np.exp(target) * (target - log_probabilities)
    else:
        divergence = xlogy(target, target) - target * log_probabilities
    if reduction == "batchmean":
        return np.sum(divergence) / np.shape(target)[0]
    return _reduced("kl_div", divergence, reduction)


def _difference(function: str, output: Any, target: Any) -> Any:
    if np.shape(output) != np.shape(target):
        told = f"{function} of {_told(output)} and a target of shape {np.shape(target)}"
        told += ": the shapes must be equal"
        if np.size(target) == np.size(output):
            told += f", as of target.reshape{np.shape(output)}"
        raise ValueError(told)
    return output - target


def _reduced(function: str, losses: Any, reduction: str) -> Any:
    _check_reduction(function, reduction)
    if reduction == "none":
        return losses
    return np.mean(losses) if reduction == "mean" else np.sum(losses)


def _check_reduction(function: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{function}: reduction is 'mean', 'sum' or 'none', not {reduction!r}")


def _of_labels(function: str, scores: Any, labels: Any, weight: Any, **settings: Any) -> Any:
    """`label_likelihood`, with errors that name the loss that was called."""
    if type(labels) is Value:
        raise TypeError(
            f"{function}: labels are integers, which a {describe(labels)} cannot hold; pass the "
            f"plain array"
        )
    try:
        return label_likelihood(scores, labels, weight, **settings)
    except (TypeError, ValueError) as error:
        reason = str(error.__context__ or error)  # what the operation said, without its name
        if isinstance(error, TypeError):
            reason += "; labels.astype(int) makes them so"
            if function == "cross_entropy":
                reason += ", and probabilities have the shape of the scores"
        raise type(error)(f"{function}: {reason}") from None


def _told(x: Any) -> str:
    if type(x) is Value:
        return describe(x)
    if x is None:
        return "None (a forward without return?)"
    return f"an array of shape {np.shape(x)}"
