"""The page computes what Python computes: outputs, words, gradients, normalised pictures."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value, nn
from tinygrad_lite.data import Affine, Compose, Elastic, Thickness, as_pixels, load_mnist
from tinygrad_lite.export import graph_of, load_graph, save_graph
from tinygrad_lite.neurons import Network
from tinygrad_lite.neurons.guess import guess_from
from tinygrad_lite.rules.activations import sigmoid

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits"
NETWORKS = DIGITS / "web" / "networks"
NO_IDEA = "Sorry, I have no idea what that is."


@pytest.fixture(scope="module")
def pictures():
    """The first thousand test images, as bytes."""
    return load_mnist(DIGITS / "data").test_images[:1000]


def test_digits_of_mnist_are_clear(opened):
    """Hardly any test image is taken for no digit, nor a training image that was turned, slanted,
    bent and thickened as people's drawings may be."""
    mnist = load_mnist(DIGITS / "data")
    each = opened()
    assert unclear(each, mnist.test_images) <= 0.001 * len(mnist.test_images)
    augment = Compose(
        [
            Affine(degrees=12, translate=0.06, scale=(0.85, 1.15), shear=15),
            Elastic(alpha=25, sigma=4),
            Thickness(thin=0.6, thick=1.0),
        ]
    )
    changed = augment(as_pixels(mnist.train_images[:4000])[:, None], np.random.default_rng(1))
    changed = np.rint(255 * changed.clip(0, 1)).astype(np.uint8)
    assert unclear(each, changed) <= 0.004 * len(changed)


def unclear(each, pictures):
    """How many pictures given as bytes are no digits, whatever the network makes of them."""
    reasons = each.ask("unclear", pictures)
    assert len(reasons) == len(pictures)
    return sum(reason is not None for reason in reasons)


def gradients(each, pictures):
    """The derivative of the likeliest output by the pixels, shape (pictures, 784)."""
    return np.array(each.ask("gradients", pictures))


def check_words(found, outputs):
    """The words are Python's, unless the page is not sure."""
    unsure = 0
    for answer, row in zip(found, outputs, strict=True):
        guess = guess_from(row)
        assert answer["digit"] == guess.digit
        if answer["sentence"] != guess.sentence:
            assert answer["sentence"].startswith(NO_IDEA)
            unsure += 1
    assert unsure <= 0.02 * len(outputs)


def test_neurons_agree(opened, pictures):
    """The shipped network of neurons, in the original's format."""
    content = uncompressed(NETWORKS / "edge_maps.json.gz")
    network = Network.from_json(content)
    each = opened()
    each.choose("Edge maps")
    each.wait_for("784 – 121 – 121 – 121 – 121 – 10")
    found = each.answers(pictures)
    outputs = network.evaluate(as_pixels(pictures, np.float64))
    np.testing.assert_allclose([a["outputs"] for a in found], outputs, rtol=0, atol=1e-5)
    check_words(found, outputs)

    layers = network.to_layers()

    def slopes(x):
        x = Value(x)
        np.sum(np.max(layers(x), axis=1)).backward()
        return x.grad

    x = as_pixels(pictures[:20], np.float64).reshape(20, -1)
    # Some edge neurons sum to 0 but for rounding: there a relu has no one slope.
    smooth = np.isclose(slopes(x * (1 - 1e-12)), slopes(x * (1 + 1e-12))).all(axis=1)
    assert smooth.sum() > 10
    own = gradients(each, pictures[:20])
    np.testing.assert_allclose(own[smooth], slopes(x)[smooth], rtol=0, atol=1e-5)


def test_the_graph_agrees(opened, pictures, tmp_path):
    """The shipped convolutional network, a graph file."""
    path = tmp_path / "convolutional.json"
    path.write_bytes(uncompressed(NETWORKS / "convolutional.json.gz"))
    graph = load_graph(path)
    notes = graph.notes["normalisation"]
    x = as_pixels(pictures)[:, None]
    standardised = (x - np.float32(notes["mean"])) / np.float32(notes["standard_deviation"])
    each = opened()
    each.wait_for("Agrees with Python on")
    found = each.answers(pictures)
    outputs = graph(standardised)
    np.testing.assert_allclose([a["outputs"] for a in found], outputs, rtol=0, atol=1e-5)
    check_words(found, outputs)

    digits = [answer["digit"] for answer in found[:50]]
    wanted = graph.gradient_of(digits, standardised[:50]) / notes["standard_deviation"]
    own = gradients(each, pictures[:50])
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(own / scale, wanted.reshape(50, -1) / scale, rtol=0, atol=1e-5)


