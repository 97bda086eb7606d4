"""Weights go to PyTorch and back through safetensors files."""

import numpy as np
import pytest

from tinygrad_lite import export, nn

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")


def ours():
    generator = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, generator=generator),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * 5 * 5, 3, generator=generator),
    )


def theirs():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 5 * 5, 3),
    )


IMAGES = np.random.default_rng(2).normal(size=(5, 1, 12, 12)).astype(np.float32)


def outputs(our_model, their_model):
    with torch.no_grad():
        return our_model(IMAGES).data, their_model(torch.from_numpy(IMAGES)).numpy()


def test_pytorch_loads_ours(tmp_path):
    model, other = ours(), theirs()
    export.save(model, tmp_path / "w.safetensors")
    other.load_state_dict(safetensors_torch.load_file(tmp_path / "w.safetensors"))
    np.testing.assert_allclose(*outputs(model, other), rtol=1e-5, atol=1e-6)


def test_we_load_pytorchs(tmp_path):
    model, other = ours(), theirs()
    safetensors_torch.save_file(other.state_dict(), tmp_path / "w.safetensors")
    export.load(tmp_path / "w.safetensors", model)
    np.testing.assert_allclose(*outputs(model, other), rtol=1e-5, atol=1e-6)


def test_a_dtype_that_numpy_lacks_is_refused_by_name(tmp_path):
    state = {"w": torch.ones(3, dtype=torch.bfloat16)}
    safetensors_torch.save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(export.FileFormatError, match=r"^w\.safetensors: 'w': holds BF16, which"):
        export.load(tmp_path / "w.safetensors")
