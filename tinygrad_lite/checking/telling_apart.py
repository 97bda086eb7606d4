"""Another input at which two explanations of the same numbers would differ."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Inapplicable
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.checking.report import Report
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value

TRIES = 6
_PATHS = frozenset({"one-path", "overwritten-path"})
_COUNTS = frozenset({"averaged-paths", "averaged-batch", "summed-batch", "factor"})
"""Mistakes by a number of samples or connections, which another number of them changes."""


def telling_input(report: Report) -> str:
    """Words proposing an input that would decide between the first two answers."""
    first, second = report.answers[:2]
    both = [reduce(or_, (c.changes for c in a.candidates)) for a in (first, second)]
    kinds = {c.kind for a in (first, second) for c in a.candidates}
    paths_only = all(c.scales and replace(c, scales={}) == Changes() for c in both)
    if paths_only and both[0].scales == both[1].scales:
        return f"The first two are the same numbers whatever the input: {_advice(kinds)}."
    if any(c.shown or any(map(_is_bound, _rules_of(c))) for c in both):
        return "Give the gradients of more Values to tell them apart."
    record = Record(report.cost, [g.value for g in report.gradients])
    leaves = sorted(
        {a for n in record.order for a in n.args if type(a) is Value and a.operation is None},
        key=lambda value: value.serial,
    )
    random = np.random.default_rng(0)
    tried = 0
    for _ in range(TRIES):
        for leaf in leaves[:8]:
            drawn = np.round(random.normal(size=leaf.shape), 1)
            try:
                with np.errstate(all="ignore"):
                    data = record.evaluate({leaf: float(drawn) if not leaf.ndim else drawn})
                    one, other = (
                        record.pull(
                            reduce(or_, (c.changes for c in answer.candidates)) | Changes(data=data)
                        )
                        for answer in (first, second)
                    )
            except (Inapplicable, ValueError, TypeError, KeyError, IndexError, ArithmeticError):
                continue
            tried += 1
            for key in record.keys:
                if key in one and key in other and _differ(one[key], other[key]):
                    text = np.array2string(np.asarray(drawn), threshold=12, separator=", ")
                    return (
                        f"To tell them apart, compare once more with {called(leaf)} = {text}: the "
                        f"gradient of {called(key)} then differs between the first two answers."
                    )
    if not tried:
        return f"No other input was found that both can be tried at: {_advice(kinds)}."
    return f"The first two are the same numbers at every input that was tried: {_advice(kinds)}."


def _advice(kinds: set[str]) -> str:
    if kinds & _COUNTS:
        return "another batch size or width may tell them apart"
    return "look into your code which it is" + (
        ", `=` for `+=` or a missing term" if kinds == _PATHS else ""
    )


def _rules_of(changes: Changes) -> list[Any]:
    return [*changes.edges.values(), *changes.totals.values(), *changes.links.values()]


def _is_bound(rule: Any, depth: int = 3) -> bool:
    """Whether a rule holds numbers of the recorded inputs, so that it says nothing of others."""
    if isinstance(rule, np.ndarray) and rule.size > 1:
        return True
    if isinstance(rule, tuple):  # the far end of a link and the way there, shapes, pairs
        return any(_is_bound(part, depth) for part in rule)
    cells = [c.cell_contents for c in getattr(rule, "__closure__", None) or ()]
    held = [*cells, *(getattr(rule, "__defaults__", None) or ())]
    return depth > 0 and any(_is_bound(part, depth - 1) for part in held)


def _differ(a: Array, b: Array) -> bool:
    if np.shape(a) != np.shape(b):
        return True
    size = max(float(np.max(np.abs(a), initial=0)), float(np.max(np.abs(b), initial=0)))
    return bool(np.max(np.abs(np.asarray(a) - b), initial=0) > 1e-6 * size) and np.isfinite(size)