def test_a_file_in_the_originals_format_agrees(opened, pictures, tmp_path):
    """As another program writes it: whole numbers, other orders of keys, both functions in one
    layer, inputs from every earlier layer; against the sums written out."""
    generator = np.random.default_rng(5)
    lengths = [784, 9, 6, 10]
    activations = [pictures.reshape(len(pictures), -1) / 255.0]
    layers = []
    for here, length in enumerate(lengths[1:], 1):
        neurons, outputs = [], []
        for index in range(length):
            inputs, z = [], np.zeros(len(pictures))
            bias = int(generator.integers(-1, 2)) if index % 2 else float(generator.normal())
            for layer in range(here):
                for neuron in generator.choice(lengths[layer], size=5, replace=False).tolist():
                    weight = float(generator.normal())
                    inputs.append({"weight": weight, "fromNeuron": neuron, "fromLayer": layer})
                    z += weight * activations[layer][:, neuron]
            relu = index % 3 == 0 and here < 3
            outputs.append(np.maximum(z + bias, 0) if relu else 1 / (1 + np.exp(-z - bias)))
            function = "RELU" if relu else "SIGMOID"
            neurons.append({"activationFunction": function, "inputs": inputs, "bias": bias})
        layers.append({"neurons": neurons})
        activations.append(np.stack(outputs, axis=1))
    path = tmp_path / "original.json"
    path.write_text(json.dumps({"otherLayers": layers, "inputLayerLength": 784}, indent=2))
    each = opened()
    each.open_file(path)
    each.wait_for("784 – 9 – 6 – 10, 255 connections")
    found = each.answers(pictures)
    np.testing.assert_allclose([a["outputs"] for a in found], activations[-1], rtol=0, atol=1e-5)


class EveryOperation(nn.Module):
    """Ten outputs by way of many operations of the format."""

    def __init__(self):
        generator = np.random.default_rng(7)
        self.first = nn.Conv2d(1, 4, 3, stride=2, padding=1, generator=generator)
        self.second = nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2, generator=generator)
        self.last = nn.Linear(54, 10, generator=generator)
        self.scale = Value(generator.normal(size=(6, 1, 1)).astype(np.float32))

    def forward(self, x):
        x = tg.avg_pool2d(np.tanh(self.first(x)), 2)
        x = tg.max_pool2d(self.second(x) * self.scale, 3, 2, 1)
        x = np.where(x > 0, np.sqrt(np.abs(x) + 0.1), np.exp(x) - 1)
        x = np.concatenate([x[:, :3], np.flip(x[:, 3:], axis=2)], axis=1)
        x = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 1)))[:, :, 1:4, ::2].transpose(0, 2, 3, 1)
        x = (x - x.mean(axis=(1, 2), keepdims=True)) / np.sqrt(x.var(axis=(1, 2, 3)) + 1)[
            :, None, None, None
        ]
        x = tg.softplus(x).reshape(len(x), -1)
        x = np.concatenate([x] * (54 // x.shape[1] + 1), axis=1)[:, :54]
        x = tg.gelu(x) + sigmoid(x) ** 2 - np.maximum(x, 0.3) / (1 + x * x)
        return tg.softmax(
            self.last(x) + np.einsum("ni,ij->nj", x, np.ones((54, 1)) * 0.01), axis=-1
        )


def test_other_operations_agree(opened, pictures, tmp_path):
    model = EveryOperation()
    x = as_pixels(pictures[:50])[:, None]
    graph = graph_of(model, x[:2])
    assert len({step.operation for step in graph.steps}) > 20
    path = tmp_path / "many.json"
    save_graph(model, path, x[:3])
    each = opened()
    each.open_file(path)
    each.wait_for("Agrees with Python on 3 pictures")
    found = each.answers(pictures[:50])
    with tg.no_grad():
        outputs = model(x).data
    np.testing.assert_allclose([a["outputs"] for a in found], outputs, rtol=0, atol=1e-5)


def uncompressed(path):
    return gzip.decompress(path.read_bytes())
