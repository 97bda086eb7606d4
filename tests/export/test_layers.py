"""Every layer of nn, as a graph and in onnxruntime, gives what it gives here, for other batches."""

import numpy as np
import onnxruntime
import pytest

from export.layers import LAYERS, SECOND_AXIS, floats
from tinygrad_lite import nn, no_grad
from tinygrad_lite.engine.trees import flatten
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.export import load_graph, onnx, save_graph


def expected(layer, x):
    layer.eval()
    with no_grad():
        result = layer(Value(x) if x.dtype.kind == "f" else x)
    return [data_of(out) for out in flatten(result)[0]]


def run_by_onnxruntime(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def batches(x, axis):
    yield x
    yield np.take(x, [0], axis)
    yield np.take(x, [*range(x.shape[axis]), 1, 0], axis)


CASES = [(layer, x, 0) for layer, x in LAYERS] + [(layer, x, 1) for layer, x in SECOND_AXIS]


@pytest.mark.parametrize(
    "layer, x, axis", CASES, ids=lambda part: repr(part)[:60] if isinstance(part, nn.Module) else ""
)
def test_layer(layer, x, axis, tmp_path):
    example = np.take(x, [0, 1], axis)
    save_graph(layer, tmp_path / "layer.json", example, batch_axis=axis)
    onnx(layer, tmp_path / "layer.onnx", example, batch_axis=axis)
    graph = load_graph(tmp_path / "layer.json")
    for batch in batches(x, axis):
        want = expected(layer, batch)
        result = graph(batch)
        for name, have in (
            ("graph", result if isinstance(result, tuple) else (result,)),
            ("onnx", run_by_onnxruntime(tmp_path / "layer.onnx", batch)),
        ):
            assert len(have) == len(want)
            for a, b in zip(have, want, strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6, err_msg=name)


def test_every_layer_has_a_case():
    layers = {
        thing
        for thing in (getattr(nn, name) for name in nn.__all__)
        if isinstance(thing, type) and issubclass(thing, nn.Module) and thing is not nn.Module
    }
    losses = {thing for thing in layers if thing.__module__ == "tinygrad_lite.nn.criteria"}
    tested = {type(layer) for layer, _ in LAYERS} | {nn.MultiheadAttention}
    assert layers - losses - tested == set()


def test_training_mode_is_left_as_it_was(tmp_path):
    net = nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5), nn.BatchNorm1d(5)).train()
    net[2].training = False
    before = net.state_dict()
    onnx(net, tmp_path / "net.onnx", floats(3, 6))
    assert [module.training for module in net.modules()] == [True, True, True, False]
    for key, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[key])
