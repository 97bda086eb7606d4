"""The interactive page, in a real browser, from disk."""

import re

import numpy as np
import pytest

from drawing.graphs import neuron, scalar_network, two_layers
from drawing.test_dot import HOSTILE
from tinygrad_lite import Value, draw, scope


class Opened:
    """A page in the browser, and everything it complained about or asked the network for."""

    def __init__(self, chromium, drawing, folder, **settings):
        path = drawing.save(folder / "graph.html")
        # Boxes that glide to their new places would be clicked on the way there.
        settings = {
            "viewport": {"width": 1200, "height": 800},
            "reduced_motion": "reduce",
        } | settings
        self.page = chromium.new_page(**settings)
        self.requests, self.messages = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("body[data-ready]", timeout=60_000)

    def titles(self):
        return self.page.eval_on_selector_all(
            ".card .title", "cards => cards.map(card => card.textContent)"
        )

    def card(self, title):
        return self.page.locator(".card", has=self.page.get_by_text(title, exact=True))

    def step(self, number):
        self.page.eval_on_selector(
            "#step", f"s => {{ s.value = {number}; s.dispatchEvent(new Event('input')) }}"
        )

    def shown(self, title):
        """The lines of a box that can be seen."""
        lines = self.card(title).locator("text")
        return [
            line.text_content().strip() for line in lines.all()
            if line.evaluate("e => getComputedStyle(e).visibility") == "visible"
        ]  # fmt: skip


@pytest.fixture
def opened(chromium, tmp_path):
    pages = []

    def open_page(drawing, **settings):
        pages.append(Opened(chromium, drawing, tmp_path, **settings))
        return pages[-1]

    yield open_page
    for each in pages:
        # Data addresses hold their content, and blob ones are made by the page itself.
        away = [url for url in each.requests if not url.startswith(("file:", "data:", "blob:"))]
        each.page.close()
        assert away == []
        assert each.messages == []


def test_page_shows_every_value_and_edge(opened):
    each = opened(draw(neuron()))
    assert sorted(each.titles()) == sorted(
        ["x1", "x2", "w1", "w2", "b", "multiply", "multiply", "add", "add", "o"]
    )
    assert each.page.locator(".arrow").count() == 9
    assert "0.5" in each.page.locator(".arrow .label").all_text_contents()


def test_boxes_do_not_overlap(opened):
    each = opened(draw(two_layers()))
    boxes = [card.bounding_box() for card in each.page.locator(".card .body").all()]
    assert len(boxes) > 8
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart_x = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            apart_y = a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
            assert apart_x or apart_y


def test_text_stays_inside_its_box(opened):
    cost = two_layers() * Value(1.0, name="a name that is longer than all the rest")
    each = opened(draw(cost))
    for card in each.page.locator(".card").all():
        body = card.locator(".body").bounding_box()
        for line in card.locator("text").all():
            place = line.bounding_box()
            assert place["x"] >= body["x"] - 1
            assert place["x"] + place["width"] <= body["x"] + body["width"] + 1


def test_stepping_makes_numbers_appear_as_they_are_computed(opened):
    each = opened(draw(neuron()))
    each.step(0)
    assert "data 2" in " ".join(each.shown("x1"))
    assert not any("0.7071" in line for line in each.shown("o"))
    last = int(each.page.get_attribute("#step", "max"))
    assert last == 11  # given, five operations, the seed, five pull-backs
    each.step(5)
    assert any("0.7071" in line for line in each.shown("o"))
    assert not any("grad" in line for line in each.shown("o"))
    assert "Forward 5 of 5" in each.page.text_content("#told")
    each.step(6)
    assert any("grad" in line for line in each.shown("o"))
    assert not any("grad" in line for line in each.shown("b"))
    each.step(8)
    assert "Backward 2 of 5: add passes" in each.page.text_content("#told")
    assert "0.5" in each.shown("b")
    assert not any("grad" in line for line in each.shown("w1"))
    each.step(last)
    assert {"grad", "1"} <= set(" ".join(each.shown("w1")).split())


def test_gradient_of_a_value_used_twice_is_a_sum_so_far(opened):
    x = Value(3.0, name="x")
    square = x * x
    square.name = "square"
    out = square + x
    out.name = "out"
    each = opened(draw(out))
    each.step(4)  # given, square, out, seed, out pulled back
    assert "1 so far" in each.shown("x")
    each.step(5)
    assert "7" in each.shown("x")
    assert any("= 3 + 3 + 1" in line for line in each.shown("x"))


def test_keys_and_buttons_step(opened):
    each = opened(draw(neuron()))
    each.page.locator("#picture").focus()
    each.page.keyboard.press("Home")
    assert each.page.input_value("#step") == "0"
    each.page.keyboard.press("ArrowRight")
    each.page.click("#next")
    assert each.page.input_value("#step") == "2"
    each.page.click("#play")
    while each.page.input_value("#step") == "2":
        each.page.wait_for_timeout(50)
    each.page.click("#play")
    each.page.click("#last")
    assert each.page.is_disabled("#next")


