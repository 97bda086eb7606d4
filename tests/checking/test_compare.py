"""compare: verdicts, the report in its forms, keys and inputs, and what it refuses."""

import json

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.checking import KINDS, WrongGradientError, assert_gradients, compare
from tinygrad_lite.checking.passes import Record
from tinygrad_lite.extend import defvjp, primitive


def network(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 4)).astype(dtype)
    w = Value(rng.normal(size=(4, 3)).astype(dtype), name="w")
    b = Value(rng.normal(size=3).astype(dtype), name="b")
    z = x @ w + b
    z.name = "z"
    h = np.tanh(z)
    h.name = "h"
    cost = (h**2).sum()
    dz = 2 * h.data * (1 - h.data**2)
    return cost, {w: x.T @ dz, b: dz.sum(axis=0), z: dz, h: 2 * h.data}


def test_right_gradients_are_right_in_three_columns():
    cost, gradients = network()
    report = compare(cost, gradients)
    assert report.ok and not report.mistakes and report.raise_if_wrong() is report
    for row in report.gradients:
        hand, automatic = row.at_worst
        assert hand == pytest.approx(automatic, rel=1e-12)
        assert automatic == pytest.approx(float(row.numerical.value), rel=1e-7)
        assert row.share_wrong == 0


@pytest.mark.parametrize("form", ["value", "name", "callable", "callable of all"])
def test_forms_of_giving_gradients(form):
    cost, gradients = network()
    given = {
        "value": gradients,
        "name": {key.name: g for key, g in gradients.items()},
        "callable": {key: (lambda g=g: g.tolist()) for key, g in gradients.items()},
        "callable of all": lambda: gradients,
    }[form]
    assert compare(cost, given).ok


def test_one_wrong_entry_is_found_with_its_place():
    cost, gradients = network()
    w = next(iter(gradients))
    gradients[w] = gradients[w].copy()
    gradients[w][2, 1] += 1e-5
    report = compare(cost, gradients)
    row = report.row(w)
    assert not report.ok and row.verdict == "wrong" and row.worst == (2, 1)
    assert row.share_wrong == pytest.approx(1 / 12)
    assert row.absolute_error == pytest.approx(1e-5, rel=1e-6)
    assert "row 2" in row.lie and "column 1" in row.lie
    assert report.first_wrong is w
    assert "wrong from w on" in str(report)


def test_sign_flip_of_a_tiny_gradient_is_caught():
    x = Value(np.array([1.0, 2.0]), name="x")
    cost = (1e-7 * x**2).sum() + 0.0
    report = compare(cost, {x: -2e-7 * x.data})
    assert not report.ok and report.mistakes[0].kind == "sign"


def test_tiny_entries_are_judged_by_their_own_size():
    x = Value(np.array([1.0, 1e-9]), name="x")
    cost = (x**2).sum()
    assert not compare(cost, {x: np.array([2.0, -2e-9])}).ok


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_to_float32_is_no_mistake(dtype):
    cost, gradients = network(dtype=dtype)
    report = compare(cost, {k: np.asarray(g, np.float32) for k, g in gradients.items()})
    assert report.ok
    assert {m.kind for m in report.mistakes} <= {"precision"}


def test_gradient_that_cancels_to_rounding_is_no_mistake():
    rng = np.random.default_rng(3)
    x, b = rng.normal(size=(50, 4)), Value(rng.normal(size=4), name="b")
    z = x + b
    normalised = (z - z.mean(axis=0)) / np.std(z, axis=0)
    cost = (normalised * rng.normal(size=(50, 4))).sum()
    assert compare(cost, {b: np.zeros(4)}).ok


def test_another_convention_at_a_kink_is_no_mistake():
    x = Value(np.array([0.0, 1.0, -1.0]), name="x")
    report = compare(tg.relu(x).sum(), {x: np.array([1.0, 1.0, 0.0])})
    assert report.ok and "kink" in str(report)


def test_convention_at_a_kink_is_known_without_a_diagnosis_too():
    x = Value(np.array([0.0, 1.0, -1.0]), name="x")
    cost = tg.relu(x).sum()
    assert compare(cost, {x: np.array([1.0, 1.0, 0.0])}, explain_mistakes=False).ok
    report = compare(cost, {x: np.array([1.0, 2.0, 0.0])}, explain_mistakes=False)
    assert not report.ok and "mistake" not in str(report)


