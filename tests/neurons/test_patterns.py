"""Pattern-scan layers, against counts of the original and SciPy's correlation."""

import numpy as np
import pytest
from scipy.signal import correlate2d

from neurons.other_program import EDGES, edge_maps, text
from tinygrad_lite.neurons import (
    EDGE_PATTERNS,
    InputLayer,
    Network,
    OutputLayer,
    StaticNeuron,
    edge_pattern,
    identity,
    relu,
    scan_pattern,
)


def test_the_original_s_edge_maps_connection_by_connection():
    inputs = InputLayer(28, 28)
    maps = [scan_pattern(inputs, pattern) for pattern in EDGE_PATTERNS.values()]
    theirs = edge_maps(0)["otherLayers"]
    assert list(EDGE_PATTERNS) == ["horizontal", "vertical", "slash", "backslash"]
    by_name = dict(zip(EDGES, theirs, strict=False))
    for name, mine in zip(EDGE_PATTERNS, maps, strict=True):
        assert (mine.width, mine.height, len(mine)) == (11, 11, 121)
        assert all(type(neuron) is StaticNeuron and neuron.function is relu for neuron in mine)
        for neuron, other in zip(mine, by_name[name]["neurons"], strict=True):
            assert neuron.bias.data == other["bias"] == -1
            found = [(c.source.index, c.weight.data) for c in neuron.inputs]
            assert found == [(c["fromNeuron"], c["weight"]) for c in other["inputs"]]


def test_the_file_of_the_fourth_network_is_as_large_as_the_original_s():
    """818 kB, the size of the published file of this wiring."""
    inputs, output = InputLayer(28, 28), OutputLayer(10)
    maps = [scan_pattern(inputs, pattern) for pattern in EDGE_PATTERNS.values()]
    network = Network([inputs, *maps, output])
    for edge_map in maps:
        network.connect_layers(edge_map, output)
    assert repr(network) == "<Network 784-121-121-121-121-10 with 15488 connections>"
    assert round(len(network.to_json()) / 1000) == 818
    assert text(edge_maps(0)).count('"weight"') == 15488


@pytest.mark.parametrize("stride, padding", [(1, 0), (2, 0), (3, 2), (2, 1)])
@pytest.mark.parametrize("shape", [(3, 3), (2, 5)])
def test_a_scan_is_a_strided_correlation(stride, padding, shape):
    rng = np.random.default_rng(0)
    image, pattern = rng.random((9, 12)), rng.standard_normal(shape)
    inputs = InputLayer(12, 9)
    scan = scan_pattern(
        inputs, pattern, stride=stride, padding=padding, bias=0.25, function=identity
    )
    network = Network([inputs, scan, OutputLayer(1)])
    network.guess(image)
    padded = np.pad(image, padding)
    expected = correlate2d(padded, pattern, mode="valid")[::stride, ::stride] + 0.25
    np.testing.assert_allclose(network.activations[1], expected, atol=1e-14)


def test_negligible_entries_make_no_connection():
    pattern = [[0.001, -0.001, 0.0011], [0.0, -0.0011, 1.0]]
    layer = scan_pattern(InputLayer(3, 2), pattern)
    assert [(c.source.index, c.weight.data) for c in layer[0].inputs] == [
        (2, 0.0011), (4, -0.0011), (5, 1.0)
    ]  # fmt: skip


def test_a_scan_can_learn_and_be_scanned_again():
    inputs, output = InputLayer(10, 10), OutputLayer(2)
    first = scan_pattern(inputs, edge_pattern("slash", 5), bias=0.0, static=False)
    second = scan_pattern(first, np.ones((2, 2)), stride=1, padding=1, bias=0.0)
    network = Network([inputs, first, second, output])
    network.connect_layers(second, output)
    network.cost(np.random.default_rng(0).random((10, 10)), 1).backward()
    gradients = [c.weight.grad for neuron in first for c in neuron.inputs]
    assert None not in gradients and any(gradients)


def test_edge_patterns_of_other_sizes():
    for name in EDGES:
        np.testing.assert_array_equal(edge_pattern(name), EDGES[name])
        assert edge_pattern(name, 5).shape == (5, 5)
        assert edge_pattern(name, 13)[0, 0] == EDGES[name][0][0]
    with pytest.raises(ValueError, match="choose one of horizontal"):
        edge_pattern("diagonal")
    with pytest.raises(ValueError, match="at least 2"):
        edge_pattern("slash", 1)


@pytest.mark.parametrize(
    "pattern, options, message",
    [
        ([1.0, 2.0], {}, "expected a matrix"),
        ([[np.nan]], {}, "finite"),
        (np.zeros((0, 3)), {}, "expected a matrix"),
        (np.ones((8, 3)), {}, "does not fit"),
        (np.ones((3, 3)), {"stride": 0}, "stride of at least 1"),
        (np.ones((3, 3)), {"padding": -1}, "padding of at least 0"),
    ],
)
def test_what_cannot_be_scanned_is_refused(pattern, options, message):
    with pytest.raises(ValueError, match=message):
        scan_pattern(InputLayer(7, 7), pattern, **options)
    with pytest.raises(TypeError, match="input or hidden layer"):
        scan_pattern(OutputLayer(49), np.ones((1, 3)))


def test_the_original_s_patterns_cannot_be_changed_by_mistake():
    for pattern in EDGE_PATTERNS.values():
        with pytest.raises(ValueError, match="read-only"):
            pattern[0, 0] = 5.0
    edge_pattern("slash")[0, 0] = 5.0  # a copy
    assert edge_pattern("slash")[0, 0] == -2.0
