"""Module: finding, naming, saving and loading of parts, and the scopes that messages tell."""

import copy
import pickle
import threading

import numpy as np
import pytest

from tinygrad_lite import Value, nn, scope


class Block(nn.Module):
    def __init__(self):
        self.weight = Value(np.ones(2))
        self.running_mean = np.zeros(2)

    def forward(self, x):
        return x * self.weight


class Net(nn.Module):
    def __init__(self):
        self.first = nn.Linear(2, 2)
        self.blocks = [Block()]
        self.heads = {"digit": nn.Linear(2, 3, bias=False)}
        self.temperature = Value(2.0)
        self.settings = {"classes": 3}
        self._cached = Block()

    def forward(self, x):
        for block in self.blocks:
            x = block(self.first(x))
        self.last = x  # a computed Value is no parameter
        return self.heads["digit"](x) / self.temperature


X = np.ones((4, 2), np.float32)
NAMES = [
    "first.weight", "first.bias", "blocks.0.weight", "heads.digit.weight", "temperature",
]  # fmt: skip


def test_parameters_are_found_by_attribute_and_named_by_path():
    net = Net()
    net.blocks.append(Block())
    net(X)
    expected = [*NAMES[:3], "blocks.1.weight", *NAMES[3:]]
    names = [name for name, _ in net.named_parameters()]
    assert sorted(names) == sorted(expected)
    assert [p.name for p in net.parameters()] == names
    assert [name for name, _ in net.named_buffers()] == [
        "blocks.0.running_mean", "blocks.1.running_mean",
    ]  # fmt: skip
    assert [path for path, _ in net.named_modules()] == [
        "", "first", "blocks.0", "blocks.1", "heads.digit",
    ]  # fmt: skip


def test_a_part_keeps_the_path_that_the_whole_gave_it():
    net = Net()
    net(X)
    assert [p.name for p in net.first.parameters()] == ["first.weight", "first.bias"]


def test_a_shared_part_counts_once():
    shared = nn.Linear(2, 2)
    net = nn.Sequential(shared, nn.Sigmoid(), shared)
    assert len(net.parameters()) == 2
    assert len(list(net.modules())) == 3
    assert set(net.state_dict()) == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_results_know_the_layer_that_made_them():
    net = Net()
    out = net(X)
    assert out.scope == ""
    assert net.last.scope == "blocks.0"
    inner = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Sigmoid()))
    with scope("encoder"):
        assert inner(X).scope == "encoder/Sequential 1/Sigmoid 0"
    assert inner(X).scope == "Sequential 1/Sigmoid 0"
    assert (Value(1.0) * 2).scope == ""


def test_a_message_names_the_layer():
    net = nn.Sequential(nn.Linear(2, 5), nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"'1\.weight' \(3, 4\)"):
        net(X)
    assert (Value(1.0) * 2).scope == ""  # the scope was left


def test_scopes_in_threads_do_not_meet():
    net = nn.Sequential(nn.Sigmoid())
    found = []

    def work(name):
        with scope(name):
            found.extend(net(Value(X)).scope == f"{name}/Sigmoid 0" for _ in range(300))

    threads = [threading.Thread(target=work, args=(f"thread {i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1200 and all(found)


def test_state_goes_round():
    net, other = Net(), Net()
    net.temperature.data = 0.5
    net.blocks[0].running_mean[:] = 7
    state = net.state_dict()
    assert sorted(state) == sorted([*NAMES, "blocks.0.running_mean"])
    arrays = {name: p.data for name, p in other.named_parameters()}
    other.load_state_dict(state)
    assert np.array_equal(other(X).data, net(X).data)
    assert all(
        other_p.data is arrays[n] for n, other_p in other.named_parameters() if n != NAMES[4]
    )
    assert other.blocks[0].running_mean.tolist() == [7, 7]
    net.first.weight.data[:] = 0
    assert state["first.weight"].any()  # a snapshot


def test_state_that_does_not_fit_is_told_by_name_and_nothing_is_loaded():
    net = Net()
    before = net.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    state["extra"] = state.pop("first.bias")
    with pytest.raises(KeyError, match=r"missing first\.bias; unexpected extra"):
        net.load_state_dict(state)
    state["first.weight"] = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"first\.weight is \(3, 2\), not \(2, 2\)"):
        net.load_state_dict(state, strict=False)
    for name, array in net.state_dict().items():
        assert np.array_equal(array, before[name])
    del state["first.weight"]
    net.load_state_dict(state, strict=False)
    assert np.array_equal(net.temperature.data, before["temperature"] + 1)


def test_loading_keeps_the_dtype():
    net = nn.Linear(2, 1)
    net.load_state_dict({"weight": np.ones((1, 2), np.float64), "bias": [0]})
    assert net.weight.dtype == net.bias.dtype == np.float32


def test_zero_grad_train_and_eval():
    net = Net()
    net(X).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert net.training and net.first.training
    assert net.eval() is net
    assert not net.training and not net.blocks[0].training
    assert net.train().heads["digit"].training


def test_repr_shows_the_structure():
    net = nn.Sequential(nn.Conv2d(1, 4, (3, 5), padding=1), nn.Flatten(), nn.MaxPool2d(2))
    net.tail = nn.Sequential(nn.Linear(4, 2, bias=False), nn.ReLU())
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Conv2d(1, 4, kernel_size=(3, 5), stride=(1, 1), padding=(1, 1))\n"
        "  (1): Flatten(start_dim=1, end_dim=-1)\n"
        "  (2): MaxPool2d(kernel_size=2, stride=2, padding=0)\n"
        "  (tail): Sequential(\n"
        "    (0): Linear(in_features=4, out_features=2, bias=False)\n"
        "    (1): ReLU()\n"
        "  )\n"
        ")"
    )


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_copies_stand_alone(duplicate):
    net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())
    before = net(X)
    other = duplicate(net)
    assert np.array_equal(other(X).data, before.data)
    other[0].weight.data[:] = 0
    assert np.array_equal(net(X).data, before.data)


def test_what_is_missing_or_wrong_is_told():
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        nn.Module()(X)
    with pytest.raises(TypeError, match=r"position 1 is <built-in function abs>"):
        nn.Sequential(nn.ReLU(), abs)
