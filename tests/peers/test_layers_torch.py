"""Every layer, activation and loss on random configurations: with PyTorch's state, its outputs,
gradients and running averages.

Differences are measured against the largest entry: at most 1e-12 in float64; in float32 at most
1e-6, or, where rounding is magnified (by a normalisation over two entries, for instance), four
times what PyTorch's own float32 is off its float64.
"""

import numpy as np
import pytest

from tinygrad_lite import Value, nn

torch = pytest.importorskip("torch")
t = torch.nn

CONFIGURATIONS = 20
TOLERANCE = {"float64": 1e-12, "float32": 1e-6}


class Draw:
    """Random settings from a seed."""

    def __init__(self, *seed):
        self.rng = np.random.default_rng(seed)

    def int(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def one(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def flag(self):
        return bool(self.rng.integers(2))

    def share(self):
        return float(self.rng.uniform(0.1, 0.9))

    def normal(self, *shape):
        return self.rng.standard_normal(shape)


def pair_of(name, *args, **settings):
    return getattr(nn, name)(*args, **settings), getattr(t, name)(*args, **settings)


# Each returns our module, PyTorch's, and the inputs.


def linear(d):
    i, o = d.int(1, 9), d.int(1, 9)
    shape = d.one((d.int(1, 6), i), (2, d.int(1, 5), i), (i,))
    return *pair_of("Linear", i, o, d.flag()), [d.normal(*shape)]


def convolution(axes, transposed):
    def make(d):
        groups = d.one(1, 1, 2)
        i, o = groups * d.int(1, 3), groups * d.int(1, 3)
        kernel = tuple(d.int(1, 3) for _ in range(axes))
        settings = {
            "stride": d.int(1, 3), "padding": d.int(0, 2), "dilation": d.int(1, 2),
            "groups": groups, "bias": d.flag(),
        }  # fmt: skip
        if transposed:
            settings["padding"] = d.int(0, 1)
            settings["output_padding"] = d.int(0, settings["stride"] - 1)
            settings["dilation"] = max(settings["dilation"], 1)
            if settings["output_padding"] >= max(settings["stride"], settings["dilation"]):
                settings["output_padding"] = 0
        elif settings["stride"] == 1 and d.flag():
            settings["padding"] = d.one("same", "valid")
        if not transposed:
            settings["padding_mode"] = d.one("zeros", "zeros", "reflect", "replicate", "circular")
        size = tuple(d.int(6, 9) for _ in range(axes))
        name = f"Conv{'Transpose' * transposed}{axes}d"
        return *pair_of(name, i, o, kernel, **settings), [d.normal(d.int(1, 3), i, *size)]

    return make


def pool(name, axes):
    def make(d):
        kernel = d.int(2, 3)
        args = (kernel, d.one(None, 1, 2, 3), d.int(0, kernel // 2))
        size = tuple(d.int(5, 9) for _ in range(axes))
        settings = {"ceil_mode": d.flag()}
        if name.startswith("Max"):
            settings["dilation"] = d.one(1, 1, 2)
        else:
            settings["count_include_pad"] = d.flag()
            if axes == 2:
                settings["divisor_override"] = d.one(None, None, 3)
        return *pair_of(name, *args, **settings), [d.normal(d.int(1, 3), d.int(1, 3), *size)]

    return make


def adaptive(name, axes=2):
    def make(d):
        if axes == 1:
            return *pair_of(name, d.int(1, 6)), [d.normal(2, 3, d.int(4, 9))]
        size = d.one(d.int(1, 6), (d.int(1, 6), d.int(1, 6)), (None, d.int(1, 4)))
        return *pair_of(name, size), [d.normal(2, 3, d.int(4, 9), d.int(4, 9))]

    return make


def batchnorm(name, axes):
    def make(d):
        channels = d.int(1, 5)
        settings = {
            "eps": d.one(1e-5, 1e-2), "momentum": d.one(0.1, 0.5, None), "affine": d.flag(),
            "track_running_stats": d.one(True, True, False),
        }  # fmt: skip
        ours, theirs = pair_of(name, channels, **settings)
        if settings["affine"]:
            for p in theirs.parameters():
                p.data = torch.tensor(d.normal(channels))
        size = tuple(d.int(2, 4) for _ in range(axes))
        # in training a few times, then perhaps in use
        for batch in range(d.int(0, 2)):
            x = d.normal(5, channels, *size) + batch
            ours.double()(Value(x))
            theirs.double()(torch.tensor(x))
        if d.flag():
            ours.eval()
            theirs.eval()
        return ours, theirs, [3 * d.normal(5, channels, *size) + 1]

    return make


def layernorm(d):
    shape = tuple(d.int(2, 5) for _ in range(d.int(1, 2)))
    settings = {"eps": d.one(1e-5, 1e-2), "elementwise_affine": d.flag(), "bias": d.flag()}
    ours, theirs = pair_of("LayerNorm", shape, **settings)
    for p in theirs.parameters():
        p.data = torch.tensor(d.normal(*shape))
    return ours, theirs, [d.normal(3, 2, *shape)]


def embedding(d):
    rows = d.int(2, 9)
    padding = d.one(None, d.int(0, rows - 1), -1)
    ours, theirs = pair_of("Embedding", rows, d.int(1, 5), padding)
    return ours, theirs, [d.rng.integers(0, rows, (d.int(1, 4), d.int(1, 5)))]


def cell(name):
    def make(d):
        i, h, n = d.int(1, 5), d.int(1, 5), d.int(1, 4)
        settings = {"nonlinearity": d.one("tanh", "relu")} if name == "RNNCell" else {}
        ours, theirs = pair_of(name, i, h, d.flag(), **settings)
        if d.flag():
            return ours, theirs, [d.normal(n, i)]
        state = d.normal(n, h)
        state = (state, d.normal(n, h)) if name == "LSTMCell" else state
        return ours, theirs, [d.normal(n, i), state]

    return make


def recurrent(name):
    def make(d):
        i, h, n = d.int(1, 5), d.int(1, 4), d.int(1, 3)
        settings = {
            "num_layers": d.int(1, 3), "bias": d.flag(), "batch_first": d.flag(),
            "bidirectional": d.flag(),
        }  # fmt: skip
        if name == "RNN":
            settings["nonlinearity"] = d.one("tanh", "relu")
        ours, theirs = pair_of(name, i, h, **settings)
        length = d.int(1, 7)
        x = d.normal(*((n, length) if settings["batch_first"] else (length, n)), i)
        if d.flag():
            return ours, theirs, [x]
        states = settings["num_layers"] * (1 + settings["bidirectional"])
        state = d.normal(states, n, h)
        state = (state, d.normal(states, n, h)) if name == "LSTM" else state
        return ours, theirs, [x, state]

    return make


def attention(d):
    heads = d.int(1, 3)
    width, n, length, keys = heads * d.int(1, 4), d.int(1, 3), d.int(1, 5), d.int(1, 5)
    first = d.flag()
    ours, theirs = pair_of("MultiheadAttention", width, heads, bias=d.flag(), batch_first=first)
    shapes = [(n, length), (n, keys)] if first else [(length, n), (keys, n)]
    query, key, value = (d.normal(*shapes[i], width) for i in (0, 1, 1))
    mask = d.one(None, d.rng.random((length, keys)) < 0.4, d.normal(length, keys),
                 d.normal(n * heads, length, keys))  # fmt: skip
    padding = None
    if mask is None or mask.dtype == bool:
        padding = d.one(None, d.rng.random((n, keys)) < 0.3)
        for forbidden in (mask, padding):
            if forbidden is not None:
                forbidden[:, 0] = False  # PyTorch gives NaN where nothing may be attended to
    average = d.flag()

    def call(module, q, k, v):
        numbers = q.dtype if module is theirs else None

        def constant(x):
            return (
                x if module is ours else torch.tensor(x, dtype=numbers if x.dtype != bool else None)
            )

        given = {
            "attn_mask": None if mask is None else constant(mask),
            "key_padding_mask": None if padding is None else constant(padding),
        }
        return module(q, k, v, average_attn_weights=average, **given)

    return ours, theirs, [query, key, value], call


def transformer(d):
    heads = d.int(1, 3)
    width, first = heads * d.int(1, 3), d.flag()
    settings = {
        "dropout": 0.0, "activation": d.one("relu", "gelu"), "norm_first": d.flag(),
        "batch_first": first, "bias": d.flag(),
    }  # fmt: skip
    ours, theirs = pair_of("TransformerEncoderLayer", width, heads, d.int(1, 9), **settings)
    n, length = d.int(1, 3), d.int(1, 5)
    if d.flag():
        ours = nn.TransformerEncoder(ours, 2, nn.LayerNorm(width))
        theirs = t.TransformerEncoder(theirs, 2, t.LayerNorm(width), enable_nested_tensor=False)
    causal = d.flag()

    def call(module, x):
        mask = nn.causal_mask(length)
        if not causal:
            return module(x)
        return module(x, mask if module is ours else torch.tensor(mask))

    return ours, theirs, [d.normal(*((n, length) if first else (length, n)), width)], call


def activation(name, **choices):
    def make(d):
        settings = {key: d.one(*values) for key, values in choices.items()}
        return *pair_of(name, **settings), [3 * d.normal(*(d.int(1, 4) for _ in range(3)))]

    return make


REDUCTIONS = ("mean", "sum", "none")


def prelu(d):
    channels = d.int(1, 4)
    ours, theirs = pair_of("PReLU", channels)
    theirs.weight.data = torch.tensor(d.normal(channels))
    size = (d.int(1, 4), channels, *(d.int(1, 4) for _ in range(d.int(0, 2))))
    return ours, theirs, [d.normal(*size)]


def loss_of_pairs(name, target, **choices):
    """A loss of two arrays of one shape."""

    def make(d):
        settings = {key: d.one(*values) for key, values in choices.items()}
        shape = tuple(d.int(1, 5) for _ in range(d.int(1, 3)))
        settings["reduction"] = d.one(*REDUCTIONS)
        x = 2 * d.normal(*shape)
        if name == "BCELoss":
            x = d.rng.uniform(0.01, 0.99, shape)
        return *pair_of(name, **settings), [x, target(d, shape)]

    return make


def bce_with_logits(d):
    shape = (d.int(1, 5), d.int(1, 4))
    ours, theirs = nn.BCEWithLogitsLoss(), t.BCEWithLogitsLoss()
    ours.reduction = theirs.reduction = d.one(*REDUCTIONS)
    for name in ("weight", "pos_weight"):
        if d.flag():
            array = d.rng.random(shape[1:])
            setattr(ours, name, array)
            setattr(theirs, name, torch.tensor(array))
    return ours, theirs, [3 * d.normal(*shape), d.rng.random(shape)]


def kl_div(d):
    shape = (d.int(1, 4), d.int(1, 5))
    log_target = d.flag()
    target = d.rng.random(shape) * (d.rng.random(shape) < 0.8)
    target = np.log(target + 0.1) if log_target else target
    reduction = d.one("batchmean", *REDUCTIONS)
    ours, theirs = pair_of("KLDivLoss", reduction=reduction, log_target=log_target)
    return ours, theirs, [d.normal(*shape), target]


def classes(name):
    def make(d):
        n, c = d.int(1, 5), d.int(2, 5)
        more = d.one((), (), (2,), (2, 3))
        settings = {"reduction": d.one(*REDUCTIONS), "ignore_index": d.one(-100, 1)}
        if name == "CrossEntropyLoss":
            settings["label_smoothing"] = d.one(0.0, 0.2)
        ours, theirs = pair_of(name, **settings)
        if d.flag():
            weight = d.rng.random(c) + 0.1
            ours.weight, theirs.weight = weight, torch.tensor(weight)
        labels = d.rng.integers(0, c, (n, *more))
        if name == "CrossEntropyLoss" and d.one(False, False, True):
            labels = d.rng.dirichlet(np.ones(c), (n, *more))
            labels = np.moveaxis(labels, -1, 1)
            ours.ignore_index = theirs.ignore_index = -100
        elif settings["reduction"] == "mean":
            labels.flat[0] = 0  # the mean of nothing is NaN
        return ours, theirs, [2 * d.normal(n, c, *more), labels]

    return make


def normal_target(d, shape):
    return d.normal(*shape)


def unit_target(d, shape):
    return d.rng.random(shape)


LAYERS = {
    "Linear": linear,
    "Conv1d": convolution(1, False),
    "Conv2d": convolution(2, False),
    "ConvTranspose1d": convolution(1, True),
    "ConvTranspose2d": convolution(2, True),
    "MaxPool1d": pool("MaxPool1d", 1),
    "MaxPool2d": pool("MaxPool2d", 2),
    "AvgPool1d": pool("AvgPool1d", 1),
    "AvgPool2d": pool("AvgPool2d", 2),
    "AdaptiveAvgPool1d": adaptive("AdaptiveAvgPool1d", 1),
    "AdaptiveMaxPool1d": adaptive("AdaptiveMaxPool1d", 1),
    "AdaptiveAvgPool2d": adaptive("AdaptiveAvgPool2d"),
    "AdaptiveMaxPool2d": adaptive("AdaptiveMaxPool2d"),
    "BatchNorm1d": batchnorm("BatchNorm1d", 0),
    "BatchNorm1d of sequences": batchnorm("BatchNorm1d", 1),
    "BatchNorm2d": batchnorm("BatchNorm2d", 2),
    "LayerNorm": layernorm,
    "Embedding": embedding,
    "RNNCell": cell("RNNCell"),
    "LSTMCell": cell("LSTMCell"),
    "GRUCell": cell("GRUCell"),
    "RNN": recurrent("RNN"),
    "LSTM": recurrent("LSTM"),
    "GRU": recurrent("GRU"),
    "MultiheadAttention": attention,
    "TransformerEncoder": transformer,
    "Sigmoid": activation("Sigmoid"),
    "Tanh": activation("Tanh"),
    "ReLU": activation("ReLU"),
    "ReLU6": activation("ReLU6"),
    "SELU": activation("SELU"),
    "PReLU": prelu,
    "LeakyReLU": activation("LeakyReLU", negative_slope=(0.01, 0.2)),
    "ELU": activation("ELU", alpha=(1.0, 0.3)),
    "GELU": activation("GELU", approximate=("none", "tanh")),
    "SiLU": activation("SiLU"),
    # Beyond 20 PyTorch's is a straight line, off by up to 2e-9; 3 * normal stays below that.
    "Softplus": activation("Softplus", beta=(1.0, 0.5)),
    "LogSigmoid": activation("LogSigmoid"),
    "Softmax": activation("Softmax", dim=(0, 1, -1)),
    "LogSoftmax": activation("LogSoftmax", dim=(0, 1, -1)),
    "MSELoss": loss_of_pairs("MSELoss", normal_target),
    "L1Loss": loss_of_pairs("L1Loss", normal_target),
    "HuberLoss": loss_of_pairs("HuberLoss", normal_target, delta=(1.0, 0.5)),
    "SmoothL1Loss": loss_of_pairs("SmoothL1Loss", normal_target, beta=(1.0, 0.5, 0.0)),
    "BCELoss": loss_of_pairs("BCELoss", unit_target),
    "BCEWithLogitsLoss": bce_with_logits,
    "KLDivLoss": kl_div,
    "CrossEntropyLoss": classes("CrossEntropyLoss"),
    "NLLLoss": classes("NLLLoss"),
}


def flat(thing):
    """Arrays and tensors within tuples."""
    if isinstance(thing, (tuple, list)):
        return [leaf for entry in thing for leaf in flat(entry)]
    return [thing]


def mapped(function, thing):
    if isinstance(thing, tuple):
        return tuple(mapped(function, entry) for entry in thing)
    return function(thing)


class Agreement:
    """Compares, and remembers PyTorch's float64 results for float32."""

    def __init__(self):
        self.exact = {}
        self.tolerance = 0.0

    def check(self, ours, theirs, what):
        theirs = theirs.detach().numpy()
        exact = self.exact.setdefault(what, theirs)
        assert np.shape(ours) == theirs.shape, what
        if theirs.size:
            allowed = self.tolerance * max(1.0, abs(theirs).max())
            allowed = max(allowed, 4 * abs(theirs - exact).max())
            assert np.abs(np.asarray(ours) - theirs).max() <= allowed, what


# PyTorch's on "mean" of KLDivLoss, on nested tensors, and on kinks of padding.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
@pytest.mark.parametrize("name", LAYERS)
def test_agrees_with_pytorch(name, seed):
    agreement = Agreement()
    for dtype, agreement.tolerance in TOLERANCE.items():
        ours, theirs, inputs, *call = LAYERS[name](Draw(seed, len(name)))
        call = call[0] if call else lambda module, *given: module(*given)
        theirs = theirs.to(getattr(torch, dtype))
        ours.astype(dtype).load_state_dict(theirs.state_dict())
        is_loss = name.endswith("Loss")

        def given(array, kind, position, dtype=dtype, is_loss=is_loss):
            if array.dtype.kind != "f":
                return array if kind is Value else torch.tensor(array)
            array = array.astype(dtype)
            if is_loss and position:
                return array if kind is Value else torch.tensor(array)
            return Value(array) if kind is Value else torch.tensor(array, requires_grad=True)

        pairs = []
        for module, kind in ((ours, Value), (theirs, torch.tensor)):
            arguments = [
                mapped(lambda a, i=i, kind=kind: given(a, kind, i), x) for i, x in enumerate(inputs)
            ]
            outputs = [out for out in flat(call(module, *arguments)) if out is not None]
            rng = np.random.default_rng(seed)
            total = 0
            for out in outputs:
                along = rng.standard_normal(tuple(out.shape)).astype(dtype)
                total = total + (out * (along if kind is Value else torch.tensor(along))).sum()
            total.backward()
            pairs.append((outputs, flat(arguments)))
        (mine, values), (other, tensors) = pairs
        for i, (a, b) in enumerate(zip(mine, other, strict=True)):
            assert a.dtype == dtype
            agreement.check(a.data, b, f"output {i}")
        for i, (value, tensor) in enumerate(zip(values, tensors, strict=True)):
            if type(value) is Value:
                agreement.check(value.grad, tensor.grad, f"gradient of input {i}")
        gradients = dict(theirs.named_parameters())
        for path, parameter in ours.named_parameters():
            agreement.check(parameter.grad, gradients.pop(path).grad, f"gradient of {path}")
        assert not gradients
        state = ours.state_dict()
        for path, tensor in theirs.state_dict().items():
            agreement.check(state[path], tensor, path)


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_losses_that_pytorch_has_by_no_name(seed):
    d = Draw(seed, 0)
    x, shape = Value(2 * d.normal(d.int(1, 5), d.int(1, 4))), None
    other = torch.tensor(x.data, requires_grad=True)
    shape = x.shape
    sign, target = np.sign(d.normal(*shape)), d.normal(*shape)
    margin, reduction = d.one(1.0, 0.3), d.one(*REDUCTIONS)
    hinge = torch.relu(margin - other * torch.tensor(sign))
    hinge = hinge if reduction == "none" else getattr(hinge, reduction)()
    squared = t.functional.mse_loss(other, torch.tensor(target), reduction="sum") / shape[0]
    pairs = [
        (nn.HingeLoss(reduction, margin)(x, sign), hinge),
        (nn.squared_error(x, target), squared),
    ]
    for mine, wanted in pairs:
        np.testing.assert_allclose(mine.data, wanted.detach().numpy(), rtol=1e-12)
        x.grad = other.grad = None
        mine.sum().backward()
        wanted.sum().backward()
        np.testing.assert_allclose(x.grad, other.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_layers_without_arithmetic(seed):
    d = Draw(seed, 1)
    x = d.normal(*(d.int(1, 4) for _ in range(4)))
    settings = d.one((), (1, -1), (0, 2), (2,), (1, -2))
    pairs = [pair_of("Flatten", *settings), pair_of("Identity"), pair_of("Dropout", d.share())]
    pairs.append(pair_of("Dropout2d", d.share()))
    for mine, theirs in pairs:
        out, wanted = mine.eval()(Value(x)), theirs.eval()(torch.tensor(x)).numpy()
        assert out.shape == wanted.shape and (out.data == wanted).all()


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_dropout_drops_as_often_and_makes_up_for_it(seed):
    d = Draw(seed, 2)
    for name, shape in (("Dropout", (200, 200)), ("Dropout2d", (200, 200, 2, 2))):
        mine, theirs = pair_of(name, d.share())
        mine.generator = np.random.default_rng(seed)
        torch.manual_seed(seed)
        out, wanted = mine(np.ones(shape)), theirs(torch.ones(shape, dtype=torch.float64)).numpy()
        np.testing.assert_allclose(np.unique(out), np.unique(wanted), rtol=1e-12)
        assert (out == 0).mean() == pytest.approx((wanted == 0).mean(), abs=0.02)
        if name == "Dropout2d":  # whole channels
            assert (out == out[:, :, :1, :1]).all()


# Containers, and what is compared above.
ELSEWHERE = {
    "Dropout", "Dropout2d", "Flatten", "HingeLoss", "Identity", "Module", "Sequential", "Summary",
    "TransformerEncoderLayer",
}  # fmt: skip


def test_every_layer_and_loss_is_compared():
    classes = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    assert classes == {name.split()[0] for name in LAYERS} | ELSEWHERE


@pytest.mark.parametrize(
    "name, args",
    [
        ("Linear", (300, 200)), ("Conv1d", (20, 200, 5)), ("Conv2d", (20, 200, 5)),
        ("ConvTranspose2d", (200, 20, 5)), ("Embedding", (200, 100)), ("LSTM", (50, 100)),
        ("GRUCell", (50, 100)), ("MultiheadAttention", (96, 4)),
    ],
)  # fmt: skip
def test_default_initialisation_is_distributed_as_that_of_pytorch(name, args):
    torch.manual_seed(0)
    settings = {"generator": 0}
    ours, theirs = getattr(nn, name)(*args, **settings), getattr(t, name)(*args)
    for path, parameter in theirs.named_parameters():
        mine, other = ours.state_dict()[path], parameter.detach().numpy()
        assert mine.shape == other.shape
        if mine.size > 50:
            assert mine.std() == pytest.approx(other.std(), rel=0.2, abs=1e-7), path
            assert abs(mine).max() == pytest.approx(abs(other).max(), rel=0.25, abs=1e-7), path
