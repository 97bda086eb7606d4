"""Losses against their definitions, at extremes, and what they refuse."""

import numpy as np
import pytest
import scipy.special

from tinygrad_lite import Value, check_grads, nn, sigmoid, softmax

RNG = np.random.default_rng(3)
X, T = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3))
P = scipy.special.softmax(RNG.standard_normal((4, 3)), axis=1)
BINARY = np.array([[0.0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1]])
D = X - T

# Loss of each entry, by its definition.
DEFINED = {
    "mse_loss": (nn.mse_loss, (X, T), D**2),
    "l1_loss": (nn.l1_loss, (X, T), abs(D)),
    "huber_loss": (
        lambda x, t, r: nn.huber_loss(x, t, r, delta=0.7), (X, T),
        np.where(abs(D) < 0.7, D**2 / 2, 0.7 * (abs(D) - 0.35)),
    ),
    "smooth_l1_loss": (
        lambda x, t, r: nn.smooth_l1_loss(x, t, r, beta=0.7), (X, T),
        np.where(abs(D) < 0.7, D**2 / 1.4, abs(D) - 0.35),
    ),
    "hinge_loss": (nn.hinge_loss, (X, np.sign(T)), np.maximum(0, 1 - np.sign(T) * X)),
    "binary_cross_entropy_with_logits": (
        lambda x, t, r: nn.binary_cross_entropy_with_logits(x, t, None, r), (X, BINARY),
        -np.log(np.where(BINARY == 1, scipy.special.expit(X), scipy.special.expit(-X))),
    ),
    "binary_cross_entropy": (
        lambda x, t, r: nn.binary_cross_entropy(x, t, None, r), (P, BINARY),
        -np.log(np.where(BINARY == 1, P, 1 - P)),
    ),
    "kl_div": (nn.kl_div, (np.log(P), P[::-1]), scipy.special.rel_entr(P[::-1], P)),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFINED)
def test_losses_are_as_defined_and_differentiate(name):
    function, (x, target), expected = DEFINED[name]
    np.testing.assert_allclose(function(x, target, "none"), expected, rtol=1e-12)
    assert function(x, target, "mean") == pytest.approx(expected.mean(), rel=1e-12)
    assert function(x, target, "sum") == pytest.approx(expected.sum(), rel=1e-12)
    check_grads(lambda x: function(x, target, "mean"), x)
    narrow = function(Value(x.astype(np.float32)), target.astype(np.float32), "mean")
    assert narrow.dtype == np.float32 and narrow.shape == ()
    with pytest.raises(ValueError, match=r"\(4, 3\).*\(4,\)"):
        function(x, target[:, 0], "mean")
    with pytest.raises(ValueError, match="'mean', 'sum' or 'none', not 'average'"):
        function(x, target, "average")


