"""What a network takes an image for, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SAYINGS = (
    (0.9, "That certainly must be {}."),
    (0.7, "I am quite sure that is {}."),
    (0.5, "That looks like {}."),
    (0.3, "That could be {}."),
)
"""From which confidence on which sentence is used."""

NO_IDEA = "Sorry, I have no idea what that is."

ALSO_NAMED = 0.4
"""A second or third guess is named when its confidence passes this."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess at the class of one image.

    Attributes:
        digit: number of the brightest output neuron.
        confidences: of each class: its activation divided by the sum of all, so they add up to 1;
            all 0 if no output neuron is lit.
        sentence: the guess in words.
    """

    digit: int
    confidences: tuple[float, ...]
    sentence: str

    @property
    def ranking(self) -> tuple[int, ...]:
        """All classes, the likeliest first."""
        return _ranking(self.confidences)

    @property
    def confidence(self) -> float:
        """That of the guessed digit."""
        return self.confidences[self.digit]


def guess_from(activations: Sequence[float]) -> Guess:
    """A guess from the activations of the output neurons; negative ones count as unlit.

    >>> guess_from([0.0, 0.02, 0.95, 0.0]).sentence
    'That certainly must be 2.'
    """
    lit = [max(activation, 0.0) for activation in activations]
    total = sum(lit)
    confidences = tuple(activation / total if total > 0 else 0.0 for activation in lit)
    best = max(range(len(activations)), key=lambda digit: activations[digit])
    return Guess(best, confidences, _sentence(confidences))


def _ranking(confidences: Sequence[float]) -> tuple[int, ...]:
    return tuple(sorted(range(len(confidences)), key=lambda digit: -confidences[digit]))


def _sentence(confidences: Sequence[float]) -> str:
    best, *others = _ranking(confidences)
    saying = next((text for least, text in SAYINGS if confidences[best] >= least), NO_IDEA)
    also = [str(digit) for digit in others[:2] if confidences[digit] > ALSO_NAMED]
    ending = f" It might also be {' or '.join(also)}." if also else ""
    return saying.format(best) + ending
