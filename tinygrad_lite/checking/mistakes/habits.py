"""One habit out of the same mistake at several places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

from tinygrad_lite.checking.mistakes.candidate import Candidate
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value


def together(members: list[Candidate]) -> Candidate:
    """One habit out of the same mistake at several places."""
    best = min(members, key=lambda m: m.prior)
    changes: Any = reduce(or_, (m.changes for m in members))
    # Several Values that each keep what was assigned last are the work of one wrong operator.
    several = len({m.at for m in members}) > 2
    assigned = best.family in ("overwritten-first", "overwritten-last") and best.prior < 0.15
    habit = -0.15 if assigned and several else 0.05
    everywhere = everywhere_at(best, [m.where for m in members])
    return replace(everywhere, changes=changes, prior=best.prior + habit)


def everywhere_at(candidate: Candidate, places: Iterable[Value]) -> Candidate:
    """The same said of several places."""
    others = list(dict.fromkeys(v for v in places if v is not candidate.where))
    if not others:
        return candidate
    names = list(dict.fromkeys(called(v) for v in others))
    listed = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
    count = f"at {len(others) + 1} places in all" if len(others) > 1 else "at two places"
    return replace(
        candidate, sentence=f"{candidate.sentence}; the same at every place of this kind, {count} "
        f"(also {listed})",
    )  # fmt: skip
