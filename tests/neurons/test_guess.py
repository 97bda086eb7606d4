"""Guesses in numbers and words, and pictures of what is lit."""

import matplotlib.image
import numpy as np
import pytest

from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer, identity
from tinygrad_lite.neurons.guess import guess_from
from tinygrad_lite.neurons.pictures import as_grey, side_by_side


def answering(*activations):
    """A network that gives these activations for any image."""
    network = Network([InputLayer(2, 2), OutputLayer(len(activations), function=identity)])
    for neuron, activation in zip(network.layers[1], activations, strict=True):
        neuron.bias = activation
    return network


def test_confidence_is_the_share_of_all_activation():
    guess = answering(0.1, 0.3, 0.9, 0.2).guess(np.zeros((2, 2)))
    assert guess.digit == 2
    np.testing.assert_allclose(guess.confidences, [1 / 15, 3 / 15, 9 / 15, 2 / 15])
    assert guess.confidence == guess.confidences[2]
    assert guess.ranking == (2, 1, 3, 0)


@pytest.mark.parametrize(
    "activations, sentence",
    [
        ([0.01, 0.95, 0.01], "That certainly must be 1."),
        ([0.2, 0.0, 0.7], "I am quite sure that is 2."),
        ([0.6, 0.3, 0.1], "That looks like 0."),
        ([0.45, 0.55, 0.0], "That looks like 1. It might also be 0."),
        ([0.35, 0.33, 0.32], "That could be 0."),
        ([0.1] * 10, "Sorry, I have no idea what that is."),
        ([0.0, 0.0], "Sorry, I have no idea what that is."),
    ],
)
def test_the_words(activations, sentence):
    assert guess_from(activations).sentence == sentence


def test_unlit_and_negative_outputs_have_no_confidence():
    assert guess_from([0.0, 0.0]).confidences == (0.0, 0.0)
    assert guess_from([-1.0, 0.5]).confidences == (0.0, 1.0)
    assert guess_from([-2.0, -1.0]).digit == 1


def test_a_guess_takes_one_image():
    network = answering(0.0, 1.0)
    for image in (np.zeros(4), np.zeros((2, 2)), np.zeros((1, 2, 2)), [0, 1, 0, 1]):
        assert network.guess(image).digit == 1
    with pytest.raises(ValueError, match="one image, found 3"):
        network.guess(np.zeros((3, 2, 2)))
    with pytest.raises(ValueError, match="one image, found 0"):
        network.guess(np.zeros((0, 2, 2)))


def lit():
    network = Network([InputLayer(3, 2), HiddenLayer(2, 2), OutputLayer(4)], seed=0)
    network.connect_adjacent_layers()
    return network


def test_activations_are_pictures_in_the_shape_of_the_layers():
    network = lit()
    image = np.arange(6).reshape(2, 3) / 5
    network.guess(image)
    pictures = network.activations
    assert [picture.shape for picture in pictures] == [(2, 3), (2, 2), (1, 4)]
    np.testing.assert_array_equal(pictures[0], image)
    assert pictures[1][1, 0] == network.layers[1][0, 1].activation.data
    network.cost(np.stack([image, 1 - image]), [0, 1])
    pictures = network.activations
    assert [picture.shape for picture in pictures] == [(2, 2, 3), (2, 2, 2), (2, 1, 4)]
    np.testing.assert_array_equal(pictures[0][1], 1 - image)


def test_looking_at_pictures_changes_nothing():
    network = lit()
    network.set_inputs(np.ones(6))
    before = [neuron.signal for neuron in network.layers[0]]
    assert network.activations[0].sum() == 6
    assert [neuron.signal for neuron in network.layers[0]] == before == [1.0] * 6


def test_grey_levels():
    np.testing.assert_array_equal(as_grey(np.array([[0.0, 0.5, 1.0, -3.0]])), [[0, 128, 255, 0]])
    np.testing.assert_array_equal(as_grey(np.array([[0.0, 2.0, 4.0, np.nan]])), [[0, 128, 255, 0]])
    with pytest.raises(ValueError, match="zoom: expected at least 1, found 0"):
        side_by_side([np.ones((2, 3))], zoom=0)
    assert as_grey(np.ones((2, 3)), zoom=4).shape == (8, 12)
    assert side_by_side([np.ones((28, 28)), np.ones((1, 10))], zoom=2).shape == (60, 84)


def test_the_png_is_read_by_another_program(tmp_path):
    network = lit()
    network.guess(np.arange(6) / 5)
    network.save_activations(tmp_path / "lit.png", zoom=3)
    picture = np.rint(255 * matplotlib.image.imread(tmp_path / "lit.png"))
    np.testing.assert_array_equal(picture, side_by_side(network.activations, zoom=3))
