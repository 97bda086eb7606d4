"""compare: gradients derived by hand beside automatic and numerical ones, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes
from tinygrad_lite.checking.diagnose import Diagnosis, diagnose
from tinygrad_lite.checking.kinks import find_kinks
from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.noise import DOUBLE, SINGLE, sensitivity
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.checking.report import Gradient, Mistake, Report
from tinygrad_lite.checking.rounded import UNROUNDED, Loss, what_was_lost
from tinygrad_lite.checking.sampling import numerical_columns
from tinygrad_lite.checking.subgradients import choices
from tinygrad_lite.checking.targets import Target
from tinygrad_lite.checking.words import place
from tinygrad_lite.engine.backward import consumers_first, leaves_of, pull_back
from tinygrad_lite.engine.value import Value, data_of, describe, source_of

ROUNDING = 200.0  # roundings of one operation each that a gradient may carry
GREY = 3e-5  # relative difference below which float32 or clipping may be all there is
TINY = 1e-6  # the same for few entries among exact ones
CHOICES = 2  # of derivatives at kinks, under which a mistake is looked for


def compare(
    cost: Value,
    hand_derived: Mapping[Any, Any] | Callable[[], Mapping[Any, Any]],
    *,
    explain_mistakes: bool = True,
    seed: int = 0,
) -> Report:
    """Compare hand-derived gradients of a cost with automatic and numerical ones.

    A wrong gradient is explained as the right backward pass plus one mistake, two at most: the
    pass is run again with the mistake in it, and has to give the hand-derived numbers, for all
    gradients at once.

    Args:
        cost: a single number, recorded. Call this before parameters are updated in place.
        hand_derived: by Value (a leaf or any intermediate one) or by the name of one, the
            gradient: an array, a number, or a function without arguments that returns it.
        explain_mistakes: whether to look for the mistake if something is wrong.
        seed: of the directions in which numerical derivatives are taken.

    Returns:
        The report; print it, or ask for `report.ok`, `report.mistakes`, `report.to_json()`.

    Raises:
        ValueError: the cost is not a single number or does not depend on a key, a name is
            unknown or not unique, or no gradient is given.
        TypeError: a gradient is not numeric.

    >>> w = Value(np.array([1.0, 2.0]), name="w")
    >>> cost = ((w * 3.0) ** 2).sum()
    >>> compare(cost, {"w": 18 * w.data}).ok
    True
    >>> print(compare(cost, {"w": -18 * w.data}).mistakes[0].kind)
    sign
    """
    if np.size(cost.data) != 1:
        raise ValueError(f"compare needs a cost that is a single number; this is {describe(cost)}")
    given = _gradients(cost, hand_derived)
    keys = list(given)
    record = Record(cost, keys)
    found = pull_back({cost: np.ones_like(cost.data) if cost.ndim else _one(cost)}, wrt=keys)
    automatic = {key: found.get(key, np.zeros_like(np.asarray(key.data))) for key in keys}
    largest = max(float(np.max(np.abs(g), initial=0.0)) for g in automatic.values())
    targets = [_target(key, hand, automatic[key], largest) for key, hand in given.items()]
    judged = _Judgement(record, targets, automatic)
    report = Report(cost=cost, sought=explain_mistakes)
    diagnosis = None
    if judged.wrong:
        judged.lost = judged.less_precise() if explain_mistakes else None
        chosen = [] if judged.lost else judged.accept_kinks()
        if judged.wrong and explain_mistakes and not judged.lost:
            diagnosis = judged.explain(chosen)
    columns = numerical_columns(record, judged.worst, set(judged.wrong), automatic, seed)
    report.sampled = columns.said
    for target in targets:
        key = target.key
        report.gradients.append(
            Gradient(
                value=key,
                hand=target.hand,
                automatic=np.asarray(automatic[key], dtype=np.float64),
                numerical=columns.at.get(key),
                verdict=judged.verdicts[key],
                wrong=judged.masks[key],
                worst=judged.worst[key],
            )
        )
    # At a kink central differences average what the rule, by convention, decides.
    report.engine_doubts = [] if columns.doubts and find_kinks(record) else columns.doubts
    _enter_diagnosis(report, diagnosis, judged)
    return report


class _Judgement:
    """Which gradients are right, which are right up to rounding, and which are wrong."""

    def __init__(
        self, record: Record, targets: list[Target], automatic: dict[Value, Array]
    ) -> None:
        self.record, self.targets, self.automatic = record, targets, automatic
        self.verdicts: dict[Value, str] = {}
        self.masks: dict[Value, Array] = {}
        self.worst: dict[Value, tuple[int, ...]] = {}
        self.grey: dict[Value, None] = {}  # a set in order
        self.notes: list[str] = []
        self.lost: Loss | None = None
        noise: dict[Value, Array] | None = None
        for target in targets:
            if not self._obvious(target):
                noise = noise or sensitivity(record, automatic)
                self._weighed(target, noise[target.key])

    @property
    def wrong(self) -> list[Value]:
        """Keys to be explained: the wrong ones, and those that may be rounding."""
        return [k for k, v in self.verdicts.items() if v.startswith("wrong") or k in self.grey]

    def _obvious(self, target: Target) -> bool:
        """Judge without measuring noise, where that is possible."""
        key = target.key
        if target.hand.ndim == 0 == key.ndim:  # quickly, as a scalar graph has very many of them
            hand, automatic = float(target.hand), float(self.automatic[key])
            if abs(hand - automatic) <= 20 * (SINGLE if target.single else DOUBLE) * abs(automatic):
                self.verdicts[key], self.masks[key], self.worst[key] = "right", np.array(False), ()
                return True
        right = np.asarray(self.automatic[key], dtype=np.float64)
        if not target.fitting:
            self.verdicts[key] = "wrong shape"
            self.masks[key] = np.ones(key.shape, dtype=bool)
            self.worst[key] = _largest(np.abs(right))
            return True
        error = np.abs(target.hand - right)
        size = np.abs(right)
        self.worst[key] = _largest(np.where(np.isfinite(error), error, np.inf))
        epsilon = SINGLE if target.single else DOUBLE
        with np.errstate(invalid="ignore"):
            fine = error <= 20 * epsilon * (size + 0.05 * np.max(size, initial=0.0))
        if fine.all():
            self.verdicts[key] = "right"
            self.masks[key] = np.zeros(key.shape, dtype=bool)
            return True
        return False

    def _weighed(self, target: Target, noise: Array) -> None:
        key = target.key
        if target.hand.ndim == 0 == key.ndim:  # quickly, as above: wrong beyond all rounding
            gap = abs(float(target.hand) - float(self.automatic[key]))
            rounding = ROUNDING * (SINGLE if target.single else DOUBLE) * float(noise)
            if gap > rounding and gap > 1e-3 * abs(float(self.automatic[key])) > 0:
                self.verdicts[key], self.masks[key], self.worst[key] = "wrong", np.array(True), ()
                return
        error = np.abs(target.hand - np.asarray(self.automatic[key], dtype=np.float64))
        epsilon = SINGLE if target.single else DOUBLE
        with np.errstate(invalid="ignore"):
            off = ~(error <= ROUNDING * epsilon * noise)
            right = np.asarray(self.automatic[key], dtype=np.float64)
            beyond = ~_may_be_rounding(target.hand, right, off, target.single)
            relative = np.where(off, error / np.where(noise > 0, noise, 1), 0)
        self.masks[key] = off
        if not off.any():
            self.verdicts[key] = "right"
            return
        self.worst[key] = _largest(np.where(np.isfinite(relative), relative, np.inf))
        if beyond.any():
            self.verdicts[key] = "wrong"
        else:
            self.verdicts[key] = "right up to rounding"
            self.grey[key] = None

    def less_precise(self) -> Loss | None:
        """How the gradients that are wrong beyond rounding were rounded or clipped, None if not."""
        certain = {k for k, v in self.verdicts.items() if v.startswith("wrong")}
        targets = [t for t in self.targets if t.key in certain and t.fitting]
        if len(targets) < len(certain):
            return None
        right = [t for t in self.targets if t.key not in certain]
        noise = partial(sensitivity, self.record, self.automatic)
        return what_was_lost(targets, self.automatic, right, noise)

    def accept_kinks(self) -> list[Changes]:
        """Accept what is right by another choice of derivative where the function has a kink.

        Returns:
            derivatives that may have been chosen there, to be tried for what is still wrong.
        """
        certain = {k for k in self.wrong if k not in self.grey}
        if not certain:
            return []
        found = choices(self.record, self.targets, certain)
        if found and found[0].explained:
            best = found[0]
            self.notes += best.notes
            for key in best.explained:
                self.verdicts[key] = "right at a kink"
                self.masks[key] = np.zeros(key.shape, dtype=bool)
        return [choice.changes for choice in found]

    def explain(self, chosen: list[Changes]) -> Diagnosis:
        """Look for the mistake; what may be rounding is one only if a mistake is reproduced
        far more closely than rounding would allow.

        Args:
            chosen: derivatives that may have been chosen at kinks, the likeliest first.
        """
        certain = [k for k in self.wrong if k not in self.grey]
        finite = [
            t for t in self.targets
            if np.isfinite(t.hand).all() and np.isfinite(self.automatic[t.key]).all()
        ]  # fmt: skip
        wrong = set(certain or self.grey) & {t.key for t in finite}
        if not wrong:
            return Diagnosis(first_wrong=certain[0] if certain else None)
        accepted = "right at a kink" in self.verdicts.values()
        bases = chosen[:1] if accepted else [Changes(), *chosen[:CHOICES]]
        for base in bases:
            diagnosis = diagnose(self.record.cost, finite, wrong, base, most=2 if certain else 1)
            if diagnosis.answers:
                break
        if not certain:
            diagnosis.answers = [a for a in diagnosis.answers if all(map(_telling, a.candidates))]
            if diagnosis.answers:
                for key in self.grey:
                    self.verdicts[key] = "wrong"
                self.grey = {}
        return diagnosis


def _may_be_rounding(hand: Array, right: Array, off: Array, single: bool) -> Array:
    """Entries that float32, clipping or a small epsilon may have moved.

    Float32 moves nearly all entries by a little. Where most are exact, the others must be off by
    very little indeed, or be tiny ones that were clipped: away from zero.
    """
    error, size = np.abs(hand - right), np.abs(right)
    own = error[off & (size > 0)] / size[off & (size > 0)]
    common = np.mean(off[size > 0]) > 0.3 if np.any(size > 0) else True
    if single or (common and (own.size == 0 or np.median(own) < 1e-3)):
        return np.asarray(error <= GREY * (size + np.mean(size)))
    clipped = (np.sign(hand) == np.sign(right)) & (np.abs(hand) > size)
    return np.asarray(~off | (error <= TINY * size) | (clipped & (error <= TINY * np.mean(size))))


def _telling(candidate: Candidate) -> bool:
    """Whether a mistake can be tiny: a small term left out. Other tiny differences are rounding,
    or an epsilon that one side leaves out."""
    return candidate.kind in ("regularisation", "one-path", "overwritten-path")


def _enter_diagnosis(report: Report, diagnosis: Diagnosis | None, judged: _Judgement) -> None:
    report.notes += judged.notes
    if judged.lost and not report.ok:
        wrong = [g for g in report.gradients if not g.ok]
        key = wrong[0].value
        worst = max(g.relative_error for g in wrong)
        report.mistakes.append(
            Mistake(
                "precision", place(key), key, source_of(key),
                f"no mistake of derivation: {', '.join(g.name for g in wrong[:3])} "
                f"{'is' if len(wrong) == 1 else 'are'} right, but {judged.lost.words}"
                + (f", up to {worst:.1g} of an entry" if judged.lost.mend == UNROUNDED else ""),
                judged.lost.mend,
            )
        )  # fmt: skip
        return
    if judged.grey and report.ok:
        grey = list(judged.grey)
        key = grey[0]
        worst = max(report.row(k).relative_error for k in grey)
        report.mistakes.append(
            Mistake(
                "precision", place(key), key, source_of(key),
                f"{', '.join(report.row(k).name for k in grey[:3])}: the differences (up to "
                f"{worst:.1g} of an entry) are those of float32, clipping or a small epsilon",
                "nothing to mend; compute in float64 to see the difference shrink",
            )
        )  # fmt: skip
    if diagnosis is None or report.ok:
        return
    report.first_wrong, report.last_right = diagnosis.first_wrong, diagnosis.last_right
    for rank, answer in enumerate(diagnosis.answers[:4]):
        for c in answer.candidates:
            report.mistakes.append(
                Mistake(
                    c.kind, place(c.where), c.where, source_of(c.where), c.sentence, c.correction,
                    alternative=rank,
                )
            )  # fmt: skip
    report.answers = diagnosis.answers[:4]
    report.mistakes.sort(key=lambda m: (m.kind == "precision", m.alternative))


def _gradients(cost: Value, hand_derived: Any) -> dict[Value, Any]:
    given = hand_derived() if callable(hand_derived) else hand_derived
    if not given:
        raise ValueError("compare needs at least one hand-derived gradient, {value: gradient}")
    order = consumers_first(cost)
    reached = {cost, *order, *leaves_of(order)}
    by_name: dict[str, list[Value]] = {}
    for value in reached:
        if value.name:
            by_name.setdefault(value.name, []).append(value)
    gradients = {}
    for key, gradient in given.items():
        value = key
        if isinstance(key, str):
            named = by_name.get(key, [])
            if len(named) != 1:
                known = ", ".join(sorted(by_name)) or "none; Value(array, name=...) gives one"
                found = f"{len(named)} Values" if named else "no Value"
                raise ValueError(
                    f"{found} that the cost depends on {'are' if named else 'is'} named {key!r}; "
                    f"give the Value itself, or one of the names there are: {known}"
                )
            (value,) = named
        if type(value) is not Value or value not in reached:
            what = describe(value) if type(value) is Value else repr(value)
            raise ValueError(f"the cost does not depend on {what}: its gradient is zero")
        gradients[value] = gradient() if callable(gradient) else gradient
    return gradients


def _target(key: Value, given: Any, automatic: Array, largest: float) -> Target:
    data = np.asarray(data_of(given))
    if data.dtype.kind not in "fiub":
        raise TypeError(
            f"the hand-derived gradient of {describe(key)} must be numbers, not {data.dtype}"
        )
    hand = data.astype(np.float64)
    if hand.shape != key.shape and _without_ones(hand.shape) == _without_ones(key.shape):
        hand = hand.reshape(key.shape)  # (n, 1) for (n,) is a habit, not a mistake
    single = data.dtype in (np.float32, np.float16) or key.dtype in (np.float32, np.float16)
    rounding = largest * 100 * (SINGLE if single else DOUBLE)
    target = Target(key, hand, single, 2e-5 if single else 1e-7, rounding)
    apart = target.distance(automatic)
    if 0 < apart < 1e-3:
        # A small difference is explained only by what leaves far less of it.
        target = Target(
            key, hand, single, max(1e-14, min(target.tolerance, 1e-2 * apart)), rounding
        )
    return target


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _largest(error: Array) -> tuple[int, ...]:
    if np.size(error) == 0:
        return ()
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(error)), np.shape(error)))


def _one(cost: Value) -> Any:
    return 1.0 if type(cost.data) is float else np.ones_like(cost.data)
