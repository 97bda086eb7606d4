"""Networks from files of one's own on the draw-a-digit page, and files that are refused."""

import base64
import gzip
import json

import numpy as np
import pytest

from tinygrad_lite import nn
from tinygrad_lite.export import save_graph
from web.conftest import LAYERS
from web.handwriting import SEVEN


@pytest.fixture(scope="module")
def model():
    """An untrained convolutional network for pictures of digits."""
    generator = np.random.default_rng(3)
    return nn.Sequential(
        nn.Conv2d(1, 3, 5, stride=2, generator=generator), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3 * 6 * 6, 10, generator=generator),
    )  # fmt: skip


@pytest.fixture
def graph_file(model, tmp_path):
    path = tmp_path / "mine.json"
    pictures = np.random.default_rng(0).random((2, 1, 28, 28)).astype(np.float32)
    save_graph(model, path, pictures, title="mine", gradient=True)
    return path


def changed(path, change):
    """The file with something in it changed."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def test_a_file_of_ones_own_is_used(opened, model, graph_file):
    each = opened()
    each.open_file(graph_file)
    each.wait_for("mine, 3 – 10, 1,168 weights")
    each.wait_for("Agrees with Python on 2 pictures")
    assert each.page.get_by_role("radio", name="mine.json").is_checked()
    picture = np.random.default_rng(1).integers(0, 256, (28, 28), np.uint8)
    (answer,) = each.answers(picture)
    scores = model((picture / np.float32(255)).astype(np.float32)[None, None]).data[0]
    wanted = np.exp(scores - scores.max())
    np.testing.assert_allclose(answer["outputs"], wanted / wanted.sum(), atol=1e-5)
    each.choose("Convolutions")
    each.draw(SEVEN)
    assert "7" in each.sentence


def test_a_file_may_be_dropped_on_the_page_and_be_compressed(opened, graph_file):
    each = opened()
    content = base64.b64encode(gzip.compress(graph_file.read_bytes())).decode()
    each.page.evaluate(
        """content => {
            const data = new DataTransfer();
            const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
            data.items.add(new File([bytes], "dropped.json.gz"));
            const init = {dataTransfer: data, bubbles: true, cancelable: true};
            document.querySelector("h1").dispatchEvent(new DragEvent("dragover", init));
            document.querySelector("h1").dispatchEvent(new DragEvent("drop", init));
        }""",
        content,
    )
    each.wait_for("mine, 3 – 10, 1,168 weights")
    assert each.page.get_by_role("radio", name="dropped.json.gz").is_checked()


FROM_OUTSIDE = {"fromLayer": 0, "fromNeuron": 784, "weight": 1}
NEURON = {"bias": 0, "activationFunction": "SIGMOID", "inputs": []}


def network_of(*neurons):
    return json.dumps({"inputLayerLength": 784, "otherLayers": [{"neurons": list(neurons)}]})


BAD_FILES = [
    (b"", "this is no JSON"),
    (b"\x89PNG\r\n\xff\xfe", "this is no text"),
    (b"\x1f\x8b\x08\x00damaged", "damaged"),
    (b"[1, 2]", "the file: expected an object, found a list of 2"),
    (b'{"a": 1}', 'nor a "tinygrad_lite graph"'),
    (network_of(NEURON).encode(), "the last layer has 1 neurons, but there are ten digits"),
    (
        network_of({**NEURON, "activationFunction": "TANH"}).encode(),
        'neurons[0].activationFunction: expected SIGMOID or RELU, found "TANH"',
    ),
    (
        network_of({**NEURON, "inputs": [FROM_OUTSIDE]}).encode(),
        "otherLayers[0].neurons[0].inputs[0].fromNeuron: expected a whole number from 0 to 783, "
        "found 784",
    ),
    (b'{"inputLayerLength": 100, "otherLayers": []}', "inputLayerLength: expected 784"),
]


def test_a_bad_file_is_refused_and_the_old_network_stays(opened, tmp_path):
    each = opened()
    alert = each.page.get_by_role("alert")
    for number, (content, says) in enumerate(BAD_FILES):
        path = tmp_path / f"bad{number}.json"
        path.write_bytes(content)
        each.open_file(path)
        alert.filter(has_text=path.name).wait_for()
        assert f"{path.name} is not used." in alert.text_content()
        assert says in alert.text_content()
        assert each.page.get_by_role("radio").count() == 2
        assert each.page.get_by_role("radio", name="Convolutions").is_checked()
    each.draw(SEVEN)
    assert "7" in each.sentence
    each.page.get_by_role("button", name="Dismiss").click()
    assert alert.count() == 0


def test_an_unknown_operation_is_refused_by_name(opened, graph_file):
    def rename(document):
        document["instructions"][1]["operation"] = "frobnicate"

    each = opened()
    each.open_file(changed(graph_file, rename))
    alert = each.page.get_by_role("alert")
    alert.wait_for()
    assert 'instructions[1]: this page does not know the operation "frobnicate"' in (
        alert.text_content()
    )


def spoil(document):
    """Move the biases of the last layer by 0.01."""
    weight = document["weights"]["4.bias"]
    biases = np.frombuffer(base64.b64decode(weight["data"]), "<f4") + np.float32(0.01)
    weight["data"] = base64.b64encode(biases.tobytes()).decode()


def test_a_network_that_computes_something_else_than_python_is_told(opened, graph_file):
    each = opened()
    each.open_file(changed(graph_file, spoil))
    each.wait_for("This page disagrees with Python: on 2 pictures")
    each.wait_for("differ by up to 1 × 10⁻²")


def test_a_file_cannot_allow_itself_to_differ(opened, graph_file):
    def alter(document):
        document["parity"]["tolerance"] = 0.5
        spoil(document)

    each = opened()
    each.open_file(changed(graph_file, alter))
    each.wait_for("This page disagrees with Python: on 2 pictures")
    each.wait_for("The file would allow 5 × 10⁻¹; this page allows 1 × 10⁻⁴.")


def test_a_file_that_compares_nothing_is_not_said_to_agree(opened, graph_file):
    each = opened()
    each.open_file(changed(graph_file, lambda document: document["parity"]["vectors"].clear()))
    each.wait_for("Not checked against Python: the file holds no parity vectors.")
    each.open_file(changed(graph_file, lambda document: document.pop("parity")))
    each.wait_for("Not checked against Python: the file holds no parity vectors.")
    each.choose("Edge maps")
    each.wait_for("Not checked against Python: a file of neurons holds no outputs to compare.")
    assert "Agrees" not in each.page.text_content("body")


def test_a_file_without_a_gradient_says_so(opened, graph_file):
    each = opened()
    each.open_file(changed(graph_file, lambda document: document.pop("gradient")))
    each.wait_for("mine, 3 – 10")
    each.draw(SEVEN)
    each.page.get_by_role("button", name="7: ").click()
    each.wait_for("this network’s file has no gradient")
    assert each.page.get_by_text("More ink").count() == 0
    assert each.page.get_attribute("#mattered", "aria-label") == (
        "Unknown: the network's file has no gradient"
    )
    each.choose("Convolutions")
    each.wait_for("More ink would speak")


SLOW_FILE = """name => {
    const original = Blob.prototype.arrayBuffer;
    Blob.prototype.arrayBuffer = function () {
        Blob.prototype.arrayBuffer = original;
        const bytes = original.call(this);
        return new Promise(resolve => { window.goOn = () => resolve(bytes); });
    };
}"""


def test_of_networks_chosen_in_a_hurry_the_last_is_used(opened, graph_file, tmp_path):
    each = opened()
    radio = each.page.get_by_role("radio", name="Edge maps")
    each.page.evaluate(SLOW_FILE)
    each.open_file(graph_file)
    each.choose("Edge maps")
    each.wait_for(LAYERS["Edge maps"])
    each.page.evaluate("goOn()")
    each.page.get_by_role("radio", name="mine.json").wait_for()  # known, but not used
    assert radio.is_checked()
    assert LAYERS["Edge maps"] in each.page.locator(".lamps").text_content()

    bad = tmp_path / "bad.json"
    bad.write_text("nothing")
    each.page.evaluate(SLOW_FILE)
    each.open_file(bad)
    each.choose("mine.json")
    each.wait_for("mine, 3 – 10")
    each.page.evaluate("goOn()")
    each.page.wait_for_timeout(200)
    assert each.page.get_by_role("alert").count() == 0
    assert each.page.get_by_role("radio", name="mine.json").is_checked()
