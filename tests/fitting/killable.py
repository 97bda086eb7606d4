"""A training run with every kind of state, to be killed and resumed."""

import hashlib

import numpy as np

from tinygrad_lite import data, nn, optim, training


def parts(prefetch=2):
    """Model, optimiser, data and the rest of what `fit` needs, all from seeds."""
    generator = np.random.default_rng(0)
    images = generator.random((90, 1, 8, 8), dtype=np.float32)
    labels = (images.mean(axis=(1, 2, 3)) > 0.5).astype(int)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False, generator=generator),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3, generator=5),
        nn.Linear(4 * 36, 2, generator=generator),
    )
    optimiser = optim.Adam(model.parameters(), lr=0.01)
    augment = data.Compose([data.Affine(degrees=10, translate=0.1), data.Elastic(3, 2)])
    batches = data.Batches(
        images, labels, batch_size=16, seed=7, augment=augment, prefetch=prefetch
    )
    return model, optimiser, batches, (images[:40], labels[:40])


def train(checkpoint=None, epochs=6, capture=False, **settings):
    """The run; its model, optimiser and history."""
    model, optimiser, batches, validation = parts()
    settings = {"checkpoint_every": 1, "progress": False, "patience": 50, "clip": 1.0} | settings
    history = training.fit(
        model, nn.cross_entropy, optimiser, batches, epochs=epochs, validation=validation,
        schedule=optim.CosineAnnealingLR(optimiser, T_max=40), schedule_each="batch",
        checkpoint=checkpoint, capture=capture, **settings,
    )  # fmt: skip
    return model, optimiser, history


def fingerprint(model, optimiser, history):
    """SHA-256 of all that training has changed, the times it took left out."""
    digest = hashlib.sha256()
    for state in (model.state_dict(), model.generator_states(), optimiser.state_dict()):
        digest.update(repr(as_text(state)).encode())
    digest.update(history.costs.tobytes() + history["validation_loss"].tobytes())
    return digest.hexdigest()


def as_text(state):
    if isinstance(state, np.ndarray):
        return state.dtype.str, state.shape, state.tobytes().hex()
    if isinstance(state, dict):
        return [(key, as_text(part)) for key, part in state.items()]
    if isinstance(state, (list, tuple)):
        return [as_text(part) for part in state]
    return repr(state)
