"""Train with tinygrad_lite until 99 %; prints every success rate. Captured if told so."""

import sys

from digits_data import GOAL, MOMENTUM, RATE, TEST_EVERY, batches, digits, weights

import tinygrad_lite as tg
from tinygrad_lite import Value, nn, optim

parameters = [Value(w) for w in weights()]
optimiser = optim.SGD(parameters, lr=RATE, momentum=MOMENTUM)


def scores(x):
    w1, b1, w2, b2, w3, b3 = parameters
    h = tg.max_pool2d(tg.relu(tg.conv2d(x, w1, b1)), 2)
    h = tg.max_pool2d(tg.relu(tg.conv2d(h, w2, b2)), 2)
    return tg.linear(h.reshape(len(x), -1), w3, b3)


def train(x, labels):
    loss = nn.cross_entropy(scores(x), labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def rate():
    with tg.no_grad():
        right = [
            (scores(test_images[i : i + 500]).data.argmax(axis=1) == test_labels[i : i + 500]).sum()
            for i in range(0, len(test_images), 500)
        ]
    return sum(right) * 100 / len(test_images)


if "captured" in sys.argv:
    train, scores = tg.capture(train), tg.capture(scores)
(images, labels), (test_images, test_labels) = digits("train"), digits("t10k")
for number, size, chosen in batches(len(images)):
    optimiser.lr = size
    train(images[chosen], labels[chosen])
    if number % TEST_EVERY == 0:
        reached = rate()
        print(reached, flush=True)
        if reached >= GOAL:
            break
