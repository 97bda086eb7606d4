"""The ReLU family, the error function, and what losses are made from."""

import numpy as np
import scipy.special

from rules.case import Case, SpecialPoint, away_from, between, positive, smooth
from tinygrad_lite.rules.embedding import embedding
from tinygrad_lite.rules.error_function import erf, erfc
from tinygrad_lite.rules.likelihood import label_likelihood, xlogy
from tinygrad_lite.rules.normalisation import normalise
from tinygrad_lite.rules.rectifiers import (
    exponential_linear,
    gaussian_linear,
    gaussian_linear_tanh,
    leaky,
    silu,
)  # fmt: skip


def elu_by_hand(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(x))


def leaky_by_hand(x, slope):
    return np.where(x > 0, x, np.asarray(slope * x, np.asarray(x).dtype))


def gelu_by_hand(x):
    return x * scipy.special.ndtr(x)


def gelu_tanh_by_hand(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi).astype(x.dtype) * (x + 0.044715 * x**3)))


def likelihood_by_hand(logs, labels, weight=None, reduction="mean", ignore_index=-100,
                       label_smoothing=0.0):  # fmt: skip
    logs = np.moveaxis(logs, 1, -1)
    classes = logs.shape[-1]
    weight = np.ones(classes) if weight is None else weight
    losses, total = np.zeros(labels.shape, logs.dtype), 0.0
    for place in np.ndindex(*labels.shape):
        label = labels[place]
        if label != ignore_index:
            even = -(weight * logs[place]).sum() / classes
            hard = -weight[label] * logs[place][label]
            losses[place] = (1 - label_smoothing) * hard + label_smoothing * even
            total += weight[label]
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / np.asarray(total, logs.dtype)


def normalised_by_hand(x, axis, eps=1e-5):
    mean, variance = x.mean(axis=axis, keepdims=True), x.var(axis=axis, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps), mean, variance


AWAY = away_from(0, shape=(2, 3))
LABELS = np.array([1, 0, 3, 3])
WEIGHT = np.array([0.5, 2.0, 1.0, 0.7])

CASES = [
    Case(leaky, [AWAY], {"slope": 0.1}, reference=leaky_by_hand),
    Case(leaky, [-0.5], {"slope": 0.1}, reference=leaky_by_hand),
    Case(exponential_linear, [AWAY], {"alpha": 0.7}, reference=elu_by_hand),
    Case(exponential_linear, [-0.5], {"alpha": 0.7}, reference=elu_by_hand),
    Case(silu, [4 * smooth(2, 3)], reference=lambda x: x * scipy.special.expit(x)),
    Case(silu, [-0.5], reference=lambda x: x * scipy.special.expit(x)),
    Case(gaussian_linear, [2 * smooth(2, 3)], reference=gelu_by_hand),
    Case(gaussian_linear, [-0.5], reference=gelu_by_hand),
    Case(gaussian_linear_tanh, [2 * smooth(2, 3)], reference=gelu_tanh_by_hand),
    Case(erf, [2 * smooth(2, 3)], reference=scipy.special.erf),
    Case(erf, [0.3], reference=scipy.special.erf),
    Case(erfc, [2 * smooth(2, 3)], reference=scipy.special.erfc),
    Case(erfc, [0.3], reference=scipy.special.erfc),
    Case(xlogy, [smooth(2, 3), positive(3)], reference=scipy.special.xlogy),
    Case(xlogy, [0.5, 2.0], reference=scipy.special.xlogy),
    *(
        Case(
            label_likelihood, [-positive(4, 4), LABELS, *weight], settings,
            fixed=(1, 2)[: 1 + len(weight)],
            reference=likelihood_by_hand, id=f"label_likelihood-{len(weight)}-{settings}",
        )
        for settings in (
            {}, {"reduction": "sum"}, {"reduction": "none"}, {"ignore_index": 3},
            {"label_smoothing": 0.2}, {"label_smoothing": 0.2, "ignore_index": 0},
        )
        for weight in ((), (WEIGHT,))
    ),
    Case(
        label_likelihood, [-positive(2, 4, 3), np.array([[0, 1, 3], [2, 2, 0]])], fixed=(1,),
        reference=likelihood_by_hand, id="label_likelihood of images",
    ),
    *(
        Case(
            normalise, [smooth(4, 3, 5)], {"axis": axis}, reference=normalised_by_hand,
            id=f"normalise-{axis}", rtol=1e-5,
        )
        for axis in ((0,), (2,), (0, 2), (-2, -1))
    ),
    Case(
        embedding, [np.array([[2, 0], [1, 2]]), smooth(4, 3)], fixed=(0,),
        reference=lambda indices, weight: weight[indices], id="embedding",
    ),
    Case(
        lambda indices, weight: embedding(indices, weight, padding_idx=2),
        [np.array([2, 0, 2]), smooth(4, 3)], fixed=(0,), order=0,
        reference=lambda indices, weight: weight[indices], id="embedding with padding",
    ),
    Case(normalise, [between(1, 2, 6)], {"axis": (0,), "eps": 0.1}, reference=normalised_by_hand),
]  # fmt: skip

SPECIAL_POINTS = [
    SpecialPoint(leaky, [0.0], [0.1], {"slope": 0.1}),
    SpecialPoint(exponential_linear, [0.0], [0.7], {"alpha": 0.7}),
    SpecialPoint(exponential_linear, [-np.inf], [0.0], {"alpha": 0.7}),
    *(
        SpecialPoint(function, [x], [slope], id=f"{function.__name__}({x})")
        for function in (silu, gaussian_linear, gaussian_linear_tanh)
        for x, slope in ((-np.inf, 0.0), (0.0, 0.5), (np.inf, 1.0))
    ),
    SpecialPoint(erf, [np.inf], [0.0]),
    SpecialPoint(erfc, [-np.inf], [0.0]),
    SpecialPoint(xlogy, [0.0, 0.0], [-np.inf, 0.0]),
    SpecialPoint(xlogy, [0.0, 0.0], [0.0, 0.0], cotangent=0.0),
    # a class without probability that no label asks for
    SpecialPoint(
        lambda logs: label_likelihood(logs, np.array([0])), [np.array([[-0.5, -np.inf]])],
        [np.array([[-1.0, 0.0]])], id="label_likelihood(-inf)",
    ),
]  # fmt: skip
