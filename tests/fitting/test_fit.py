"""fit: trains as a loop written out would, and stops, keeps, shows and fails as it says."""

import io
import os
import signal
import threading

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import data, nn, optim, training

GENERATOR = np.random.default_rng(1)
X = GENERATOR.uniform(-1, 1, (120, 2)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def network(seed=0):
    generator = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Linear(2, 12, generator=generator), nn.Tanh(), nn.Linear(12, 2, generator=generator)
    )


def batches(**settings):
    return data.Batches(X, Y, **({"batch_size": 25, "seed": 0} | settings))


def fit(model, optimiser=None, **settings):
    optimiser = optimiser or optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    settings = {"data": batches(), "progress": False, "capture": False} | settings
    return training.fit(model, nn.cross_entropy, optimiser, settings.pop("data"), **settings)


@pytest.mark.parametrize("capture", [False, True])
def test_it_trains_as_a_loop_written_out(capture):
    ours, by_hand = network(), network()
    optimiser = optim.SGD(by_hand.parameters(), lr=0.5, momentum=0.9)
    costs = []
    source = batches()
    for _ in range(4):
        for x, y in source:
            optimiser.zero_grad()
            cost = nn.cross_entropy(by_hand(x), y)
            cost.backward()
            optimiser.step()
            costs.append(cost.item())
    history = fit(ours, epochs=4, capture=capture)
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if capture else {"rtol": 0, "atol": 0}
    np.testing.assert_allclose(history.costs, costs, **tolerance)
    for name, tensor in ours.state_dict().items():
        np.testing.assert_allclose(tensor, by_hand.state_dict()[name], **tolerance)
    sizes = [25, 25, 25, 25, 20]
    by_epoch = [np.average(costs[i : i + 5], weights=sizes) for i in range(0, 20, 5)]
    np.testing.assert_allclose(history["loss"], by_epoch, rtol=1e-5)
    assert history["batches"].tolist() == [5, 10, 15, 20]


def test_it_learns():
    model = network()
    history = fit(model, epochs=40, validation=(X, Y))
    assert history.last("validation_accuracy") > 0.95
    assert training.evaluate(model, nn.cross_entropy, (X, Y))["accuracy"] > 0.95


def test_evaluate_is_the_average_over_rows_in_use_not_in_training():
    model = nn.Sequential(network(), nn.Dropout(0.5))
    outputs = model.eval()(X).data
    model.train()
    expected = float(nn.cross_entropy(outputs, Y))
    for given in ((X, Y), data.Batches(X, Y, batch_size=50)):
        found = training.evaluate(model, nn.cross_entropy, given)
        assert found["loss"] == pytest.approx(expected, rel=1e-6)
        assert found["accuracy"] == pytest.approx(np.mean(outputs.argmax(axis=1) == Y))
    assert model.training
    np.testing.assert_allclose(training.predict(model, X), outputs)
    with pytest.raises(ValueError, match="no rows"):
        training.evaluate(model, nn.cross_entropy, [])


def test_accuracy_of_one_output_goes_by_its_sign():
    logits, labels = np.array([[2.0], [-1.0], [0.5]]), np.array([1, 1, 1])
    assert training.accuracy(logits, labels) == pytest.approx(2 / 3)
    assert training.accuracy(logits, labels[:, None]) == pytest.approx(2 / 3)
    letters = np.eye(4)[None].repeat(3, axis=0)  # sequences: (N, L, classes) and (N, L)
    assert training.accuracy(letters, np.tile(np.arange(4), (3, 1))) == 1
    pixels = np.arange(5) % 4
    scores = np.eye(4)[pixels].T[None].repeat(3, axis=0)  # as cross_entropy: (N, classes, L)
    assert training.accuracy(scores, np.tile(pixels, (3, 1))) == 1


def test_metrics_of_ones_own():
    def largest(output, target):
        return np.abs(output).max()

    history = fit(network(), epochs=2, validation=(X, Y), metrics={"largest": largest})
    assert "validation_accuracy" not in history
    assert (history["validation_largest"] > 0).all()


