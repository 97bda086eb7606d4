"""Trials: what is summed up of the way to a key says the same as a pass along it."""

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.checking.changes import Changes
from tinygrad_lite.checking.mistakes.numbers import number, written
from tinygrad_lite.checking.targets import Target
from tinygrad_lite.checking.trial import Case, Trial, moved_by


def test_reach_of_a_key_equals_a_push_of_the_change():
    rng = np.random.default_rng(0)
    x = start = Value(rng.normal(size=2), name="x")
    scale = Value(0.7, name="scale")
    for _ in range(20):  # scalars, vectors and reductions on the way
        x = np.tanh(x * scale) + 0.1 * (x * x).sum() * x[0]
    cost = tg.logsumexp(x)
    targets = [Target(key, np.zeros(key.shape), False, 1e-7) for key in (start, scale)]
    trial = Trial(Case(cost, targets, {start, scale}), Changes())
    for key in (start, scale):
        reach = trial.reach(key)
        assert reach is not None
        for value in trial.record.nodes[::7]:
            delta = {value: rng.normal(size=value.shape)}
            pushed = trial.record.push(delta, Changes())
            if key in pushed:
                np.testing.assert_allclose(moved_by(delta, key, reach), pushed[key], rtol=1e-9)


def test_numbers_as_people_write_them():
    said = {1 / 3: "1/3", np.log(2): "ln 2", 1 / 0.7: "1/0.7", -0.05: "-0.05", 16: "16"}
    for value, words in said.items():
        assert written(value) == words
    assert written(-26.518) == "" and number(-26.518) == "-26.518"
