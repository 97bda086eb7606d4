"""Schedules: their rates by hand, and what they refuse. (tests/peers compares them all.)"""

import math

import numpy as np
import pytest

from tinygrad_lite import Value, optim


def rates(make, count, lr=1.0, momentum=0.9):
    optimiser = optim.SGD([Value(np.ones(1))], lr, momentum)
    schedule = make(optimiser)
    found = []
    for _ in range(count):
        found.append(optimiser.lr)
        assert schedule.get_last_lr() == [optimiser.lr]
        schedule.step()
    return found


def test_rates_by_hand():
    blog = rates(lambda o: optim.ExponentialLR(o, 0.97), 12)
    assert blog == [0.97**i for i in range(12)]
    assert rates(lambda o: optim.StepLR(o, 2, 0.5), 6) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert rates(lambda o: optim.MultiStepLR(o, [3, 1], 0.5), 5) == [1, 0.5, 0.5, 0.25, 0.25]
    warm = rates(lambda o: optim.LinearLR(o, 0.5, total_iters=4), 6)
    assert warm == [0.5, 0.625, 0.75, 0.875, 1, 1]
    cosine = rates(lambda o: optim.CosineAnnealingLR(o, 4), 5)
    assert cosine == pytest.approx([(1 + math.cos(math.pi * i / 4)) / 2 for i in range(5)])


def test_one_cycle_goes_up_and_down_and_the_momentum_the_other_way():
    optimiser = optim.SGD([Value(np.ones(1))], 0.1, 0.9)
    schedule = optim.OneCycleLR(optimiser, 1.0, total_steps=10, pct_start=0.4)
    seen = []
    for _ in range(10):
        seen.append((optimiser.lr, optimiser.param_groups[0]["momentum"]))
        schedule.step()
    lrs, momenta = zip(*seen, strict=True)
    assert lrs[0] == pytest.approx(0.04) and lrs[3] == max(lrs) == pytest.approx(1)
    assert lrs[-1] == pytest.approx(0.04e-4)
    assert momenta[0] == pytest.approx(0.95) and momenta[3] == min(momenta) == pytest.approx(0.85)
    with pytest.raises(ValueError, match="cycle of 10 steps"):
        schedule.step()


def test_one_cycle_of_adam_moves_its_first_beta():
    optimiser = optim.Adam([Value(np.ones(1))])
    optim.OneCycleLR(optimiser, 1.0, total_steps=10)
    assert optimiser.param_groups[0]["betas"] == (0.95, 0.999)


def test_plateau():
    optimiser = optim.SGD([Value(np.ones(1))], 1.0)
    schedule = optim.ReduceLROnPlateau(optimiser, factor=0.5, patience=1)
    seen = []
    for measure in (3, 2, 2, 2, 2, 2, 1):
        schedule.step(measure)
        seen.append(optimiser.lr)
    assert seen == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]
    other = optim.ReduceLROnPlateau(optim.SGD([Value(np.ones(1))], 1.0))
    other.load_state_dict(schedule.state_dict())
    assert other.best == 1 and other.last_epoch == 7


def test_groups_keep_their_own_base():
    a, b = Value(np.ones(1)), Value(np.ones(1))
    optimiser = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.1}], 1.0)
    schedule = optim.ExponentialLR(optimiser, 0.5)
    schedule.step()
    assert schedule.get_last_lr() == [0.5, 0.05]


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda o: optim.StepLR(o, 0), "step_size must be at least 1"),
        (lambda o: optim.CosineAnnealingLR(o, 0), "T_max"),
        (lambda o: optim.OneCycleLR(o, 1.0), "total_steps, or epochs"),
        (lambda o: optim.OneCycleLR(o, 1.0, 5, pct_start=2), "pct_start"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1)], [2]), "need 0 milestones"),
        (lambda o: optim.ReduceLROnPlateau(o, "least"), "'min' or 'max'"),
        (
            lambda o: optim.OneCycleLR(optim.Adagrad([Value(1.0)]), 1.0, 5),
            "Adagrad has no momentum",
        ),
    ],
)
def test_what_makes_no_schedule_is_told(make, says):
    with pytest.raises(ValueError, match=says):
        make(optim.SGD([Value(np.ones(1))], 1.0))
