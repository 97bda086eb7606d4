"""Projections of a gradient, and differences of a pass, say the same as the whole altered pass."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.checking.changes import Changes, Edge
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.checking.probe import Probe
from tinygrad_lite.checking.targets import Target


def recurrent():
    rng = np.random.default_rng(3)
    w, u, b = (
        Value(rng.normal(size=s), name=n) for n, s in (("W", (3, 3)), ("U", (2, 3)), ("b", 3))
    )
    h, steps = np.zeros((4, 3)), []
    for x in rng.normal(size=(4, 4, 2)):
        h = tg.relu(np.tanh(x @ u + h @ w + b)) + 0.1 * h
        steps.append(h)
    return tg.logsumexp(h).sum() * 2.0, (w, u, b), steps


def alterations(record, steps):
    """Several places of a kind at once: edges, factors, totals of results and of leaves."""
    products = [n for n in record.nodes if n.operation.name == "matmul"]
    into = [e for edges in record.consumers.values() for e in edges]
    edges = [e for e in into if e.node.operation.name == "matmul"]
    bent = [n for n in record.nodes if n.operation.name == "tanh"]
    yield Changes(edges={e: lambda local: local.rule(g=2 * local.g**3) for e in edges})
    yield Changes(scales=dict.fromkeys(edges[::2], -0.5))
    yield Changes(totals={h: lambda g: g[::-1] for h in steps})
    yield Changes(totals={key: lambda g: np.roll(g, 1) for key in record.keys})
    yield Changes(links={n: (n.args[0], lambda g, z, a: g * (1 - z**2)) for n in bent})
    yield Changes(
        edges={Edge(products[0], 0): lambda local: local.g @ local.args[1]},
        totals={steps[1]: lambda g: 3 * g},
    )


def test_the_difference_of_an_altered_pass_is_that_of_two_whole_passes():
    cost, keys, steps = recurrent()
    record = Record(cost, keys)
    found, parts = record.pull(), {}
    for changes in alterations(record, steps):
        altered = record.pull(changes)
        moved = record.differ(changes, Changes(), found, parts, whole=True)
        for key in keys:
            assert not np.allclose(altered[key], found[key])
            np.testing.assert_allclose(found[key] + moved[key], altered[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("which", range(3))
def test_projections_move_as_the_gradient_does(which):
    cost, keys, steps = recurrent()
    key = keys[which]
    record = Record(cost, [key])
    found, parts = record.pull(), {}
    for changes in alterations(record, steps):
        altered = record.pull(changes)[key]
        probe = Probe.of(record, Target(key, np.asarray(altered), False, 1e-7), Changes())
        moved = probe.moved(record.differ(changes, Changes(), found, parts, whole=False))
        np.testing.assert_allclose(probe.now + moved, probe.hand, rtol=1e-7)
        assert probe.reached(moved) and not probe.reached(0.9 * moved)
