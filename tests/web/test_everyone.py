"""The draw-a-digit page for everyone: by keys, read aloud, on any screen, in either theme."""

import pytest

from web.handwriting import SEVEN


def test_a_digit_can_be_drawn_with_the_keyboard(opened):
    each = opened()
    keys = each.page.keyboard
    for _ in range(3):  # past the theme
        keys.press("Tab")
        if each.page.evaluate("document.activeElement.id") == "pad":
            break
    assert each.page.evaluate("document.activeElement.id") == "pad"
    keys.press("Space")
    for _ in range(11):
        keys.press("ArrowDown")
    keys.press("Space")
    assert "1" in each.sentence
    keys.press("Home")  # moves the pen that is up
    assert "1" in each.sentence
    keys.press("Control+z")
    assert "Nothing is drawn" in each.sentence


def test_the_answer_is_read_out_when_it_settles(opened):
    each = opened()
    said = each.page.locator("#said[aria-live=polite]")
    each.draw(SEVEN)
    each.page.locator("#said", has_text="7").wait_for(state="attached")
    assert said.text_content() == each.sentence


def test_everything_has_a_name(opened):
    each = opened()
    snapshot = each.page.locator("body").aria_snapshot()
    for line in (
        'heading "Draw a digit"', "application", "Paper to draw a digit on", 'button "Undo"',
        'slider "Width of the pen"', 'list "Confidence in each digit"',
        'button "4: 0 %. Show what speaks for it"', 'group "Network"', 'radio "Convolutions',
        'button "Open a file…"', 'img "An empty picture"', 'img "The network as light bulbs.',
    ):  # fmt: skip
        assert line in snapshot, line
    unnamed = each.page.evaluate(
        """() => [...document.querySelectorAll("button, input, canvas, [role]")].filter(
            e => !(e.getAttribute("aria-label") || e.textContent || e.labels?.length
                || e.getAttribute("aria-hidden"))).map(e => e.outerHTML)"""
    )
    assert unnamed == []


def test_it_fits_any_screen(opened):
    each = opened()
    each.draw(SEVEN)
    for width in (320, 390, 768, 1440):
        each.page.set_viewport_size({"width": width, "height": 800})
        each.page.wait_for_timeout(200)
        assert each.page.evaluate("document.documentElement.scrollWidth") <= width
        for button in each.page.locator(".tools button").all():
            assert button.bounding_box()["height"] >= 40
        pad = each.page.locator("#pad").bounding_box()
        assert pad["width"] == pytest.approx(pad["height"], abs=1)
        assert pad["width"] >= 255


@pytest.mark.parametrize("size", [(844, 390), (667, 375), (568, 320)])
def test_on_a_phone_on_its_side_paper_answer_and_buttons_are_in_sight(opened, size):
    width, height = size
    each = opened(viewport={"width": width, "height": height})
    each.draw(SEVEN)
    pad = each.page.locator("#pad").bounding_box()
    assert pad["width"] == pytest.approx(pad["height"], abs=1)
    assert pad["height"] >= 0.65 * height
    for seen in ("#pad", ".tools", "#sentence", ".bars"):
        box = each.page.locator(seen).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, (seen, box)
        assert box["x"] >= 0 and box["x"] + box["width"] <= width, (seen, box)
    assert each.page.evaluate("document.documentElement.scrollWidth") <= width
    assert "7" in each.sentence


def test_bars_are_equally_wide_whatever_their_numbers(opened):
    each = opened(viewport={"width": 320, "height": 640})

    def widths():
        boxes = [bar.bounding_box() for bar in each.page.locator(".bars button").all()]
        return [box["width"] for box in boxes]

    empty = widths()
    each.draw(SEVEN)
    assert max(each.percentages) == 100
    assert widths() == pytest.approx(empty, abs=0.1)
    assert max(empty) - min(empty) < 0.1


def test_words_can_be_read_in_either_theme(opened):
    each = opened(color_scheme="dark")
    each.draw(SEVEN)
    each.page.get_by_text("against").first.wait_for()
    dataset = "document.documentElement.dataset.theme"
    assert each.page.evaluate(dataset) == "dark"
    assert each.page.evaluate(CONTRAST) == []
    each.page.emulate_media(color_scheme="light")
    each.page.locator("html[data-theme=light]").wait_for()
    each.page.wait_for_timeout(200)
    assert each.page.evaluate(CONTRAST) == []
    each.page.get_by_role("button", name="Dark").click()
    assert each.page.evaluate(dataset) == "dark"


# Words whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3).
CONTRAST = """() => {
    const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
    const light = (colour) => {
        const [r, g, b] = parts(colour).map(
            c => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (e) => {
        for (; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor;
            if ((parts(colour)[3] ?? 1) === 1) return colour;
        }
    };
    const poor = [];
    for (const e of document.querySelectorAll("body *")) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        if (!own || e.matches("script, noscript, .unseen, :disabled")) continue;
        const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) poor.push([e.outerHTML.slice(0, 80), contrast]);
    }
    return poor;
}"""
