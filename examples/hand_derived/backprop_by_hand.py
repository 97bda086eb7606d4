"""Backpropagation by hand through a network with batch normalisation, every intermediate checked.

The exercise: record the forward pass one operation at a time, derive each line backwards on
paper, and have every single gradient compared. Then make a mistake, and see it named.

    python examples/hand_derived/backprop_by_hand.py
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite import Value, compare

rng = np.random.default_rng(42)
samples, inputs, hidden, classes = 32, 12, 20, 7
x = rng.normal(size=(samples, inputs))
labels = rng.integers(classes, size=samples)
rows = np.arange(samples)


def parameter(name: str, *shape: int) -> Value:
    return Value(0.3 * rng.normal(size=shape), name=name)


W1, b1 = parameter("W1", inputs, hidden), parameter("b1", hidden)
gamma, beta = parameter("gamma", 1, hidden), parameter("beta", 1, hidden)
W2, b2 = parameter("W2", hidden, classes), parameter("b2", classes)

# -- forward, one step a line ----------------------------------------------------------------------
hpre = x @ W1 + b1
mean = hpre.mean(axis=0, keepdims=True)
centred = hpre - mean
var = (centred**2).sum(axis=0, keepdims=True) / (samples - 1)
inv = (var + 1e-5) ** -0.5
raw = centred * inv
preact = gamma * raw + beta
h = np.tanh(preact)
logits = h @ W2 + b2
shifted = logits - logits.data.max(axis=1, keepdims=True)
counts = np.exp(shifted)
total = counts.sum(axis=1, keepdims=True)
probs = counts / total
logprobs = np.log(probs)
loss = -logprobs[rows, labels].mean()


# -- backward, by hand -----------------------------------------------------------------------------
def backward(*, forget_variance: bool = False) -> dict[Value, np.ndarray]:
    d: dict[Value, np.ndarray] = {}
    d[logprobs] = np.zeros_like(logprobs.data)
    d[logprobs][rows, labels] = -1 / samples
    d[probs] = d[logprobs] / probs.data
    d[total] = (-d[probs] * counts.data / total.data**2).sum(axis=1, keepdims=True)
    d[counts] = d[probs] / total.data + d[total]
    d[logits] = d[shifted] = counts.data * d[counts]
    d[h] = d[logits] @ W2.data.T
    d[W2] = h.data.T @ d[logits]
    d[b2] = d[logits].sum(axis=0)
    d[preact] = (1 - h.data**2) * d[h]
    d[gamma] = (raw.data * d[preact]).sum(axis=0, keepdims=True)
    d[beta] = d[preact].sum(axis=0, keepdims=True)
    d[raw] = gamma.data * d[preact]
    d[inv] = (centred.data * d[raw]).sum(axis=0, keepdims=True)
    d[var] = -0.5 * (var.data + 1e-5) ** -1.5 * d[inv]
    d[centred] = inv.data * d[raw]
    if not forget_variance:
        d[centred] = d[centred] + 2 * centred.data / (samples - 1) * d[var]
    d[mean] = -d[centred].sum(axis=0, keepdims=True)
    d[hpre] = d[centred] + d[mean] / samples
    d[W1] = x.T @ d[hpre]
    d[b1] = d[hpre].sum(axis=0)
    return d


def named_in(scope: dict[str, object]) -> None:
    """Give every Value the name of its variable, so that the report can speak of it."""
    for name, value in scope.items():
        if type(value) is Value and not value.name:
            value.name = name


if __name__ == "__main__":
    named_in(dict(globals()))
    report = compare(loss, backward)
    print(report)
    assert report.ok

    print("\nNow with the variance taken for a constant:\n")
    report = compare(loss, backward(forget_variance=True))
    print(report)
    assert not report.ok and report.mistakes[0].kind == "one-path"
