"""A recurrent network writes documentation: what a state that reads along knows that counts do not.

A GRU learns to guess the next character of this project's own documentation. The yardstick is
counting: how often each character followed the last one, or the last two, with rarer contexts
falling back on shorter ones. Both are scored on pieces of text that neither has seen.

    python examples/character_rnn.py
"""

from __future__ import annotations

import numpy as np
from common import figure, options, save, text_of_docs

from tinygrad_lite import data, nn, no_grad, optim, training


class Reader(nn.Module):
    """Scores for the next character, at every place of a text of character codes."""

    def __init__(self, characters: int, width: int, generator: np.random.Generator) -> None:
        self.embedding = nn.Embedding(characters, 32, generator=generator)
        self.gru = nn.GRU(32, width, batch_first=True, generator=generator)
        self.dropout = nn.Dropout(0.2, generator=generator)
        self.output = nn.Linear(width, characters, generator=generator)

    def forward(self, codes):
        return self.output(self.dropout(self.gru(self.embedding(codes))[0]))


def loss(scores, codes):
    """Mean cross-entropy over all places of all texts, in nats a character."""
    return nn.cross_entropy(np.swapaxes(scores, 1, 2), codes)


def counting(train: np.ndarray, test: np.ndarray, characters: int, most: int = 2) -> list[float]:
    """Cross-entropy, on `test`, of guesses by counts after 0, 1, ..., `most` characters.

    A context seen n times is trusted n / (n + 5) as far; the rest is the shorter context's guess.
    """
    guess = np.full((len(test), test.shape[1] - 1, characters), 1 / characters)
    costs = []
    for length in range(most + 1):
        counts = np.zeros((characters,) * (length + 1))
        places = train.shape[1] - length
        np.add.at(counts, tuple(train[:, i : i + places] for i in range(length + 1)), 1)
        seen = test.shape[1] - max(length, 1)  # places that have so much before them
        start = max(1 - length, 0)
        found = counts[tuple(test[:, start + i : start + i + seen] for i in range(length))]
        found = np.broadcast_to(found, (len(test), seen, characters))
        part = guess[:, -seen:]
        guess[:, -seen:] = (found + 5 * part) / (found.sum(axis=2, keepdims=True) + 5)
        right = np.take_along_axis(guess, test[:, 1:, None], axis=2)
        costs.append(float(-np.log(right).mean()))
    return costs


def write(model: Reader, start: np.ndarray, length: int, generator: np.random.Generator) -> list:
    """Codes drawn one after another, each from what the model gives to all before it."""
    written, state = list(start), None
    with no_grad():
        given = np.array([start])
        for _ in range(length):
            outputs, state = model.gru(model.embedding(given), state)
            scores = 1.4 * model.output(outputs[0, -1]).data  # above 1: bolder than it was taught
            chances = np.exp(scores.astype(float) - scores.max())
            written.append(generator.choice(len(chances), p=chances / chances.sum()))
            given = np.array([written[-1:]])
    return written


def main() -> None:
    asked = options(__doc__)
    generator = np.random.default_rng(0)
    window, width, epochs = (32, 64, 3) if asked.quick else (48, 128, 8)
    alphabet, codes = np.unique(list(text_of_docs()), return_inverse=True)
    pieces = codes[: len(codes) // window * window].reshape(-1, window)
    (train,), (test,) = data.split(pieces, validation=0.1)
    print(f"{codes.size} characters, {len(alphabet)} different ones; {len(train)} pieces to learn")

    model = Reader(len(alphabet), width, generator)
    optimiser = optim.Adam(model.parameters(), lr=1e-2)
    batches = data.Batches(
        train[:, :-1], train[:, 1:], batch_size=32, seed=0,
        samples=1_300 if asked.quick else None,
    )  # fmt: skip
    history = training.fit(
        model, loss, optimiser, batches,
        epochs=epochs, validation=(test[:, :-1], test[:, 1:]), clip=1.0,
        schedule=optim.CosineAnnealingLR(optimiser, epochs),
    )  # fmt: skip
    cost = training.evaluate(model, loss, (test[:, :-1], test[:, 1:]))["loss"]
    by_counting = counting(train, test, len(alphabet))
    for length, counted in enumerate(by_counting):
        print(f"counting after {length} characters: {counted:.3f} nats")
    print(f"the GRU:                     {cost:.3f} nats")
    start = np.searchsorted(alphabet, list("The gradient of "))
    print("".join(alphabet[write(model, start, 60 if asked.quick else 400, generator)]))

    if (picture := figure(6, 3.5)) is not None:
        axes = picture.subplots()
        axes.plot(np.arange(1, epochs + 1), history["validation_loss"], label="GRU")
        for length, counted in enumerate(by_counting):
            axes.axhline(counted, color=f"{0.7 - 0.3 * length}", ls="--", label=f"after {length}")
        axes.set(xlabel="epoch", ylabel="nats a character, unseen text")
        axes.legend()
        save(picture, asked.output, "character_rnn.png")

    # -- check -----------------------------------------------------------------------------------
    # In a few seconds it gets past pairs of characters; in minutes past triples.
    assert cost < by_counting[1 if asked.quick else 2]
    print("check: it knows more than counting does")


if __name__ == "__main__":
    main()
