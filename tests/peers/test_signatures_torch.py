"""Arguments have PyTorch's order and defaults: those of ours that PyTorch lacks come by keyword."""

import inspect

import pytest

from tinygrad_lite import nn, optim

torch = pytest.importorskip("torch")

# Long deprecated, or about devices.
THEIRS = {"size_average", "reduce", "device", "dtype", "inplace", "self"}
# Softmax over the last axis where PyTorch warns and guesses; a function and its name.
DEFAULTS = {("Softmax", "dim"), ("LogSoftmax", "dim"), ("TransformerEncoderLayer", "activation")}
# The names of what comes first are our own: ours say what it is, theirs say "input".
FIRST = {"parameters", "output", "logits", "probabilities", "log_probabilities"}
# A base class for authors; a function that is not of ours alone; those of the next test.
APART = ("Optimizer", "one_hot", "RNN", "LSTM", "GRU")
# PyTorch's pass everything on to a base class.
RECURRENT = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout",
             "bidirectional"]  # fmt: skip
PLACES = {
    nn: (torch.nn, torch.nn.functional),
    optim: (torch.optim, torch.optim.lr_scheduler, torch.nn.utils),
}


def pairs():
    for room, places in PLACES.items():
        for name in room.__all__:
            theirs = next((getattr(place, name) for place in places if hasattr(place, name)), None)
            if callable(theirs) and name not in APART:
                yield pytest.param(name, getattr(room, name), theirs, id=name)


def settings(function):
    return [
        parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in THEIRS
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def by_position(parameters):
    return [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]


@pytest.mark.parametrize("name, ours, theirs", list(pairs()))
def test_arguments(name, ours, theirs):
    mine, others = settings(ours), settings(theirs)
    order = by_position(mine)
    known = by_position(others)
    if order and order[0] in FIRST:
        order, known = order[1:], known[1:]
    assert order == known[: len(order)]
    defaults = {p.name: p.default for p in others}
    for p in mine:
        if p.name in defaults and (name, p.name) not in DEFAULTS:
            assert p.default == defaults[p.name], p.name


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_arguments_of_recurrent_layers(name):
    order = by_position(settings(getattr(nn, name)))
    # Only what PyTorch documents for RNN has its place before the bias.
    assert [known for known in order if known != "nonlinearity"] == RECURRENT
    theirs = getattr(torch.nn, name)(3, 4)
    for p in settings(getattr(nn, name))[2:]:
        if p.name not in ("generator", "nonlinearity"):
            assert p.default == getattr(theirs, p.name), p.name
