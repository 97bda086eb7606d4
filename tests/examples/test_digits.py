"""The digit recogniser: its networks against independent ones, its run, and its command line."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.signal import correlate2d

from tinygrad_lite.data import Mnist, load_mnist
from tinygrad_lite.nn import init

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits"
MODULES = ["commandline", "networks", "training", "report", "pictures", "train"]


@pytest.fixture(scope="module")
def digits():
    """The example's modules, which a script imports from beside it."""
    sys.path.insert(0, str(DIGITS))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        sys.path.remove(str(DIGITS))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def mnist():
    return load_mnist(DIGITS / "data")


@pytest.fixture
def few(mnist):
    """The beginning of every file: enough to run, not to learn."""
    return Mnist(
        mnist.train_images[:2000], mnist.train_labels[:2000],
        mnist.test_images[:300], mnist.test_labels[:300],
    )  # fmt: skip


def make(digits, title, seed=0, initialiser=init.uniform):
    generator = np.random.default_rng(seed)
    return digits.networks.NETWORKS[title](initialiser, generator), generator


# -- the networks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title, parameters",
    [
        ("1", 784 * 10 + 10),
        ("2", 784 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10),
        ("3", 784 * 16 + 16 + 800 * 10 + 10 + 810 * 10 + 10),
        ("4", 484 * 10 + 10),
        ("cnn", 8 * 26 + 16 * 201 + 256 * 10 + 10),
    ],
)
def test_networks_have_the_connections_of_their_wiring(digits, few, title, parameters):
    network, _ = make(digits, title)
    assert sum(p.size for p in network.parameters()) == parameters
    outputs = network(network.features(few.test_images))
    assert outputs.shape == (300, 10) and outputs.dtype == np.float32


def test_blog_networks_start_as_the_original(digits):
    for title in "1234":
        for name, parameter in make(digits, title)[0].named_parameters():
            if name.endswith("bias"):
                assert not parameter.data.any()
            else:
                assert np.abs(parameter.data).max() <= 0.5
                assert parameter.data.std() == pytest.approx(1 / 12**0.5, rel=0.1)


def test_edge_maps_are_sums_around_every_other_pixel(digits, few):
    networks = digits.networks
    network, _ = make(digits, "4")
    found = network.features(few.test_images[:3]).reshape(3, 4, 11, 11)
    for image, maps in zip(few.test_images, found, strict=False):
        for pattern, edges in zip(networks.EDGES.values(), maps, strict=True):
            for (y, x), edge in np.ndenumerate(edges):
                row, column = 3 + 2 * y, 3 + 2 * x
                seen = image[row - 3 : row + 4, column - 3 : column + 4] / 255
                assert edge == pytest.approx(max(np.sum(seen * pattern) - 1, 0), abs=1e-5)
        whole = correlate2d(image / 255, networks.EDGES["slash"], mode="valid")[::2, ::2]
        np.testing.assert_allclose(maps[2], np.maximum(whole - 1, 0), atol=1e-5)
    assert np.array_equal(networks.EDGES["vertical"].T, networks.EDGES["horizontal"])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_network_3_connects_every_layer_to_every_later_one(digits, few):
    network, _ = make(digits, "3")
    w = {name: p.data.astype(float) for name, p in network.named_parameters()}
    x = few.test_images[:5].reshape(5, -1) / 255
    first = sigmoid(x @ w["hidden1.weight"].T)
    to_second, to_output = w["hidden2.weight"], w["output.weight"]
    second = sigmoid(x @ to_second[:, :784].T + first @ to_second[:, 784:].T)
    z = x @ to_output[:, :784].T + first @ to_output[:, 784:800].T + second @ to_output[:, 800:].T
    outputs = network(network.features(few.test_images[:5]))
    np.testing.assert_allclose(outputs.data, sigmoid(z), atol=1e-5)


# -- training ------------------------------------------------------------------------------------


def test_the_published_run_is_the_published_one(digits):
    rounds = digits.training.PUBLISHED.rounds
    assert [r.batch_size for r in rounds] == [50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160]
    assert [r.lr for r in rounds] == [r.lr_end for r in rounds] == [0.97**i for i in range(12)]
    assert {r.samples for r in rounds} == {10_000}
    assert digits.training.PUBLISHED.test_every == 25
    assert digits.training.PUBLISHED.bias_limit == 0.8


