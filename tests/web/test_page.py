"""The draw-a-digit page in a real browser: drawing, answers and pictures."""

import itertools

import numpy as np
import pytest

from tinygrad_lite.demo import PAGE
from web.conftest import LAYERS
from web.handwriting import MANNERS, SEVEN, drawings

NO_IDEA = "Sorry, I have no idea what that is."
CROSS = [[(60, 60), (220, 220)], [(60, 220), (220, 60)]]


# -- what it is ----------------------------------------------------------------------------------


def test_page_is_one_small_file_that_needs_nothing_else():
    page = PAGE.read_text(encoding="utf-8")
    assert len(page.encode()) < 1_500_000
    assert "default-src 'none'" in page
    for tag in ("<link rel=stylesheet", '<link rel="stylesheet"', "<script src", "<img"):
        assert tag not in page


# -- drawing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["Convolutions", "Edge maps"])
def test_drawn_digits_are_recognised(opened, network):
    each = opened(viewport={"width": 440, "height": 560})
    each.choose(network)
    each.page.locator(".lamps", has_text=LAYERS[network]).wait_for()
    wrong, unsure, manners = [], [], []
    for drawing in drawings():
        if manners:
            each.clear()
        each.draw(drawing.strokes, drawing.manner.pen)
        manners.append(drawing.manner)
        likeliest = int(np.argmax(each.percentages))
        if likeliest != drawing.digit:
            wrong.append(f"{drawing.digit} {drawing.manner.name}: {each.sentence}")
        if each.sentence.startswith(NO_IDEA):
            unsure.append(f"{drawing.digit} {drawing.manner.name}: {each.sentence}")
    assert len(manners) >= 100 and set(manners) == set(MANNERS)
    assert len(wrong) <= 0.05 * len(manners), wrong
    assert len(unsure) <= 0.05 * len(manners), unsure


def test_the_answer_comes_while_the_pen_is_down(opened):
    each = opened()
    each.draw(SEVEN, lift=False)
    each.page.locator("#sentence", has_text="7").wait_for()
    each.page.mouse.up()
    assert "7" in each.sentence
    assert max(each.percentages) == each.percentages[7]


def test_dots_lines_that_lie_and_scribbles_leave_it_unsure(opened):
    each = opened(viewport={"width": 440, "height": 560})
    time = np.linspace(0, 2 * np.pi, 90)
    scribbles = [
        [np.stack([140 + 90 * np.sin(7 * time), 140 + 90 * np.sin(9 * time + 1)], axis=1)],
        [[(60 + 160 * (i % 2), 60 + 8 * i) for i in range(21)]],
        [[(60 + 8 * i, 60 + 160 * (i % 2)) for i in range(21)], *CROSS],
        [np.stack([140 + (10 + 14 * time) * np.sin(6 * time),
                   140 + (10 + 14 * time) * np.cos(6 * time)], axis=1)],
    ]  # fmt: skip
    for network in ("Convolutions", "Edge maps"):
        each.choose(network)
        assert each.sentence == "Nothing is drawn yet, so I am not sure."
        assert each.percentages == [0] * 10
        for pen, nothing in itertools.product((8, 40), (*DOTS, *FLAT)):
            each.draw(nothing, pen)
            assert each.sentence in UNSURE, (network, pen, nothing, each.sentence)
            assert each.page.locator("#sentence.unsure").count() == 1
            assert each.page.locator(".bars .best").count() == 0
            each.clear()
        for nothing in scribbles:
            each.draw(nothing, 22)
            assert each.sentence.startswith(NO_IDEA), (network, each.sentence)
            each.clear()


DOTS = [
    [[(100, 100), (101, 100)]],
    [[(90, 140), (92, 141), (91, 142)]],
    [[(90, 140), (91, 140)], [(190, 140), (191, 140)]],
    [[(140, 90), (141, 90)], [(140, 190), (141, 190)]],
    [[(80, 200), (81, 200)], [(140, 80), (141, 80)], [(200, 200), (201, 200)]],
]
FLAT = [
    [[(50, 140), (140, 141), (230, 142)]],
    [[(110, 60), (140, 60), (170, 60)]],
    [[(60, 120), (140, 140), (220, 160)]],
    [[(60, 165), (140, 140), (220, 115)]],
]
UNSURE = [f"{NO_IDEA} I see no line in it.", f"{NO_IDEA} It lies too flat for a digit."]


