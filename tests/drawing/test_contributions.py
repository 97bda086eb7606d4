"""What flows along the edges sums to the gradient of every node."""

import re
from collections import defaultdict

import numpy as np
import pytest

import tinygrad_lite as tg
from drawing.graphs import neuron, random_program, scalar_network, two_layers
from tinygrad_lite import Value
from tinygrad_lite.drawing.collect import collect
from tinygrad_lite.drawing.contributions import pull_back_by_edge
from tinygrad_lite.engine.backward import consumers_first, leaves_of, pull_back


def images():
    rng = np.random.default_rng(1)
    kernels = Value(rng.normal(size=(3, 2, 3, 3)))
    maps = tg.conv2d(rng.normal(size=(2, 2, 7, 7)), kernels).relu()
    return (tg.max_pool2d(maps, 2) ** 2).sum()


def several_results():
    matrix = np.random.default_rng(2).normal(size=(4, 3))
    left, singular, right = np.linalg.svd(Value(matrix), full_matrices=False)
    return singular.sum() + (left @ right)[0, 0]


def doublings():
    value = Value(1.0)
    for _ in range(40):
        value = value + value
    return value


GRAPHS = {
    "neuron": neuron,
    "tensors": two_layers,
    "float32": lambda: two_layers(np.float32),
    "convolution": images,
    "several results": several_results,
    "doublings": doublings,
    "scalar network": lambda: scalar_network([2, 5, 5, 1], 3),
    **{f"random {seed}": lambda seed=seed: random_program(seed) for seed in range(8)},
}


def recorded(out):
    """Gradient of every node, and what the edges into it contribute."""
    gradients, contributed = {}, defaultdict(list)
    order = consumers_first(out)
    pull_back_by_edge(
        order,
        {out: np.ones_like(out.data)},
        lambda value, g: gradients.setdefault(value, g),
        lambda consumer, position, local: contributed[consumer.args[position]].append(local),
    )
    return order, gradients, contributed


def total(parts):
    if isinstance(parts[0], tuple):
        return [sum(entries) for entries in zip(*parts, strict=True)]
    return sum(parts)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS.keys())
def test_contributions_into_every_node_sum_to_its_gradient(graph):
    out = graph()
    order, gradients, contributed = recorded(out)
    every = {*order, *leaves_of(order)}
    engine = pull_back({out: np.ones_like(out.data)}, wrt=every)
    assert set(gradients) == set(engine)
    for value in every - {out}:
        if isinstance(gradients[value], tuple):
            for part, whole in zip(total(contributed[value]), gradients[value], strict=True):
                np.testing.assert_array_equal(part, whole)
            continue
        tolerance = 1e-6 if value.dtype == np.float32 else 1e-13
        np.testing.assert_allclose(gradients[value], engine[value], rtol=tolerance)
        np.testing.assert_allclose(total(contributed[value]), gradients[value], rtol=tolerance)


def test_every_use_is_an_edge_of_its_own():
    a = Value(3.0)
    out = a * a + a
    _, _, contributed = recorded(out)
    assert sorted(contributed[a]) == [1.0, 3.0, 3.0]


def test_gradient_agrees_with_finite_differences():
    def cost(w):
        rng = np.random.default_rng(5)
        return (np.tanh(rng.normal(size=(6, 4)) @ w) ** 2).sum()

    point = np.linspace(-1, 1, 12).reshape(4, 3)
    w = Value(point)
    _, gradients, _ = recorded(cost(w))
    step = np.zeros_like(point)
    step[2, 1] = 1e-6
    numerical = (cost(point + step) - cost(point - step)) / 2e-6
    assert gradients[w][2, 1] == pytest.approx(numerical, rel=1e-7)


def test_text_of_a_scalar_graph_shows_contributions_that_sum_to_the_gradient():
    from tinygrad_lite import draw

    source = draw(scalar_network([2, 3, 1], 2), limit=None).source
    flows = defaultdict(float)
    for node, flow in re.findall(r'^(n\d+) -> .*?tooltip="[^"]*contributes ([^;"]+)', source, re.M):
        flows[node] += float(flow)
    gradients = dict(re.findall(r'^(n\d+) .*tooltip="[^"]*gradient ([-\d.e]+)', source, re.M))
    assert len(gradients) > 20
    summed = [node for node in gradients if node in flows]
    assert len(summed) > 20
    for node in summed:
        # Both are rounded to four digits.
        assert flows[node] == pytest.approx(float(gradients[node]), rel=3e-3, abs=1e-6)


def test_an_argument_without_a_rule_is_an_edge_without_a_contribution():
    from tinygrad_lite.extend import defvjp, primitive

    @primitive
    def scaled(x, factor):
        return x * factor

    defvjp(scaled, lambda g, out, x, factor: g * factor, None)
    x, factor = Value(2.0), Value(3.0)
    graph = collect([scaled(x, factor)])
    flows = {edge.position: flow for edge, flow in graph.flows.items()}
    assert flows[0].number == 3.0
    assert flows[1] is None


def test_nan_is_carried_without_a_warning():
    x = Value(np.array([0.0, 1.0]))
    with np.errstate(all="ignore"):
        out = (np.log(x - x) * x).sum()
    graph = collect([out])
    assert graph.gradients[graph.number[x]].nan
