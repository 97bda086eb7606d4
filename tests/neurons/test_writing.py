"""Files: the same bytes for the same network, whole or not at all."""

import errno
import io
import json
import os

import numpy as np
import pytest

from neurons.other_program import NETWORKS, evaluate, text, wired
from tinygrad_lite.neurons import (
    HiddenLayer,
    InputLayer,
    Network,
    NetworkFileError,
    OutputLayer,
    relu,
    tanh,
)


def test_the_bytes_are_as_the_format_has_them():
    network = Network([InputLayer(2), HiddenLayer(1, function=relu, bias=-1), OutputLayer(1)])
    network.connect(network.layers[0][1], network.layers[1][0], 0.1)
    network.connect(network.layers[1][0], network.layers[2][0], 1e-7)
    network.connect(network.layers[0][0], network.layers[2][0], 3)
    assert network.to_json() == (
        '{"inputLayerLength":2,"otherLayers":['
        '{"neurons":[{"bias":-1.0,"activationFunction":"RELU","inputs":['
        '{"fromLayer":0,"fromNeuron":1,"weight":0.1}]}]},'
        '{"neurons":[{"bias":0.0,"activationFunction":"SIGMOID","inputs":['
        '{"fromLayer":1,"fromNeuron":0,"weight":1e-07},'
        '{"fromLayer":0,"fromNeuron":0,"weight":3.0}]}]}]}'
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_writing_gives_back_what_was_read(name):
    written = text(NETWORKS[name]())
    assert Network.from_json(written).to_json() == written


def test_the_other_program_reads_what_we_write():
    network = Network([InputLayer(3, 3), HiddenLayer(4, function=relu), OutputLayer(3)], seed=3)
    network.connect_all_layers()
    images = np.random.default_rng(0).random((10, 3, 3))
    theirs = evaluate(json.loads(network.to_json()), images)
    np.testing.assert_allclose(theirs, network.evaluate(images), rtol=1e-13)


def test_numbers_survive_to_the_last_bit():
    network = Network([InputLayer(1), OutputLayer(4)])
    network.connect_adjacent_layers()
    weights = [5e-324, np.nextafter(0.1, 1), -1.7976931348623157e308, np.pi]
    for neuron, weight in zip(network.layers[1], weights, strict=True):
        neuron.inputs[0].weight = weight
    again = Network.from_json(network.to_json())
    assert [c.weight.data for c in again.connections] == weights


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "network.json"
    path.write_text("old")
    network = Network.from_json(text(wired([3, 2], ["RELU"], lambda k: [0], 0)))
    assert network.to_json(path) == path.read_text() == network.to_json()
    assert os.listdir(tmp_path) == ["network.json"]


def test_a_file_that_is_replaced_keeps_who_may_read_it(tmp_path):
    path = tmp_path / "network.json"
    path.touch(mode=0o600)
    Network([InputLayer(1), OutputLayer(1)]).to_json(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size > 0


def test_a_link_stays_one(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "network.json").touch()
    (tmp_path / "network.json").symlink_to(tmp_path / "there" / "network.json")
    Network([InputLayer(1), OutputLayer(1)]).to_json(tmp_path / "network.json")
    assert (tmp_path / "network.json").is_symlink()
    assert (tmp_path / "there" / "network.json").stat().st_size > 0


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, content):
            super().write(content[:10])
            raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "network.json"
    path.write_text("old")
    monkeypatch.setattr("io.open", lambda path, *_, **__: Full(path, "x"))
    with pytest.raises(OSError, match="No space left"):
        Network([InputLayer(1), OutputLayer(1)]).to_json(path)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["network.json"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failing):
    path = tmp_path / "network.json"
    path.write_text("old")
    network = Network([InputLayer(1), OutputLayer(1)])

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="disk full"):
        network.to_json(path)
    assert os.listdir(tmp_path) == ["network.json"]
    assert path.read_text() == "old"


def test_what_the_format_cannot_say_is_refused_by_place(tmp_path):
    network = Network([InputLayer(1), HiddenLayer(2, function=tanh), OutputLayer(1)])
    network.connect_adjacent_layers()
    path = tmp_path / "network.json"
    with pytest.raises(
        NetworkFileError, match=r"layers\[1\]\[0\] has the activation function tanh"
    ):
        network.to_json(path)
    for neuron in network.layers[1]:
        neuron.function = relu
    network.layers[2][0].inputs[1].weight = np.nan
    with pytest.raises(NetworkFileError, match=r"layers\[1\]\[1\] -> layers\[2\]\[0\]> is nan"):
        network.to_json(path)
    network.layers[2][0].inputs[1].weight = 0
    network.layers[1][1].bias = np.inf
    with pytest.raises(NetworkFileError, match=r"bias of layers\[1\]\[1\] is inf"):
        network.to_json(path)
    network.layers[1][1].bias = 0
    network.connect(network.layers[1][0], network.layers[1][1])
    with pytest.raises(NetworkFileError, match="not come from an earlier layer"):
        network.to_json(path)
    assert not path.exists()
