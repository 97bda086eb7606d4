"""Files written by another program score here as they do there, image by image."""

import numpy as np
import pytest

from neurons.other_program import NETWORKS, adjacent, evaluate, text, wired
from tinygrad_lite.data import as_pixels, load_mnist
from tinygrad_lite.neurons import Network


@pytest.fixture(scope="module")
def mnist():
    data = load_mnist("examples/digits/data")
    return as_pixels(data.test_images, np.float64), data.test_labels


@pytest.mark.parametrize("name", NETWORKS)
def test_every_prediction_of_ten_thousand_is_the_same(name, mnist):
    images, labels = mnist
    written = NETWORKS[name]()
    network = Network.from_json(text(written))
    expected = evaluate(written, images)
    found = network.evaluate(images)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    right = np.argmax(expected, axis=1) == labels
    np.testing.assert_array_equal(np.argmax(found, axis=1) == labels, right)
    assert network.success_rate(images.reshape(-1, 784), labels) == right.mean()
    assert network.success_rate(images[:500], labels[:500]) == right[:500].mean()
    np.testing.assert_array_equal(network.predict(images[:500]), np.argmax(expected[:500], axis=1))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_neurons_themselves_say_the_same(name, mnist):
    images = mnist[0][:7]
    written = NETWORKS[name]()
    network = Network.from_json(text(written))
    expected = evaluate(written, images)
    network.set_inputs(images)
    outputs = np.stack([output.data for output in network.propagate()], axis=-1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-9, atol=1e-12)
    network.set_inputs(images[3])
    single = [output.item() for output in network.propagate()]
    np.testing.assert_allclose(single, expected[3], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("style", ["compact", "indented", "odd"])
def test_however_the_file_is_written(style, tmp_path):
    written = wired([9, 4, 3], ["MIXED"], lambda layer: range(layer), seed=0)
    path = tmp_path / "network.json"
    path.write_text(text(written, style))
    images = np.random.default_rng(1).random((20, 9))
    expected = evaluate(written, images)
    for source in (path, str(path), text(written, style), text(written, style).encode()):
        np.testing.assert_allclose(Network.from_json(source).evaluate(images), expected, rtol=1e-12)


def test_connections_between_the_same_two_neurons_add_up():
    """The format does not forbid them, and the other program takes them."""
    written = wired([4, 3, 2], ["SIGMOID"], adjacent, seed=0)
    for layer in written["otherLayers"]:
        for neuron in layer["neurons"]:
            neuron["inputs"] += [{**each, "weight": 0.75} for each in neuron["inputs"][:2]]
    network = Network.from_json(text(written))
    images = np.random.default_rng(1).random((6, 4))
    expected = evaluate(written, images)
    network.set_inputs(images)
    outputs = np.stack([output.data for output in network.propagate()], axis=-1)
    again = Network.from_layers(network.to_layers())
    for found in (network.evaluate(images), outputs, again.evaluate(images)):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert network.to_json() == text(written)
