"""Whether a replay and the function it stands for agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value

# A gradient this much smaller than the largest one counts as if it were larger: a sum that is zero
# but for rounding (that of a bias before a batch normalisation) is as large as its terms' rounding.
_SMALL = 1e-2


class State:
    """Copies of all that a call leaves behind.

    Args:
        result: what it returned.
        values: leaf Values, for their data and gradients.
        attributes: arrays that are attributes, as (owner, name).
    """

    def __init__(self, result: Any, values: list[Value], attributes: list[tuple[Any, str]]) -> None:
        self.names = [value.name or f"number {i}" for i, value in enumerate(values)]
        self.data = [_copied(value.data) for value in values]
        self.gradients = [_copied(value.grad) for value in values]
        self.others = {"the result": _copied(result)}
        for owner, name in attributes:
            self.others[f"{type(owner).__name__}.{name}"] = _copied(getattr(owner, name))

    def difference(self, called: State) -> str | None:
        """Where a replay differs from the function by more than rounding, as words.

        Rounding may be as large as the root of the machine epsilon, relative to the largest entry:
        a different order of summation, through a whole network and back. What is not numeric is not
        compared. Nor are parameters whose gradient is nothing but rounding, since optimisers that
        divide by its size (Adam) make steps of that.
        """
        told = difference(self.others, called.others, "")
        if told is not None:
            return told
        largest = max((_largest(g) for g in called.gradients if g is not None), default=0.0)
        for name, ours, theirs in zip(self.names, self.gradients, called.gradients, strict=True):
            what = f"the gradient of parameter {name}"
            told = difference(ours, theirs, what, _SMALL * largest)
            if told is not None:
                return told
        for name, ours, theirs, mine, gradient in zip(
            self.names, self.data, called.data, self.gradients, called.gradients, strict=True
        ):
            if gradient is not None and np.shape(ours) == np.shape(theirs) == np.shape(gradient):
                floor = _tolerance(theirs) * max(_largest(gradient), _SMALL * largest)
                size = np.maximum(np.abs(gradient), np.abs(mine))
                certain = (size > floor) | (size == 0)
                ours, theirs = np.where(certain, ours, 0), np.where(certain, theirs, 0)
            told = difference(ours, theirs, f"the data of parameter {name}")
            if told is not None:
                return told
        return None


def difference(replayed: Any, called: Any, what: str, scale: float = 0.0) -> str | None:
    """Where numbers within lists and dicts differ by more than rounding, as words.

    Args:
        replayed, called: of one structure.
        what: words for them.
        scale: the size of entries to which rounding is relative, if larger than the largest.
    """
    if isinstance(replayed, dict) and isinstance(called, dict):
        replayed, names = list(replayed.values()), list(called)
        called = list(called.values())
    elif isinstance(replayed, list) and isinstance(called, list):
        names = [f"{what}[{position}]" for position in range(len(called))]
    else:
        return _of_numbers(replayed, called, what, scale)
    if len(replayed) != len(called):
        return f"{what} has {len(replayed)} entries, not {len(called)}"
    for name, a, b in zip(names, replayed, called, strict=True):
        told = difference(a, b, str(name), scale)
        if told is not None:
            return told
    return None


def _of_numbers(replayed: Any, called: Any, what: str, scale: float) -> str | None:
    if (replayed is None) != (called is None):
        return f"{what} is {_short(replayed)}, and should be {_short(called)}"
    if not _numeric(replayed) or not _numeric(called):
        return None
    a, b = np.asarray(replayed), np.asarray(called)
    if a.shape != b.shape:
        return f"{what} has shape {a.shape}, not {b.shape}"
    if a.dtype.kind not in "fc" or not a.size:
        return None if (a == b).all() else f"{what} differs"
    finite = np.isfinite(b)
    if (np.isfinite(a) != finite).any():
        return f"{what} is infinite or NaN in other places"
    with np.errstate(all="ignore"):
        away = np.abs(np.where(finite, a, 0) - np.where(finite, b, 0)).max()
        largest = np.abs(np.where(finite, b, 0)).max()
    if away <= max(_tolerance(a), _tolerance(b)) * max(largest, scale, np.finfo(a.dtype).tiny):
        return None
    return f"{what} differs by {away:.3g}, its largest entry being {largest:.3g}"


def _tolerance(array: Any) -> float:
    dtype = np.asarray(array).dtype
    return float(np.sqrt(np.finfo(dtype).eps)) if dtype.kind in "fc" else 0.0


def _largest(array: Any) -> float:
    return float(np.max(np.abs(array), initial=0.0))


def _copied(tree: Any) -> Any:
    kind = type(tree)
    if kind is Value:
        return _copied(tree.data)
    if isinstance(tree, (tuple, list)):
        return [_copied(branch) for branch in tree]
    if kind is dict:
        return {key: _copied(branch) for key, branch in tree.items()}
    return tree.copy() if isinstance(tree, np.ndarray) else tree


def _numeric(thing: Any) -> bool:
    if isinstance(thing, (float, int, complex, np.generic)):
        return True
    return isinstance(thing, np.ndarray) and thing.dtype.kind in "biufc"


def _short(thing: Any) -> str:
    return "None" if thing is None else f"an array of shape {np.shape(thing)}"
