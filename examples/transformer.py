"""A small transformer sorts the letters of a text: what attention can do in two layers.

To sort, every place has to ask all others: how many of you come before me? That is what attention
is. The network gets eight letters and gives, for each place, the letter that belongs there: nobody
tells it the alphabet's order. Python's `sorted` knows whether it is right.

    python examples/transformer.py
"""

from __future__ import annotations

import numpy as np
from common import figure, options, save, text_of_docs

import tinygrad_lite as tg
from tinygrad_lite import data, nn, optim, training


class Sorter(nn.Module):
    """For letters of shape (N, length), 0 to 25: scores of shape (N, length, 26)."""

    def __init__(self, length: int, width: int, generator: np.random.Generator) -> None:
        self.letters = nn.Embedding(26, width, generator=generator)
        self.places = tg.Value(generator.normal(0, 0.5, (length, width)).astype(np.float32))
        layer = nn.TransformerEncoderLayer(
            width, nhead=4, dim_feedforward=2 * width, dropout=0.0, norm_first=True,
            batch_first=True, generator=generator,
        )  # fmt: skip
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(width))
        self.output = nn.Linear(width, 26, generator=generator)

    def forward(self, letters):
        return self.output(self.encoder(self.letters(letters) + self.places))


def loss(scores, letters):
    return nn.cross_entropy(np.swapaxes(scores, 1, 2), letters)


def all_right(scores: np.ndarray, letters: np.ndarray) -> float:
    """Share of the texts whose letters are all in their places."""
    return float(np.mean((scores.argmax(axis=2) == letters).all(axis=1)))


def in_words(letters: np.ndarray) -> str:
    return "".join(chr(97 + letter) for letter in letters)


def main() -> None:
    asked = options(__doc__)
    generator = np.random.default_rng(0)
    length = 4 if asked.quick else 8
    text = np.array([ord(c) - 97 for c in text_of_docs().lower() if "a" <= c <= "z"])
    pieces = np.unique(np.lib.stride_tricks.sliding_window_view(text, length), axis=0)
    answers = np.array([sorted(piece) for piece in pieces])
    # What is unseen must be unseen in any order.
    names = np.unique(answers, axis=0, return_inverse=True)[1].reshape(-1)
    aside = np.isin(names, generator.permutation(names.max() + 1)[: names.max() // 10])
    x, y, x_new, y_new = pieces[~aside], answers[~aside], pieces[aside], answers[aside]
    print(f"{len(x)} pieces of {length} letters to learn from, {len(x_new)} to be tested with")

    model = Sorter(length, 32 if asked.quick else 64, generator)
    epochs, samples = (4, 3_000) if asked.quick else (12, 24_000)
    optimiser = optim.AdamW(model.parameters(), lr=3e-3)
    batches = data.Batches(x, y, batch_size=64, seed=0, samples=samples)
    steps = epochs * len(batches)
    history = training.fit(
        model, loss, optimiser, batches, epochs=epochs,
        schedule=optim.OneCycleLR(optimiser, 3e-3, steps), schedule_each="batch",
        validation=(x_new[:500], y_new[:500]),
        metrics={"accuracy": training.accuracy, "all right": all_right},
    )  # fmt: skip
    figures = training.evaluate(
        model, loss, (x_new, y_new), {"letters": training.accuracy, "all right": all_right}
    )
    usual = [np.bincount(column).argmax() for column in y.T]
    by_counting = np.mean(y_new == usual)
    print(f"unseen pieces all right: {100 * figures['all right']:.2f} %")
    print(f"unseen letters right:    {100 * figures['letters']:.2f} %, "
          f"{100 * by_counting:.2f} % by the usual letter of each place")  # fmt: skip
    for piece, scores in zip(x_new[:3], training.predict(model, x_new[:3]), strict=True):
        print(f"  {in_words(piece)} -> {in_words(scores.argmax(axis=1))}")

    if (picture := figure(6, 3.2)) is not None:
        axes = picture.subplots()
        for name, label in (("accuracy", "letters"), ("all right", "whole pieces")):
            axes.plot(range(1, epochs + 1), 100 * history[f"validation_{name}"], label=label)
        axes.axhline(100 * by_counting, color="0.5", ls="--", label="letters, by counting")
        axes.set(xlabel="epoch", ylabel="right, % of unseen", ylim=(0, 102))
        axes.legend()
        save(picture, asked.output, "transformer.png")

    # -- check -----------------------------------------------------------------------------------
    assert figures["letters"] > (by_counting + 0.3 if asked.quick else 0.99)
    assert figures["all right"] > (0.3 if asked.quick else 0.95)
    print("check: pieces that it has not seen in any order come out sorted")


if __name__ == "__main__":
    main()