def test_training_network_2_is_gradient_descent_written_by_hand(digits, few):
    training = digits.training
    rounds = [training.Round(500, 50, 1.0, 1.0), training.Round(500, 60, 0.97, 0.97)]
    recipe = training.Recipe(rounds, training.squared_error, bias_limit=0.1, test_every=5)
    network, generator = make(digits, "2")
    names = ["hidden1", "hidden2", "output"]
    start = network.state_dict()
    w = [start[f"{name}.weight"].T.astype(float) for name in names]
    b = [start[f"{name}.bias"].astype(float) for name in names]
    run = training.train(network, recipe, few, generator)

    _, generator = make(digits, "2")
    clamped = False
    for r in rounds:
        order = generator.permutation(2000)[: r.samples]
        for first in range(0, r.samples, r.batch_size):
            rows = order[first : min(first + r.batch_size, r.samples)]
            a = [few.train_images[rows].reshape(len(rows), -1) / 255]
            for layer in range(3):
                z = a[-1] @ w[layer] + b[layer]
                a.append(np.maximum(z, 0) if layer < 2 else sigmoid(z))
            q = 2 * (a[3] - np.eye(10)[few.train_labels[rows]]) * a[3] * (1 - a[3]) / len(rows)
            for layer in (2, 1, 0):
                passed = (q @ w[layer].T) * (a[layer] > 0)
                w[layer] -= r.lr * a[layer].T @ q
                b[layer] = np.clip(b[layer] - r.lr * q.sum(axis=0), -0.1, 0.1)
                q = passed
            clamped |= max(abs(part).max() for part in b) == 0.1
    assert clamped
    for layer, name in enumerate(names):
        state = network.state_dict()
        np.testing.assert_allclose(state[f"{name}.weight"].T, w[layer], atol=2e-3)
        np.testing.assert_allclose(state[f"{name}.bias"], b[layer], atol=2e-3)
    assert run.batches == [5, 10, 15, 19]  # every 5 and at the end
    assert run.samples == [250, 500, 800, 1000]
    assert len(run.costs) == len(run.rates) == 4


def test_the_score_is_the_cost_and_rate_of_the_whole_set(digits, few):
    training = digits.training
    network, _ = make(digits, "1")
    features = network.features(few.test_images)
    score = training.score(network, training.PUBLISHED, features, few.test_labels)
    w, _ = network.parameters()
    a = sigmoid(features / 255 @ w.data.T.astype(float))
    wanted = np.eye(10)[few.test_labels]
    assert score.cost == pytest.approx(((a - wanted) ** 2).sum(axis=1).mean(), rel=1e-4)
    assert score.rate == 100 * np.mean(a.argmax(axis=1) == few.test_labels)


def test_a_quiet_start_is_at_the_level_and_changes_the_least(digits, few):
    network, _ = make(digits, "4", initialiser=init.glorot_uniform)
    before = network.state_dict()
    features = network.features(few.train_images)
    digits.networks.start_quietly(network, features, level=-1.5)
    w, b = network.output.weight.data, network.output.bias.data
    np.testing.assert_allclose((features @ w.T + b).mean(axis=0), -1.5, atol=1e-4)
    # the least change is along the gradient of the mean sum: the mean input, and 1 for the bias
    change = np.column_stack([w - before["output.weight"], b - before["output.bias"]])
    along = np.append(features.mean(axis=0), 1)
    cosine = change @ along / np.linalg.norm(change, axis=1) / np.linalg.norm(along)
    np.testing.assert_allclose(np.abs(cosine), 1, atol=1e-4)


def test_a_saturated_output_is_betrayed_by_its_gradient(digits, few):
    training = digits.training
    network, _ = make(digits, "1")
    network.output.weight.data[3] = -1  # far down on every image
    recipe = training.PUBLISHED
    score = training.score(network, recipe, network.features(few.test_images), few.test_labels)
    found = {s.digit: s for s in training.silent_outputs(network, recipe, score, few)}
    assert found[3].recognised == 0
    assert found[3].gradient < 1e-6 * found[3].usual


def test_a_cost_that_is_nan_stops_the_run(digits, few):
    network, generator = make(digits, "1")
    network.output.weight.data[0, :] = np.nan
    training = digits.training
    recipe = training.Recipe([training.Round(500, 50, 1, 1)], training.squared_error)
    with pytest.raises(FloatingPointError, match=r"network 1: .* nan at batch 1; .*detect_anomaly"):
        training.train(network, recipe, few, generator)


