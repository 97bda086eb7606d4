"""Weights go over from PyTorch; outputs, gradients and training steps agree."""

import numpy as np
import pytest

from tinygrad_lite import Value, nn, optim

torch = pytest.importorskip("torch")


def pairs():
    t = torch.nn
    yield (
        nn.Sequential(nn.Linear(12, 5), nn.Sigmoid(), nn.Linear(5, 3), nn.ReLU()),
        t.Sequential(t.Linear(12, 5), t.Sigmoid(), t.Linear(5, 3), t.ReLU()),
        (7, 12),
    )
    settings = {"stride": 2, "padding": 1, "groups": 2}
    yield (
        nn.Sequential(nn.Conv2d(2, 4, 3, **settings), nn.MaxPool2d(2, 1), nn.Flatten()),
        t.Sequential(t.Conv2d(2, 4, 3, **settings), t.MaxPool2d(2, 1), t.Flatten()),
        (3, 2, 9, 8),
    )


@pytest.mark.parametrize("ours, theirs, shape", list(pairs()), ids=["perceptron", "convolution"])
def test_a_state_of_pytorch_gives_its_outputs_and_gradients(ours, theirs, shape):
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    value, tensor = Value(x), torch.tensor(x, requires_grad=True)
    out, wanted = ours(value), theirs(tensor)
    np.testing.assert_allclose(out.data, wanted.detach().numpy(), rtol=1e-5, atol=1e-6)
    (out * out).sum().backward()
    (wanted * wanted).sum().backward()
    np.testing.assert_allclose(value.grad, tensor.grad.numpy(), rtol=1e-4, atol=1e-5)
    gradients = {name: p.grad for name, p in ours.named_parameters()}
    assert set(gradients) == {name for name, _ in theirs.named_parameters()}
    for name, parameter in theirs.named_parameters():
        np.testing.assert_allclose(gradients[name], parameter.grad.numpy(), rtol=1e-4, atol=1e-5)
    theirs.load_state_dict({k: torch.tensor(a) for k, a in ours.state_dict().items()})


def test_default_initialisation_is_distributed_as_that_of_pytorch():
    for ours, theirs in (
        (nn.Linear(300, 200), torch.nn.Linear(300, 200)),
        (nn.Conv2d(20, 200, 5), torch.nn.Conv2d(20, 200, 5)),
    ):
        for mine, other in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
            assert mine.data.std() == pytest.approx(other.std().item(), rel=0.15)
            assert abs(mine.data).max() == pytest.approx(abs(other).max().item(), rel=0.05)


def test_cross_entropy():
    z = np.random.default_rng(0).standard_normal((6, 4))
    labels = np.array([0, 3, 2, 2, 1, 0])
    value, tensor = Value(z), torch.tensor(z, requires_grad=True)
    loss = nn.cross_entropy(value, labels)
    wanted = torch.nn.functional.cross_entropy(tensor, torch.tensor(labels))
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-12)
    loss.backward()
    wanted.backward()
    np.testing.assert_allclose(value.grad, tensor.grad.numpy(), atol=1e-15)


@pytest.mark.parametrize("momentum, nesterov", [(0, False), (0.9, False), (0.9, True)])
def test_sgd_takes_the_steps_of_pytorch(momentum, nesterov):
    start = np.random.default_rng(0).standard_normal((3, 2))
    ours, theirs = Value(start.copy()), torch.tensor(start, requires_grad=True)
    mine = optim.SGD([ours], 0.1, momentum, nesterov=nesterov)
    other = torch.optim.SGD([theirs], 0.1, momentum, nesterov=nesterov)
    for step in range(6):
        mine.lr = other.param_groups[0]["lr"] = 0.1 / (1 + step)
        for optimiser, x in ((mine, ours), (other, theirs)):
            optimiser.zero_grad()
            (x**4).sum().backward()
            optimiser.step()
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-12)
