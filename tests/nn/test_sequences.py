"""Embedding, recurrent layers and attention by their definitions, loop by loop."""

import copy
import itertools

import numpy as np
import pytest
import scipy.special

from tinygrad_lite import Value, check_grads, nn

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 3, 4))  # length, batch, size
F64 = {"dtype": np.float64, "generator": 0}


def test_embedding_looks_up_and_adds_gradients_of_repeated_rows():
    layer = nn.Embedding(5, 3, padding_idx=-1, **F64)
    assert not layer.weight.data[4].any() and layer.padding_idx == 4
    indices = np.array([[1, 4, 1], [0, 1, 4]])
    out = layer(indices)
    assert np.array_equal(out.data, layer.weight.data[indices])
    out.sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [1, 3, 0, 0, 0]
    with pytest.raises(IndexError, match="5 rows was asked for rows 0 to 5"):
        layer(np.array([0, 5]))
    with pytest.raises(IndexError, match="rows -1"):
        layer(np.array([-1]))
    with pytest.raises(TypeError, match="integers, not float64"):
        layer(np.array([1.0]))
    with pytest.raises(ValueError, match="no padding_idx=5"):
        nn.Embedding(5, 3, 5)


def sigma(x):
    return scipy.special.expit(x)


def by_hand(kind, p, x, h, c):
    """The published equations, gate by gate; p holds weights by name."""
    w, u, b, d = (np.split(p[name], {"RNN": 1, "LSTM": 4, "GRU": 3}[kind]) for name in p)
    given = [wi @ x + bi for wi, bi in zip(w, b, strict=True)]
    kept = [ui @ h + di for ui, di in zip(u, d, strict=True)]
    if kind == "RNN":
        return np.tanh(given[0] + kept[0]), c
    if kind == "GRU":
        r, z = (sigma(given[i] + kept[i]) for i in (0, 1))
        return (1 - z) * np.tanh(given[2] + r * kept[2]) + z * h, c
    i, f, o = (sigma(given[g] + kept[g]) for g in (0, 1, 3))
    c = f * c + i * np.tanh(given[2] + kept[2])
    return o * np.tanh(c), c


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("layers, both_ways", [(1, False), (2, False), (2, True)])
def test_recurrent_layers_step_by_step(kind, layers, both_ways):
    layer = getattr(nn, kind)(4, 5, layers, bidirectional=both_ways, **F64)
    output, state = layer(Value(X))
    hidden, cell = state if kind == "LSTM" else (state, None)
    ends = ["", "_reverse"] if both_ways else [""]
    rows = [X[:, n] for n in range(3)]
    position = 0
    parameters = {name: p.data for name, p in layer.named_parameters()}
    for depth in range(layers):
        found = [[] for _ in rows]
        for end in ends:
            p = {k: v for k, v in parameters.items() if k.endswith(f"_l{depth}{end}")}
            for n, row in enumerate(rows):
                h, c = np.zeros(5), np.zeros(5)
                outputs = []
                for x in row[::-1] if end else row:
                    h, c = by_hand(kind, p, x, h, c)
                    outputs.append(h)
                found[n].append(outputs[::-1] if end else outputs)
                np.testing.assert_allclose(hidden.data[position, n], h, atol=1e-12)
                if kind == "LSTM":
                    np.testing.assert_allclose(cell.data[position, n], c, atol=1e-12)
            position += 1
        rows = [np.concatenate(parts, axis=1) for parts in found]
    np.testing.assert_allclose(output.data, np.stack(rows, axis=1), atol=1e-12)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_differentiate(kind):
    layer = getattr(nn, kind)(4, 2, **F64)
    check_grads(lambda x: layer(x)[0], X[:3, :2])
    cell = getattr(nn, f"{kind}Cell")(4, 2, **F64)
    first = (lambda out: out[0]) if kind == "LSTM" else (lambda out: out)
    check_grads(lambda x: first(cell(x)), X[0])


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_cells_layers_states_and_layouts_agree(kind):
    layer = getattr(nn, kind)(4, 5, **F64)
    cell = getattr(nn, f"{kind}Cell")(4, 5, **F64)
    cell.load_state_dict({k: layer.state_dict()[f"{k}_l0"] for k in cell.state_dict()})
    output, end = layer(X)
    state = None
    for step, expected in zip(X, output.data, strict=True):
        state = cell(step, state)
        hidden = state[0] if kind == "LSTM" else state
        np.testing.assert_allclose(hidden.data, expected, atol=1e-12)
    middle, state = layer(X[:2])
    rest, again = layer(X[2:], state)
    np.testing.assert_allclose(np.concatenate([middle, rest]).data, output.data, atol=1e-12)
    for mine, other in zip(again, end, strict=True):
        np.testing.assert_allclose(mine.data, other.data, atol=1e-12)
    swapped = getattr(nn, kind)(4, 5, batch_first=True, **F64)
    assert np.array_equal(swapped(X.swapaxes(0, 1))[0].data, output.data.swapaxes(0, 1))


def test_dropout_between_layers_is_for_training():
    layer = nn.GRU(4, 5, 2, dropout=0.5, **F64)
    one, other = layer(X)[0].data, layer(X)[0].data
    assert not np.array_equal(one, other)
    layer.eval()
    assert np.array_equal(layer(X)[0].data, layer(X)[0].data)
    assert list(layer.generator_states()) == ["generator"]


