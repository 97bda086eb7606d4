"""What a model makes of its validation data: outputs, guesses, and the rows that went worst."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lite.engine.modes import no_grad
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.training.evaluation import batches_of, split_batch

Array = np.ndarray[Any, Any]
WORST = 24
"""Rows that are shown as the worst."""


@dataclass
class Results:
    """Outputs and targets of all rows, and the worst of them.

    Attributes:
        kind: "classes" or "numbers".
        outputs: shape (rows, classes) as probabilities, or (rows, ...).
        targets: labels, shape (rows,), or as the outputs.
        worst: inputs, outputs and targets of the worst rows, worst first, and how bad they are.
        example: one batch's inputs, to call the model with.
    """

    kind: str
    outputs: Array
    targets: Array
    worst: list[tuple[float, Array, Array, Any]] = field(default_factory=list)
    example: tuple[Any, ...] = ()

    @property
    def guesses(self) -> Array:
        """The class of the largest output."""
        return np.asarray(self.outputs.argmax(axis=1))


def results_of(model: Any, data: Any) -> Results | None:
    """Run a model over some data; None if there is none."""
    outputs, targets = [], []
    batches = batches_of(data)
    state = batches.state_dict() if hasattr(batches, "state_dict") else None
    example: tuple[Any, ...] = ()
    mode = model.training
    model.eval()
    try:
        with no_grad():
            for batch in batches:
                inputs, target = split_batch(batch)
                outputs.append(np.asarray(data_of(model(*inputs))))
                targets.append(np.asarray(target))
                example = example or tuple(array[:1] for array in inputs)
    finally:
        model.train(mode)
    if not outputs:
        return None
    kind, output, target = _read(np.concatenate(outputs), np.concatenate(targets))
    badness = _badness(kind, output, target)
    worst = [int(row) for row in np.argsort(-badness, kind="stable")[:WORST]]
    if state is not None:
        batches.load_state_dict(state)  # type: ignore[attr-defined]  # the same pass once more
    rows = _rows_of(batches, worst) if len(output) == sum(map(len, targets)) else {}
    entries = [(float(badness[i]), rows[i], output[i], target[i]) for i in worst if i in rows]
    return Results(kind, output, target, entries, example)


def _rows_of(batches: Any, wanted: list[int]) -> dict[int, Array]:
    """The inputs of some rows."""
    found: dict[int, Array] = {}
    start = 0
    for batch in batches:
        given = np.asarray(split_batch(batch)[0][0])
        for row in wanted:
            if start <= row < start + len(given):
                found[row] = np.array(given[row - start])
        start += len(given)
    return found


def probabilities(outputs: Array) -> Array:
    """Outputs as shares of confidence: they are that already, or activations, or logits."""
    outputs = outputs.astype(np.float64)
    if outputs.min(initial=0.0) >= 0 and outputs.max(initial=0.0) <= 1:
        total: Array = outputs.sum(axis=1, keepdims=True)
        shares: Array = outputs / np.where(total > 0, total, 1)
        return shares
    raised: Array = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    shares = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _read(output: Array, target: Array) -> tuple[str, Array, Array]:
    """Kind, outputs and targets."""
    if target.dtype.kind not in "biu":
        return "numbers", output, target
    if output.ndim == target.ndim + 1 and output.shape[-1] > 1:
        flat = output.reshape(-1, output.shape[-1])
        return "classes", probabilities(flat), target.ravel().astype(int)
    if target.max(initial=0) > 1 or target.min(initial=0) < 0 or output.size != target.size:
        return "numbers", output, target
    one = output.reshape(-1, 1).astype(np.float64)
    if one.min(initial=0.0) < 0 or one.max(initial=0.0) > 1:
        one = 1 / (1 + np.exp(-np.clip(one, -700, 700)))
    return "classes", np.hstack([1 - one, one]), target.ravel().astype(int)


def _badness(kind: str, output: Array, target: Array) -> Array:
    """How bad each row is: minus the logarithm of the label's share, or the squared distance."""
    if kind == "classes":
        share = output[np.arange(len(target)), target]
        return np.asarray(-np.log(np.maximum(share, 1e-300)))
    if output.size != target.size:
        return np.zeros(len(output))
    difference = output.reshape(len(output), -1) - target.reshape(len(output), -1)
    return np.asarray(np.mean(np.abs(difference) ** 2, axis=1))
