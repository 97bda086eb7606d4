"""Whole models, of the kinds people build, in onnxruntime: the same outputs for other batches."""

import numpy as np
import onnxruntime
import pytest

import tinygrad_lite as tg
from export.layers import trained
from tinygrad_lite import Value, nn, no_grad
from tinygrad_lite.engine.trees import flatten
from tinygrad_lite.engine.value import data_of
from tinygrad_lite.export import onnx

GENERATOR = np.random.default_rng(0)


def floats(*shape):
    return GENERATOR.normal(size=shape).astype(np.float32)


def tokens(*shape):
    return GENERATOR.integers(0, 11, shape)


class Residual(nn.Module):
    """A block of a ResNet, with the attention to channels of squeeze and excitation."""

    def __init__(self, inputs, outputs, stride):
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )
        self.squeeze = nn.Linear(outputs, 2)
        self.excite = nn.Linear(2, outputs)

    def forward(self, x):
        out = self.second_norm(self.second(tg.relu(self.first_norm(self.first(x)))))
        gate = tg.sigmoid(self.excite(tg.relu(self.squeeze(out.mean(axis=(2, 3))))))
        return tg.relu(out * gate[:, :, None, None] + self.shortcut(x))


class UNet(nn.Module):
    """Down, up, and the way across."""

    def __init__(self):
        self.down = nn.Conv2d(1, 4, 3, padding=1)
        self.bottom = nn.Conv2d(4, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.out = nn.Conv2d(8, 1, 3, padding=1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        across = tg.relu(self.down(x))
        below = tg.relu(self.bottom(self.pool(across)))
        return tg.sigmoid(self.out(np.concatenate([across, self.up(below)], axis=1)))


class Language(nn.Module):
    """Tokens, positions, causal attention; the embedding serves as output too."""

    def __init__(self):
        self.letters = nn.Embedding(11, 8)
        self.places = Value(floats(6, 8))
        self.layers = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), 2,
            nn.LayerNorm(8),
        )  # fmt: skip

    def forward(self, x):
        out = self.layers(self.letters(x) + self.places, nn.causal_mask(6))
        return out @ self.letters.weight.T


class Recurrent(nn.Module):
    """Letters through LSTM, the last state of GRU, and both ends to the output."""

    def __init__(self):
        self.letters = nn.Embedding(11, 5)
        self.lstm = nn.LSTM(5, 6, num_layers=2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(12, 4, batch_first=True)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        states, _ = self.lstm(self.letters(x))
        _, last = self.gru(states)
        return tg.log_softmax(self.out(last[0]), axis=-1)


class Translator(nn.Module):
    """What attends to another sequence: two inputs, two outputs."""

    def __init__(self):
        self.attention = nn.MultiheadAttention(6, 3, batch_first=True)
        self.norm = nn.LayerNorm(6)

    def forward(self, x, memory):
        found, weights = self.attention(x, memory, memory)
        return self.norm(x + found), weights


class Bottleneck(nn.Module):
    """A variational autoencoder in use: the mean, decoded by transposed convolutions."""

    def __init__(self):
        self.encode = nn.Sequential(
            nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d((3, 3)), nn.Flatten()
        )
        self.mean, self.spread = nn.Linear(36, 2), nn.Linear(36, 2)
        self.decode = nn.Linear(2, 8 * 2 * 2)
        self.images = nn.Sequential(
            nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.ELU(),
            nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x):
        mean = self.mean(self.encode(x))
        images = self.images(np.reshape(self.decode(mean), (-1, 8, 2, 2)))
        return images, mean, np.exp(0.5 * self.spread(self.encode(x)))


class Handmade(nn.Module):
    """No layers: NumPy alone."""

    def __init__(self):
        self.centres = Value(floats(5, 3))
        self.width = Value(np.float32(0.7) * np.ones(5, np.float32))

    def forward(self, x):
        squared = np.sum((x[:, None, :] - self.centres) ** 2, axis=-1)
        near = np.exp(-squared / (2 * np.maximum(self.width, 0.1) ** 2))
        shares = near / np.sum(near, axis=1, keepdims=True)
        return np.where(shares > 0.3, shares, 0.1 * shares), np.max(shares, axis=1)


MODELS = {
    "resnet": (
        nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), trained(nn.BatchNorm2d(4)), nn.ReLU(),
            trained(Residual(4, 8, 2)), trained(Residual(8, 8, 1)), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 10),
        ),
        [(3, 12, 10)], floats,
    ),
    "u-net": (UNet(), [(1, 8, 12)], floats),
    "language model": (Language(), [(6,)], tokens),
    "recurrent": (Recurrent(), [(7,)], tokens),
    "attention": (Translator(), [(4, 6), (5, 6)], floats),
    "autoencoder": (Bottleneck(), [(1, 16, 16)], floats),
    "handmade": (Handmade(), [(3,)], floats),
    "sequence": (
        nn.Sequential(
            nn.Conv1d(2, 3, 3), nn.GELU(), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(27, 4)
        ),
        [(2, 20)], floats,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_it_runs_and_agrees(name, tmp_path):
    model, shapes, draw = MODELS[name]
    model.eval()
    onnx(model, tmp_path / "model.onnx", tuple(draw(2, *shape) for shape in shapes))
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    for rows in (1, 2, 5):
        inputs = [draw(rows, *shape) for shape in shapes]
        names = [given.name for given in session.get_inputs()]
        have = session.run(None, dict(zip(names, inputs, strict=True)))
        with no_grad():
            want = [data_of(out) for out in flatten(model(*inputs))[0]]
        for a, b in zip(have, want, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)
