"""Explanations found, and which of them are worth telling."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tinygrad_lite.checking.mistakes.candidate import Candidate

FAR = 0.3  # prior by which another explanation may lie behind the best and still be named
PLAIN = 0.4  # prior from which on a factor is no particular one


@dataclass
class Answer:
    """One explanation: the mistakes that together reproduce all numbers."""

    candidates: list[Candidate]
    distance: float

    @classmethod
    def of(cls, candidates: Iterable[Candidate], distance: float) -> Answer:
        """Candidates that are two mistakes at once are told as two."""
        told = [c for whole in candidates for c in (whole, whole.besides) if c is not None]
        return cls(told, distance)

    @property
    def rank(self) -> tuple[int, float, float]:
        """Fewer mistakes first, then the more natural ones."""
        return len(self.candidates), sum(c.prior for c in self.candidates), self.distance


def distinct(answers: list[Answer]) -> list[Answer]:
    """The best answer for each combination of kinds, best first; what comes far behind is left
    out."""
    ranked = sorted(answers, key=lambda a: a.rank)
    kept: dict[tuple[str, ...], Answer] = {}
    for answer in ranked:
        behind = answer.rank[1] - ranked[0].rank[1]
        if len(answer.candidates) > len(ranked[0].candidates) or behind > FAR:
            break
        kept.setdefault(tuple(c.kind for c in answer.candidates), answer)
    # What a simple answer says, a far-fetched one with the same effect need not say again.
    kept = {
        kinds: answer
        for kinds, answer in kept.items()
        if answer is ranked[0] or not _says_again(answer, ranked[0])
    }
    # A named reading of a factor says all that the factor does.
    plain = kept.get(("factor",))
    if (
        len(kept) > 1
        and plain
        and plain.rank[1] >= PLAIN
        and ranked[0].candidates[0].kind in _FACTORS
    ):
        del kept[("factor",)]
    return list(kept.values())


def _says_again(answer: Answer, simple: Answer) -> bool:
    """Whether an answer differs from the best in nothing but less simple words for the same."""
    pairs = list(zip(simple.candidates, answer.candidates, strict=True))
    others = [(one, other) for one, other in pairs if one.kind != other.kind]
    return all(
        other.kind in _FAR_FETCHED.get(one.kind, ())
        or (one.where is other.where and other.kind in _THE_SAME.get(one.kind, ()))
        or (len(pairs) > 1 and other.kind == "factor" and one.kind in _FACTORS)
        for one, other in others
    )


_FAR_FETCHED = {
    "derivative-missing": {"wrong-derivative"},
    "mask": {"wrong-derivative"},
    "sign": {"kernel-flip", "shifted-index"},
    "wrong-axis": {"transposed"},
    "regularisation": {"one-path", "overwritten-path", "sign"},
}
# At one operation: the derivative of a clip is its mask, and that of abs is its own inverse.
_THE_SAME = {
    "mask": {"derivative-missing", "derivative-twice", "derivative-at-output"},
    "derivative-missing": {"mask", "derivative-twice", "derivative-at-output"},
}
_FACTORS = {
    "sign", "averaged-paths", "averaged-batch", "summed-batch", "regularisation", "one-path",
}  # fmt: skip
