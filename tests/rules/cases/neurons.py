"""The weighted sum of a neuron: numbers as weights, numbers or a batch as activations."""

from rules.case import Case, smooth
from tinygrad_lite.rules.weighted_sum import weighted_sum


def by_hand(*terms):
    return sum(w * a for w, a in zip(terms[::2], terms[1::2], strict=True))


CASES = [
    Case(weighted_sum, [0.5, smooth(4), -2.0, smooth(4)], id="batch", reference=by_hand),
    Case(weighted_sum, [0.5, 3.0, -2.0, 0.7, 1.1, -1.0], id="numbers", reference=by_hand),
    Case(weighted_sum, [smooth(2, 1), smooth(3), 0.5, 2.0], id="any shapes", reference=by_hand),
]
