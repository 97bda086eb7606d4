"""train: networks that learn, files that hold them, runs that are repeated and resumed."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from tinygrad_lite import export, neurons


def trained(call, *arguments):
    result = call("train", *arguments, "--json", "--quiet")
    assert result.status == 0, result
    assert result.err == "", result.err
    return json.loads(result.out)


def test_a_short_form_learns_and_its_file_evaluates_to_the_same_rate(call, moons, tmp_path):
    told = trained(call, "2-16-2", "--data", moons, "--epochs", 30, "--lr", 0.02, "--out", "w.npz")
    assert told["test"]["rate"] > 0.95
    assert told["epochs"] == 30 and told["files"] == ["w.npz"]
    again = json.loads(call("evaluate", "w.npz", "--data", moons, "--json").out)
    assert again["confusion"] == told["test"]["confusion"]
    notes = export.load_notes(tmp_path / "w.npz")
    assert notes["network"] == "2-16-2" and notes["seed"] == "0" and notes["lr"] == "0.02"


def test_progress_and_the_result_are_told(process, moons):
    result = process("train", "2-8-2", "--data", moons, "--epochs", 2, "--out", "w.npz")
    assert result.status == 0
    assert "2-8-2 (42 parameters) on 500 samples of moons.npz, 10% of them set" in result.err
    assert "Epoch 1 of 2 is kept: its validation accuracy, " in result.err
    assert "epoch 2/2" in result.err
    assert result.out.startswith("test: ") and "wrote w.npz" in result.out


def test_a_script_of_the_users_is_the_same_in_every_run(process, script, moons, tmp_path):
    for out in ("a.npz", "b.npz"):
        trained(process, "net.py:Net", "--data", moons, "--epochs", 2, "--seed", 3, "--out", out)
    trained(process, "net.py:Net", "--data", moons, "--epochs", 2, "--seed", 4, "--out", "c.npz")
    a, b, c = (export.load(tmp_path / f"{name}.npz") for name in "abc")
    assert list(a) == ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])
        assert np.any(a[key] != c[key])
    result = process("evaluate", "net.py:Net", "--weights", "a.npz", "--data", moons)
    assert result.status == 0


def test_neurons_learn_and_stay_neurons(call, script, moons, tmp_path):
    told = trained(
        call, "net.py:neurons", "--data", moons, "--epochs", 20, "--optimiser", "sgd", "--lr", 0.5,
        "--out", "n.json", "--out", "n.onnx",
    )  # fmt: skip
    assert told["test"]["rate"] > 0.85
    network = neurons.Network.from_json(tmp_path / "n.json")
    with np.load(tmp_path / moons) as arrays:
        assert network.success_rate(arrays["x_test"], arrays["y_test"]) == told["test"]["rate"]


def test_a_report_is_a_page_of_its_own(call, moons, script, tmp_path):
    for network in ("2-8-2", "net.py:neurons"):
        result = call(
            "train", network, "--data", moons, "--epochs", 3, "--report", "report.html", "--quiet"
        )
        assert result.status == 0 and "wrote report.html" in result.out, result
        page = (tmp_path / "report.html").read_text()
        assert f"<title>{network} on {moons}</title>" in page
        assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page


def test_resuming_gives_what_one_run_gives(process, moons, tmp_path):
    usual = ["2-8-2", "--data", moons, "--schedule", "constant"]
    whole = trained(process, *usual, "--epochs", 4, "--out", "whole.npz")
    trained(process, *usual, "--epochs", 2, "--checkpoint", "run.ckpt")
    rest = trained(
        process, *usual, "--epochs", 4, "--checkpoint", "run.ckpt", "--resume", "--out", "rest.npz"
    )
    assert rest["test"] == whole["test"]
    one, other = (export.load(tmp_path / name) for name in ("whole.npz", "rest.npz"))
    for key in one:
        np.testing.assert_array_equal(one[key], other[key])


def test_images_are_augmented_and_weights_are_gone_on_from(call, tmp_path):
    generator = np.random.default_rng(0)
    images = np.zeros((60, 28, 28), np.uint8)
    labels = generator.integers(0, 10, 60)
    images[np.arange(60), 2 * labels + 4] = 200
    np.savez(tmp_path / "lines.npz", x=images[:, None], y=labels)
    usual = ["cnn", "--data", "lines.npz", "--batch", 20]
    trained(call, *usual, "--epochs", 1, "--augment", "--out", "w.npz", "--out", "g.json")
    trained(call, *usual, "--epochs", 1, "--weights", "w.npz", "--optimiser", "adamw")
    graph = export.load_graph(tmp_path / "g.json")
    assert list(graph.notes["classes"]) == list("0123456789")


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "rmsprop", "adagrad", "sgd"])
def test_values_are_predicted_with_every_optimiser(call, tmp_path, optimiser):
    x = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    np.savez(tmp_path / "plane.npz", x=x, y=x @ [2.0, -1.0] + 0.5)
    told = trained(
        call, "2-1", "--data", "plane.npz", "--optimiser", optimiser, "--schedule", "one-cycle",
        "--lr", 0.5 if optimiser == "adagrad" else 0.1, "--epochs", 20, "--batch", 20,
        "--clip", 5,
    )  # fmt: skip
    assert told["test"]["mean_squared_error"] < 0.1
    assert told["test"]["explained_variance"] > 0.95


MISTAKES = {
    "an ending": (["--out", "w.pt"], "--out w.pt: end the name with .onnx"),
    "a folder": (["--out", "nowhere/w.npz"], "nowhere/w.npz: there is no folder nowhere"),
    "resume what": (["--resume"], "--resume needs --checkpoint"),
    "a file that is in use": (["--checkpoint", "moons.npz"], "moons.npz exists: add --resume"),
    "no checkpoint": (["--checkpoint", "moons.npz", "--resume"], "moons.npz"),
    "a share": (["--validation", "1.5"], "give a share from 0 to below 1"),
    "no images": (["--augment"], "--augment is for networks that take images"),
    "other weights": (["--weights", "moons.npz"], "moons.npz: load_state_dict"),
}


@pytest.mark.parametrize("arguments, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_before_training(refused, moons, tmp_path, arguments, message):
    before = sorted(tmp_path.iterdir())
    usual = ["train", "2-4-2", "--data", moons, "--epochs", "1", "--quiet"]
    assert message in refused(*usual, *arguments)
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_cannot_be_written_is_told_before_training(refused, moons, tmp_path):
    (tmp_path / "odd.py").write_text(
        "import numpy as np\n"
        "from tinygrad_lite import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        self.output = nn.Linear(2, 2)\n"
        "    def forward(self, x):\n"
        "        return np.sort(self.output(x))\n"
    )
    error = refused("train", "odd.py:Net", "--data", moons, "--out", "w.npz", "--out", "w.onnx")
    assert "sort" in error and "epoch" not in error
    assert not (tmp_path / "w.npz").exists()


def test_networks_and_data_that_do_not_fit(refused, moons, tmp_path):
    usual = ["--data", moons, "--epochs", "1", "--quiet"]
    assert "does not take samples of shape (2,)" in refused("train", "3-2", *usual)
    assert "has 2 classes: it must give a score for each" in refused("train", "2-1", *usual)
    export.save_graph(lambda x: x + 1, tmp_path / "g.json", np.ones((1, 2), np.float32))
    assert "can only be run" in refused("train", "g.json", *usual)


def test_a_cost_that_is_no_number_is_told(refused, moons):
    message = refused(
        "train", "2-8-2", "--data", moons, "--epochs", "3", "--quiet", "--optimiser", "sgd",
        "--lr", "1e30",
    )  # fmt: skip
    assert "the cost became" in message and "try a smaller lr" in message


def test_ctrl_c_ends_training_and_writes_what_there_is(moons, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "tinygrad_lite.cli", "train", "2-8-2", "--data", moons,
         "--epochs", "100000", "--out", "w.npz", "--checkpoint", "run.ckpt"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A process started in the background may have been told to ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 3/"):
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate()
    assert process.returncode == 130, err
    assert out.startswith("test: ") and "Traceback" not in err
    assert next(iter(export.load(tmp_path / "w.npz"))) == "1.weight"
    assert (tmp_path / "run.ckpt").exists()
