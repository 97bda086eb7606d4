"""Every layer of nn with an input, for the tests of both formats."""

import numpy as np

from tinygrad_lite import nn

GENERATOR = np.random.default_rng(0)


def floats(*shape):
    return GENERATOR.normal(size=shape).astype(np.float32)


def trained(layer):
    """A layer whose buffers and parameters are not their plain initial values."""
    for _, parameter in layer.named_parameters():
        if parameter.data.ndim == 1:
            parameter.data[...] = GENERATOR.uniform(0.5, 1.5, parameter.shape)
    for _, buffer in layer.named_buffers():
        if buffer.dtype.kind == "f":
            buffer[...] = GENERATOR.uniform(0.5, 1.5, buffer.shape)
    return layer


class SelfAttention(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self, attention, **settings):
        self.attention = attention
        self.settings = settings

    def forward(self, x):
        return self.attention(x, x, x, **self.settings)


IMAGES, ROWS, SEQUENCES = floats(4, 6, 9, 8), floats(4, 6), floats(4, 6, 10)

TOKENS = GENERATOR.integers(0, 11, (4, 6))

LAYERS = [
    (nn.Linear(6, 3), ROWS),
    (nn.Linear(6, 3, bias=False), ROWS),
    (nn.Linear(8, 3), IMAGES),
    (nn.Conv1d(6, 4, 3, stride=2, padding=1, dilation=2), SEQUENCES),
    (nn.Conv2d(6, 4, 3), IMAGES),
    (nn.Conv2d(6, 4, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), IMAGES),
    (nn.Conv2d(6, 4, 4, padding="same", bias=False), IMAGES),
    (nn.ConvTranspose1d(6, 4, 3, stride=2, padding=1, output_padding=1), SEQUENCES),
    (nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1, groups=2), IMAGES),
    (nn.ConvTranspose2d(6, 4, (3, 2), dilation=2, bias=False), IMAGES),
    (nn.MaxPool1d(3, 2, 1), SEQUENCES),
    (nn.MaxPool2d(2), IMAGES),
    (nn.MaxPool2d((3, 2), (2, 1), (1, 0)), IMAGES),
    (nn.MaxPool2d(3, 2, 1, dilation=2, ceil_mode=True), IMAGES),
    (nn.MaxPool1d(2, ceil_mode=True), SEQUENCES),
    (nn.AvgPool1d(3, 2), SEQUENCES),
    (nn.AvgPool1d(3, 2, 1, count_include_pad=False), SEQUENCES),
    (nn.AvgPool2d(3, 2, 1), IMAGES),
    (nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), IMAGES),
    (nn.AvgPool2d(2, 3, ceil_mode=True, divisor_override=3), IMAGES),
    (nn.AdaptiveAvgPool1d(3), SEQUENCES),
    (nn.AdaptiveMaxPool1d(3), SEQUENCES),
    (nn.AdaptiveAvgPool2d(4), IMAGES),
    (nn.AdaptiveAvgPool2d((3, 4)), IMAGES),
    (nn.AdaptiveMaxPool2d((3, 4)), IMAGES),
    (nn.AdaptiveMaxPool2d((2, 5)), IMAGES),
    (trained(nn.BatchNorm1d(6)), ROWS),
    (trained(nn.BatchNorm1d(6)), SEQUENCES),
    (trained(nn.BatchNorm2d(6)), IMAGES),
    (trained(nn.BatchNorm2d(6, affine=False)), IMAGES),
    (trained(nn.LayerNorm(6)), ROWS),
    (trained(nn.LayerNorm((9, 8))), IMAGES),
    (nn.Dropout(0.5), ROWS),
    (nn.Dropout2d(0.5), IMAGES),
    (nn.Flatten(), IMAGES),
    (nn.Flatten(2), IMAGES),
    (nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2), nn.Softmax(1)), ROWS),
    (nn.ReLU(), ROWS),
    (nn.Sigmoid(), 10 * ROWS),
    (nn.Tanh(), ROWS),
    (nn.ReLU6(), 5 * ROWS),
    (nn.PReLU(), ROWS),
    (nn.SELU(), ROWS),
    (nn.LeakyReLU(0.2), ROWS),
    (nn.ELU(1.5), ROWS),
    (nn.GELU(), ROWS),
    (nn.GELU("tanh"), ROWS),
    (nn.SiLU(), ROWS),
    (nn.Softplus(), 30 * ROWS),
    (nn.LogSigmoid(), 30 * ROWS),
    (nn.Softmax(1), 30 * ROWS),
    (nn.Softmax(-2), SEQUENCES),
    (nn.LogSoftmax(1), 30 * ROWS),
    (nn.Identity(), ROWS),
    (nn.Embedding(11, 5), TOKENS),
    (nn.Embedding(11, 5, padding_idx=0), TOKENS),
    (nn.RNNCell(6, 5, nonlinearity="relu"), ROWS),
    (nn.LSTMCell(6, 5), ROWS),
    (nn.GRUCell(6, 5, bias=False), ROWS),
    (nn.RNN(10, 5, batch_first=True), SEQUENCES),
    (nn.LSTM(10, 5, num_layers=2, batch_first=True, bidirectional=True), SEQUENCES),
    (nn.GRU(10, 5, num_layers=2, dropout=0.5, batch_first=True), SEQUENCES),
    (SelfAttention(nn.MultiheadAttention(10, 2, batch_first=True)), SEQUENCES),
    (SelfAttention(nn.MultiheadAttention(10, 5, batch_first=True), is_causal=True), SEQUENCES),
    (
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(10, 2, 16, activation="gelu", batch_first=True), 2
        ),
        SEQUENCES,
    ),
    (nn.TransformerEncoderLayer(10, 5, 8, batch_first=True, norm_first=True), SEQUENCES),
]

SECOND_AXIS = [
    (nn.LSTM(10, 5), SEQUENCES),
    (nn.GRU(10, 5, bidirectional=True), SEQUENCES),
    (SelfAttention(nn.MultiheadAttention(10, 2)), SEQUENCES),
    (nn.TransformerEncoderLayer(10, 2, 16), SEQUENCES),
]
"""Layers that take sequences as PyTorch's do by default: the second axis counts the samples."""
