"""Showing and saving, whatever programs are installed; comparisons; second-order graphs."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lite
from drawing.graphs import neuron, two_layers
from drawing.test_grouping import frames, titles
from tinygrad_lite import Value, draw, nn
from tinygrad_lite.checking.compare import compare
from tinygrad_lite.drawing import LayoutError, NoDotWarning, engines
from tinygrad_lite.engine.backward import consumers_first, leaves_of

MAGIC = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}


@pytest.mark.parametrize("format", MAGIC)
def test_saves_what_the_name_ends_with(format, dot, tmp_path):
    path = draw(neuron()).save(tmp_path / f"graph.{format}")
    assert path.read_bytes().startswith(MAGIC[format])


def test_saves_text_and_page_without_any_program(monkeypatch, tmp_path):
    monkeypatch.setattr(engines, "engines", list)
    drawing = draw(neuron())
    assert drawing.save(tmp_path / "graph.dot").read_text() == drawing.source
    assert "<svg" in drawing.save(tmp_path / "graph.html").read_text()


def test_without_any_dot_the_page_is_written_and_said(monkeypatch, tmp_path):
    monkeypatch.setattr(engines, "engines", list)
    with pytest.warns(
        NoDotWarning, match=r"no dot on this machine, so graph.html was written.*apt"
    ):
        path = draw(neuron()).save(tmp_path / "graph.svg")
    assert path == tmp_path / "graph.html" and path.exists()
    assert not (tmp_path / "graph.svg").exists()
    bundle = draw(neuron())._repr_mimebundle_()
    assert "srcdoc" in bundle["text/html"] and "image/svg+xml" not in bundle
    with pytest.raises(LayoutError, match="apt-get install graphviz"):
        draw(neuron()).pipe("svg")


def test_no_traceback_on_a_machine_without_dot(tmp_path):
    env = os.environ | {"PATH": str(tmp_path), "PYTHONWARNINGS": "default"}
    program = """
import tinygrad_lite.drawing.engines as engines, sysconfig
sysconfig.get_path = lambda name: "."
from tinygrad_lite import Value, draw, nn
print(draw(Value(1.0) * 2.0).save("graph.svg"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.strip() == "graph.html"
    assert "Traceback" not in done.stderr and "NoDotWarning: there is no dot" in done.stderr


def test_the_one_that_pip_installs_is_used_and_said(monkeypatch, tmp_path):
    found = [engine for engine in engines.engines() if engine.name == "graphviz-pure"]
    assert found, "pip install graphviz-pure, which is in the extra `test`"
    monkeypatch.setattr(engines, "engines", lambda: found)
    with pytest.warns(NoDotWarning, match="drawn by graphviz-pure"):
        path = draw(neuron()).save(tmp_path / "graph.svg")
    assert ElementTree.parse(path).getroot().tag.endswith("svg")
    with pytest.warns(NoDotWarning, match=r"graphviz-pure cannot make pdf, so graph.html"):
        draw(neuron()).save(tmp_path / "graph.pdf")


@pytest.mark.skipif(os.name == "nt", reason="a script stands in for dot")
@pytest.mark.parametrize(
    "script, message",
    [
        ("echo 'syntax error' >&2; exit 1", "dot failed: syntax error"),
        ("exec sleep 60", "took more"),
    ],
)
def test_a_failing_or_hanging_dot_is_one_line(script, message, tmp_path):
    fake = tmp_path / "dot"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    engine = engines.Engine("dot", str(fake), engines.FORMATS)
    with pytest.raises(LayoutError, match=message) as caught:
        engines.render(engine, "digraph {}", "svg", timeout=0.5)
    assert "\n" not in str(caught.value)


def test_shows_itself_in_a_notebook(dot):
    bundle = draw(neuron())._repr_mimebundle_()
    assert "<svg" in bundle["image/svg+xml"]
    assert bundle["text/plain"] == "<Drawing of 5 operations and 5 leaves>"


def test_is_a_source_for_the_graphviz_package():
    source = draw(neuron()).to_graphviz()
    assert source.source.strip() == draw(neuron()).source.strip()


def test_view_opens_the_page(monkeypatch):
    seen = []
    monkeypatch.setattr("webbrowser.open", seen.append)
    path = draw(neuron()).view()
    assert seen == [path.as_uri()] and path.exists()
    path.unlink()
    path.parent.rmdir()


def test_the_page_and_its_licence_are_in_the_package():
    assets = Path(tinygrad_lite.__file__).parent / "drawing" / "assets"
    assert (assets / "viz-global.js").stat().st_size > 1e6
    licence = (assets / "viz-global.LICENSE.txt").read_text()
    assert "Michael Daines" in licence and "Eclipse Public License" in licence
    page = draw(neuron()).html()
    assert "</script" not in (assets / "viz-global.js").read_text().lower()
    assert page.count("</html>") == 1
    assert 'src="' not in page and "@import" not in page


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"direction": "sideways"}, "direction='sideways' must be one of right, left, down, up"),
        ({"detail": "more"}, "detail='more' must be one of brief, normal, full"),
        ({"theme": "grey"}, "theme='grey' must be one of light, dark"),
        ({"show": ["colours"]}, "show='colours' must be out of contributions"),
        ({"limit": 0}, "limit is a number of boxes"),
        ({"gradient": np.ones(3)}, r"has shape \(3,\)"),
    ],
)
def test_arguments_out_of_range_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        draw(neuron(), **wrong)


