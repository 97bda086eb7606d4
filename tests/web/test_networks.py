"""The networks in the page: which they are, and how many of MNIST's test images they recognise.

`test_agreement.py` shows that the page computes what Python computes here.
"""

import base64
import gzip
from pathlib import Path

import numpy as np
import pytest

from tinygrad_lite.data import as_pixels, load_mnist
from tinygrad_lite.demo import PAGE
from tinygrad_lite.export import load_graph
from tinygrad_lite.neurons import Network

ROOT = Path(__file__).parents[2]
NETWORKS = ROOT / "examples" / "digits" / "web" / "networks"
DATA = ROOT / "examples" / "digits" / "data"
TOLD = (ROOT / "docs" / "draw_a_digit.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def mnist():
    return load_mnist(DATA)


@pytest.mark.parametrize("name", ["convolutional", "edge_maps"])
def test_the_page_holds_the_network(name):
    content = base64.b64encode((NETWORKS / f"{name}.json.gz").read_bytes()).decode()
    assert content in PAGE.read_text(encoding="utf-8")


def test_the_convolutional_network_recognises_99_of_100(mnist, tmp_path):
    path = tmp_path / "convolutional.json"
    path.write_bytes(gzip.decompress((NETWORKS / "convolutional.json.gz").read_bytes()))
    graph = load_graph(path)
    notes = graph.notes["normalisation"]
    guesses = []
    for images in np.split(as_pixels(mnist.test_images)[:, None], 20):
        standardised = (images - notes["mean"]) / notes["standard_deviation"]
        guesses.append(graph(standardised.astype(np.float32)).argmax(axis=1))
    rate = 100 * np.mean(np.concatenate(guesses) == mnist.test_labels)
    assert rate >= 99
    check_told("Convolutions", rate)


def test_the_edge_maps_recognise_what_is_told(mnist):
    network = Network.from_json(gzip.decompress((NETWORKS / "edge_maps.json.gz").read_bytes()))
    images = as_pixels(mnist.test_images, np.float64)
    rate = 100 * network.success_rate(images, mnist.test_labels)
    assert rate >= 96.6  # the published rate of the blog's fourth network
    check_told("Edge maps", rate)


def check_told(name, rate):
    """The page of documentation tells this rate, but for an image that rounding may decide."""
    row = next(line for line in TOLD.splitlines() if line.startswith(f"| {name}: "))
    assert float(row.split("|")[2].split("%")[0]) == pytest.approx(rate, abs=0.011)