def test_a_single_array_is_input_and_target():
    generator = np.random.default_rng(0)
    model = nn.Linear(2, 2, generator=generator)
    history = training.fit(
        model, nn.mse_loss, optim.SGD(model.parameters(), lr=0.5),
        data.Batches(X, batch_size=30, seed=0), epochs=30, validation=(X,), progress=False,
        capture=False,
    )  # fmt: skip
    assert history.last("validation_loss") < 0.01


def test_several_inputs_come_before_the_target():
    class Sum(nn.Module):
        def __init__(self):
            self.scale = tg.Value(np.ones(1))

        def forward(self, a, b):
            return (a + b) * self.scale

    model = Sum()
    a, b = GENERATOR.random((2, 40, 1))
    source = data.Batches(a, b, 3 * (a + b), batch_size=10, seed=0)
    fit = training.fit(
        model, nn.mse_loss, optim.SGD(model.parameters(), lr=0.1), source, epochs=30,
        progress=False, capture=False,
    )  # fmt: skip
    assert model.scale.data == pytest.approx(3, abs=1e-3) and fit.epochs == 30


# -- schedules, clipping ---------------------------------------------------------------------------


def test_a_schedule_steps_after_each_epoch_or_batch():
    for each, steps in (("epoch", 3), ("batch", 15)):
        model = network()
        optimiser = optim.SGD(model.parameters(), lr=1.0)
        schedule = optim.ExponentialLR(optimiser, gamma=0.9)
        history = fit(model, optimiser, epochs=3, schedule=schedule, schedule_each=each)
        assert optimiser.lr == pytest.approx(0.9**steps)
        first = 1.0 if each == "epoch" else 0.9**5
        assert history["learning_rate"][0] == pytest.approx(first)


def test_a_plateau_schedule_is_told_the_monitored_figure():
    model = network()
    optimiser = optim.SGD(model.parameters(), lr=0.0)
    optimiser.lr = 1e-12  # nothing improves
    schedule = optim.ReduceLROnPlateau(optimiser, factor=0.5, patience=0)
    fit(model, optimiser, epochs=4, schedule=schedule, validation=(X, Y))
    assert optimiser.lr == pytest.approx(1e-12 * 0.5**3)


def test_clip_bounds_the_norm_of_all_gradients_together():
    model = network()
    norms = []

    class Norms:
        def on_batch(self, run):
            gradients = [p.grad.ravel() for p in run.model.parameters()]
            norms.append(np.linalg.norm(np.concatenate(gradients)))

    fit(model, epochs=3, clip=0.01, callbacks=[Norms()])
    assert len(norms) == 15 and max(norms) <= 0.01 * (1 + 1e-5)
    assert np.median(norms) > 0.0099


def test_gradient_norms_are_those_of_the_layers():
    model = network()
    seen = {}

    class Norms:
        def on_batch(self, run):
            w, b = run.model[0].weight.grad, run.model[0].bias.grad
            seen[run.history.batches] = np.sqrt(np.sum(w**2) + np.sum(b**2))

    history = fit(model, epochs=2, callbacks=[Norms()])
    assert list(history.gradient_norms) == ["0", "2"]
    assert history.gradient_batches == list(seen)
    np.testing.assert_allclose(history.gradient_norms["0"], list(seen.values()), rtol=1e-5)


# -- the best epoch --------------------------------------------------------------------------------


class Scripted:
    """Lets every epoch end with the parameters said."""

    def __init__(self, model, biases):
        self.model, self.biases, self.epoch = model, biases, 0

    def __call__(self, output, target):
        return self.biases[self.epoch - 1]

    def on_batch(self, run):
        self.epoch = run.epoch
        self.model[2].bias.data[:] = run.epoch