@pytest.mark.parametrize("thing", [3.0, np.ones(2), "x", None, [Value(1.0), 2.0]])
def test_only_values_are_drawn(thing):
    with pytest.raises(TypeError, match=r"draw\(\) takes a Value or several"):
        draw(thing)


def test_what_is_drawn_of_models_and_arrays_is_told():
    with pytest.raises(TypeError, match=r"got Linear itself: draw what it computes, as in draw\("):
        draw(nn.Linear(2, 3))
    with pytest.raises(TypeError, match=r"array of shape \(2,\), which remembers no operations"):
        draw(np.ones(2))


def test_several_outputs_and_tensors_without_a_seed_have_no_gradients():
    x = Value(np.ones(3), name="x")
    assert "there are several outputs" in draw([x.sum(), (x * x).sum()]).source
    assert "give gradient=" in draw(x * 2.0).source
    seeded = draw(x * 2.0, gradient=np.array([1.0, 0.0, -1.0])).source
    assert "-2 … 2" in seeded


def test_a_single_leaf_can_be_drawn():
    assert titles(draw(Value(2.0, name="alone")).source) == ["alone"]


def test_backward_graph_is_drawn_with_the_forward_one():
    source = draw(neuron(), backward=True).source
    assert frames(source) == ["forward", "backward"]
    assert {"∂o/∂w1", "∂o/∂x2", "∂o/∂b"} <= set(titles(source))
    x = Value(2.0, name="x")
    only = draw(x**3, backward=True, wrt=x).source
    assert "data&#160;</FONT>12" in only
    with pytest.raises(ValueError, match="constant, so it has no graph"):
        draw(x + 1.0, backward=True)


def test_gradients_recorded_by_backward_can_be_drawn_themselves():
    x = Value(2.0, name="x")
    (x**3).backward(create_graph=True)
    source = draw(x.grad).source
    # d(3 x²)/dx = 6 x
    assert "gradient 12" in source


def test_hand_derived_gradients_stand_beside_and_the_first_wrong_one_is_marked():
    cost = two_layers()
    by_name = {v.name: v for v in leaves_of(consumers_first(cost))}
    cost.backward()
    hand = {by_name[name]: by_name[name].grad.copy() for name in ("w1", "b1", "w2")}
    assert "wrong" not in draw(cost, compare=hand).source
    hand[by_name["w1"]] *= 0.5
    hand[by_name["w2"]] *= -1
    for source in (
        draw(cost, compare=hand).source,
        draw(compare(cost, hand, explain_mistakes=False)).source,
    ):
        lines = {
            n: next(x for x in source.splitlines() if f"<B>{n}</B>" in x)
            for n in ("w1", "b1", "w2")
        }
        assert "by hand" in lines["b1"] and "wrong" not in lines["b1"]
        assert "(wrong)" in lines["w1"] and "penwidth=2" in lines["w1"]
        # Seen from the cost, w2 comes first.
        assert "first wrong gradient" in lines["w2"] and "penwidth=4" in lines["w2"]
        assert source.count("first wrong gradient") == 1


def test_any_object_with_the_parts_of_a_report_will_do():
    x = Value(2.0, name="x")
    cost = x * x
    row = SimpleNamespace(value=x, hand=2.0, ok=False)
    report = SimpleNamespace(cost=cost, gradients=[row], first_wrong=x)
    assert "first wrong gradient" in draw(report).source
    with pytest.raises(TypeError, match="compare= takes a report"):
        draw(cost, compare=3)
