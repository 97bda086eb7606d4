"""Killed at any moment and resumed, training ends with the same bits."""

import os
import re
import subprocess
import sys
from pathlib import Path

import killable
import numpy as np
import pytest

from tinygrad_lite import data, nn, optim, training
from tinygrad_lite.training import CheckpointError


class Crash(Exception):
    """What ends a run in the middle."""


class CrashAt:
    """Ends the run after some batch, as a killed process would: nothing is tidied up."""

    def __init__(self, batch):
        self.batch = batch

    def on_batch(self, run):
        if run.history.batches == self.batch:
            raise Crash


@pytest.fixture(scope="module")
def undisturbed():
    return {capture: killable.fingerprint(*killable.train(capture=capture)) for capture in CAPTURE}


CAPTURE = [False, True]


# 90 rows in batches of 16: six batches an epoch, the last of another shape than the others.
@pytest.mark.parametrize("capture", CAPTURE)
@pytest.mark.parametrize(
    ("every", "crashes"),
    [(1, (1, 2)), (4, (5, 6, 7)), (None, (12, 20)), (1, (13, 18, 35)), (4, (36,)), (1, (36,))],
)
def test_a_run_resumed_anywhere_ends_with_the_same_bits(
    undisturbed, tmp_path, capture, every, crashes
):
    path = tmp_path / "checkpoint"
    for batch in crashes:
        with pytest.raises(Crash):
            killable.train(
                path, capture=capture, callbacks=[CrashAt(batch)], checkpoint_every=every
            )
    resumed = killable.train(path, capture=capture, checkpoint_every=every)
    assert killable.fingerprint(*resumed) == undisturbed[capture]
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes to kill")
@pytest.mark.parametrize(("kills", "options"), [("10", []), ("5", ["--capture"])])
def test_processes_killed_at_random_moments_are_resumed_to_the_same_bits(kills, options):
    command = [sys.executable, Path(__file__).with_name("kills.py"), kills, "0", *options]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert re.match(
        rf"{kills} kills, \d+ .* 0 of them with other bits .* left: none$", found.stdout
    )


def test_more_epochs_go_on_from_a_finished_run(tmp_path, undisturbed):
    for epochs in (2, 2, 6):
        _, _, history = finished = killable.train(tmp_path / "checkpoint", epochs=epochs)
        assert history.epochs == epochs and history.ended == f"trained {epochs} epochs"
    assert killable.fingerprint(*finished) == undisturbed[False]


def test_resume_false_starts_anew(tmp_path, undisturbed):
    killable.train(tmp_path / "checkpoint", epochs=2)
    again = killable.train(tmp_path / "checkpoint", resume=False)
    assert killable.fingerprint(*again) == undisturbed[False]


def test_patience_that_ran_out_stays_so_unless_there_is_more(tmp_path):
    def run(patience):
        generator = np.random.default_rng(0)
        x = generator.random((20, 3)).astype(np.float32)
        net = nn.Linear(3, 1, generator=generator)
        batches = data.Batches(x, x[:, :1], batch_size=10, seed=0)
        # A learning rate of zero: no epoch is better than the first.
        return training.fit(
            net, nn.mse_loss, optim.SGD(net.parameters(), lr=0.0), batches, epochs=20,
            validation=(x, x[:, :1]), patience=patience, progress=False,
            checkpoint=tmp_path / "checkpoint",
        )  # fmt: skip

    first = run(2)
    assert first.epochs == 3 and "validation_loss was no better for 2 epochs" in first.ended
    assert run(2).epochs == 3
    assert run(5).epochs == 6


def test_the_model_can_be_taken_out_of_a_checkpoint(tmp_path):
    path = tmp_path / "checkpoint"
    trained, *_ = killable.train(path, epochs=1, keep_best=False)
    fresh, *_ = killable.parts()
    training.load_checkpoint(path, {"model": fresh})
    for name, tensor in trained.state_dict().items():
        np.testing.assert_array_equal(fresh.state_dict()[name], tensor)


def other_runs():
    """Programs whose parts differ from those that wrote the checkpoint, and what is said."""

    def linear(generator):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 2, generator=generator))

    yield "another model", {"model": linear}, "model does not fit: .*unexpected"
    yield "another optimiser", {"optimiser": optim.SGD}, "saved from Adam, and this is SGD"
    yield "unshuffled data", {"seed": None}, "data does not fit: .*shuffled and augmented"
    yield "other batches", {"batch_size": 8}, "data does not fit: .*with batch_size=16, and this"
    yield "less data", {"rows": 80}, "data does not fit: .*with rows=90, and this .* rows=80"
    yield "a list", {"list": 5}, "its epochs had 6 batches, and this data gives 5"
    yield "no schedule there", {"schedule": optim.StepLR}, "and this is StepLR"


@pytest.mark.parametrize(
    ("change", "message"), [pytest.param(c, m, id=i) for i, c, m in other_runs()]
)
def test_a_checkpoint_of_another_run_is_refused_and_changes_nothing(tmp_path, change, message):
    path = tmp_path / "my.checkpoint"
    killable.train(path, epochs=1)
    model, optimiser, batches, _ = killable.parts()
    if "model" in change:
        model = change["model"](np.random.default_rng(0))
        optimiser = optim.Adam(model.parameters())
    if "optimiser" in change:
        optimiser = change["optimiser"](model.parameters(), lr=0.1)
    if "seed" in change:
        batches = data.Batches(np.zeros((8, 1, 8, 8), np.float32), np.zeros(8, int), batch_size=4)
    if "batch_size" in change or "rows" in change:
        images, labels = np.zeros((90, 1, 8, 8), np.float32), np.zeros(90, int)
        rows, size = change.get("rows"), change.get("batch_size", 16)
        augment = data.Affine(degrees=10)
        batches = data.Batches(
            images[:rows], labels[:rows], batch_size=size, seed=7, augment=augment
        )
    if "list" in change:
        batches = list(batches)[: change["list"]]
    schedule = change.get("schedule", optim.CosineAnnealingLR)(optimiser, 40)
    before = killable.as_text([model.state_dict(), optimiser.state_dict(), schedule.state_dict()])
    with pytest.raises(CheckpointError, match=f"^{re.escape(str(path))}: .*{message}") as refusal:
        training.fit(
            model, nn.cross_entropy, optimiser, batches, schedule=schedule, checkpoint=path,
            progress=False,
        )  # fmt: skip
    assert "\n" not in str(refusal.value)
    after = killable.as_text([model.state_dict(), optimiser.state_dict(), schedule.state_dict()])
    assert before == after


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 something else"])
def test_a_file_that_is_no_checkpoint_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "precious.npz"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"precious.npz: not a checkpoint of tinygrad_lite"):
        killable.train(path)
    assert path.read_bytes() == content


def test_parts_of_any_kind_are_saved_together_or_named(tmp_path):
    path = tmp_path / "parts"
    net, generator = nn.Linear(2, 2), np.random.default_rng(3)
    generator.random(7)
    training.save_checkpoint(path, {"net": net, "noise": generator}, notes={"epoch": 4})
    expected = generator.random(3)
    other = np.random.default_rng(9)
    assert training.load_checkpoint(path, {"noise": other}) == {"epoch": 4}
    np.testing.assert_array_equal(other.random(3), expected)
    with pytest.raises(TypeError, match="sink is a object, which has no state_dict"):
        training.save_checkpoint(path, {"sink": object()})
    with pytest.raises(CheckpointError, match="parts: holds net, noise, and not optimiser"):
        training.load_checkpoint(path, {"net": net, "optimiser": generator})