@pytest.mark.parametrize(
    ("figures", "highest", "best"),
    [
        ([0.1, 0.5, 0.3, 0.5, 0.2], True, 2),
        ([0.4, 0.5, 0.3, 0.3, 0.9], False, 3),
        ([np.nan, 0.5, np.nan, 0.6, 0.1], True, 4),
    ],
)
def test_the_best_epochs_parameters_are_kept(figures, highest, best):
    model = network()
    script = Scripted(model, figures)
    history = fit(
        model, optim.SGD(model.parameters(), lr=0.0), epochs=5, validation=(X, Y),
        metrics={"figure": script}, monitor="validation_figure", highest=highest,
        callbacks=[script],
    )  # fmt: skip
    assert history.best_epoch == best
    assert (model[2].bias.data == best).all()
    assert not model.training


def test_callbacks_are_told_the_epoch():
    class Told:
        batches, epochs = [], []

        def on_batch(self, run):
            self.batches.append((run.epoch, run.batch))

        def on_epoch(self, run):
            self.epochs.append((run.epoch, run.history.epochs))

    model, told = network(), Told()
    fit(model, optim.SGD(model.parameters(), lr=0.0), epochs=2, callbacks=[told])
    each = max(batch for _, batch in told.batches)
    assert told.batches == [(epoch, batch + 1) for epoch in (1, 2) for batch in range(each)]
    assert told.epochs == [(1, 1), (2, 2)]


def test_the_verdict_tells_which_epoch_and_why():
    history = training.History()
    assert history.verdict == ""
    for rate, loss in ((0.5, 0.9), (0.75, 0.7), (0.75, 0.6)):
        history.add_epoch({"validation_accuracy": rate, "validation_loss": loss})
    history.best_epoch, history.monitor, history.highest = 2, "validation_accuracy", True
    assert history.verdict == (
        "Epoch 2 of 3 was the best: its validation accuracy, 75.00 %, is the highest "
        "(the first of 2 epochs with it)"
    )
    history.kept = True
    assert history.verdict.startswith("Epoch 2 of 3 is kept: ")
    history.monitor, history.highest, history.best_epoch = "validation_loss", False, 4
    history.add_epoch({"validation_loss": 7.1e-5})
    assert history.verdict == "Epoch 4 of 4 is kept: its validation cost, 7.10e-05, is the lowest"


def test_patience_counts_epochs_without_a_better_one():
    model = network()
    script = Scripted(model, [0.1, 0.5, 0.3, 0.4, 0.45, 0.9])
    history = fit(
        model, optim.SGD(model.parameters(), lr=0.0), epochs=6, validation=(X, Y),
        metrics={"figure": script}, monitor="validation_figure", patience=3, callbacks=[script],
    )  # fmt: skip
    assert history.epochs == 5 and history.best_epoch == 2
    assert history.ended == "stopped early: validation_figure was no better for 3 epochs"


def test_without_validation_the_last_parameters_stay():
    model = network()
    history = fit(model, epochs=2)
    assert history.best_epoch is None


# -- ending ----------------------------------------------------------------------------------------


class InterruptAt:
    def __init__(self, batch, times=1):
        self.batch, self.times = batch, times

    def on_batch(self, run):
        if run.history.batches == self.batch:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def heeds_ctrl_c():
    # A shell's background jobs ignore it, and so do the processes that they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_ends_after_the_batch_with_a_checkpoint_that_goes_on(tmp_path):
    path = tmp_path / "checkpoint"
    model = network()
    history = fit(model, epochs=4, callbacks=[InterruptAt(7)], checkpoint=path)
    assert history.ended == "interrupted by Ctrl-C" and history.batches == 7
    assert not model.training
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    resumed, straight = network(), network()
    longer = fit(resumed, epochs=4, checkpoint=path)
    assert longer.ended == "trained 4 epochs"
    np.testing.assert_array_equal(longer.costs, fit(straight, epochs=4).costs)
    for name, tensor in straight.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[name], tensor)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_a_second_ctrl_c_breaks_off():
    with pytest.raises(KeyboardInterrupt):
        fit(network(), callbacks=[InterruptAt(3, times=2)])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_outside_the_main_thread_it_trains_too():
    found = []
    thread = threading.Thread(target=lambda: found.append(fit(network(), epochs=1)))
    thread.start()
    thread.join()
    assert found[0].batches == 5


