"""The report, in a real browser: what it says is so, in both themes and on a phone."""

import re

import numpy as np
import pytest

from tinygrad_lite import data, nn, optim, training

GENERATOR = np.random.default_rng(0)
HOSTILE = ['<b>"left"</b>', "right & <script>alert(1)</script>", "up'"]


def trained(model, loss, *arrays, epochs=3, validation=None, **settings):
    batches = data.Batches(*arrays, batch_size=20, seed=0)
    optimiser = optim.Adam(model.parameters(), lr=0.02)
    return training.fit(
        model, loss, optimiser, batches, epochs=epochs, progress=False, capture=False,
        validation=arrays if validation is None else validation, **settings,
    )  # fmt: skip


def images_and_labels(count=90):
    labels = GENERATOR.integers(0, 3, count)
    images = GENERATOR.uniform(0, 0.5, (count, 1, 8, 8)).astype(np.float32)
    for image, label in zip(images, labels, strict=True):
        image[0, 2 * label : 2 * label + 3] += 0.25
    return images, labels


def convolutional():
    generator = np.random.default_rng(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, generator=generator), nn.ReLU(), nn.Flatten(),
        nn.Linear(4 * 36, 3, generator=generator),
    )  # fmt: skip


@pytest.fixture(scope="module")
def classified(tmp_path_factory):
    images, labels = images_and_labels()
    model = convolutional()
    history = trained(model, nn.cross_entropy, images, labels)
    path = tmp_path_factory.mktemp("report") / "report.html"
    training.report(
        path, model, history, validation=(images, labels), classes=HOSTILE,
        settings={"seed": 0, "note": "<i>quick</i>"}, title='Shapes & "edges"',
    )  # fmt: skip
    with np.errstate(all="raise"):
        guesses = training.predict(model, images).argmax(axis=1)
    return path, labels, guesses, history


class Opened:
    """A page in the browser, and everything it complained about or asked the network for."""

    def __init__(self, chromium, path, width=1280, **settings):
        self.page = chromium.new_page(viewport={"width": width, "height": 900}, **settings)
        self.requests, self.messages = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("body[data-ready]", state="attached", timeout=60_000)

    def texts(self, selector):
        return self.page.eval_on_selector_all(selector, "all => all.map(one => one.textContent)")

    def untroubled(self):
        beside = [url for url in self.requests if not url.startswith(("file:", "data:"))]
        return not self.messages and not beside and len(self.requests) >= 1


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_disk_in_both_themes_on_any_width(chromium, classified, width, scheme):
    opened = Opened(chromium, classified[0], width, color_scheme=scheme)
    assert opened.untroubled()
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    paper = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    dark = sum(map(int, re.findall(r"\d+", paper)[:3])) < 300
    assert dark == (scheme == "dark")
    for shown, hidden in (("in-dark", "in-light"), ("in-light", "in-dark")):
        if shown.endswith(scheme):
            assert opened.page.locator(f"img.{shown}").first.is_visible()
            assert not opened.page.locator(f"img.{hidden}").first.is_visible()
    opened.page.click("#theme")
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
    opened.page.close()


def test_the_confusion_matrix_counts_what_was_taken_for_what(chromium, classified):
    path, labels, guesses, _ = classified
    opened = Opened(chromium, path)
    cells = opened.texts(".confusion tbody td:not(.rate)")
    found = np.array([int(text or 0) for text in cells]).reshape(3, 3)
    expected = [[np.sum((labels == i) & (guesses == j)) for j in range(3)] for i in range(3)]
    assert found.tolist() == np.array(expected).tolist()
    right = 100 * np.mean(labels == guesses)
    assert f"{right:.2f} %" in opened.texts(".tiles b")
    assert opened.texts(".confusion tbody th") == HOSTILE
    opened.page.close()


def test_names_and_settings_are_text_whatever_they_hold(chromium, classified):
    opened = Opened(chromium, classified[0])
    assert opened.page.title() == 'Shapes & "edges"'
    assert "<i>quick</i>" in opened.texts("#settings dd")
    assert "Adam(lr=0.02" in " ".join(opened.texts("#settings dd"))
    assert opened.page.locator("#settings i, .confusion b, .confusion script").count() == 0
    opened.page.close()


def test_the_worst_mistakes_are_those_with_the_least_share_for_the_label(tmp_path, chromium):
    images, labels = images_and_labels(40)
    model = convolutional()
    path = training.report(
        tmp_path / "r.html", model, training.History(), validation=(images, labels)
    )
    logits = training.predict(model, images).astype(float)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    guesses, own = shares.argmax(axis=1), shares[np.arange(40), labels]
    order = [i for i in np.argsort(own) if guesses[i] != labels[i]]
    opened = Opened(chromium, path)
    found = opened.texts("#worst-mistakes figcaption")
    expected = [
        f"{labels[i]} taken for {guesses[i]}{100 * shares[i, guesses[i]]:.0f} % sure" for i in order
    ]
    assert [text.partition(";")[0] for text in found] == expected[: len(found)]
    assert len(found) == min(24, len(order))
    # Each is drawn with the image itself: as many pixels of ink as it has.
    assert opened.page.locator("#worst-mistakes img.in-light").count() == len(found)
    opened.page.close()


