"""The numerical column: derivatives of the recorded cost at sampled entries and directions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tinygrad_lite.checking.changes import Array
from tinygrad_lite.checking.numeric import Estimate, derivative_along, scales_of
from tinygrad_lite.checking.passes import Record, recompute
from tinygrad_lite.engine.value import Value

KEYS = 24  # gradients of which single entries are checked; the others only along a direction
LARGE, FEWER = 5000, 6  # of a graph of so many edges, only so many


@dataclass
class Columns:
    """Numerical derivatives at the worst entries, and where the automatic ones look wrong.

    single
        whether float32 took part in the automatic ones
    """

    single: bool
    at: dict[Value, Estimate] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    said: str = ""


def numerical_columns(
    record: Record,
    worst: dict[Value, tuple[int, ...]],
    wrong: set[Value],
    automatic: dict[Value, Array],
    seed: int,
) -> Columns:
    """Differentiate numerically by the worst entry of each gradient, and along random directions.

    The cost is computed again from the record, with a Value replaced: for an intermediate one
    only what comes after it.
    """
    random = np.random.default_rng(seed)
    columns = Columns(single=any(v.dtype == np.float32 for v in (*record.keys, *record.order)))
    ranked = sorted(record.keys, key=lambda key: key not in wrong)
    large = sum(map(len, record.consumers.values())) > LARGE
    chosen = ranked[: FEWER if large else KEYS]
    for key in chosen:
        if key.size == 0:
            continue
        unit = np.zeros(key.shape)
        unit[worst[key]] = 1.0
        step = float(scales_of(key.data)[worst[key]])
        estimate = _along(record, {key: unit}, step, columns.single)
        columns.at[key] = estimate
        claimed = float(np.asarray(automatic[key])[worst[key]])
        _doubt(columns, key, "at its worst entry", estimate, claimed)
        if key.size > 1:
            _direction(record, columns, [key], automatic, random)
    leaves = [key for key in record.keys if key.operation is None and key.size]
    if len(leaves) > 1:
        _direction(record, columns, leaves, automatic, random)
    columns.said = (
        f"numerical: central differences, extrapolated; the worst entry and one random direction "
        f"of {len(chosen)} gradient{'s' * (len(chosen) != 1)}"
    )
    if len(leaves) > 1:
        columns.said += f", and one direction through all {sum(k.size for k in leaves):,} entries"
    return columns


def _direction(
    record: Record,
    columns: Columns,
    keys: list[Value],
    automatic: dict[Value, Array],
    random: np.random.Generator,
) -> None:
    scales = {key: scales_of(key.data) for key in keys}
    largest = max(float(np.max(s)) for s in scales.values())
    along = {key: random.uniform(-1, 1, key.shape) * s / largest for key, s in scales.items()}
    # Fewer steps at once when very many entries move together: the cost must stay near.
    count = sum(key.size for key in keys)
    step = largest / max(1.0, np.sqrt(count) / 10)
    estimate = _along(record, along, step, columns.single)
    claimed = sum(float(np.sum(np.asarray(automatic[k]) * d)) for k, d in along.items())
    where = "along a random direction" if len(keys) == 1 else "along a direction through all leaves"
    _doubt(columns, keys[0], where, estimate, claimed)


def _along(record: Record, directions: dict[Value, Array], step: float, single: bool) -> Estimate:
    nodes = record.dependents(directions)

    def cost(t: float) -> Array:
        data = {key: _wide(key.data) + t * d for key, d in directions.items()}
        for key in data:
            if type(key.data) is float:
                # A plain float beside a float32 array would be computed with in float32.
                data[key] = np.float64(data[key]) if single else float(data[key])
        for node in nodes:
            data[node] = recompute(node, data)
        return np.reshape(data.get(record.cost, record.cost.data), ())

    with np.errstate(all="ignore"):
        return derivative_along(cost, step)


def _doubt(columns: Columns, key: Value, where: str, estimate: Estimate, claimed: float) -> None:
    rtol = 1e-3 if columns.single else 1e-5
    if not np.isfinite(estimate.value) or estimate.agrees(claimed, rtol):
        return
    if estimate.error > 0.1 * abs(estimate.value):
        return  # too rough to accuse anyone
    columns.doubts.append(
        f"{key.name or key.shape} {where}: automatic {claimed:.8g}, numerical "
        f"{float(estimate.value):.8g} ± {float(estimate.error):.1g}"
    )


def _wide(data: Array) -> Array:
    return data if type(data) is float else np.asarray(data, dtype=np.float64)
