"""Training: the schedule, what is recorded and shown, determinism, and what stops it."""

import io

import numpy as np
import pytest

from tinygrad_lite.neurons import (
    HiddenLayer,
    InputLayer,
    Network,
    OutputLayer,
    TrainingStopped,
    identity,
    scan_pattern,
    tanh,
)


def xor_network():
    network = Network([InputLayer(2), HiddenLayer(4, function=tanh), OutputLayer(1)])
    network.connect_adjacent_layers()
    return network


XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float), np.array([[0.0], [1], [1], [0]])


def blobs(count, seed):
    """Three heaps of points in the plane."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    centres = np.array([[0.2, 0.2], [0.8, 0.3], [0.4, 0.9]])
    return centres[labels] + 0.08 * rng.standard_normal((count, 2)), labels


def blob_network():
    network = Network([InputLayer(2), HiddenLayer(6), OutputLayer(3)], seed=1)
    network.connect_adjacent_layers()
    return network


def test_it_learns():
    network = blob_network()
    images, labels = blobs(600, 0)
    tests, answers = blobs(300, 1)
    before = network.success_rate(tests, answers)
    history = network.train(
        images, labels, test_images=tests, test_labels=answers, iterations=12, samples=600,
        batch_size=10, step_size=3.0, bias_limit=None, progress=False,
    )  # fmt: skip
    assert before < 0.6
    assert history.success_rates[-1] == network.success_rate(tests, answers) > 0.97
    assert np.mean(history.costs[-50:]) < 0.1 * np.mean(history.costs[:50])


def test_it_learns_what_a_single_layer_cannot():
    network = xor_network()
    network.train(
        *XOR, iterations=400, batch_size=4, step_size=2.0, bias_limit=None, progress=False
    )
    np.testing.assert_array_equal(np.rint(network.evaluate(XOR[0])), XOR[1])


def test_one_batch_is_one_step_down_the_average_gradient():
    images, labels = blobs(20, 0)
    network, same = blob_network(), blob_network()
    network.train(images, labels, iterations=1, batch_size=20, step_size=0.5, progress=False)
    same.cost(images, labels).backward()
    for trained, untrained in zip(network.parameters, same.parameters, strict=True):
        assert trained.data == pytest.approx(untrained.data - 0.5 * untrained.grad, rel=1e-12)


def test_the_published_schedule_is_the_default():
    images, labels = blobs(400, 0)
    history = blob_network().train(
        images, labels, test_images=images, test_labels=labels, iterations=3, samples=400,
        progress=False,
    )  # fmt: skip
    sizes = [50] * 8 + [60] * 6 + [40] + [70] * 5 + [50]
    assert history.batch_sizes == sizes
    assert history.iterations == [0] * 8 + [1] * 7 + [2] * 6
    assert history.step_sizes == [1.0] * 8 + [0.97] * 7 + [0.97**2] * 6
    assert history.tested_after == [21]
    assert history.batches == 21 == len(history.costs)


def test_tests_take_place_every_so_many_batches_and_at_the_end():
    images, labels = blobs(100, 0)
    history = blob_network().train(
        images, labels, test_images=images, test_labels=labels, iterations=2, batch_size=10,
        evaluate_every=4, progress=False,
    )  # fmt: skip
    assert history.tested_after == [4, 8, 12, 16, 20]
    assert len(history.success_rates) == len(history.average_costs) == 5
    rate = 100 * history.success_rates[-1]
    assert repr(history) == f"<History of 20 batches and 5 tests, {rate:.2f} % right>"


def test_schedules_may_be_functions_of_the_iteration():
    images, labels = blobs(60, 0)
    history = blob_network().train(
        images, labels, iterations=2, samples=30, batch_size=lambda i: 10 + 5 * i,
        step_size=lambda i: 1 / (i + 1), progress=False,
    )  # fmt: skip
    assert history.batch_sizes == [10, 10, 10, 15, 15]
    assert history.step_sizes == [1.0] * 3 + [0.5] * 2


def test_biases_stay_within_their_limit():
    images, labels = blobs(200, 0)
    network = blob_network()
    network.train(images, labels, iterations=20, step_size=5.0, bias_limit=0.3, progress=False)
    biases = [neuron.bias.data for neuron in network.receivers]
    assert max(map(abs, biases)) == 0.3
    assert max(abs(c.weight.data) for c in network.connections) > 0.8


def test_the_same_seed_gives_the_same_network():
    images, labels = blobs(200, 0)
    texts = []
    for seed in (0, 0, 1):
        network = blob_network()
        network.train(images, labels, iterations=3, batch_size=20, seed=seed, progress=False)
        texts.append(network.to_json())
    assert texts[0] == texts[1] != texts[2]


def test_nan_stops_it_and_the_neuron_is_named():
    network = blob_network()
    network.layers[1][4].function = lambda z: np.log(z - 10)
    with pytest.raises(
        TrainingStopped, match=r"activation of <HiddenNeuron layers\[1\]\[4\]> is NaN"
    ):
        network.train(*blobs(20, 0), progress=False)


def test_steps_that_are_too_large_stop_it_and_the_connection_is_named():
    network = Network([InputLayer(2), HiddenLayer(3, function=identity), OutputLayer(3)])
    network.connect_adjacent_layers()
    for neuron in network.layers[2]:
        neuron.function = identity
    with pytest.raises(TrainingStopped, match=r"layers\[\d\]\[\d\]"):
        network.train(*blobs(50, 0), iterations=200, step_size=1e3, progress=False)


def test_a_weight_that_is_lost_is_named():
    network = Network([InputLayer(2), OutputLayer(3)])
    network.connect_adjacent_layers()
    for neuron in network.layers[1]:
        neuron.function = identity
    images, labels = blobs(50, 0)
    lost = (
        r"weight of <Connection layers\[0\]\[\d\] -> layers\[1\]\[\d\]> became -?inf, as its grad"
    )
    with pytest.raises(TrainingStopped, match=lost):
        network.train(1000 * images, labels, step_size=1e308, progress=False)


def test_progress_is_a_line_an_iteration_or_one_line_on_a_terminal(capsys):
    images, labels = blobs(50, 0)
    options = {"test_images": images, "test_labels": labels, "iterations": 2, "batch_size": 25}
    blob_network().train(images, labels, **options)
    out, error = capsys.readouterr()
    lines = error.splitlines()
    assert out == "" and len(lines) == 3
    assert lines[0].startswith("iteration 1/2  batch 2  cost ")
    assert lines[2].startswith("done: iteration 2/2  batch 4") and "% right" in lines[2]

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    blob_network().train(images, labels, progress=stream, **options)
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().count("\r") >= 2
    blob_network().train(images, labels, progress=False, **options)
    assert capsys.readouterr() == ("", "")


def test_arguments_that_do_not_fit_are_refused():
    images, labels = blobs(20, 0)
    with pytest.raises(ValueError, match="together, or neither"):
        blob_network().train(images, labels, test_images=images)
    for name, wrong in [
        ("evaluate_every", 0), ("iterations", -1), ("samples", 0), ("bias_limit", -0.1),
        ("bias_limit", np.nan), ("batch_size", 0),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=f"{name}: expected at least .*, found"):
            blob_network().train(images, labels, progress=False, **{name: wrong})
    with pytest.raises(ValueError, match=r"labels of shape \(19,\).*expected integers of shape"):
        blob_network().train(images, labels[:-1], progress=False)
    with pytest.raises(ValueError, match="no image to learn from"):
        blob_network().train(images[:0], labels[:0], progress=False)


def test_labels_are_checked_before_anything_is_learned():
    images, labels = blobs(200, 0)
    one_wrong = np.append(labels[:-1], 3)
    network = blob_network()
    before = network.to_json()
    with pytest.raises(ValueError, match="label 3, but there are 3 output neurons"):
        network.train(images, one_wrong, progress=False)
    with pytest.raises(ValueError, match="label 3, but there are 3 output neurons"):
        network.train(images, labels, test_images=images, test_labels=one_wrong, progress=False)
    assert network.to_json() == before


def test_static_neurons_are_computed_as_they_would_be_one_by_one():
    """One that the images lead to, one over it, and one over a neuron that learns."""
    rng = np.random.default_rng(0)
    images, labels = rng.random((40, 4, 4)), rng.integers(0, 2, 40)

    def build():
        pixels, hidden, output = InputLayer(4, 4), HiddenLayer(2, 2), OutputLayer(2)
        first = scan_pattern(pixels, [[1.0, -0.5], [0.3, 0.8]], stride=1, bias=-0.4)
        second = scan_pattern(first, np.ones((2, 2)), stride=1, function=tanh)
        over = scan_pattern(hidden, [[0.5, 1.0]], stride=1, bias=0.1)
        network = Network([pixels, first, second, hidden, over, output], seed=3)
        network.connect_layers(pixels, hidden)
        for layer in (second, over):
            network.connect_layers(layer, output)
        return network

    trained, by_hand = build(), build()
    history = trained.train(
        images, labels, test_images=images, test_labels=labels, iterations=2, batch_size=20,
        evaluate_every=1, step_size=0.5, seed=7, progress=False,
    )  # fmt: skip
    generator, tests = np.random.default_rng(7), []
    for _ in range(2):
        order = generator.permutation(40)
        for rows in (order[:20], order[20:]):
            by_hand.zero_grad()
            by_hand.cost(images[rows], labels[rows]).backward()
            by_hand.nudge(0.5)
            tests.append(by_hand.scores(images, labels))
    for mine, other in zip(trained.parameters, by_hand.parameters, strict=True):
        assert mine.data == pytest.approx(other.data, rel=1e-10)
    found = zip(history.success_rates, history.average_costs, strict=True)
    np.testing.assert_allclose(list(found), tests, rtol=1e-10)
    assert not np.isclose(*history.average_costs[:2], rtol=1e-6)


def test_the_history_can_be_plotted(tmp_path):
    images, labels = blobs(100, 0)
    history = blob_network().train(
        images, labels, test_images=images, test_labels=labels, iterations=2, evaluate_every=1,
        progress=False,
    )  # fmt: skip
    figure = history.plot(tmp_path / "history.png")
    cost_axes, rate_axes = figure.axes
    drawn = cost_axes.lines[0].get_xydata()
    np.testing.assert_array_equal(drawn, np.stack([[1, 2, 3, 4], history.costs], axis=1))
    rates = rate_axes.lines[0].get_ydata()
    np.testing.assert_array_equal(rates, 100 * np.array(history.success_rates))
    assert (tmp_path / "history.png").stat().st_size > 1000
