"""Layers, losses and optimisers in captured training steps do what they do in ordinary ones."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn, optim


class Characters(nn.Module):
    """Logits of the next of 7 characters, (N, 7, length)."""

    def __init__(self, body, size):
        self.embedding = nn.Embedding(7, 8, generator=0)
        self.body = body
        self.output = nn.Linear(size, 7, generator=2)

    def forward(self, x):
        h = self.body(self.embedding(x))
        return np.swapaxes(self.output(h[0] if isinstance(h, tuple) else h), 1, 2)


def recurrent(kind):
    body = getattr(nn, kind)(8, 6, 2, batch_first=True, dropout=0.2, generator=1)
    return Characters(body, 6)


def transformer():
    layer = nn.TransformerEncoderLayer(
        8, 2, 16, 0.1, "gelu", batch_first=True, norm_first=True, generator=1
    )
    return Characters(nn.TransformerEncoder(layer, 2, nn.LayerNorm(8)), 8)


def convolutional():
    # no bias before BatchNorm: its gradient is rounding alone, which Adam magnifies
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding="same", bias=False, generator=0), nn.BatchNorm2d(4),
        nn.LeakyReLU(), nn.MaxPool2d(2), nn.Dropout(0.3, generator=1),
        nn.Conv2d(4, 4, 3, generator=2), nn.SiLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(),
        nn.Linear(36, 4, generator=3),
    )  # fmt: skip


def perceptron():
    return nn.Sequential(
        nn.Linear(5, 6, generator=0), nn.ELU(), nn.Linear(6, 6, generator=4), nn.GELU(),
        nn.BatchNorm1d(6, momentum=None), nn.Softplus(), nn.Linear(6, 4, generator=1),
    )  # fmt: skip


def of_classes(loss):
    return lambda out, labels: loss(out, nn.one_hot(labels, 4))


def clipped_norm(parameters):
    optim.clip_grad_norm_(parameters, 0.1)


def clipped_value(parameters):
    optim.clip_grad_value_(parameters, 0.01)


PIXELS, TEXT, FEATURES = (1, 12, 12), "text", (5,)
STEPS = {
    "convolutions": (convolutional, PIXELS, nn.cross_entropy, optim.Adam, {}, None),
    "LSTM": (
        lambda: recurrent("LSTM"), TEXT, nn.cross_entropy, optim.RMSprop, {"momentum": 0.9},
        clipped_norm,
    ),
    "GRU": (
        lambda: recurrent("GRU"), TEXT, nn.cross_entropy, optim.Adagrad, {}, clipped_value,
    ),
    "transformer": (
        transformer, TEXT, nn.CrossEntropyLoss(label_smoothing=0.1), optim.AdamW, {}, None,
    ),
    "mse": (perceptron, FEATURES, of_classes(nn.mse_loss), optim.SGD, {"nesterov": True,
            "momentum": 0.9, "weight_decay": 0.1}, None),
    "huber": (perceptron, FEATURES, of_classes(nn.huber_loss), optim.SGD, {}, None),
    "hinge": (perceptron, FEATURES, of_classes(nn.hinge_loss), optim.SGD, {}, None),
    "bce": (
        perceptron, FEATURES, of_classes(nn.binary_cross_entropy_with_logits), optim.SGD, {}, None,
    ),
    "kl": (
        perceptron, FEATURES, lambda out, labels: nn.kl_div(tg.log_softmax(out),
        nn.one_hot(labels, 4), "batchmean"), optim.SGD, {}, None,
    ),
    "nll": (
        perceptron, FEATURES, lambda out, labels: nn.nll_loss(tg.log_softmax(out), labels),
        optim.SGD, {}, None,
    ),
}  # fmt: skip


def batches(shape):
    rng = np.random.default_rng(0)
    for _ in range(4):
        if shape is TEXT:
            yield rng.integers(0, 7, (4, 6)), rng.integers(0, 7, (4, 6))
        else:
            yield rng.standard_normal((8, *shape)).astype(np.float32), rng.integers(0, 4, 8)


@pytest.mark.parametrize("name", STEPS)
def test_replays_train_as_ordinary_steps(name):
    make, shape, loss, kind, settings, clip = STEPS[name]
    results = []
    for capture in (lambda step: step, tg.capture):
        model = make()
        optimiser = kind(model.parameters(), 0.01, **settings)
        schedule = optim.CosineAnnealingLR(optimiser, 10)

        def step(x, labels, model=model, optimiser=optimiser):
            optimiser.zero_grad()
            cost = loss(model(x), labels)
            cost.backward()
            if clip is not None:
                clip(model.parameters())
            optimiser.step()
            return cost

        run, costs = capture(step), []
        for batch in batches(shape):
            costs.append(float(run(*batch)))
            schedule.step()
        results.append((costs, model.state_dict()))
    (costs, state), (replayed, replayed_state) = results
    assert replayed == pytest.approx(costs, rel=1e-5)
    for path, array in state.items():
        np.testing.assert_allclose(replayed_state[path], array, atol=1e-5)