def test_undo_takes_back_a_stroke_and_clear_all(opened):
    each = opened()
    each.draw(SEVEN)
    seven = each.page.eval_on_selector("#seen", "canvas => canvas.toDataURL()")
    each.draw([[(60, 140), (220, 140)], [(60, 200), (220, 200)]])
    assert each.page.eval_on_selector("#seen", "canvas => canvas.toDataURL()") != seven
    each.page.get_by_role("button", name="Undo").click()
    each.page.keyboard.press("Control+z")
    assert each.page.eval_on_selector("#seen", "canvas => canvas.toDataURL()") == seven
    assert "7" in each.sentence
    undo = each.page.get_by_role("button", name="Undo")
    undo.click()
    assert "Nothing is drawn" in each.sentence
    assert undo.is_disabled()


def test_undo_brings_back_what_was_cleared(opened):
    each = opened()
    assert each.page.get_by_role("button", name="Clear").is_disabled()
    each.draw(SEVEN)
    seven = each.page.eval_on_selector("#seen", "canvas => canvas.toDataURL()")
    each.clear()
    each.draw(CROSS)
    each.clear()
    assert "Nothing is drawn" in each.sentence
    for _ in range(4):
        each.page.get_by_role("button", name="Undo").click()
    assert each.page.eval_on_selector("#seen", "canvas => canvas.toDataURL()") == seven
    assert "7" in each.sentence


def test_keys_clear_the_paper_only_where_it_has_the_focus(opened):
    each = opened()
    each.draw(SEVEN)
    for key in ("Delete", "Backspace"):
        for name in ("Dark", "Undo", "Clear", "Open a file…"):
            each.page.get_by_role("button", name=name).focus()
            each.page.keyboard.press(key)
            assert "7" in each.sentence, (name, key)
        each.page.locator("#pad").focus()
        each.page.keyboard.press(key)
        assert "Nothing is drawn" in each.sentence
        each.page.keyboard.press("Control+z")
        assert "7" in each.sentence


def ink_of_pad(each):
    return each.page.eval_on_selector(
        "#pad",
        """canvas => {
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
            copy.drawImage(canvas, 0, 0);
            const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
            let ink = 0;
            for (let i = 3; i < data.length; i += 4) ink += data[i] / 255;
            return ink / canvas.width / canvas.height;
        }""",
    )


PEN = """([pressure, type]) => {
    const pad = document.querySelector("#pad");
    const box = pad.getBoundingClientRect();
    const send = (name, x) => pad.dispatchEvent(new PointerEvent(name, {
        pointerId: 7, pointerType: type, pressure, button: 0, bubbles: true,
        clientX: box.left + x, clientY: box.top + 150,
    }));
    pad.setPointerCapture = () => {};  // there is no such pen to capture
    send("pointerdown", 60);
    for (let x = 80; x <= 300; x += 20) send("pointermove", x);
    send("pointerup", 300);
}"""


def test_a_pen_pressed_harder_draws_thicker(opened):
    each, ink = opened(), {}
    for kind, pressure in (
        ("pen", 0.1),
        ("pen", 0.5),
        ("pen", 1.0),
        ("touch", 1.0),
        ("mouse", 0.5),
    ):
        each.page.evaluate(PEN, [pressure, kind])
        ink[kind, pressure] = ink_of_pad(each)
        each.clear()
    assert 0 < ink["pen", 0.1] < 0.8 * ink["pen", 0.5] < 0.6 * ink["pen", 1.0]
    assert ink["touch", 1.0] == pytest.approx(ink["mouse", 0.5])
    assert ink["mouse", 0.5] == pytest.approx(ink["pen", 0.5])


def test_a_second_finger_does_not_draw(opened):
    each = opened()
    each.draw(SEVEN[:1], lift=False)
    before = ink_of_pad(each)
    each.page.evaluate(PEN, [1.0, "touch"])
    assert ink_of_pad(each) == before
    each.page.mouse.up()


