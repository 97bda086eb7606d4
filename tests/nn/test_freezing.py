"""Frozen parameters, generator states, conversion, and the summary."""

import copy
import json
import pickle

import numpy as np
import pytest

from tinygrad_lite import Value, nn, optim

X = np.random.default_rng(1).standard_normal((5, 4)).astype(np.float32)


class Odd(nn.Module):
    """Parameters in every kind of place."""

    def __init__(self):
        self.scale = Value(2.0)
        self.listed = [Value(np.ones(4))]
        self.pair = (Value(np.ones(4)), 3)
        self.named = {"shift": Value(np.zeros(4))}

    def forward(self, x):
        return x * self.scale * self.listed[0] * self.pair[0] + self.named["shift"]


def network():
    return nn.Sequential(nn.Linear(4, 3, generator=0), nn.Tanh(), nn.Linear(3, 2, generator=1))


def test_a_frozen_part_has_no_gradient_and_no_update():
    net = network()
    before = net.state_dict()
    first = list(net[0].parameters())
    optimiser = optim.SGD(net.parameters(), 0.1, momentum=0.9)
    net(X).sum().backward()
    optimiser.step()
    moved = net.state_dict()
    assert not np.array_equal(moved["0.weight"], before["0.weight"])
    optimiser.zero_grad()
    assert net[0].freeze() is net[0]
    out = net(X)
    assert [p.grad for p in first] == [None, None]
    out.sum().backward()
    optimiser.step()
    assert [p.grad for p in first] == [None, None]
    after = net.state_dict()
    assert list(after) == list(before)
    for name, array in after.items():
        assert np.array_equal(array, moved[name]) == name.startswith("0"), name


def test_nothing_is_recorded_of_what_is_frozen():
    net = network().freeze()
    assert not isinstance(net(X), Value)
    assert net.parameters() == []
    net.unfreeze()
    assert len(net.parameters()) == 4


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_unfreezing_gives_the_same_parameters_back(duplicate):
    net = Odd()
    parameters = dict(net.named_parameters())
    names = list(net.state_dict())
    net.freeze()
    assert list(net.state_dict()) == names and not net.parameters()
    other = duplicate(net).unfreeze()
    assert [name for name, _ in other.named_parameters()] == list(parameters)
    state = net.state_dict()
    state["scale"] = np.array(5.0)
    state["pair.0"] = np.full(4, 7.0)
    net.load_state_dict(state)
    net.freeze()  # again: nothing more
    net.unfreeze()
    restored = dict(net.named_parameters())
    assert all(restored[name] is parameter for name, parameter in parameters.items())
    assert net.scale.data == 5.0 and type(net.scale.data) is float
    assert net.pair[0].data.tolist() == [7, 7, 7, 7] and net.pair[1] == 3
    assert other.scale.data == 2.0


def test_a_shared_parameter_freezes_in_all_its_places():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    shared = net[0].weight
    net.freeze()
    assert net[0].weight is net[1].weight is not shared
    net.unfreeze()
    assert net[0].weight is net[1].weight is shared


def test_apply_visits_parts_first():
    seen = []
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["ReLU", "Sequential", "Linear", "Sequential"]


def test_conversion():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    weight = net[0].weight
    net[0].freeze()
    net.double()
    assert net[0].weight.dtype == np.float64 and net[1].running_var.dtype == np.float64
    assert net[1].num_batches_tracked.dtype == np.int64
    assert not net[0].parameters() and len(net[1].parameters()) == 2
    net.unfreeze().float()
    assert net[0].weight is weight and weight.dtype == np.float32


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_generator_states_go_round_as_json(kind):
    def net():
        generator = np.random.Generator(getattr(np.random, kind)(7))
        return nn.Sequential(nn.Dropout(generator=generator), nn.Dropout(generator=3))

    one, other = net(), net()
    one(X)
    states = json.loads(json.dumps(one.generator_states()))
    assert set(states) == {"0.generator", "1.generator"}
    other.load_generator_states(states)
    for _ in range(3):
        assert np.array_equal(one(X), other(X))


def test_generator_states_that_do_not_fit_are_told():
    net = nn.Sequential(nn.Dropout(), nn.Dropout())
    states = net.generator_states()
    with pytest.raises(KeyError, match=r"0\.generator"):
        net.load_generator_states({"0.generator": states["0.generator"]})
    states["1.generator"] = {"bit_generator": "MT19937"}
    with pytest.raises(ValueError, match=r"1\.generator is a PCG64, given .* MT19937"):
        net.load_generator_states(states)


def test_summary():
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(),
        nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 14 * 14, 10)),
    )  # fmt: skip
    net[0].freeze()
    before, states = net.state_dict(), net.generator_states()
    summary = net.summary(np.zeros((2, 1, 28, 28), np.float32))
    assert str(summary).splitlines() == [
        "name  layer        output          parameters",
        "      Sequential   (2, 10)",
        "0     Conv2d       (2, 8, 28, 28)  208 frozen",
        "1     BatchNorm2d  (2, 8, 28, 28)          16",
        "2     ReLU         (2, 8, 28, 28)",
        "3     Dropout      (2, 8, 28, 28)",
        "4     Sequential   (2, 10)",
        "  0   MaxPool2d    (2, 8, 14, 14)",
        "  1   Flatten      (2, 1568)",
        "  2   Linear       (2, 10)             15,690",
        "15,706 parameters and 208 frozen, 17 numbers in buffers, 63.73 kB",
    ]
    assert net.training and net[1].training and "forward" not in vars(net)
    assert net.generator_states() == states
    assert all(np.array_equal(before[name], array) for name, array in net.state_dict().items())
    assert summary.parameters == sum(p.size for p in net.parameters())
    assert net.summary().rows[1].shape is None


def test_summary_counts_shared_parameters_once_and_mends_the_model_after_an_error():
    net = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    net[1].weight = net[0].weight
    assert net.summary().parameters == 9
    with pytest.raises(ValueError, match=r"\(1, 2\)"):
        net.summary(np.ones((1, 2)))
    assert net.training and "forward" not in vars(net[0])
