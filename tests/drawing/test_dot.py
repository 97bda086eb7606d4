"""The DOT text: stable to the byte, and safe whatever things are called."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from drawing.graphs import neuron, scalar_network, two_layers
from tinygrad_lite import Value, draw, scope
from tinygrad_lite.drawing import engines
from tinygrad_lite.drawing.dot import quoted, text

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"

HOSTILE = [
    'quotes " and \\" and \\\\',
    "<b>bold</b> <script>alert(1)</script> &lt;&#39;",
    "]]> --> </svg> ]]&gt;",
    "line\nbreak\r\n\ttab \x00\x01\x1b\x7f",
    "\\N \\G \\E \\l \\n",
    'n0 -> n0; } digraph { "',
    "größe ∂C/∂w 数 🙂",
    "\u202eright to left\u2028\ud800",
    "x" * 10_000,
    "%TITLE% %DATA% ${x} {{y}}",
]

PROGRAM = """
from drawing.graphs import neuron, scalar_network, two_layers
from tinygrad_lite import draw
for graph in (neuron(), two_layers(), scalar_network([2, 8, 1], 4)):
    print(draw(graph, detail="full").source)
    print(draw(graph, limit=5).source)
print(draw(neuron(), backward=True).source)
"""


def run(seed):
    env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    return subprocess.check_output([sys.executable, "-c", PROGRAM], env=env)


def test_text_is_the_same_in_every_run():
    first = run("1")
    assert first == run("2") == run("31337")
    assert len(first) > 10_000


def test_text_does_not_depend_on_what_was_recorded_before():
    first = draw(neuron()).source
    _ = [Value(1.0) * 2 for _ in range(100)]
    assert draw(neuron()).source == first


def test_text_of_a_sum_with_itself():
    a = Value(3.0, name="a")
    lines = draw(a + a, show=["contributions"]).source.splitlines()
    cell = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1"><TR><TD ALIGN="LEFT">'
    assert lines[5] == (
        f"n0 [label=<{cell}<B>a</B></TD></TR></TABLE>> "
        'fillcolor="#e3f1fb" color="#0072b2" tooltip="a; data 3; gradient 2; = 1 + 1"]'
    )
    assert lines[6].startswith(f"n1 [label=<{cell}<B>add</B></TD></TR></TABLE>> ")
    assert lines[7] == lines[8]
    assert lines[7].startswith(
        'n0 -> n1 [tooltip="a of add; local derivative 1; contributes 1; rule: the incoming '
        'gradient, passed on as it is" color='
    )
    assert lines[9:] == ["}"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_breaks_or_injects_anything(name, dot, tmp_path):
    with scope(name.replace("/", " ")):
        out = np.tanh(Value(1.0, name=name) * Value(2.0, name="w"))
    out.name = name
    drawing = draw(out, title=name, detail="full")
    picture = ElementTree.fromstring(drawing.pipe("svg"))
    tags = {element.tag.removeprefix(SVG) for element in picture.iter()}
    assert tags <= {"svg", "g", "title", "path", "polygon", "polyline", "ellipse", "text", "a"}
    groups = [g.get("class") for g in picture.iter(f"{SVG}g")]
    assert groups.count("node") == 4
    assert groups.count("edge") == 3
    assert groups.count("cluster") == 1
    # What is printable of the name is read in the picture as it was given.
    shown = [element.text for element in picture.iter(f"{SVG}text") if element.text]
    start = "".join(c if c.isprintable() else " " for c in name)[:20].split()[0]
    assert any(start in line for line in shown)
    assert all(len(line) <= 400 for line in shown)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_escaped_text_is_one_bounded_line(name):
    for escaped in (text(name), quoted(name)):
        assert "\n" not in escaped and "\x00" not in escaped
        assert len(escaped) < 3000
        escaped.encode()
    assert not set(text(name)) & set('<>"')
    assert re.fullmatch(r'"(?:[^"\\]|\\\\|\\")*"', quoted(name))


def test_hostile_names_pass_the_other_layout_program_too():
    pure = [engine for engine in engines.engines() if engine.name == "graphviz-pure"]
    assert pure, "pip install graphviz-pure, which is in the extra `test`"
    out = Value(1.0, name=HOSTILE[1]) * Value(2.0, name=HOSTILE[0])
    picture = ElementTree.fromstring(engines.render(pure[0], draw(out).source, "svg"))
    assert [g.get("class") for g in picture.iter(f"{SVG}g")].count("node") == 3


@pytest.mark.parametrize("direction, rank", [("right", "LR"), ("left", "RL"), ("down", "TB")])
def test_direction(direction, rank):
    assert f"rankdir={rank} " in draw(neuron(), direction=direction).source


def test_every_kind_of_gradient_has_a_style_of_its_own():
    x = Value(1.0)
    factors = {"zero": 0.0, "vanishing": 1e-9, "normal": 0.5, "exploding": 1e6}
    terms = [x * Value(factor, name=kind) for kind, factor in factors.items()]
    out = terms[0] + terms[1] + terms[2] + terms[3]
    lines = [line for line in draw(out).source.splitlines() if line.startswith("n0 ->")]
    styles = [re.search(r'(color="[^"]+" penwidth=\S+(?: style=\w+)?)', line)[1] for line in lines]
    assert len(set(styles)) == 4
    assert "style=dashed" in styles[0] and "style=dotted" in styles[1]
    with np.errstate(all="ignore"):
        broken = draw(x * Value(np.nan, name="n")).source
    assert re.search(r"^n0 -> .*NaN.* penwidth=3.5 style=dashed", broken, re.M)


def test_the_log_scale_gives_every_power_of_ten_another_shade():
    colours = []
    for power in range(-6, 3):
        source = draw(Value(1.0) * Value(3.0 * 10.0**power)).source
        colours.append(re.search(r'^n0 -> .*color="([^"]+)"', source, re.M)[1])
    assert len(set(colours)) == 9


def test_detail_and_show_choose_what_is_written():
    cost = two_layers()
    brief, normal, full = (draw(cost, detail=d).source for d in ("brief", "normal", "full"))
    assert len(brief) < len(normal) < len(full)
    assert "data " not in re.sub(r'tooltip="[^"]*"', "", brief)
    assert "graphs.py:" in re.sub(r'tooltip="[^"]*"', "", full)
    assert "WIDTH" in full and "BGCOLOR" in full
    assert "gradient along" not in draw(cost, show=["data"]).source


def test_large_graph_is_written_in_full_when_asked_for():
    out = scalar_network([2, 16, 16, 1], 2)
    drawing = draw(out, limit=None)
    nodes = re.findall(r"^n\d+ \[", drawing.source, re.M)
    edges = re.findall(r"^n\d+ -> n\d+ ", drawing.source, re.M)
    assert len(nodes) == drawing.boxes > 1500
    # Every operation here but relu has two arguments.
    relus = drawing.source.count('label="relu"')
    assert len(edges) == 2 * (len(nodes) - len(re.findall('label="leaf"', drawing.source))) - relus
    assert "of which" not in drawing.hidden
