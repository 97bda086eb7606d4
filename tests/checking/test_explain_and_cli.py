"""explain writes the chain rule out; the command line compares gradients from files."""

import json
import re

import numpy as np
import pytest

from tinygrad_lite import Value
from tinygrad_lite.checking import explain
from tinygrad_lite.cli import main


def neuron():
    w, b, x, y = (Value(v, name=n) for v, n in ((0.5, "w"), (-0.2, "b"), (1.5, "x"), (1.0, "y")))
    z = w * x + b
    z.name = "z"
    a = z.sigmoid()
    a.name = "a"
    cost = (a - y) ** 2
    cost.name = "C"
    return cost, w, a


def test_factors_multiply_to_the_gradient():
    cost, w, _ = neuron()
    explanation = explain(cost, w)
    cost.backward()
    (path,) = explanation.paths
    assert np.prod([f.number for f in path.factors]) == pytest.approx(w.grad, rel=1e-12)
    assert "da/dz = a (1 - a)" in str(explanation)
    assert explanation.latex.startswith(r"\begin{align*}") and r"\frac{\partial a}" in str(
        explanation.latex
    )


@pytest.mark.parametrize("doublings", [1, 3, 40])
def test_shares_of_the_paths_add_up(doublings):
    x = Value(2.0, name="x")
    y = x
    for _ in range(doublings):
        y = y + y
    explanation = explain(y, x)
    assert explanation.total_paths == 2**doublings
    if doublings < 4:
        assert sum(path.share for path in explanation.paths) == 2.0**doublings
    else:
        assert "more paths" in str(explanation)


def test_arrays_are_told_in_words():
    w = Value(np.ones((3, 2)), name="w")
    text = str(explain(np.tanh(np.ones((4, 3)) @ w).sum(), w))
    assert "ᵀ from the left" in text and "shape (3, 2)" in text


def test_explain_refuses_what_it_cannot():
    with pytest.raises(ValueError, match="does not depend"):
        explain(neuron()[0], Value(1.0))
    with pytest.raises(ValueError, match="single number"):
        explain(Value(np.ones(2)) * 2, Value(1.0))


SCRIPT = """
import numpy as np
from tinygrad_lite import Value

def cost():
    w, b = Value(np.array([1.0, 2.0]), name="w"), Value(0.5, name="b")
    return ((w * np.array([3.0, -1.0]) + b) ** 2).sum()
"""
RIGHT = {"w": [21.0, 3.0], "b": 4.0}


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(SCRIPT)
    return f"{path}:cost"


def test_json_npz_and_npy_files(script, tmp_path, capsys):
    (tmp_path / "g.json").write_text(json.dumps(RIGHT))
    np.savez(tmp_path / "g.npz", **RIGHT)
    np.save(tmp_path / "w.npy", RIGHT["w"])
    for given in ("g.json", "g.npz"):
        assert main(["check", script, str(tmp_path / given)]) == 0
    assert main(["check", script, f"w={tmp_path / 'w.npy'}"]) == 0
    assert "are right" in capsys.readouterr().out


def test_wrong_gradient_gives_status_one_and_the_mistake(script, tmp_path, capsys):
    (tmp_path / "g.json").write_text(json.dumps({"w": [-21.0, -3.0]}))
    page = tmp_path / "report.html"
    status = main(["check", script, str(tmp_path / "g.json"), "--json", "--html", str(page)])
    assert status == 1
    assert json.loads(capsys.readouterr().out)["mistakes"][0]["kind"] == "sign"
    assert "<table>" in page.read_text()


@pytest.mark.parametrize(
    "content, words",
    [
        ("[1, 2]", "an object"),
        ("{", "not JSON"),
        ('{"w": "x"}', "expected numbers"),
        ('{"w": [[1], [2, 3]]}', "differ in length"),
        ('{"v": 1}', "named 'v'"),
    ],
)
def test_bad_files_give_status_two_and_one_line(script, tmp_path, capsys, content, words):
    (tmp_path / "g.json").write_text(content)
    assert main(["check", script, str(tmp_path / "g.json")]) == 2
    message = capsys.readouterr().err
    assert re.search(words, message) and message.count("\n") == 1


@pytest.mark.parametrize("model", ["model.py", "nowhere.py:cost", "{script}x"])
def test_bad_models_give_status_two(script, tmp_path, capsys, model):
    (tmp_path / "g.json").write_text("{}")
    assert main(["check", model.format(script=script), str(tmp_path / "g.json")]) == 2
    assert capsys.readouterr().err.startswith("tinygrad-lite: ")


def test_pickles_are_refused(script, tmp_path):
    np.save(tmp_path / "w.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert main(["check", script, f"w={tmp_path / 'w.npy'}"]) == 2
