"""Hostile files: the documented exception or a network, within bounded memory."""

import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

from neurons.other_program import evaluate, text, wired
from neurons.test_reading import GOOD, peak_of_reading
from tinygrad_lite.neurons import Network, NetworkFileError

REAL = text(wired([6, 4, 3], ["MIXED"], lambda layer: range(layer), seed=7)).encode()
FIXED_COSTS = 64 * 1024
"""Bytes that a message, a regular expression's cache and the like may take for any file."""


def read(data):
    """Read; whatever is accepted must be what a strict reading of the same JSON gives."""
    try:
        network = Network.from_json(data)
    except NetworkFileError:
        return
    # Weights may be whole numbers, and those beyond 2**53 are rounded.
    assert json.loads(network.to_json()) == json.loads(data, parse_int=float)
    plain = json.loads(data)
    images = np.linspace(0, 1, 2 * len(network.input_layer)).reshape(2, -1)
    if len(network.input_layer) < 100:
        with np.errstate(all="ignore"):
            expected = evaluate(plain, images)
        if np.isfinite(expected).all():
            np.testing.assert_allclose(network.evaluate(images), expected, rtol=1e-6, atol=1e-9)


@given(st.binary(max_size=300))
def test_any_bytes(data):
    read(data)


@given(st.text(max_size=300))
@example("{")
@example("\ud800")
def test_any_text(data):
    read(data.replace("/", "").replace(".", "") if not data.startswith("{") else data)


SNIPPETS = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"0", b"9", b"-", b".", b"e", b"E+9", b"1e999",
    b"NaN", b"Infinity", b"-Infinity", b"true", b"false", b"null", b"\x00", b"\xff",
    b"\xef\xbb\xbf", b"[" * 2000, b'{"neurons":[' * 200, b"9" * 5000, b" " * 1000, b"\\u0062",
    b'"weight":1,', b'"bias":', b"0.5", b"1.0", b"-1", b"900", b"99999999999999999999",
    "é".encode(), b"\n",
]  # fmt: skip


@st.composite
def mutated(draw, original=REAL):
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(start + draw(st.sampled_from([0, 1, 2, 50])), len(data))))
        kind = draw(st.sampled_from(["put", "repeat", "cut", "flip", "move"]))
        if kind == "put":
            data[start:end] = draw(st.sampled_from(SNIPPETS))
        elif kind == "repeat":
            data[end:end] = data[start:end] * draw(st.integers(1, 20))
        elif kind == "cut":
            del data[start:]
        elif kind == "flip" and start < len(data):
            data[start] ^= 1 << draw(st.integers(0, 7))
        elif kind == "move":
            at = draw(st.integers(0, len(data)))
            data[at:at] = data[start:end]
    return bytes(data)


@given(mutated())
def test_mutated_files(data):
    read(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def test_whole_numbers_as_weights_and_biases():
    network = json.loads(json.dumps(GOOD))
    neuron = network["otherLayers"][0]["neurons"][0]
    neuron["bias"], neuron["inputs"][0]["weight"] = 2, 2**53 + 1
    read(json.dumps(network))


@given(json_values, st.data())
def test_any_value_in_any_place(value, data):
    network = json.loads(json.dumps(GOOD))
    at = network
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], (dict, list)) or not at[key] or data.draw(st.booleans()):
            at[key] = value
            break
        at = at[key]
    read(json.dumps(network).encode())


@settings(max_examples=40)
@given(mutated())
def test_memory(data):
    peak, _ = peak_of_reading(data)
    assert peak <= 10 * len(data) + FIXED_COSTS


@pytest.fixture(scope="module", autouse=True)
def warm():
    peak_of_reading(REAL)