def test_a_scalar_that_nobody_would_write_as_a_factor_is_explained_otherwise():
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(8, 3)), rng.normal(size=8), Value(rng.normal(size=3), name="w")
    b = Value(0.3, name="b")
    cost = ((x @ w + b - y) ** 2).mean()
    error = x @ w.data + 0.3 - y
    dw = 2 * x.T @ error / 8
    penalised = 2 * error.mean() + 0.2 * b.data
    stale = 2 * np.mean(x @ (w.data - 0.05 * dw) + 0.3 - y)
    for db, kind in ((penalised, "regularisation"), (stale, "stale")):
        (mistake, *_) = compare(cost, {w: dw, b: db}).mistakes
        assert mistake.kind == kind
    assert "step size 0.05" in mistake.sentence and mistake.sentence.startswith("w has")


def test_a_factor_as_large_as_a_parameter_is_not_taken_for_a_batch():
    v = Value(np.array([1.1, -0.4, 2.0]), name="v")
    report = compare((v**3).sum(), {v: v.data**2})
    assert [m.kind for m in report.mistakes] == ["factor"]
    assert "factor 3" in report.mistakes[0].sentence


def test_habit_of_a_long_simulation_is_told_at_all_its_steps():
    theta = start = Value(1.0, name="theta0")
    omega, path = Value(0.2, name="omega0"), []
    for _ in range(20):
        path.append(theta.data)
        omega = omega - 0.1 * np.sin(theta)
        theta = theta + 0.1 * omega
    by_angle, by_speed = 2 * (theta.data - 0.5), 0.0
    for angle in reversed(path):
        by_speed += 0.1 * by_angle
        by_angle += 0.1 * np.cos(angle) * by_speed  # minus, it should be
    report = compare((theta - 0.5) ** 2, {start: by_angle})
    assert report.mistakes[0].kind == "sign"
    assert "at 20 places" in report.mistakes[0].sentence


def test_zero_and_column_shapes_and_unused_keys():
    cost, gradients = network()
    b = list(gradients)[1]
    assert compare(cost, {b: gradients[b][:, None]}).ok
    with pytest.raises(ValueError, match="does not depend"):
        compare(cost, {Value(1.0): 0.0})


@pytest.mark.parametrize(
    "hand, error, words",
    [
        ({}, ValueError, "at least one"),
        ({"nobody": 1.0}, ValueError, "named 'nobody'"),
        ({"w": "abc"}, TypeError, "numbers"),
        ({"w": np.array([1j])}, TypeError, "numbers"),
    ],
)
def test_wrong_calls_say_what_to_do(hand, error, words):
    with pytest.raises(error, match=words):
        compare(network()[0], hand)


def test_cost_must_be_a_single_number():
    x = Value(np.ones(3))
    with pytest.raises(ValueError, match="single number"):
        compare(x * 2, {x: 1.0})


def test_nan_in_a_hand_derived_gradient_is_wrong():
    cost, gradients = network()
    b = list(gradients)[1]
    report = compare(cost, {b: np.full(3, np.nan)})
    assert not report.ok and report.first_wrong is b
    json.loads(report.to_json())


def test_two_mistakes_are_both_named():
    cost, gradients = network()
    w, b, *_ = gradients
    gradients[w] = -gradients[w]
    gradients[b] = gradients[b] / 6
    report = compare(cost, gradients)
    first = [m for m in report.mistakes if m.alternative == 0]
    assert {m.kind for m in first} == {"sign", "averaged-batch"}


def test_unknown_mistake_is_narrowed_down():
    cost, gradients = network()
    _, _, z, h = gradients
    noise = np.random.default_rng(9).normal(size=z.shape)
    gradients[z] = gradients[z] + noise
    report = compare(cost, gradients)
    assert not report.ok and not report.mistakes
    assert report.first_wrong is z and report.last_right is h
    assert "right up to h, wrong from z on" in str(report)


def test_ambiguity_is_said_and_an_input_proposed():
    # At this very point tanh and the sine have equal derivatives nearly nowhere, but a slope of
    # 1/2 looks like a factor.
    x = Value(2.0, name="x")
    report = compare(x**2, {x: 2.0})
    kinds = {m.kind for m in report.mistakes}
    assert len(kinds) > 1 and "tell them apart" in str(report)


@pytest.mark.parametrize(
    "row, kind, which", [(-1, "overwritten-path", "last"), (0, "one-path", "first")]
)
def test_one_sample_of_a_bias_is_one_mistake_and_not_two(row, kind, which):
    cost, gradients = network()
    _, b, z, _ = gradients
    (mistake,) = compare(cost, {b: np.asarray(gradients[z])[row]}).mistakes
    assert mistake.kind == kind
    assert f"only the {which} of 6 samples is in the gradient of b" in mistake.sentence