# -- what it shows -------------------------------------------------------------------------------


def test_pictures_show_what_is_seen_and_what_mattered(opened):
    each = opened(color_scheme="light")
    each.draw(SEVEN)
    each.page.get_by_text("against").first.wait_for()
    seen, mattered = (
        np.array(
            each.page.eval_on_selector(
                selector,
                """canvas => Array.from(canvas.getContext("2d").getImageData(
                    0, 0, canvas.width, canvas.height).data)""",
            )
        ).reshape(28, 28, 4)[..., :3]
        for selector in ("#seen", "#mattered")
    )
    ink = 1 - seen.mean(axis=2) / 255
    rows = np.flatnonzero((ink > 0.3).any(axis=1))
    assert rows[-1] - rows[0] in (18, 19) and ink[0].max() < 0.1
    coloured = np.ptp(mattered, axis=2) > 60
    assert 20 < coloured.sum() < 500
    orange, blue = (
        mattered[..., 0] > mattered[..., 2] + 40,
        mattered[..., 2] > mattered[..., 0] + 40,
    )
    assert orange.any() and blue.any()


def test_lamps_light_up_and_a_pressed_bar_is_explained(opened):
    each = opened()
    look = "canvas => canvas.toDataURL()"
    for network in ("Edge maps", "Convolutions"):
        each.choose(network)
        each.page.wait_for_timeout(100)
        dark = each.page.eval_on_selector("#lamps", look)
        each.draw(SEVEN)
        towards = each.page.locator("#lamps[aria-label*='drawn towards 7']")
        towards.wait_for()
        lit = each.page.eval_on_selector("#lamps", look)
        assert lit != dark
        each.page.get_by_role("button", name="3: ").click()
        each.page.locator("#lamps[aria-label*='drawn towards 3']").wait_for()
        assert each.page.locator(".bars button[aria-pressed=true]").text_content().endswith("3")
        assert "3" in each.page.locator("figcaption", has_text="More ink").text_content()
        each.clear()


def test_networks_are_changed_with_a_digit_drawn(opened):
    """What was found about a network is not looked for in another; the fixture sees errors."""
    each = opened(viewport={"width": 1200, "height": 1500})
    each.draw(SEVEN)
    for network in ("Edge maps", "Convolutions") * 3:
        each.page.locator("#lamps[aria-label*='drawn towards 7']").wait_for()
        each.page.locator("#lamps").scroll_into_view_if_needed()
        each.choose(network)
        each.page.locator(".lamps", has_text=LAYERS[network]).wait_for()
        # Not yet explained, and not by the other network either.
        each.page.evaluate("() => new Promise(requestAnimationFrame)")
    each.page.locator("#lamps[aria-label*='drawn towards 7']").wait_for()


def test_the_lamps_have_their_room_before_they_are_seen(opened):
    each = opened(viewport={"width": 390, "height": 844})
    lamps = each.page.locator("#lamps")
    before = lamps.bounding_box()
    assert before["y"] > 844 and before["height"] > 300
    each.draw(SEVEN)
    each.page.locator("#lamps[aria-label*='drawn towards 7']").wait_for()
    lit = """async canvas => {
        for (;;) {
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
            copy.drawImage(canvas, 0, 0);
            const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
            for (let i = 0; i < data.length; i += 4) if (data[i] > 240 && data[i + 3]) return true;
            await new Promise(requestAnimationFrame);
        }
    }"""
    assert each.page.eval_on_selector("#lamps", lit)
    assert lamps.bounding_box()["height"] == before["height"]
    lamps.scroll_into_view_if_needed()
    each.page.wait_for_timeout(200)
    assert lamps.bounding_box()["height"] == before["height"]


def test_nothing_is_said_of_an_answer_before_there_is_one(opened):
    each = opened()
    parity = each.page.locator(".parity")
    assert "Last answer" not in parity.text_content()
    each.draw(SEVEN)
    assert "Last answer in" in parity.text_content()
    each.clear()
    assert "Last answer" not in parity.text_content()
