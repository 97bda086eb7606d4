"""The same training in PyTorch."""

import torch
from digits_data import GOAL, MOMENTUM, RATE, TEST_EVERY, batches, digits, weights
from torch.nn import functional as F

parameters = [torch.from_numpy(w).requires_grad_() for w in weights()]
optimiser = torch.optim.SGD(parameters, lr=RATE, momentum=MOMENTUM)


def scores(x):
    w1, b1, w2, b2, w3, b3 = parameters
    h = F.max_pool2d(F.relu(F.conv2d(x, w1, b1)), 2)
    h = F.max_pool2d(F.relu(F.conv2d(h, w2, b2)), 2)
    return F.linear(h.reshape(len(x), -1), w3, b3)


def train(x, labels):
    loss = F.cross_entropy(scores(x), labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


@torch.no_grad()
def rate():
    right = [
        (scores(test_images[i : i + 500]).argmax(axis=1) == test_labels[i : i + 500]).sum().item()
        for i in range(0, len(test_images), 500)
    ]
    return sum(right) * 100 / len(test_images)


images, labels, test_images, test_labels = map(
    torch.from_numpy, (*digits("train"), *digits("t10k"))
)
for number, size, chosen in batches(len(images)):
    optimiser.param_groups[0]["lr"] = size
    indices = torch.from_numpy(chosen)
    train(images[indices], labels[indices])
    if number % TEST_EVERY == 0:
        reached = rate()
        print(reached, flush=True)
        if reached >= GOAL:
            break
