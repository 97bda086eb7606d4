"""Functions of arrays as graphs: what NumPy can do to them, for any batch; and what is refused."""

import numpy as np
import pytest

import tinygrad_lite as tg
from export.test_layers import run_by_onnxruntime
from tinygrad_lite import Program, Value, nn
from tinygrad_lite.export import ExportError, graph_of, load_graph, onnx, save_graph

GENERATOR = np.random.default_rng(0)
X = GENERATOR.uniform(0.2, 0.8, (4, 6, 5)).astype(np.float32)
MATRIX = GENERATOR.normal(size=(5, 3)).astype(np.float32)
CHOSEN = np.array([4, 0, 0, 2])

FUNCTIONS = {
    "numbers": lambda x: 1 / (2 - x) ** 2 + x**0.5 - abs(x - 0.5),
    "elementary": lambda x: np.exp(x) + np.log(x) * np.sin(x) - np.cos(x) / np.tan(x),
    "hyperbolic": lambda x: np.sinh(x) + np.cosh(x) * np.tanh(x) + np.arctan(x),
    "inverses": lambda x: np.arcsin(x) * np.arccos(x) + np.arcsinh(x) * np.arctanh(x),
    "inverse above one": lambda x: np.arccosh(x + 1),
    "other bases": lambda x: np.exp2(x) * np.log2(x) + np.log10(x),
    "hypotenuse": lambda x: np.hypot(x, x[:, ::-1]) + np.logaddexp(x, 3 * x),
    "dot": lambda x: np.dot(x[:, 0], MATRIX) + np.dot(x, MATRIX[:, 0])[:, :3],
    "rolled and tiled": lambda x: np.roll(x, 2, axis=1) + np.tile(x[:, :3], (1, 2, 1)),
    "triangles": lambda x: np.tril(x) - np.triu(x, 2),
    "left and right": lambda x: np.fliplr(x) + x,
    "close to one": lambda x: np.expm1(x) + np.log1p(x),
    "squares": lambda x: np.square(x) + np.reciprocal(x) + np.sqrt(x),
    "clip": lambda x: np.clip(x, 0.3, 0.6) + np.clip(x, None, 0.5),
    "a mask of its own": lambda x: np.where(x > 0.5, x, 0.1 * x) * (x <= 0.7),
    "two tensors compared": lambda x: np.where(x < x[:, ::-1], x, -x),
    "maximum": lambda x: np.maximum(x, 0.5) + np.minimum(x, x[:, :, :1]),
    "matmul": lambda x: x @ MATRIX,
    "matmul of itself": lambda x: x @ np.swapaxes(x, 1, 2),
    "einsum": lambda x: np.einsum("nij,jk->nki", x, MATRIX),
    "tensordot": lambda x: np.tensordot(x, MATRIX, 1) + np.tensordot(x, MATRIX, ((2,), (0,))),
    "sums": lambda x: np.sum(x, 1) + np.mean(x, axis=1) * np.prod(x, axis=1),
    "sum of all but the batch": lambda x: np.sum(x, axis=(1, 2), keepdims=True) + x,
    "extremes": lambda x: np.max(x, axis=-1) - np.min(x, axis=-1),
    "spread": lambda x: np.var(x, axis=2) + np.std(x, axis=2, ddof=1),
    "softmax": lambda x: tg.softmax(x, axis=1) + tg.log_softmax(x),
    "logsumexp": lambda x: tg.logsumexp(x, axis=(1, 2)),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "reshape": lambda x: np.reshape(x, (-1, 5)) @ MATRIX,
    "reshape by its own shape": lambda x: x.reshape(x.shape[0] * 2, 3, 5),
    "reshape back": lambda x: np.reshape(np.reshape(x, (-1, 5)) @ MATRIX, (len(x), 6, 3)),
    "axes": lambda x: np.squeeze(x[:, None], 1) + np.expand_dims(x, 1)[:, 0],
    "transposes": lambda x: np.transpose(x, (0, 2, 1)) + np.moveaxis(x, 1, -1),
    "joined": lambda x: np.concatenate([x, 2 * x, np.ones((len(x), 6, 1), np.float32)], axis=-1),
    "stacked": lambda x: np.stack([x, x * x], axis=1),
    "repeated": lambda x: np.repeat(x, 3, axis=1) + np.repeat(x, [1, 2, 3, 4, 5, 3], axis=1),
    "slices": lambda x: x[:, 1:-1, ::2] + x[:, 4:0:-1, 2:],
    "one entry": lambda x: x[:, -2] * x[:, 0, 1:2],
    "new axes": lambda x: x[:, None, ..., None] + x[:, :, 0][:, None, :, None, None],
    "chosen entries": lambda x: x[:, CHOSEN] + np.take(x, CHOSEN, axis=1),
    "chosen in two axes": lambda x: x[:, CHOSEN][:, :, CHOSEN],
    "padded": lambda x: np.pad(x, ((0, 0), (1, 2), (0, 0)), constant_values=0.5),
    "flipped": lambda x: np.flip(x, axis=(1, 2)),
    "broadcast": lambda x: np.broadcast_to(x[:, :1], (len(x), 6, 5)) * x,
    "a state of zeros": lambda x: np.zeros((len(x), 5), np.float32) * 2 + x[:, 0],
    "infinities": lambda x: tg.softmax(np.where(np.tri(6, 5, dtype=bool), x, -np.inf), axis=2),
    "loops": lambda x: sum((np.tanh(x[:, t] @ MATRIX) for t in range(6)), start=0.0),
    "activations": lambda x: tg.relu(x - 0.5) + tg.softplus(x) * tg.sigmoid(x) + tg.erf(x),
    "more activations": lambda x: tg.leaky_relu(x - 0.5) + tg.elu(x - 0.5) + tg.gelu(x - 0.5),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_function(function, tmp_path):
    save_graph(function, tmp_path / "f.json", X[:1])
    onnx(function, tmp_path / "f.onnx", X[:1])
    graph = load_graph(tmp_path / "f.json")
    for batch in (X, X[:1], X[:3]):
        want = function(Value(batch)).data
        np.testing.assert_allclose(graph(batch), want, rtol=2e-5, atol=1e-5)
        (by_runtime,) = run_by_onnxruntime(tmp_path / "f.onnx", batch)
        np.testing.assert_allclose(by_runtime, want, rtol=2e-5, atol=1e-5)


def branching(x):
    return x * 2 if x.data.sum() > 40 else np.tanh(x)


REFUSED = {
    "a branch on data": (branching, "other"),
    "chance": (lambda x: x * np.random.default_rng().normal(size=5), "differs between two inputs"),
    "data taken out": (lambda x: x * np.sin(x.data[:1]), "differs between two inputs"),
    "a number taken out": (lambda x: x * float(x.data.max()), "is .* for one batch of 2 and"),
    "some of the batch": (lambda x: x[1:], "by more than a factor"),
    "indices of the batch": (lambda x: x[np.arange(len(x)), 0], "differs between two"),
    "no operation of a graph": (lambda x: np.linalg.inv(x[:, :5]), "inv has no place in a graph"),
    "nothing recorded": (lambda x: x.data, "returned a ndarray"),
    "a constant": (lambda x: Value(np.ones(3)) * 2, "does not depend on the input"),
    "a setting": (lambda x: np.sum(x, axis=1, where=x.data > 0), "where="),
    "a mask": (lambda x: x[:, np.array([True, False] * 3)], "masks"),
}


@pytest.mark.parametrize("function, message", REFUSED.values(), ids=REFUSED)
def test_what_a_graph_cannot_hold_is_refused(function, message, tmp_path):
    with pytest.raises(ExportError, match=message) as caught:
        save_graph(function, tmp_path / "f.json", X[:2])
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_several_inputs_and_outputs_have_names(tmp_path):
    def both(x, y):
        return {"sum": x + y, "product": x * y}

    y = GENERATOR.normal(size=(4, 1, 5)).astype(np.float32)
    names = {"inputs": ["left", "right"], "outputs": ["sum", "product"]}
    graph = save_graph(both, tmp_path / "f.json", (X, y), **names)
    assert [t.name for t in graph.inputs] == ["left", "right"]
    again = load_graph(tmp_path / "f.json")
    for found, want in zip(again(X, y), (X + y, X * y), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-6)
    with pytest.raises(ExportError, match="2 outputs, but 1 names"):
        graph_of(both, (X, y), outputs=["sum"])
    with pytest.raises(ValueError, match="must have the shape"):
        again(X, y[:2])


def test_integers_are_given_as_they_are(tmp_path):
    table = Value(GENERATOR.normal(size=(7, 3)).astype(np.float32), name="table")
    tokens = np.array([[1, 2, 3], [6, 0, 6]])

    def model(given):
        return np.sum(np.take(table, given, axis=0), axis=1)

    save_graph(model, tmp_path / "f.json", tokens)
    onnx(model, tmp_path / "f.onnx", tokens)
    graph = load_graph(tmp_path / "f.json")
    assert graph.inputs[0].dtype == "int64"
    for batch in (tokens, tokens[::-1].copy(), np.array([[5, 4, 4]])):
        want = model(batch).data
        np.testing.assert_allclose(graph(batch), want, rtol=1e-6)
        (by_runtime,) = run_by_onnxruntime(tmp_path / "f.onnx", batch)
        np.testing.assert_allclose(by_runtime, want, rtol=1e-6)


def test_what_no_input_has_a_part_in_is_computed_beforehand():
    weight, mask = Value(MATRIX, name="weight"), np.tri(5, 3, dtype=np.float32)
    graph = graph_of(lambda x: x @ (weight * mask), X)
    assert [step.operation for step in graph.steps] == ["matmul"]
    (kept,) = graph.weights.values()
    np.testing.assert_array_equal(kept, MATRIX * mask)


def test_a_program_keeps_its_input_and_its_batch_is_freed(tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(30, 4, generator=GENERATOR))
    x = Value(X, name="x")
    program = Program(net(x), [x])
    graph = save_graph(program, tmp_path / "p.json", X)
    assert str(graph.inputs[0]) == "x: float32[batch, 6, 5]"
    np.testing.assert_allclose(graph(X[:1]), net(X[:1]).data, rtol=1e-5)
    with pytest.raises(ExportError, match=r"recorded for an input of shape \(4, 6, 5\)"):
        graph_of(program, X[:2])
    with pytest.raises(ExportError, match="so that weights are no inputs"):
        graph_of(Program(net(x)), X)


def test_layers_tell_what_each_part_gave():
    class Block(nn.Module):
        def __init__(self):
            self.inner = nn.Sequential(nn.Linear(5, 5, generator=GENERATOR), nn.ReLU())

        def forward(self, x):
            return x + self.inner(x)

    net = nn.Sequential(Block(), nn.Tanh())
    graph = graph_of(net, X)
    assert {"Block 0", "Block 0/inner", "Block 0/inner/ReLU 1", "Tanh 1"} <= set(graph.layers)
    found = graph.run(X)
    np.testing.assert_array_equal(found[graph.layers["Block 0/inner"]], net[0].inner(X).data)
    np.testing.assert_array_equal(found[graph.layers["Block 0"]], net[0](X).data)


def test_comparisons_are_as_before_after_recording():
    before = Value.__gt__
    graph_of(lambda x: np.where(x > 0.5, x, 0.0), X)
    with pytest.raises(ExportError):
        graph_of(branching, X)
    assert Value.__gt__ is before
