"""Convolution and pooling against PyTorch, on random configurations."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def ints(rng, low, high, count):
    return tuple(int(n) for n in rng.integers(low, high, count))


def agree(function, reference, arrays, settings, seed):
    """Outputs and gradients of both; whether PyTorch accepts the configuration at all."""
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    try:
        wanted = reference(*tensors, **settings)
    except RuntimeError:
        with pytest.raises(ValueError):
            function(*arrays, **settings)
        return False
    values = [Value(a) for a in arrays]
    found = function(*values, **settings)
    np.testing.assert_allclose(found.data, wanted.detach().numpy(), rtol=1e-10, atol=1e-12)
    g = np.random.default_rng(seed).standard_normal(found.shape)
    found.backward(g)
    wanted.backward(torch.tensor(g))
    for value, tensor in zip(values, tensors, strict=True):
        np.testing.assert_allclose(value.grad, tensor.grad.numpy(), rtol=1e-10, atol=1e-12)
    return True


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("transposed", [False, True])
def test_convolution(axes, transposed):
    rng = np.random.default_rng(axes)
    name = f"conv{'_transpose' if transposed else ''}{axes}d"
    accepted = 0
    while accepted < 40:
        groups = int(rng.choice([1, 1, 2, 3]))
        inputs, outputs = (groups * n for n in ints(rng, 1, 4, 2))
        kernel, stride = ints(rng, 1, 4, axes), ints(rng, 1, 4, axes)
        settings = {
            "stride": stride,
            "padding": ints(rng, 0, 3, axes),
            "dilation": ints(rng, 1, 3, axes),
            "groups": groups,
        }
        shape = (outputs, inputs // groups, *kernel)
        if transposed:
            shape = (inputs, outputs // groups, *kernel)
            settings["output_padding"] = tuple(int(rng.integers(0, s)) for s in stride)
        x = rng.standard_normal((int(rng.integers(1, 4)), inputs, *ints(rng, 2, 9, axes)))
        arrays = [x, rng.standard_normal(shape), rng.standard_normal(outputs)]
        accepted += agree(getattr(tg, name), getattr(functional, name), arrays, settings, accepted)


def by_position(room, name):
    """A function to which settings are given by position, so that their order is compared too."""
    return lambda x, **settings: getattr(room, name)(x, *settings.values())


@pytest.mark.parametrize("name", ["max_pool1d", "avg_pool1d", "max_pool2d", "avg_pool2d"])
def test_pooling(name):
    axes = int(name[-2])
    rng = np.random.default_rng(axes)
    accepted = 0
    for trial in range(100):
        kernel = ints(rng, 1, 5, axes)
        settings = {
            "kernel_size": kernel,
            "stride": None if trial % 4 == 0 else ints(rng, 1, 4, axes),
            "padding": tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel),
        }
        if name.startswith("max"):
            settings["dilation"] = ints(rng, 1, 4, axes)
        settings["ceil_mode"] = bool(rng.integers(2))
        if name.startswith("avg"):
            settings["count_include_pad"] = bool(rng.integers(2))
        if name == "avg_pool2d":
            settings["divisor_override"] = (None, None, 3, -2)[rng.integers(4)]
        x = rng.standard_normal((2, 3, *ints(rng, 4, 10, axes)))
        accepted += agree(
            by_position(tg, name), by_position(functional, name), [x], settings, trial
        )
    assert accepted > 60