def test_the_published_run_of_network_4_learns(digits, mnist):
    network, generator = make(digits, "4", initialiser=init.glorot_uniform)
    run = digits.training.train(network, digits.training.PUBLISHED, mnist, generator, quiet=True)
    assert run.rates[-1] >= 96
    assert run.batches[-1] == 1301 and len(run.batches) == 53
    assert not run.silent


# -- the command line ----------------------------------------------------------------------------


def command(digits, monkeypatch, few, *arguments):
    monkeypatch.setattr(digits.train, "load", lambda folder: few)
    rounds = [digits.training.Round(500, 50, 1, 1)]
    monkeypatch.setattr(
        digits.train, "recipe_of",
        lambda network, quick: digits.training.Recipe(rounds, digits.training.squared_error),
    )  # fmt: skip
    digits.train.main([str(a) for a in arguments])


def test_a_run_prints_progress_and_tables_and_writes_pictures(
    digits, monkeypatch, few, tmp_path, capsys
):
    out = tmp_path / "out"
    command(digits, monkeypatch, few, "--network", 1, 4, "--seeds", 0, 7, "--output", out)
    told = capsys.readouterr()
    assert "network 4    seed 7  100%   average cost" in told.err
    assert "\r" not in told.err  # no bar without a terminal
    rows = [line.split() for line in told.out.splitlines()]
    assert [row[0] for row in rows if "91.0" in row or "96.6" in row] == ["1", "4"] * 2
    table = (out / "rates.md").read_text(encoding="utf-8")
    assert "| 4 | four fixed 11x11 edge maps → 10 sigmoid |" in table
    assert "| network | published | best | median | seed 0 | seed 7 |" in table
    names = {"rates.md", "curves.png", "edge-maps.png", "mistakes-1.png", "mistakes-4.png"}
    assert {path.name for path in out.iterdir()} == names
    for path in out.glob("*.png"):
        from matplotlib.image import imread

        picture = imread(path)
        assert picture.shape[0] > 300 and picture.shape[1] > 800
        assert picture[..., :3].std() > 0.05  # not blank


def test_on_a_terminal_there_is_a_bar(digits, monkeypatch, few, tmp_path, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    command(digits, monkeypatch, few, "--network", 1, "--output", tmp_path)
    told = capsys.readouterr().err
    assert "█" * 30 + " 100%" in told and told.startswith("\r")
    assert told.count("\n") == 1


def test_without_matplotlib_a_line_says_so(digits, monkeypatch, few, tmp_path, capsys):
    monkeypatch.delitem(sys.modules, "pictures")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.colors", None)
    command(digits, monkeypatch, few, "--network", 1, "--output", tmp_path)
    assert 'no pictures without Matplotlib: pip install "tinygrad-lite[plots]"' in (
        capsys.readouterr().out
    )
    assert [path.name for path in tmp_path.iterdir()] == ["rates.md"]


def script(*arguments, **settings):
    return subprocess.run(
        [sys.executable, DIGITS / "train.py", *arguments],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, encoding="utf-8",
        **settings,
    )  # fmt: skip


def test_a_quick_run_of_the_script(tmp_path):
    result = script("--quick", "--network", "4", "--output", tmp_path, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "four fixed 11x11 edge maps" in result.stdout
    assert "a quick run" in result.stdout
    assert (tmp_path / "mistakes-4.png").exists()


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--network", "5"], "invalid choice: '5'"),
        (["--seed", "-1"], "a seed is a whole number from 0, not '-1'"),
        (["--seeds", "one"], "a seed is a whole number from 0, not 'one'"),
        (["--epochs", "3"], "unrecognized arguments: --epochs 3"),
        (["--data", "nowhere"], "no folder nowhere: give --data a folder"),
        (["--data", "."], "expected train-images-idx3-ubyte.gz"),
        (["--output", "taken"], "cannot write to taken: File exists"),
    ],
)
def test_a_wrong_request_gets_one_line(tmp_path, arguments, says):
    (tmp_path / "taken").touch()
    result = script(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert says in result.stderr
    assert result.stderr.startswith("train.py: ") and result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_help_says_what_there_is():
    result = script("--help")
    assert result.returncode == 0
    for option in ("--network", "--seeds", "--init", "--quick", "--data", "--output"):
        assert option in result.stdout
