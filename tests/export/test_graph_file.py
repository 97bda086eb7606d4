"""Graph files: outputs and gradients of the model, and refusals that name what is wrong."""

import contextlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.data import as_pixels, load_mnist
from tinygrad_lite.export import ExportError, FileFormatError, load_graph, save_graph

HERE = Path(__file__).parent
EXAMPLE = HERE / "example_graph.json"


def convolutional(generator):
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2, generator=generator),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.Flatten(),
        nn.Linear(4 * 6 * 6, 10, generator=generator),
    )


@pytest.fixture
def model():
    return convolutional(np.random.default_rng(0))


@pytest.fixture
def images():
    return np.random.default_rng(1).normal(size=(7, 1, 12, 12)).astype(np.float32)


def test_a_file_gives_what_the_model_gives_for_any_batch(model, images, tmp_path):
    save_graph(model, tmp_path / "g.json", images[:1])
    graph = load_graph(tmp_path / "g.json")
    for batch in (images, images[:1], images[:3]):
        np.testing.assert_allclose(graph(batch), model(batch).data, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("of", [None, "Linear 4"])
def test_the_gradient_is_the_engines(model, images, tmp_path, of):
    graph = save_graph(model, tmp_path / "g.json", images, gradient=of or True)
    again = load_graph(tmp_path / "g.json")
    x = tg.Value(images)
    entries = [3, 1, 4, 1, 5, 9, 2]
    model(x)[np.arange(7), entries].sum().backward()
    for g in (graph, again):
        np.testing.assert_allclose(g.gradient_of(entries, images), x.grad, rtol=1e-4, atol=1e-6)


def test_the_example_file_knows_digits_and_its_gradient_explains_them():
    mnist = load_mnist(HERE.parents[1] / "examples/digits/data")
    graph = load_graph(EXAMPLE)
    images = as_pixels(mnist.test_images[:1000])[:, None]
    assert np.mean(np.argmax(graph(images), axis=1) == mnist.test_labels[:1000]) > 0.95
    step = 1e-3
    gradient = graph.gradient_of(7, images[:1])[0, 0]
    y, x = np.unravel_index(np.argmax(np.abs(gradient)), gradient.shape)
    moved = images[:1].copy()
    moved[0, 0, y, x] += step
    slope = (graph(moved)[0, 7] - graph(images[:1])[0, 7]) / step
    assert slope == pytest.approx(gradient[y, x], rel=0.05)


def _broken(change):
    document = json.loads(EXAMPLE.read_text())
    change(document)
    return json.dumps(document)


BROKEN = {
    "not JSON": ("{", "not JSON"),
    "NaN": ('{"format": NaN}', "NaN"),
    "a list": ("[]", "format"),
    "another format": ('{"format": "onnx"}', "expected the format 'tinygrad_lite graph'"),
    "version": (_broken(lambda d: d.update(version=2)), "version 2"),
    "no weights": (_broken(lambda d: d.pop("weights")), "'weights' is missing"),
    "unknown operation": (
        _broken(lambda d: d["instructions"][1].update(operation="frobnicate")),
        r"instructions\[1\]: the operation 'frobnicate' is not known",
    ),
    "unknown name": (
        _broken(lambda d: d["instructions"][2].update(inputs=["t9"])),
        r"instructions\[2\], max_pool: 't9' is not among",
    ),
    "name given twice": (
        _broken(lambda d: d["instructions"][1].update(output="t1")),
        "'t1' is given twice",
    ),
    "missing setting": (
        _broken(lambda d: d["instructions"][0]["settings"].pop("groups")),
        "the settings are",
    ),
    "wrong setting": (
        _broken(lambda d: d["instructions"][0]["settings"].update(stride="2")),
        "a setting is '2', expected counts",
    ),
    "too many inputs": (
        _broken(lambda d: d["instructions"][1].update(inputs=["t1", "t1"])),
        "2 inputs, expected 1",
    ),
    "cut weights": (
        _broken(lambda d: d["weights"]["0.bias"].update(data="AAAA")),
        "weights '0.bias': 3 bytes of data, expected 24",
    ),
    "no base64": (_broken(lambda d: d["weights"]["0.bias"].update(data="A?")), "not base64"),
    "wrong dtype": (_broken(lambda d: d["weights"]["0.bias"].update(dtype="object")), "'object'"),
    "shape of a weight": (
        _broken(lambda d: d["weights"]["4.weight"].update(shape=[294, 10])),
        "cannot be run: ValueError",
    ),
    "changed weight": (
        _broken(lambda d: d["weights"]["4.bias"].update(data="AACAPw" + "A" * 48 + "==")),
        "parity vector 0: the output computed here differs by",
    ),
    "another shape than it has": (
        _broken(lambda d: d["instructions"][1].update(shape=["batch", 6, 28, 27])),
        "'t2' has the shape",
    ),
    "a batch that is none": (
        _broken(lambda d: d["inputs"][0].update(shape=["rows", 1, 28, 28])),
        "expected sizes",
    ),
}


@pytest.mark.parametrize("text, message", BROKEN.values(), ids=BROKEN)
def test_what_is_no_graph_file_is_refused_by_name(text, message, tmp_path):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=message) as caught:
        load_graph(path)
    assert str(caught.value).startswith("broken.json: ")
    assert "\n" not in str(caught.value)