def test_stepping_brings_what_is_computed_into_sight(opened):
    value = Value(1.0, name="x")
    for i in range(40):
        value = np.sin(value)
        value.name = f"value {i}"
    each = opened(draw(value))
    each.page.click("#fit")
    for _ in range(8):
        each.page.click("#larger")
    for number in (2, 40, 20):
        each.step(number)
        box = each.card(f"value {number - 1}").bounding_box()
        assert 0 < box["x"] + box["width"] / 2 < 1200
        assert 0 < box["y"] + box["height"] / 2 < 800


def test_groups_open_and_close(opened):
    each = opened(draw(two_layers(), collapse="hidden"))
    assert "hidden" in each.titles()
    assert "w1" not in each.titles()
    each.card("hidden").click()
    assert {"w1", "b1", "sigmoid"} <= set(each.titles())
    each.page.get_by_text("− output").click()
    assert "output" in each.titles() and "w2" not in each.titles()
    each.page.click("#collapse")
    assert {"hidden", "output"} <= set(each.titles()) and "w1" not in each.titles()
    each.page.click("#expand")
    assert {"w1", "w2"} <= set(each.titles())


def test_fold_of_many_opens(opened):
    terms = []
    x = Value(0.5, name="x")
    for i in range(40):
        with scope(f"layer/neuron {i}"):
            terms.append(np.tanh(x * Value(float(i), name="w") + Value(0.1, name="b")))
    each = opened(draw(sum(terms[1:], terms[0]), limit=40))
    each.card("neuron × 40").click()
    assert {"neuron 0", "neuron 39"} <= set(each.titles())  # more would be too many at once
    each.page.click("#fit")
    each.card("neuron 3").click()
    assert "w" in each.titles() and "neuron 4" in each.titles()


def test_what_is_too_large_for_the_page_says_so(opened):
    out = scalar_network([2, 40, 40, 1], 3)
    each = opened(draw(out))
    closed = [title for title in each.titles() if title.startswith("multiply ×")]
    each.card(closed[0]).click()
    each.page.wait_for_selector("#notice:not([hidden])")
    assert "too much for this page" in each.page.text_content("#notice")


def test_search_finds_and_opens(opened):
    each = opened(draw(two_layers(), collapse=["hidden", "output"]))
    each.page.fill("#search", "b1")
    assert each.page.text_content("#found") == "1 found"
    assert each.page.locator(".card.found .title").all_text_contents() == ["hidden"]
    each.page.press("#search", "Enter")
    assert each.page.text_content("#found") == "1 of 1"
    assert each.page.locator(".card.found .title").all_text_contents() == ["b1"]
    each.page.fill("#search", "no such thing")
    assert each.page.text_content("#found") == "0 found"
    assert each.page.locator(".card.found").count() == 0


def test_hovering_tells_the_local_derivative_and_the_rule(opened):
    each = opened(draw(neuron()))
    each.card("o").hover()
    assert "tanh" in each.page.text_content("#detail")
    line = each.page.locator(".arrow").filter(has_text="-1.5").locator(".hit")
    line.dispatch_event("pointerover")
    told = each.page.text_content("#detail")
    assert "x1 → multiply" in told
    assert "local derivative -3" in told
    assert "times the second factor" in told


def test_zooming_and_dragging_move_the_picture(opened):
    each = opened(draw(neuron()))
    before = each.card("o").bounding_box()
    each.page.click("#larger")
    larger = each.card("o").bounding_box()
    assert larger["width"] == pytest.approx(1.3 * before["width"], rel=0.05)
    each.page.mouse.move(600, 600)
    each.page.mouse.down()
    each.page.mouse.move(500, 560, steps=4)
    each.page.mouse.up()
    moved = each.card("o").bounding_box()
    assert moved["x"] - larger["x"] == pytest.approx(-100, abs=2)
    assert moved["y"] - larger["y"] == pytest.approx(-40, abs=2)
    each.page.mouse.wheel(0, 300)
    each.page.click("#fit")
    assert each.card("o").bounding_box()["width"] == pytest.approx(before["width"], rel=0.02)


def test_theme_follows_the_reader_and_the_button(opened):
    each = opened(draw(neuron()), color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert each.page.evaluate(paper) == "rgb(13, 17, 23)"
    each.page.click("#theme")
    assert each.page.evaluate(paper) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_breaks_or_injects_anything(opened, name):
    with scope(name.replace("/", " ")):
        out = np.tanh(Value(1.0, name=name) * Value(2.0, name="w"))
    drawing = draw(out, title=name)
    each = opened(drawing)
    assert each.page.locator(".card").count() == 4
    assert each.page.locator("script").count() == len(re.findall("<script", drawing.html()))
    assert each.page.locator("b, iframe, img").count() == 0
    each.card("w").hover()


def test_a_graph_without_gradients_steps_forward_only(opened):
    each = opened(draw(neuron(), gradients=False))
    assert each.page.get_attribute("#step", "max") == "5"
    assert each.page.locator("#legend .row").count() == 0