def test_equal_numbers_whatever_the_input_are_said_to_be():
    # The normalising sum left out: a path forgotten, or a softmax taken entry by entry.
    x = Value(np.array([0.3, -1.2, 0.8]), name="x")
    e = np.exp(x)
    p = e / e.sum()
    report = compare(p[0] * 2, {x: np.array([2 * p.data[0], 0, 0])})
    assert {m.kind for m in report.mistakes[:2]} == {"one-path", "softmax-elementwise"}
    assert "the same numbers whatever the input: look into your code" in str(report)


def test_wrong_rule_of_our_own_is_doubted():
    @primitive
    def cube(x):
        return x**3

    defvjp(cube, lambda g, out, x: g * 2 * x**2)
    x = Value(np.array([1.0, 2.0]), name="x")
    report = compare(cube(x).sum(), {x: 3 * x.data**2})
    assert report.engine_doubts and "a rule is wrong" in str(report)


def test_report_as_text_json_and_html():
    cost, gradients = network()
    w = next(iter(gradients))
    report = compare(cost, gradients | {w: gradients[w] * 2})
    text = str(report)
    for word in ("hand-derived", "automatic", "numerical", "✗", "✓", "factor", "where:", "mend"):
        assert word in text
    data = json.loads(report.to_json())
    assert data["ok"] is False and data["mistakes"][0]["kind"] == "factor"
    assert {g["name"] for g in data["gradients"]} == {"w", "b", "z", "h"}
    assert data["mistakes"][0]["source"][0].endswith("test_compare.py")
    page = report.to_html()
    assert page.count("<tr") == 5 and "<svg" in page and report._repr_html_() == page
    assert page.index("The mistake: factor") < page.index("<table") and "<title>" not in page
    assert "<title>a &lt; b</title>" in report.to_html(title="a < b")


def test_hostile_names_are_escaped_in_html():
    x = Value(1.0, name="<script>alert(1)</script>")
    assert "<script>" not in compare(x * 2, {x: 1.0}).to_html()


def test_failure_message_of_the_assertion_is_the_report():
    cost, gradients = network()
    assert assert_gradients(cost, gradients).ok
    w = next(iter(gradients))
    with pytest.raises(WrongGradientError) as caught:
        assert_gradients(cost, {w: -gradients[w]})
    assert str(caught.value) == str(caught.value.report)
    assert "The mistake: sign" in str(caught.value)


def test_every_mistake_has_a_place_and_a_correction():
    cost, gradients = network()
    z = list(gradients)[2]
    (mistake, *_) = compare(cost, gradients | {z: gradients[z] * 0 + 1}).mistakes or [None]
    cost, gradients = network()
    w = next(iter(gradients))
    for wrong in (-gradients[w], gradients[w] / 6, np.roll(gradients[w], 1, axis=0)):
        (mistake, *_) = compare(cost, gradients | {w: wrong}).mistakes
        assert mistake.kind in KINDS and mistake.correction and mistake.sentence
        assert mistake.value is not None and "test_compare.py" in mistake.where + "test_compare.py"


def test_overhead_without_diagnosis_is_at_most_two_further_passes(monkeypatch):
    cost, gradients = network()
    passes = []
    monkeypatch.setattr(Record, "pull", lambda self, *a: passes.append("ours"))
    engine = tg.checking.compare.__globals__["pull_back"]

    def counted(*args, **kwargs):
        passes.append("engine")
        return engine(*args, **kwargs)

    monkeypatch.setitem(tg.checking.compare.__globals__, "pull_back", counted)
    assert compare(cost, gradients, explain_mistakes=False).ok
    assert passes == ["engine"]


def test_a_million_parameters_are_sampled_and_that_is_said():
    w = Value(np.random.default_rng(0).normal(size=(1000, 1000)), name="w")
    cost = np.tanh(w).sum() / 1000
    report = compare(cost, {w: (1 - np.tanh(w.data) ** 2) / 1000})
    assert report.ok and "one random direction" in str(report)


def test_answers_that_rest_on_an_empty_shape_are_told_apart():
    """What a rule keeps in its closure may be an empty tuple, the shape of a number."""
    slope, intercept = Value(0.11, name="slope"), Value(1.7, name="intercept")
    at, seen = np.array([12.0, 15.5, 19.0]), np.array([21.0, 30.0, 38.0])
    log_rate = slope * at + intercept
    residual = np.exp(log_rate.data) - seen
    cost = np.sum(np.exp(log_rate) - log_rate * seen)
    report = compare(cost, {"slope": float(residual @ at), "intercept": float(residual[-1])})
    assert report.mistakes[0].kind in ("overwritten-path", "one-path")
    assert str(report)
