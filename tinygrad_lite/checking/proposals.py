"""Proposals: every supposed mistake worth trying, given where the first wrong gradient is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tinygrad_lite.checking.changes import Array
from tinygrad_lite.checking.mistakes import exchanged, shapes, stale
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.mistakes.habits import together
from tinygrad_lite.checking.places import Places
from tinygrad_lite.checking.repeated import Repeated
from tinygrad_lite.checking.trial import CANDIDATE, FAILURES, Trial
from tinygrad_lite.engine.value import Value

INSIDE = 0.3  # prior of a mistake inside a function that was written as one


class Proposals:
    """Candidates for the wrong gradients of a trial."""

    def __init__(self, trial: Trial) -> None:
        self.whole, self.record, self.found = trial.whole, trial.record, trial.found
        self.targets, self.about, self.wrong = trial.targets, trial.about, trial.wrong
        self.right, self.now = trial.right, trial.now
        self.places = Places(trial)
        self.repeated = Repeated(self.places)

    def all(self) -> Iterator[Candidate]:
        """Everything worth trying, given where the first wrong gradient is."""
        return map(self._seen_as_written, self._all())

    def _seen_as_written(self, candidate: Candidate) -> Candidate:
        """A mistake inside a function that is one to whoever wrote it is less likely than one in
        the function's derivative."""
        self.whole.effort.spent += CANDIDATE
        changes = candidate.changes
        touched = {*changes.nodes, *changes.totals}
        for link in self.about.composites:
            if any(a is not link.a or z is not link.z for a, (z, _) in changes.links.items()):
                touched |= changes.links.keys()
            within = link.members if changes.nodes or changes.links else link.members - {link.a}
            if touched and touched <= within:
                return candidate.weighted(INSIDE)
        return candidate

    def _all(self) -> Iterator[Candidate]:
        yield from self._shapes()
        fitting = [key for key in self.wrong if self.targets[key].fitting]
        if not fitting:
            return
        first = fitting[0]
        yield from exchanged.candidates(
            self.wrong, self.right, self.now,
            lambda key, gradient: self.targets[key].equals(gradient),
        )  # fmt: skip
        if self.whole.large:
            yield from self.repeated.habits()
        yield from self.places.around(first, self.places.reaching(first))
        if not self.whole.large:
            yield from self.repeated.habits()

    def elsewhere(self) -> Iterator[Candidate]:
        """Candidates at places that reach right gradients too, where a mistake happens to cancel,
        as one does that sums to zero over the batch."""
        fitting = [key for key in self.wrong if self.targets[key].fitting]
        if not fitting or self.whole.large:
            return
        behind = self.record.behind(dict.fromkeys(fitting[:1], 1))
        usual = set(self.places.reaching(fitting[0]))
        places = [v for v, mask in behind.items() if mask and v not in usual]
        yield from self.places.around(fitting[0], places)
        yield from self.repeated.habits(wide=True)

    def _shapes(self) -> Iterator[Candidate]:
        """Gradients of another shape than their Value's: one habit or each on its own."""
        families: dict[str, list[Candidate]] = {}
        odd = [key for key in self.wrong if not self.targets[key].fitting]
        for key in odd:
            shape = self.targets[key].hand.shape
            offered = list(shapes.of_value(key, shape))
            for edge in self.record.consumers.get(key, []):
                offered += shapes.of_broadcast(self.about, edge, shape)
                offered += shapes.of_unsummed_product(self.about, edge, shape)
            for candidate in offered:
                yield candidate
                if self._gives(candidate, key):
                    families.setdefault(candidate.kind, []).append(candidate)
        for members in families.values():
            one_each = {m.at: m for m in reversed(members)}
            if len(one_each) > 1:
                yield together(list(one_each.values()))

    def _gives(self, candidate: Candidate, key: Value) -> bool:
        """Whether a candidate for one gradient of another shape reproduces it."""
        try:
            shown = candidate.changes.shown[key](self.found[key])
        except FAILURES:
            return False
        same: bool = self.targets[key].equals(shown)
        return same

    def stale(self) -> Iterator[Candidate]:
        """Parameters that were updated too early; costly, so tried when nothing else fits."""
        leaves = [k for k in self.record.keys if k.operation is None]
        if not leaves or self.whole.large or len(leaves) > 30:
            return

        def distance(found: Mapping[Value, Array]) -> float:
            return max(
                self.targets[k].distance(found[k]) if k in found else np.inf for k in self.wrong
            )

        fitting = [k for k in leaves if self.targets[k].fitting and k in self.found]
        yield from stale.candidates(
            self.about, fitting, self.wrong, {k: self.found[k] for k in fitting},
            {k: self.targets[k].hand for k in fitting}, distance,
        )  # fmt: skip
