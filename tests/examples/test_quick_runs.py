"""The longer scripts of the digits in their quick mode, from images to files that can be used."""

import gzip
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from tinygrad_lite import export, training
from tinygrad_lite.data import as_pixels, load_mnist

DIGITS = Path(__file__).parents[2] / "examples" / "digits"


def run(script, *arguments, cwd):
    command = [sys.executable, DIGITS / script, "--quick", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_best_network_keeps_what_it_scored_with(tmp_path, monkeypatch):
    printed = run("best.py", "--output", tmp_path / "out", cwd=tmp_path)
    (rate,) = re.findall(r"([\d.]+) % of 512 test images", printed)
    monkeypatch.syspath_prepend(str(DIGITS))
    specification = importlib.util.spec_from_file_location("best_digits", DIGITS / "best.py")
    best = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "best_digits", best)
    specification.loader.exec_module(best)
    monkeypatch.delitem(sys.modules, "commandline")  # imported from beside it
    model = best.network(best.RECIPES["minute"].channels, np.random.default_rng(1))
    export.load(tmp_path / "out" / "digits.npz", model)
    mnist = load_mnist(DIGITS / "data")
    scores = training.predict(model, as_pixels(mnist.test_images[:512])[:, None])
    assert f"{100 * training.accuracy(scores, mnist.test_labels[:512]):.2f}" == rate
    assert "Confusions" in (tmp_path / "out" / "digits.html").read_text(encoding="utf-8")


def test_the_networks_of_the_page(tmp_path):
    printed = run("train_page.py", "--output", tmp_path, cwd=tmp_path)
    assert "of the test images" in printed
    for name in ("edge_maps", "convolutional"):
        content = json.loads(gzip.decompress((tmp_path / f"{name}.json.gz").read_bytes()))
        assert content, name