def test_losses_at_the_ends():
    logits = np.array([1000.0, -1000.0, 1000.0, -1000.0])
    losses = nn.binary_cross_entropy_with_logits(logits, np.array([1.0, 0, 0, 1]), None, "none")
    assert losses.tolist() == [0, 0, 1000, 1000]
    small = nn.binary_cross_entropy_with_logits(np.array([50.0]), np.array([1.0]))
    assert small == pytest.approx(np.exp(-50.0), rel=1e-12)
    assert nn.kl_div(np.log([[0.5, 0.5]]), np.array([[1.0, 0.0]]), "sum") == pytest.approx(
        np.log(2)
    )
    assert nn.binary_cross_entropy(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0


def test_pos_weight_counts_the_positive_more():
    weighted = nn.binary_cross_entropy_with_logits(X, BINARY, None, "none", 3.0)
    plain = nn.binary_cross_entropy_with_logits(X, BINARY, None, "none")
    np.testing.assert_allclose(weighted / plain, np.where(BINARY == 1, 3, 1), rtol=1e-12)


def test_kl_batchmean_is_the_divergence_of_scipy():
    expected = scipy.special.rel_entr(P[::-1], P).sum(axis=1).mean()
    assert nn.kl_div(np.log(P), P[::-1], "batchmean") == pytest.approx(expected, rel=1e-12)
    logs = nn.kl_div(np.log(P), np.log(P[::-1]), "batchmean", log_target=True)
    assert logs == pytest.approx(expected, rel=1e-12)


def test_cross_entropy_of_labels_and_of_probabilities_agree():
    labels = np.array([2, 0, 1, 1])
    for settings in ({}, {"label_smoothing": 0.1}):
        hard = nn.cross_entropy(X, labels, **settings)
        soft = nn.cross_entropy(X, np.eye(3)[labels], **settings)
        assert hard == pytest.approx(soft, rel=1e-12)
    assert nn.nll_loss(np.log(P), labels) == pytest.approx(
        -np.log(P[np.arange(4), labels]).mean(), rel=1e-12
    )


def test_ignored_labels_have_no_loss_and_no_gradient():
    x = Value(X)
    nn.cross_entropy(x, np.array([2, -100, 1, -100])).backward()
    assert x.grad[[0, 2]].all() and not x.grad[[1, 3]].any()
    assert np.isnan(nn.cross_entropy(X, np.full(4, -100)))


def test_modules_call_the_functions():
    labels = np.array([2, 0, 1, 1])
    weight = np.array([1.0, 2.0, 3.0])
    pairs = [
        (nn.MSELoss("sum"), (X, T), nn.mse_loss(X, T, "sum")),
        (nn.L1Loss(), (X, T), nn.l1_loss(X, T)),
        (nn.HuberLoss(delta=2.0), (X, T), nn.huber_loss(X, T, delta=2.0)),
        (nn.SmoothL1Loss(beta=2.0), (X, T), nn.smooth_l1_loss(X, T, beta=2.0)),
        (nn.HingeLoss(margin=2.0), (X, T), nn.hinge_loss(X, T, margin=2.0)),
        (
            nn.CrossEntropyLoss(weight, label_smoothing=0.1), (X, labels),
            nn.cross_entropy(X, labels, weight, label_smoothing=0.1),
        ),
        (nn.NLLLoss(weight), (np.log(P), labels), nn.nll_loss(np.log(P), labels, weight)),
        (
            nn.BCEWithLogitsLoss(pos_weight=2.0), (X, BINARY),
            nn.binary_cross_entropy_with_logits(X, BINARY, pos_weight=2.0),
        ),
        (nn.BCELoss(), (P, BINARY), nn.binary_cross_entropy(P, BINARY)),
        (nn.KLDivLoss("batchmean"), (np.log(P), P), nn.kl_div(np.log(P), P, "batchmean")),
    ]  # fmt: skip
    for module, arguments, expected in pairs:
        assert module(*arguments) == expected, module
        assert module.reduction in repr(module)


def test_labels_must_be_plain_integers():
    with pytest.raises(ValueError, match=r"^cross_entropy: label 5 for 4 classes; .* 0 and 3$"):
        nn.cross_entropy(Value(np.zeros((2, 4))), np.array([5, 0]))
    with pytest.raises(
        TypeError, match=r"^cross_entropy: labels must be integers, .*astype\(int\)"
    ):
        nn.cross_entropy(Value(np.zeros((2, 4))), np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match=r"^nll_loss: scores of shape \(2, 4\) and labels of"):
        nn.nll_loss(Value(np.zeros((2, 4))), np.array([1, 0, 0]))
    with pytest.raises(ValueError, match=r"of None \(a forward without return\?\)"):
        nn.cross_entropy(None, np.array([1, 0, 0]))
    with pytest.raises(TypeError, match="labels are integers"):
        nn.cross_entropy(Value(X), Value(np.zeros(4)))
    with pytest.raises(ValueError, match=r"weight of classes must have the shape \(3,\)"):
        nn.cross_entropy(Value(X), np.array([0, 1, 2, 0]), np.ones(2))


def test_activation_modules_call_the_functions():
    x = Value(X)
    for module, expected in (
        (nn.Tanh(), np.tanh(X)),
        (nn.LeakyReLU(0.2), np.where(X > 0, X, 0.2 * X)),
        (nn.ELU(0.5), np.where(X > 0, X, 0.5 * np.expm1(X))),
        (nn.GELU(), X * scipy.special.ndtr(X)),
        (nn.SiLU(), X * sigmoid(X)),
        (nn.Softplus(2.0), np.logaddexp(0, 2 * X) / 2),
        (nn.LogSigmoid(), np.log(sigmoid(X))),
        (nn.Softmax(dim=0), softmax(X, axis=0)),
        (nn.LogSoftmax(dim=1), np.log(softmax(X, axis=1))),
    ):
        np.testing.assert_allclose(module(x).data, expected, rtol=1e-12)
    assert abs(nn.GELU("tanh")(X) - nn.GELU()(X)).max() < 5e-4
    with pytest.raises(ValueError, match="'none' or 'tanh', not 'sigmoid'"):
        nn.GELU("sigmoid")(X)
