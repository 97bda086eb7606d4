"""Hand-derived gradients, right ones and ones with a known mistake. Case 1 is the blog's."""

from corpus.wrong_gradients import (
    attention,
    batchnorm,
    cells,
    classifier,
    convolution,
    gates,
    generative,
    hand_written,
    images,
    kinks,
    likelihoods,
    mlp,
    motion,
    neurons,
    physics,
    rnn,
    simulation,
    softmax,
    statistics,
    transformer,
    unrolled,
    windows,
)
from corpus.wrong_gradients.case import Case, Domain

_ROOMS = (
    neurons, mlp, convolution, softmax, batchnorm, rnn, gates, attention, generative, physics,
    motion, statistics, classifier, images, unrolled, transformer, cells, likelihoods, simulation,
    kinks, windows, hand_written,
)  # fmt: skip

CASES: list[Case] = [
    case
    for room in _ROOMS
    for domain in vars(room).values()
    if isinstance(domain, Domain)
    for case in domain.cases
]
WRONG = [case for case in CASES if case.kind is not None]
RIGHT = [case for case in CASES if case.kind is None]
