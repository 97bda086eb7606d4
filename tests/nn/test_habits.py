"""Names of PyTorch that are not here say what to write; what they say works."""

import copy

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value, data, nn
from tinygrad_lite.nn.habits import IN_INIT, IN_MODULE, IN_ROOM
from tinygrad_lite.rules.habits import INSTEAD


@pytest.mark.parametrize("name", INSTEAD)
def test_a_value_says_what_to_write(name):
    x = Value(np.ones((2, 3)))
    with pytest.raises(AttributeError, match=f"no attribute '{name}': ") as caught:
        getattr(x, name)
    with pytest.raises(AttributeError, match=f"no attribute '{name}': "):
        setattr(x, name, True)
    assert not hasattr(x, name) and "\n" not in str(caught.value)


def test_what_a_value_says_works():
    x = Value(np.arange(6.0).reshape(2, 3))
    told = {name: INSTEAD[name] for name in ("unsqueeze", "softmax", "norm", "t", "mm")}
    names = {"x": x, "np": np, "tinygrad_lite": tg, "y": x.T}
    shapes = [np.shape(eval(text.split(", or ")[0], names)) for text in told.values()]
    assert shapes == [(2, 1, 3), (2, 3), (), (3, 2), (2, 2)]
    with pytest.raises(TypeError, match="NumPy calls it axis"):
        x.sum(dim=0)
    with pytest.raises(TypeError, match="NumPy calls it keepdims"):
        x.sum(axis=0, keepdim=True)


def test_modules_and_rooms_say_what_to_write():
    net = nn.Linear(2, 3)
    for name, instead in IN_MODULE.items():
        with pytest.raises(AttributeError) as caught:
            getattr(net, name)
        assert str(caught.value) == f"'Linear' object has no attribute {name!r}: {instead}"
    for name, instead in IN_ROOM.items():
        with pytest.raises(AttributeError) as caught:
            getattr(nn, name)
        assert str(caught.value).endswith(f"has no attribute {name!r}: {instead}")
    for name, instead in IN_INIT.items():
        with pytest.raises(AttributeError) as caught:
            getattr(nn.init, name)
        assert str(caught.value).endswith(f"has no attribute {name!r}: {instead}")
        ours = instead.partition("initialiser=init.")[2].partition(")")[0]
        assert getattr(nn.init, ours)((3, 2), np.random.default_rng(0)).shape == (3, 2)
    with pytest.raises(AttributeError, match=r"Batches\(x, y, batch_size=32, seed=0\) shuffles"):
        data.DataLoader  # noqa: B018
    for name in ("tensor", "Tensor", "manual_seed"):
        with pytest.raises(AttributeError, match=f"{name!r}: "):
            getattr(tg, name)


def test_other_names_fail_as_ever():
    net = copy.deepcopy(nn.Linear(2, 3))
    for thing in (net, nn, tg, Value(1.0)):
        with pytest.raises(AttributeError, match=r"has no attribute 'nonsense'$"):
            thing.nonsense  # noqa: B018
    assert getattr(net, "nonsense", 3) == 3