def attention_by_hand(layer, q, k, v, allowed=None, heads=2):
    width = q.shape[-1]
    w, b = np.split(layer.in_proj_weight.data, 3), np.split(layer.in_proj_bias.data, 3)
    q, k, v = (x @ w[i].T + b[i] for i, x in enumerate((q, k, v)))
    out, weights = np.zeros_like(q), np.zeros((len(q), heads, q.shape[1], k.shape[1]))
    size = width // heads
    for n, h in itertools.product(range(len(q)), range(heads)):
        part = slice(h * size, (h + 1) * size)
        scores = q[n][:, part] @ k[n][:, part].T / np.sqrt(size)
        if allowed is not None:
            scores = np.where(allowed, scores, -np.inf)
        weights[n, h] = scipy.special.softmax(scores, axis=1)
        out[n][:, part] = weights[n, h] @ v[n][:, part]
    return out @ layer.out_proj.weight.data.T + layer.out_proj.bias.data, weights


def test_attention_head_by_head():
    layer = nn.MultiheadAttention(4, 2, batch_first=True, **F64)
    q, kv = RNG.standard_normal((3, 5, 4)), RNG.standard_normal((3, 6, 4))
    out, weights = layer(q, Value(kv), kv)
    expected, expected_weights = attention_by_hand(layer, q, kv, kv)
    np.testing.assert_allclose(out.data, expected, atol=1e-12)
    np.testing.assert_allclose(weights.data, expected_weights.mean(axis=1), atol=1e-12)
    out, none = layer(q, q, q, need_weights=False, is_causal=True)
    expected, _ = attention_by_hand(layer, q, q, q, np.tril(np.ones((5, 5), bool)))
    np.testing.assert_allclose(out.data, expected, atol=1e-12)
    assert none is None
    masked, _ = layer(q, q, q, attn_mask=nn.causal_mask(5))
    assert np.array_equal(masked.data, out.data)
    last, _ = nn.MultiheadAttention(4, 2, **F64)(*(x.swapaxes(0, 1) for x in (q, kv, kv)))
    np.testing.assert_allclose(
        last.data.swapaxes(0, 1), attention_by_hand(layer, q, kv, kv)[0], atol=1e-12
    )


def test_ignored_keys_have_no_say_and_no_gradient():
    layer = nn.MultiheadAttention(4, 2, batch_first=True, **F64)
    x = Value(RNG.standard_normal((2, 5, 4)))
    padding = np.zeros((2, 5), bool)
    padding[1, 3:] = True
    query = x.data[:, :1]
    out, weights = layer(query, x, x, key_padding_mask=padding)
    assert not weights.data[1, :, 3:].any()
    out.sum().backward()
    assert not x.grad[1, 3:].any() and x.grad[1, :3].all()


def test_a_transformer_layer_is_made_of_its_parts():
    for norm_first in (False, True):
        layer = nn.TransformerEncoderLayer(
            4, 2, 8, 0.0, "gelu", norm_first=norm_first, batch_first=True, **F64
        )
        x = RNG.standard_normal((2, 5, 4))

        def feed(x, layer=layer):
            return layer.linear2(nn.GELU()(layer.linear1(x)))

        def attend(x, layer=layer):
            return layer.self_attn(x, x, x)[0]

        if norm_first:
            middle = x + attend(layer.norm1(x))
            expected = middle + feed(layer.norm2(middle))
        else:
            middle = layer.norm1(x + attend(x))
            expected = layer.norm2(middle + feed(middle))
        np.testing.assert_allclose(layer(x).data, expected.data, atol=1e-12)
        check_grads(layer, x[:1, :3])


def test_an_encoder_draws_other_zeros_in_each_layer_and_again_after_loading():
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.5, batch_first=True, generator=0)
    net = nn.TransformerEncoder(layer, 3, nn.LayerNorm(4))
    states = net.generator_states()
    assert len(states) == 3 * 4
    assert len({str(state) for state in states.values()}) == 3
    twin = copy.deepcopy(net)
    x = RNG.standard_normal((2, 5, 4)).astype(np.float32)
    first = net(x).data
    assert first.dtype == np.float32
    net.load_generator_states(states)
    assert np.array_equal(net(x).data, first)
    assert np.array_equal(twin(x).data, first)
    # a later position does not change an earlier one
    net.eval()
    changed = x.copy()
    changed[:, 3:] += 1
    same = net(x, is_causal=True).data[:, :3]
    np.testing.assert_allclose(net(changed, is_causal=True).data[:, :3], same, atol=1e-6)


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: nn.LSTM(4, 5)(X[0]), r"\(L, N, 4\)"),
        (lambda: nn.GRU(4, 5, batch_first=True)(X[..., :3]), r"\(N, L, 4\)"),
        (lambda: nn.GRU(4, 5)(X, np.zeros((1, 2, 5))), r"shape \(1, 3, 5\), not \(1, 2, 5\)"),
        (lambda: nn.LSTMCell(4, 5)(X), r"\(N, 4\)"),
        (lambda: nn.RNN(4, 5, nonlinearity="sigmoid"), "'tanh' or 'relu', not 'sigmoid'"),
        (lambda: nn.RNN(4, 0), "at least 1, not 4 and 0"),
        (lambda: nn.RNN(4, 5, 0), "num_layers must be at least 1"),
        (lambda: nn.MultiheadAttention(5, 2), "num_heads=2 must divide embed_dim=5"),
        (lambda: nn.MultiheadAttention(4, 2)(X[0], X[0], X[0]), r"\(L, N, 4\)"),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="silu"), "'relu', 'gelu' or a func"),
    ],
)
def test_what_does_not_fit_is_told(call, says):
    with pytest.raises(ValueError, match=says):
        call()