def test_pointing_at_a_curve_tells_its_numbers(chromium, classified):
    path, _, _, history = classified
    opened = Opened(chromium, path)
    chart = opened.page.locator("figure.chart", has_text="Cost by epoch").first
    chart.scroll_into_view_if_needed()
    box = chart.locator(":scope > svg").bounding_box()
    opened.page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    told = chart.locator("output").text_content()
    assert told.splitlines()[0] == f"epoch {history.epochs}"
    training_cost, validation_cost = (float(line.split(": ")[1]) for line in told.splitlines()[1:])
    assert training_cost == pytest.approx(history.last("loss"), rel=1e-3)
    assert validation_cost == pytest.approx(history.last("validation_loss"), rel=1e-3)
    opened.page.close()


def test_the_model_is_summed_up_and_drawn(chromium, classified):
    opened = Opened(chromium, classified[0])
    summary = opened.texts("#model pre")[0]
    assert "Conv2d" in summary and f"{4 * 9 + 4 + 4 * 36 * 3 + 3:,} parameters" in summary
    drawn = opened.texts("#model details svg")
    assert any("Conv2d 0" in text for text in drawn)
    assert opened.texts("#weights figcaption") == ["0.weight", "3.weight"]
    layers = opened.texts("figure.chart .legend span")
    assert {"Conv2d 0", "Linear 3"} <= set(layers)
    opened.page.close()


def test_numbers_instead_of_classes(chromium, tmp_path):
    x = GENERATOR.uniform(-1, 1, (60, 1))
    y = 3 * x
    model = nn.Linear(1, 1, generator=np.random.default_rng(0)).double()
    history = trained(model, nn.mse_loss, x, y)
    path = training.report(tmp_path / "r.html", model, history, validation=(x, y))
    opened = Opened(chromium, path)
    assert opened.untroubled()
    outputs = training.predict(model, x)
    explained = 100 * (1 - np.mean((outputs - y) ** 2) / np.var(y))
    captions = opened.texts("figcaption")
    assert f"Outputs: {explained:.2f} % of the variance explained" in captions
    worst = np.abs(outputs - y).argmax()
    shown = opened.texts("#largest-errors figure")[0]
    assert f"{x[worst, 0]:.4g}" in shown and "instead of" in shown
    assert opened.page.locator("#confusions").count() == 0
    opened.page.close()


def test_an_autoencoder_shows_input_beside_output(chromium, tmp_path):
    images = images_and_labels()[0].reshape(-1, 64)
    model = nn.Linear(64, 64, generator=np.random.default_rng(0))
    history = trained(model, nn.mse_loss, images)
    path = training.report(
        tmp_path / "r.html", model, history, validation=(images,), image_shape=(8, 8)
    )
    opened = Opened(chromium, path)
    assert opened.page.locator("#largest-errors figure").first.locator("img.in-light").count() == 2
    opened.page.close()


@pytest.mark.parametrize(
    ("outputs", "labels"),
    [
        (1, GENERATOR.integers(0, 2, 30)),  # a single logit
        (40, GENERATOR.integers(0, 40, 30)),  # too many classes for a matrix
    ],
)
def test_other_classifiers(tmp_path, chromium, outputs, labels):
    x = GENERATOR.normal(size=(30, 5)).astype(np.float32)
    model = nn.Linear(5, outputs, generator=np.random.default_rng(0))
    path = training.report(tmp_path / "r.html", model, training.History(), validation=(x, labels))
    opened = Opened(chromium, path)
    assert opened.untroubled()
    rate = 100 * training.accuracy(training.predict(model, x), labels)
    assert f"{rate:.2f} %" in opened.texts(".tiles b")
    assert opened.page.locator(".confusion").count() == (1 if outputs == 1 else 0)
    opened.page.close()


def test_without_validation_there_are_curves_weights_and_settings(tmp_path):
    model = nn.Linear(2, 1)
    x = GENERATOR.normal(size=(40, 2)).astype(np.float32)
    history = trained(model, nn.mse_loss, x, x[:, :1])
    text = training.report(tmp_path / "r.html", model, history).read_text("utf-8")
    sections = re.findall(r'<section id="([^"]*)"', text)
    assert sections == ["training", "weights", "model", "settings"]


def test_too_few_names_are_refused_and_nothing_is_written(tmp_path):
    images, labels = images_and_labels(10)
    with pytest.raises(ValueError, match="2 names were given for 3 classes"):
        training.report(
            tmp_path / "r.html", convolutional(), training.History(), classes=["a", "b"],
            validation=(images, labels),
        )  # fmt: skip
    assert not list(tmp_path.iterdir())