def test_a_callback_can_stop_it():
    seen = []

    def after_epoch(run):
        seen.append((run.history.epochs, run.history.last("loss")))
        if run.history.epochs == 2:
            run.stop("good enough")

    history = fit(network(), epochs=9, callbacks=[after_epoch])
    assert history.ended == "good enough" and len(seen) == 2


@pytest.mark.parametrize("capture", [False, True])
def test_a_cost_that_is_not_finite_stops_with_advice(capture):
    x = X.copy()
    x[60] = np.nan
    wrong = "the cost became nan at batch 3 of epoch 1, with lr=0.5: try a smaller lr"
    with pytest.raises(FloatingPointError, match=wrong):
        fit(network(), data=data.Batches(x, Y, batch_size=30), capture=capture)


class Plain(nn.Linear):
    def forward(self, x):
        return super().forward(x).data


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": 3}, "model must be an nn.Module, but is 3"),
        ({"loss": nn.CrossEntropyLoss}, "but is the class CrossEntropyLoss"),
        ({"loss": "cross_entropy"}, "function of output and target.*but is 'cross_entropy'"),
        ({"optimiser": optim.Adam}, "but is the class Adam"),
        ({"optimiser": "adam"}, r"optim.Adam\(model.parameters\(\), lr=1e-3\), but is 'adam'"),
        ({"validation": 0.2}, r"arrays \(x, y\) or batches, but is 0.2; .*data.split"),
        ({"validation": X}, "but is an array of shape"),
        ({"metrics": [training.accuracy]}, "functions by name, .*but is a list"),
        ({"callbacks": print}, "a list of them, but is a builtin_function"),
        ({"model": Plain(2, 2)}, "the loss gave a float32, so no Value reached it: forward must"),
    ],
)
def test_what_is_in_the_place_of_something_else_is_told(changes, told):
    model = network()
    asked = {"model": model, "loss": nn.cross_entropy, "optimiser": None, "data": [(X, Y)]}
    if isinstance(changes.get("model"), nn.Module):
        model = changes["model"]
    asked["optimiser"] = optim.SGD(model.parameters(), lr=0.1)
    asked |= changes
    with pytest.raises(TypeError, match=told):
        training.fit(**asked, epochs=1, progress=False)


def test_an_optimiser_of_another_model_is_refused():
    with pytest.raises(ValueError, match="trains none of the model's parameters"):
        fit(network(), optim.SGD(network().parameters(), lr=0.1))


def test_what_cannot_be_trained_with_is_refused():
    model = network()
    with pytest.raises(ValueError, match=r"data.Batches\(x, y, batch_size=64, seed=0\)"):
        fit(model, data=(X, Y))
    with pytest.raises(ValueError, match="no batches in epoch 2: give something that can be"):
        fit(model, data=iter([(X, Y)]), epochs=2)
    with pytest.raises(ValueError, match=r"monitor='validation_acc' is none of .*validation_loss"):
        fit(model, validation=(X, Y), monitor="validation_acc")
    for wrong in ({"epochs": -1}, {"patience": 0}, {"checkpoint_every": 0}, {"clip": 0}):
        (name,) = wrong
        with pytest.raises(ValueError, match=f"fit: {name} must be"):
            fit(model, **wrong)
    with pytest.raises(ValueError, match="schedule_each must be 'batch' or 'epoch', not 'week'"):
        fit(model, schedule_each="week")


# -- capture ---------------------------------------------------------------------------------------


class Chooser(nn.Module):
    """Decides by its data, which no plan can follow."""

    def __init__(self):
        self.inner = network()

    def forward(self, x):
        out = self.inner(x)
        return out * 2 if float(out.data.sum()) > 0 else out


