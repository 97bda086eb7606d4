"""What is wrong in a file is refused, with its place; nothing is built before."""

import json
import os
import tracemalloc
from copy import deepcopy

import pytest

from neurons.other_program import edge_maps, text, wired
from tinygrad_lite.neurons import Network, NetworkFileError

GOOD = wired([4, 3, 2], ["RELU", "SIGMOID"], lambda layer: range(layer), seed=0)


def changed(path, value):
    """GOOD with one thing replaced; with a function as value, changed by it."""
    network = deepcopy(GOOD)
    at = network
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value(at[path[-1]]) if callable(value) else value
    return json.dumps(network)


INPUT = ["otherLayers", 1, "neurons", 1, "inputs", 2]
NEURON = ["otherLayers", 0, "neurons", 2]
AT_INPUT = r"otherLayers\[1\]\.neurons\[1\]\.inputs\[2\]"
AT_NEURON = r"otherLayers\[0\]\.neurons\[2\]"

WRONG = {
    "index out of range": (
        changed([*INPUT, "fromNeuron"], 900),
        rf"^{AT_INPUT}\.fromNeuron: 900, but layer 0 has 4 neurons$",
    ),
    "index out of range, length of the input layer last": (
        json.dumps({k: json.loads(changed([*INPUT, "fromNeuron"], 900))[k]
                    for k in ("otherLayers", "inputLayerLength")}),
        rf"^{AT_INPUT}\.fromNeuron: 900, but layer 0 has 4 neurons$",
    ),
    "hidden index out of range": (
        changed(["otherLayers", 1, "neurons", 1, "inputs", 4], {"fromLayer": 1, "fromNeuron": 3,
                                                                 "weight": 1}),
        r"inputs\[4\]\.fromNeuron: 3, but layer 1 has 3 neurons",
    ),
    "pointing forward": (
        changed(["otherLayers", 0, "neurons", 0, "inputs", 0, "fromLayer"], 2),
        r"otherLayers\[0\]\.neurons\[0\]\.inputs\[0\]\.fromLayer: 2, but this is layer 1",
    ),
    "pointing at itself": (
        changed([*INPUT, "fromLayer"], 2), rf"{AT_INPUT}\.fromLayer: 2, but this is layer 2"),
    "negative index": (changed([*INPUT, "fromNeuron"], -1), rf"{AT_INPUT}\.fromNeuron: .*found -1"),
    "index with a point": (changed([*INPUT, "fromNeuron"], 1.0), "whole number, found 1.0"),
    "index as text": (changed([*INPUT, "fromNeuron"], "1"), "whole number, found a string"),
    "index true": (changed([*INPUT, "fromLayer"], True), "whole number, found true"),
    "weight true": (changed([*INPUT, "weight"], True), rf"{AT_INPUT}\.weight: .*found true"),
    "weight null": (changed([*INPUT, "weight"], None), rf"{AT_INPUT}\.weight: .*found null"),
    "weight text": (changed([*INPUT, "weight"], "0.5"), rf"{AT_INPUT}\.weight: .*found a string"),
    "weight NaN": (changed([*INPUT, "weight"], float("nan")), rf"{AT_INPUT}\.weight: .*found NaN"),
    "weight infinite": (
        changed([*INPUT, "weight"], float("inf")), rf"{AT_INPUT}\.weight: .*found Infinity"),
    "weight minus infinite": (
        changed([*INPUT, "weight"], -float("inf")), rf"{AT_INPUT}\.weight: .*found -Infinity$"),
    "weight too large": (
        changed([*INPUT, "weight"], 12345).replace("12345", "1e999"),
        rf"{AT_INPUT}\.weight: expected a finite number, found 1e999",
    ),
    "bias too large": (
        changed([*NEURON, "bias"], 12345).replace("12345", "-1e999"),
        rf"{AT_NEURON}\.bias: .*-1e999"),
    "bias a list": (changed([*NEURON, "bias"], [1]), rf"{AT_NEURON}\.bias: .*found a list"),
    "number with a leading zero": (
        changed([*NEURON, "bias"], 12345).replace("12345", "01.5"),
        rf"{AT_NEURON}: expected a comma"),
    "number with a plus": (
        changed([*NEURON, "bias"], 12345).replace("12345", "+1"), rf"{AT_NEURON}\.bias: .*0x2b"),
    "a million digits": (
        changed([*NEURON, "bias"], 12345).replace("12345", "1" * 10**6), "over 1100 characters"),
    "an index of a million digits": (
        changed([*INPUT, "fromNeuron"], 12345).replace("12345", "1" * 10**6), "over 1100"),
    "an index of thirty digits": (
        changed([*INPUT, "fromNeuron"], 10**30), r"fromNeuron: .*found 10{30}"),
    "unknown function": (
        changed([*NEURON, "activationFunction"], "TANH"),
        rf"{AT_NEURON}\.activationFunction: 'TANH', expected SIGMOID or RELU"),
    "function a number": (
        changed([*NEURON, "activationFunction"], 1), "expected a string, found 1"),
    "unknown key": (
        changed(NEURON, lambda n: {**n, "color": 1}), rf"{AT_NEURON}: the key 'color' is unknown"),
    "missing key": (
        changed(INPUT, lambda c: {"fromLayer": 0, "fromNeuron": 0}),
        rf"{AT_INPUT}: the key 'weight' is missing"),
    "missing top key": ('{"inputLayerLength": 3}', "the key 'otherLayers' is missing"),
    "duplicate key": (
        changed([*NEURON, "bias"], 12345).replace("12345", '0, "bias": 1'),
        rf"{AT_NEURON}: the key 'bias' appears twice"),
    "duplicate top key": (
        '{"inputLayerLength": 3, "inputLayerLength": 3, "otherLayers": []}', "appears twice"),
    "a list for an object": (changed(NEURON, []), rf"{AT_NEURON}: .*found a list"),
    "an object for a list": (changed(["otherLayers"], {}), r"otherLayers: .*found an object"),
    "no layers": (changed(["otherLayers"], []), "otherLayers: empty"),
    "no neurons": (changed(["otherLayers", 0, "neurons"], []), r"otherLayers\[0\]\.neurons: empty"),
    "no inputs at all": (changed(["inputLayerLength"], 0), "inputLayerLength: 0"),
    "input layer too large": (changed(["inputLayerLength"], 10**9), "inputLayerLength: .*10{9}"),
    "input layer 784.0": (changed(["inputLayerLength"], 784.0), "inputLayerLength: .*784.0"),
    "too little": (json.dumps(GOOD)[:-1], "found the end of the file"),
    "too much": (json.dumps(GOOD) + "{}", "expected the end after the network, found an object"),
    "trailing comma": (json.dumps(GOOD)[:-1] + ",}", "expected a string"),
    "comment": ("{/**/" + json.dumps(GOOD)[1:], "byte 0x2f"),
    "not JSON": ("{{{{", "expected a string, found an object"),
    "deep nesting": (
        '{"otherLayers":' + "[" * 10**6,
        r"otherLayers\[0\]: expected an object, found a list",
    ),
    "deep nesting of objects": (
        '{"otherLayers":[' + '{"neurons":[' * 10**5,
        r"otherLayers\[0\]\.neurons\[0\]: the key 'neurons' is unknown",
    ),
    "a number too many": ('{"otherLayers":[' + "1," * 10**5, "expected an object, found 1"),
    "an endless string": ('{"' + "a" * 10**6, "unfinished or too long"),
    "an endless escape": ('{"' + "\\" * 10**6, "unfinished or too long"),
    "a bad escape": ('{"\\x": 1}', "not as JSON has it"),
    "a raw newline in a string": ('{"bi\nas": 1}', "unfinished or too long"),
    "invalid UTF-8": (b'{"\xff\xfe": 1}', "not as JSON has it"),
    "byte order mark": (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "found byte 0xef"),
    "UTF-16": (json.dumps(GOOD).encode("utf-16"), "found byte 0xff"),
    "zeros": (bytes(1000), "found byte 0x00"),
    "a lone surrogate": ('{"\ud800": 1}', r"the key '.ud800' is unknown"),
    "nothing": (b"", "found the end of the file, after 0 bytes"),
    "empty text": ("", "found ''"),
    "a list": ("[1, 2]", "begins with"),
    "no such file": ("no/such/network.json", "no/such/network.json"),
    "a zero byte in a name": ("net\0work", "begins with"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_is_refused_with_its_place(name):
    source, message = WRONG[name]
    with pytest.raises(NetworkFileError, match=message) as caught:
        Network.from_json(source)
    assert len(str(caught.value)) < 300


def test_the_good_one_is_read():
    assert json.loads(Network.from_json(json.dumps(GOOD)).to_json()) == GOOD


def test_every_truncation_is_refused():
    whole = text(GOOD)
    for length in range(len(whole)):
        with pytest.raises(NetworkFileError):
            Network.from_json(whole[:length].encode())


def test_the_file_is_named(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(WRONG["index out of range"][0])
    with pytest.raises(NetworkFileError, match=r"^mine\.json: otherLayers\[1\]"):
        Network.from_json(path)


def test_huge_files_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(10**10)  # a hole: takes no room
    with pytest.raises(NetworkFileError, match="more than 67108864 bytes"):
        Network.from_json(path)
    with pytest.raises(NetworkFileError, match="more than 100 bytes"):
        Network.from_json(text(GOOD), max_bytes=100)


def test_what_is_no_file_is_refused_without_waiting(tmp_path):
    with pytest.raises(FileNotFoundError):
        Network.from_json(tmp_path / "missing.json")
    with pytest.raises(IsADirectoryError):
        Network.from_json(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(NetworkFileError, match="expected a file"):
            Network.from_json(tmp_path / "pipe")


def test_layers_of_square_length_are_squares():
    network = Network.from_json(text(edge_maps(0)))
    assert [(layer.width, layer.height) for layer in network.layers] == [
        (28, 28), (11, 11), (11, 11), (11, 11), (11, 11), (10, 1),
    ]  # fmt: skip


def peak_of_reading(data):
    tracemalloc.start()
    try:
        try:
            network = Network.from_json(data)
        except NetworkFileError:
            network = None
        return tracemalloc.get_traced_memory()[1], network
    finally:
        tracemalloc.stop()


SHORT = b'{"fromLayer":0,"fromNeuron":0,"weight":0}'
HEAVY = {
    "a real one": text(edge_maps(0)).encode(),
    "shortest connections": b'{"inputLayerLength":1,"otherLayers":[{"neurons":[{"bias":0,'
    b'"activationFunction":"RELU","inputs":[' + b",".join([SHORT] * 3_000) + b"]}]}]}",
    "shortest neurons": b'{"inputLayerLength":1,"otherLayers":[{"neurons":['
    + b",".join([b'{"bias":0,"activationFunction":"RELU","inputs":[]}'] * 3_000) + b"]}]}",
    "shortest layers": b'{"inputLayerLength":1,"otherLayers":['
    + b",".join([b'{"neurons":[{"bias":0,"activationFunction":"RELU","inputs":[]}]}'] * 3_000)
    + b"]}",
    "different sources": b'{"inputLayerLength":16777216,"otherLayers":[{"neurons":[{"bias":0,'
    b'"activationFunction":"RELU","inputs":['
    + b",".join(b'{"fromLayer":0,"fromNeuron":%d,"weight":.5}'.replace(b".", b"0.") % n
                for n in range(3_000)) + b"]}]}]}",
    "lists of nothing": b'{"otherLayers":[' + b"[]," * 50_000,
    "numbers": b'{"otherLayers":[' + b"1.5," * 50_000,
    "nesting": b'{"otherLayers":' + b"[" * 100_000,
    "a long string": b'{"' + b"a" * 100_000,
    "a long escaped string": b'{"' + b"\\n" * 100_000,
    "spaces": b"{" + b" " * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HEAVY)
def test_memory_is_at_most_ten_times_the_file(name):
    data = HEAVY[name]
    peak_of_reading(text(GOOD))  # what is made once for all
    peak, _ = peak_of_reading(data)
    assert peak <= 10 * len(data)


def test_a_large_input_layer_in_a_small_file_takes_little_memory():
    peak_of_reading(text(GOOD))
    data = text({**GOOD, "inputLayerLength": 10**7})
    peak, network = peak_of_reading(data)
    assert len(network.input_layer) == 10**7
    assert peak <= 100_000
