"""Scopes as frames, folds of what is alike, and collapsing to what can be read."""

import re

import numpy as np
import pytest

from drawing.graphs import scalar_network, two_layers
from tinygrad_lite import Value, draw, scope


def layer_of_neurons(x, count, name):
    outputs = []
    for i in range(count):
        with scope(f"{name}/neuron {i}"):
            total = Value(0.1, name=f"{name}/bias {i}")
            for j, entry in enumerate(x):
                total = total + Value(0.01 * (i + j), name=f"w{j}") * entry
            outputs.append(np.tanh(total))
    return outputs


def neurons(counts=(16, 10)):
    x = [Value(0.1 * i, name=f"x{i}") for i in range(5)]
    for depth, count in enumerate(counts, 1):
        x = layer_of_neurons(x, count, f"layer {depth}")
    return sum(x[1:], x[0])


def titles(source):
    return re.findall(r"<B>([^<]*)</B></TD>", source)


def frames(source):
    return re.findall(r"subgraph cluster_\w+ .*label=<<B>([^<]*)</B>>", source)


def test_scopes_are_frames():
    source = draw(two_layers()).source
    assert frames(source) == ["hidden", "output"]
    inside = source.split("subgraph cluster_g0")[1].split("}\n")[0]
    # A leaf is where it is used.
    assert {"w1", "b1", "add", "sigmoid"} <= set(titles(inside))
    assert "w2" not in titles(inside)


def test_repeated_structure_is_folded_and_what_is_hidden_is_stated():
    out = neurons()
    drawing = draw(out, limit=30)
    shown = titles(drawing.source)
    assert "neuron × 16" in shown and "neuron × 10" in shown
    assert drawing.boxes <= 30
    operations = 16 * 11 + 10 * (2 * 16 + 1) + 9
    leaves = 5 + 16 * 6 + 10 * 17
    assert drawing.hidden.startswith(f"{operations} operations and {leaves} leaves, of which ")
    hidden = int(re.search(r"of which ([\d,]+) are collapsed", drawing.hidden)[1].replace(",", ""))
    assert hidden == operations + leaves - len(re.findall(r"^n\d+ \[", drawing.source, re.M))
    assert drawing.hidden in drawing.source


def test_inner_repetition_is_folded_before_the_outer_one():
    x = Value(1.0, name="x")
    for stage in range(4):
        for block in range(6):
            with scope(f"stage {stage}/block {block}"):
                x = np.tanh(x * Value(0.5) + Value(0.1))
    source = draw(x, limit=50).source
    assert titles(source).count("block × 6") == 4
    assert frames(source) == [f"stage {i}" for i in range(4)]
    assert "stage × 4" in titles(draw(x, limit=3).source)


def test_expand_keeps_a_group_open_and_collapse_closes_one():
    out = neurons((4, 3))
    assert "neuron 2" in frames(draw(out, limit=60, expand="layer 2/neuron 2").source)
    closed = draw(out, limit=None, collapse="layer 1").source
    assert "layer 1" in titles(closed) and "layer 1" not in frames(closed)
    with pytest.raises(ValueError, match=r"collapse='layer 9' fits no group; there are: layer 1"):
        draw(out, collapse="layer 9")


def test_what_a_group_hides_is_counted():
    out = neurons((3,))
    source = draw(out, limit=None, collapse="layer 1").source
    assert "15 add, 15 multiply, 3 tanh" in source
    assert "23 leaves" in source  # with the five inputs, which only this layer uses
    assert re.search(r"^g\d+ -> n\d+ ", source, re.M)


def test_alike_operations_of_one_line_are_folded():
    value = Value(1.0)
    for _ in range(500):
        value = np.sin(value) + 1.0
    drawing = draw(value, limit=20)
    assert {"sin × 500", "add × 500"} <= set(titles(drawing.source))
    assert drawing.boxes == 3


def test_what_cannot_be_folded_is_left_out_and_said():
    source = "\n".join(f"value = value + float({i})" for i in range(60))
    names = {"value": Value(1.0)}
    for line in source.splitlines():
        exec(compile(line, "made.py", "exec"), names)
    drawing = draw(names["value"], limit=10)
    assert drawing.boxes == 10
    assert "the earliest 51 boxes are left out" in drawing.hidden


def test_limit_holds_for_a_large_graph():
    value = Value(1.0)
    for _ in range(50_000):
        value = value * 0.999
    drawing = draw(value)
    assert drawing.boxes <= 3
    assert drawing.hidden.startswith("50,000 operations")
    assert len(drawing.source) < 10_000


def test_more_boxes_than_anyone_can_lay_out_are_refused():
    value = Value(1.0)
    for _ in range(20_001):
        value = value * 0.999
    with pytest.raises(ValueError, match=r"20,002 boxes cannot be laid out; at most 20,000"):
        draw(value, limit=None)


def test_huge_graph_has_no_gradients_unless_asked_for(monkeypatch):
    monkeypatch.setattr("tinygrad_lite.drawing.collect.GRADIENT_LIMIT", 1000)
    value = Value(1.0)
    for _ in range(1001):
        value = value + 1.0
    drawing = draw(value)
    assert "no gradients, as there are more than 1,000 Values" in drawing.source
    assert "|g| 1" in draw(value, gradients=True).source


def test_deeply_nested_scopes_need_no_recursion():
    with scope("/".join("abc"[i % 3] for i in range(3000))):
        out = Value(1.0) * 2.0
    assert draw(out).boxes == 2


def test_start_draws_what_lies_between_and_other_inputs_as_given():
    a, b = Value(2.0, name="a"), Value(3.0, name="b")
    hidden = a * a
    hidden.name = "hidden"
    beside = b * 2.0
    beside.name = "beside"
    out = np.tanh(hidden * beside)
    source = draw(out, start=hidden).source
    assert titles(source) == ["hidden", "beside", "multiply", "tanh"]
    assert source.count("rounded,filled,dashed") == 2
    only = draw(out, path_from=hidden).source
    assert titles(only) == ["hidden", "multiply", "tanh"]


def test_path_from_a_parameter_to_the_cost():
    cost = two_layers()
    w2 = next(v for v in _leaves(cost) if v.name == "w2")
    shown = titles(draw(cost, path_from=w2).source)
    assert {"w2", "matmul", "cost"} <= set(shown)
    assert not {"w1", "b1", "sigmoid"} & set(shown)
    stranger = Value(1.0, name="stranger")
    with pytest.raises(ValueError, match="does not depend on Value 'stranger'"):
        draw(cost, path_from=stranger)


def _leaves(out):
    from tinygrad_lite.engine.backward import consumers_first, leaves_of

    return leaves_of(consumers_first(out))


def test_gradient_along_a_path_is_the_whole_gradient():
    from tinygrad_lite.drawing.collect import collect

    out = scalar_network([2, 4, 1], 2)
    whole = collect([out])
    leaf = next(v for v in whole.values if v.is_leaf and whole.gradients[whole.number[v]].rms)
    path = collect([out], path_from=[leaf])
    for value in path.values:
        assert path.gradients[path.number[value]] == whole.gradients[whole.number[value]]