def test_what_cannot_be_captured_runs_as_written_and_says_so_once():
    one, other = Chooser(), Chooser()
    with pytest.warns(RuntimeWarning, match="trains without capturing the step") as told:
        captured = fit(one, epochs=3, capture=True)
    assert len(told) == 1
    np.testing.assert_array_equal(captured.costs, fit(other, epochs=3).costs)


@pytest.mark.parametrize("seed", range(4))
def test_a_bias_before_a_normalisation_does_not_keep_the_step_from_being_captured(seed):
    # Its gradient is zero but for rounding, which differs between the replay and the function.
    generator = np.random.default_rng(seed)
    images = generator.random((64, 1, 10, 10)).astype(np.float32)
    labels = (images.mean((1, 2, 3)) > 0.5).astype(int)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, generator=generator), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 4, 3, generator=generator), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Linear(144, 2, generator=generator),
    )  # fmt: skip
    optimiser = optim.Adam(model.parameters(), lr=0.01)
    source = data.Batches(images, labels, batch_size=32, seed=0)
    assert fit(model, optimiser, data=source, epochs=1, capture=True).batches == 2  # unwarned


def test_a_mistake_in_the_step_is_raised_as_itself():
    wider = np.concatenate([X, X], axis=1)
    with pytest.raises(ValueError, match=r"linear.*\(25, 4\)"):
        fit(network(), data=data.Batches(wider, Y, batch_size=25), capture=True)


def test_many_shapes_of_batches_are_trained_too():
    sizes = [3, 5, 7, 9, 11, 13, 15, 17, 19, 21]
    source = [(X[:size], Y[:size]) for size in sizes]
    one, other = network(), network()
    costs = fit(one, data=source, epochs=2, capture=True).costs
    np.testing.assert_allclose(costs, fit(other, data=source, epochs=2).costs, rtol=1e-4)


# -- history and progress --------------------------------------------------------------------------


def test_the_history_is_drawn_as_it_is():
    history = fit(network(), epochs=3, validation=(X, Y))
    assert repr(history).startswith("<History: 3 epochs, 15 batches, loss 0.")
    assert repr(history).endswith("; best epoch 3; trained 3 epochs>")
    assert repr(fit(network(), data=[(X, Y)], epochs=1)).startswith("<History: 1 epoch, 1 batch, ")
    svg = tg.plot_training(history).svg
    assert "cost of a batch" in svg and "validation cost" in svg and "validation accuracy" in svg
    assert history.tested_after == [5, 10, 15]
    assert history.success_rates == history["validation_accuracy"].tolist()
    with pytest.raises(KeyError, match="no 'accuracy'; it has loss, validation_loss"):
        history["accuracy"]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_elsewhere_than_on_a_terminal_every_epoch_is_a_line():
    stream = io.StringIO()
    fit(network(), epochs=2, validation=(X, Y), progress=stream)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("epoch 1/2  cost 0.")
    assert "validation cost 0." in lines[0] and "validation accuracy " in lines[0]
    assert lines[2].startswith("Epoch 2 of 2 is kept: its validation cost, 0.")


def test_on_a_terminal_a_line_is_written_over(monkeypatch):
    monkeypatch.setattr("tinygrad_lite.training.progress.SECONDS_BETWEEN", 0.0)
    stream = Terminal()
    fit(network(), epochs=2, progress=stream)
    shown = [part for part in stream.getvalue().split("\r") if "rows/s" in part]
    assert len(shown) == 9  # all batches but the first, which tells no rate
    assert "epoch 2/2  " in shown[-1] and "5/5  cost 0." in shown[-1] and "left" in shown[-1]
    assert stream.getvalue().count("\n") == 2


def test_a_stream_of_unknown_length_is_counted():
    def rows():
        yield from zip(X, Y, strict=True)

    stream = Terminal()
    history = fit(network(), data=data.Stream(rows, batch_size=50), epochs=2, progress=stream)
    assert history["batches"].tolist() == [3, 6]


def test_silence():
    history = fit(network(), epochs=1, progress=False)
    assert history.epochs == 1
