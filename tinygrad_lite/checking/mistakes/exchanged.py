"""The right gradient of another Value: gates, layers or parameters taken for one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Total
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

MOST = 200  # gradients of one shape to compare with one another
FEW = 3  # entries from which on equal gradients are no coincidence


def candidates(
    wrong: Sequence[Value],
    right: Sequence[Value],
    gradients: Mapping[Value, Array],
    given: Callable[[Value, Array], bool],
) -> Iterator[Candidate]:
    """Parameters that were given the gradient of another one of the same shape.

    Args:
        wrong, right: keys whose gradients are wrong, or right.
        gradients: the right gradients of all of them.
        given: whether a gradient is the hand-derived one of a key.
    """
    taken: dict[Value, Value] = {}
    for key in wrong[:MOST]:
        if key.operation is not None or key.size < FEW:
            continue
        alike = [k for k in (*wrong, *right) if k.shape == key.shape and k.operation is None]
        for other in alike[:MOST]:
            if other is not key and given(key, gradients[other]) and np.any(gradients[other]):
                taken[key] = other
                break
    if not taken:
        return
    shown = {key: _instead(gradients[other]) for key, other in taken.items()}
    key, other = next(iter(taken.items()))
    exchanged = taken.get(other) is key
    if exchanged:
        sentence = f"the gradients of {called(key)} and {called(other)} are exchanged"
        mend = "give each its own"
    else:
        sentence = f"the gradient given for {called(key)} is that of {called(other)}"
        mend = f"give {called(key)} its own"
    if len(taken) > 1 + exchanged:
        rest = [k for k in taken if k is not key and not (exchanged and k is other)]
        listed = ", ".join(f"{called(taken[k])} for {called(k)}" for k in rest[:3])
        sentence += f"; likewise {listed}" + ", ..." * (len(rest) > 3)
    yield Candidate(
        "wrong-operand", Changes(shown=shown), key, key, sentence,
        f"{mend}; look at the order in which gradients are stored or named", "exchanged",
        0.1 if len(taken) > 1 else 0.25,
    )  # fmt: skip


def _instead(gradient: Array) -> Total:
    return lambda g: gradient
