"""Whether gradients are right but for another choice of derivative where the function has a kink.

At a kink every mixture of the branches that meet there is a derivative (the Clarke generalised
gradient, Clarke 1975), whether chosen alike at all kinks or not. The choice is solved for: what
each branch contributes to the gradients given is linear in its share, and shares are not negative
and sum to one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from tinygrad_lite.checking.changes import Array, Changes, Edge, Inapplicable, Local
from tinygrad_lite.checking.kinks import Cell, Kink, find_kinks
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.checking.targets import Target
from tinygrad_lite.checking.words import place
from tinygrad_lite.engine.backward import fitted
from tinygrad_lite.engine.value import Value

MOST = 240  # branches whose shares are solved for; beyond, only the usual conventions are tried
ROUNDS = 4  # times the shares are solved for, as those of kinks behind one another multiply
FAILURES = (Inapplicable, ValueError, TypeError, IndexError, KeyError, ArithmeticError)

Shares = list[list[Array]]
"""By kink and cell: the share of each branch."""
Convention = Callable[[Cell], Array]


@dataclass
class Choice:
    """Derivatives chosen at kinks, and the wrong gradients that are right with them."""

    changes: Changes
    explained: set[Value]
    notes: list[str]


def choices(record: Record, targets: Sequence[Target], wrong: set[Value]) -> list[Choice]:
    """Choices of derivatives at kinks by which some wrong gradients are right and none becomes
    wrong, the one that explains most first; then conventions that explain none by themselves."""
    kinks = find_kinks(record)
    fitting = [t for t in targets if t.fitting and np.isfinite(t.hand).all()]
    if not kinks or not wrong & {t.key for t in fitting}:
        return []
    with np.errstate(all="ignore"):
        return _Kinks(record, kinks, fitting, wrong).best()


class _Kinks:
    """The kinks of a record, and how the gradients depend on what is chosen there."""

    def __init__(
        self, record: Record, kinks: list[Kink], targets: list[Target], wrong: set[Value]
    ) -> None:
        self.record, self.targets, self.wrong = record, targets, wrong
        found = record.pull()
        # Where nothing arrives, nothing is chosen; but another choice may send something there.
        self.kinks = [kink for kink in kinks if kink.node in found]
        self.variables = sum(len(cell.branches) for k in self.kinks for cell in k.cells)

    def best(self) -> list[Choice]:
        """The choices that explain something, and conventions worth a diagnosis."""
        tried: list[tuple[Choice, Shares, float]] = []
        for shares in self._conventions():
            outcome = self._judged(shares)
            if outcome is None:
                continue
            choice, residual = outcome
            if choice.explained == self.wrong:
                return [choice]
            tried.append((choice, shares, residual))
        tried.sort(key=lambda t: (-len(t[0].explained), t[2]))
        found = [choice for choice, _, _ in tried]
        if self.variables <= MOST:
            starts = [shares for _, shares, _ in tried[:2]]
            starts.append([[_equal(cell) for cell in kink.cells] for kink in self.kinks])
            for start in starts:
                outcome = self._judged(self._solved(start))
                if outcome is None:
                    continue
                if outcome[0].explained == self.wrong:
                    return [outcome[0]]
                if outcome[0].explained and len(outcome[0].explained) > len(found[0].explained):
                    found.insert(0, outcome[0])
        return found

    def _conventions(self) -> Iterator[Shares]:
        """What people choose alike everywhere: by kind of operation, at most three kinds apart."""
        names = list(dict.fromkeys(_kind(k) for k in self.kinks))
        together = len(names) > 3
        for chosen in product(_CONVENTIONS, repeat=1 if together else len(names)):
            by_name = dict(zip(names, chosen * len(names) if together else chosen, strict=False))
            yield [
                [_usual(cell) if k.exclusive else by_name[_kind(k)](cell) for cell in k.cells]
                for k in self.kinks
            ]

    def _judged(self, shares: Shares) -> tuple[Choice, float] | None:
        """What is explained by a choice, None if it makes a right gradient wrong."""
        changes = self._changes(shares)
        try:
            found = self.record.pull(changes)
        except FAILURES:
            return None
        explained, residual = set(), 0.0
        for target in self.targets:
            supposed = found.get(target.key, np.zeros(target.key.shape))
            if target.key not in self.wrong:
                if not target.keeps(supposed):
                    return None
            elif target.equals(supposed):
                explained.add(target.key)
            else:
                residual += min(target.distance(supposed), 2.0)
        return Choice(changes, explained, self._notes(shares, found)), residual

    def _changes(self, shares: Shares) -> Changes:
        edges = {}
        for kink, chosen in zip(self.kinks, shares, strict=True):
            corrections: dict[int, list[tuple[int, int, float]]] = {}
            for cell, share in zip(kink.cells, chosen, strict=True):
                for argnum, entry, weight in cell.usual:
                    corrections.setdefault(argnum, []).append((cell.entry, entry, -weight))
                for part, branch in zip(share, cell.branches, strict=True):
                    for argnum, entry, weight in branch if part else ():
                        corrections.setdefault(argnum, []).append(
                            (cell.entry, entry, float(part) * weight)
                        )
            for argnum, terms in corrections.items():
                edges[Edge(kink.node, argnum)] = _corrected(terms)
        return Changes(edges=edges)

    def _notes(self, shares: Shares, found: dict[Value, Array]) -> list[str]:
        notes = []
        for kink, chosen in zip(self.kinks, shares, strict=True):
            g = np.ravel(found.get(kink.node, 0.0))
            entries = [
                cell.entry for cell, share in zip(kink.cells, chosen, strict=True)
                if g.size > cell.entry and g[cell.entry] != 0 and not _is_usual(cell, share)
            ]  # fmt: skip
            if entries:
                count = f"at {len(entries)} of its entries" if len(entries) > 1 else "at one entry"
                notes.append(
                    f"no mistake: {place(kink.node)} has a kink {count}, where any "
                    f"derivative between those of the two sides is right"
                )
        return notes

    # -- solving for the shares ------------------------------------------------------------------

    def _solved(self, shares: Shares) -> Shares:
        """Shares by which the gradients come nearest to those given: all at once, then those of
        each kink by itself."""
        everything = list(range(len(self.kinks)))
        for number in range(ROUNDS):
            groups = [everything] if number == 0 else [[k] for k in everything]
            for group in groups:
                try:
                    shares = self._nearer(shares, group)
                except (*FAILURES, np.linalg.LinAlgError):
                    return shares
            judged = self._judged(shares)
            if len(everything) == 1 or (judged is not None and judged[0].explained == self.wrong):
                break
        return shares

    def _nearer(self, shares: Shares, group: list[int]) -> Shares:
        changes = self._changes(shares)
        found = self.record.pull(changes)
        columns: list[Array] = []
        sums: list[Sequence[int]] = []
        owners: list[tuple[int, int, int]] = []
        given = np.concatenate([t.hand.ravel() / self._size(t) for t in self.targets])
        gap = given - self._flat(found)
        pushed: dict[tuple[Value, int], Array] = {}
        for k in group:
            kink = self.kinks[k]
            g = np.ravel(np.asarray(found.get(kink.node, 0.0), dtype=np.float64))
            selected: dict[int, list[int]] = {}
            for c, cell in enumerate(kink.cells):
                if not kink.exclusive and (g.size <= cell.entry or g[cell.entry] == 0):
                    continue
                first = len(columns)
                for b, branch in enumerate(cell.branches):
                    column = np.zeros(len(gap))
                    for argnum, entry, weight in branch:
                        argument = kink.node.args[argnum]
                        if (argument, entry) not in pushed:
                            pushed[argument, entry] = self._pushed(argument, entry, changes)
                        column += weight * g[cell.entry] * pushed[argument, entry]
                        selected.setdefault(entry, []).append(len(columns))
                    columns.append(column)
                    gap += shares[k][c][b] * column
                    owners.append((k, c, b))
                sums.append(range(first, len(columns)))
            if kink.exclusive:
                sums += list(selected.values())
        if not columns:
            return shares
        a = np.array(columns).T
        weight = 1e3 * max(float(np.max(np.abs(a))), 1e-300)
        rows = np.zeros((len(sums), len(columns)))
        for row, members in zip(rows, sums, strict=True):
            row[list(members)] = weight
        solution = not_negative(
            np.vstack([a, rows]), np.concatenate([gap, np.full(len(sums), weight)])
        )
        new = [[share.copy() for share in chosen] for chosen in shares]
        for (k, c, b), part in zip(owners, solution, strict=True):
            new[k][c][b] = part
        for k, c, _ in owners:
            new[k][c] = new[k][c] / max(float(np.sum(new[k][c])), 1e-300)
        return new

    def _pushed(self, argument: Value, entry: int, changes: Changes) -> Array:
        """What the gradients become by a cotangent of one at one entry of an argument."""
        unit = np.zeros(argument.size)
        unit[entry] = 1.0
        delta = float(unit[0]) if type(argument.data) is float else unit.reshape(argument.shape)
        return self._flat(self.record.push({argument: delta}, changes))

    def _flat(self, found: dict[Value, Array]) -> Array:
        parts = [
            np.ravel(np.asarray(found.get(t.key, np.zeros(t.key.shape)), dtype=np.float64))
            / self._size(t)
            for t in self.targets
        ]
        return np.concatenate(parts)

    def _size(self, target: Target) -> float:
        return float(np.max(np.abs(target.hand), initial=0.0)) or 1.0


def not_negative(a: Array, b: Array) -> Array:
    """The x >= 0 that makes ``|a x - b|`` least (Lawson and Hanson 1974, chapter 23).

    >>> not_negative(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([2.0, -1.0])).tolist()
    [2.0, 0.0]
    """
    if len(a) > a.shape[1] + 1:  # the same in fewer rows
        r: Array = np.linalg.qr(np.column_stack([a, b]), mode="r")
        a, b = r[:, :-1], r[:, -1]
    n = a.shape[1]
    x, passive = np.zeros(n), np.zeros(n, dtype=bool)
    limit = 1e-12 * max(float(np.max(np.abs(a.T @ b), initial=0.0)), 1e-300)
    for _ in range(3 * n):
        slope = a.T @ (b - a @ x)
        slope[passive] = -np.inf
        if np.max(slope) <= limit:
            break
        passive[int(np.argmax(slope))] = True
        while True:
            trial = np.zeros(n)
            trial[passive] = np.linalg.lstsq(a[:, passive], b, rcond=None)[0]
            bad = passive & (trial <= 0)
            if not bad.any():
                break
            step = np.min(x[bad] / np.maximum(x[bad] - trial[bad], 1e-300))
            x = x + step * (trial - x)
            passive &= x > 1e-14
            x[~passive] = 0.0
            if not passive.any():
                trial = x
                break
        x = trial
    return x


def _corrected(terms: list[tuple[int, int, float]]) -> Callable[[Local], Array]:
    """A rule that passes back something else at the given entries."""
    sources, entries = (np.array([t[i] for t in terms]) for i in (0, 1))
    weights = np.array([t[2] for t in terms])

    def change(local: Local) -> Array:
        argument = local.edge.argument
        usual = fitted(local.rule(), argument, local.edge.node)
        more = np.zeros(argument.size)
        g = np.ravel(np.asarray(local.g, dtype=np.float64))
        np.add.at(more, entries, g[sources] * weights)
        return usual + (
            float(more[0]) if type(argument.data) is float else more.reshape(argument.shape)
        )

    return change


def _kind(kink: Kink) -> str:
    return kink.node.operation.name  # type: ignore[union-attr]


def _one(cell: Cell, chosen: int) -> Array:
    share = np.zeros(len(cell.branches))
    share[chosen] = 1.0
    return share


def _total(branch: list[tuple[int, int, float]]) -> float:
    return sum(abs(weight) for _, _, weight in branch)


def _steepest(cell: Cell) -> Array:
    return _one(cell, int(np.argmax([_total(branch) for branch in cell.branches])))


def _flattest(cell: Cell) -> Array:
    return _one(cell, int(np.argmin([_total(branch) for branch in cell.branches])))


def _equal(cell: Cell) -> Array:
    return np.full(len(cell.branches), 1 / len(cell.branches))


def _usual(cell: Cell) -> Array:
    """The share of each branch by the convention of the operation, as near as branches come."""
    if cell.usual in cell.branches:
        return _one(cell, cell.branches.index(cell.usual))
    return _equal(cell)


def _is_usual(cell: Cell, share: Array) -> bool:
    given: dict[tuple[int, int], float] = {}
    for argnum, entry, weight in cell.usual:
        given[argnum, entry] = given.get((argnum, entry), 0.0) - weight
    for part, branch in zip(share, cell.branches, strict=True):
        for argnum, entry, weight in branch:
            given[argnum, entry] = given.get((argnum, entry), 0.0) + float(part) * weight
    return all(abs(rest) <= 1e-9 for rest in given.values())


_CONVENTIONS: tuple[Convention, ...] = (
    lambda cell: _one(cell, 0),
    lambda cell: _one(cell, len(cell.branches) - 1),
    _steepest,
    _flattest,
    _equal,
)
"""The first branch, the last, the steepest, the flattest, and equal shares."""