def test_half_precision_weights_need_leave_and_are_half_the_size(model, images, tmp_path):
    with pytest.raises(ExportError, match="float16 weights the graph differs"):
        save_graph(model, tmp_path / "g.json", images, weights="float16")
    assert not list(tmp_path.iterdir())
    save_graph(model, tmp_path / "half.json", images, weights="float16", tolerance=1e-2)
    graph = load_graph(tmp_path / "half.json")
    np.testing.assert_allclose(graph(images), model(images).data, atol=1e-2)
    assert graph(images).dtype == np.float32


def test_a_double_precision_model_is_kept_so_if_asked(tmp_path):
    layer = nn.Linear(3, 2, generator=np.random.default_rng(0), dtype=np.float64)
    x = np.random.default_rng(1).normal(size=(4, 3))
    save_graph(layer, tmp_path / "g.json", x, weights="float64", tolerance=1e-15)
    np.testing.assert_array_equal(load_graph(tmp_path / "g.json")(x), layer(x).data)


def test_wrong_inputs_are_refused():
    graph = load_graph(EXAMPLE)
    with pytest.raises(
        ValueError, match=r"must have the shape \(batch, 1, 28, 28\), not \(28, 28\)"
    ):
        graph(np.zeros((28, 28)))
    with pytest.raises(TypeError, match="takes 1 inputs"):
        graph()


def _places(entry, path=()):
    """The paths to everything in a document."""
    yield path
    if isinstance(entry, dict):
        for key in entry:
            yield from _places(entry[key], (*path, key))
    elif isinstance(entry, list):
        for position, part in enumerate(entry):
            yield from _places(part, (*path, position))


ODD = [None, True, -1, 0, 3, 1e308, 10**30, "", "batch", "t1", "batch*0", [], {}, [[]], "AAAA"]


@settings(max_examples=300)
@given(data=st.data())
def test_any_change_is_refused_by_name_or_harmless(data, tmp_path_factory):
    document = json.loads(EXAMPLE.read_text())
    for vector in document["parity"]["vectors"][1:]:
        document["parity"]["vectors"].remove(vector)
    path = data.draw(st.sampled_from(list(_places(document))[1:]))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    if data.draw(st.booleans()):
        del holder[path[-1]]
    else:
        holder[path[-1]] = data.draw(st.sampled_from(ODD))
    file = tmp_path_factory.getbasetemp() / "changed.json"
    file.write_text(json.dumps(document))
    try:
        graph = load_graph(file)
    except FileFormatError as error:
        assert str(error).startswith("changed.json: ") and len(str(error)) < 2000
    else:
        assert len(graph.outputs) == 1


@settings(max_examples=100)
@given(st.binary(max_size=200), st.integers(0, 50_000))
def test_damaged_bytes_are_refused_or_harmless(content, position):
    whole = EXAMPLE.read_bytes()
    changed = whole[:position] + content + whole[position + len(content) :]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "damaged.json").write_bytes(changed)
        with contextlib.suppress(FileFormatError):
            load_graph(Path(folder) / "damaged.json")
