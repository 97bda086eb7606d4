"""The page in a browser, and what it complained about or asked the network for."""

import base64

import numpy as np
import pytest

from tinygrad_lite.demo import PAGE

PAPER = 280
LAYERS = {"Edge maps": "784 – 121 – 121 – 121 – 121 – 10", "Convolutions": "16 – 32 – 64 – 10"}
"""What the page says of its own networks."""


class Opened:
    """The page, opened in the browser."""

    def __init__(self, chromium, address, **settings):
        settings = {"viewport": {"width": 1200, "height": 900}, **settings}
        self.page = chromium.new_page(**settings)
        self.requests, self.messages = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_selector("[data-ready]", timeout=60_000)

    @property
    def sentence(self):
        return self.page.text_content("#sentence")

    @property
    def percentages(self):
        """Confidence in each digit as shown, from 0 to 100."""
        labels = self.page.eval_on_selector_all(".bars button", "b => b.map(e => e.ariaLabel)")
        return [int(label.split()[1]) for label in labels]

    def draw(self, strokes, pen=None, lift=True):
        """Draw with the mouse; strokes are places on paper of 280 by 280."""
        if pen is not None:
            self.page.locator("input[type=range]").fill(str(pen))
        self.page.locator("#pad").scroll_into_view_if_needed()
        box = self.page.locator("#pad").bounding_box()
        scale = box["width"] / PAPER
        mouse = self.page.mouse
        for stroke in strokes:
            for position, (x, y) in enumerate(stroke):
                mouse.move(box["x"] + x * scale, box["y"] + y * scale)
                if position == 0:
                    mouse.down()
            if lift:
                mouse.up()

    def clear(self):
        self.page.locator("#pad").press("Delete")

    def choose(self, name):
        self.page.get_by_role("radio", name=name).check()

    def open_file(self, path):
        self.page.set_input_files("#file", path)

    def answers(self, pictures):
        """What the page answers to pictures given as bytes, shape (..., 28, 28)."""
        return self.ask("answers", pictures)

    def ask(self, function, pictures):
        """What a function of `src/exposed.ts` returns for pictures given as bytes."""
        data = base64.b64encode(np.ascontiguousarray(pictures, np.uint8).tobytes()).decode()
        return self.page.evaluate(f"data => drawADigit.{function}(data)", data)

    def wait_for(self, text):
        self.page.get_by_text(text).first.wait_for()


@pytest.fixture
def opened(chromium):
    """Opens the page, from disk unless told otherwise; at the end nothing was wrong with it."""
    pages = []

    def open_page(address=None, **settings):
        pages.append(Opened(chromium, address or PAGE.as_uri(), **settings))
        return pages[-1]

    yield open_page
    for each in pages:
        each.page.close()
        asked = [url for url in each.requests if not url.startswith("data:")]
        assert len(asked) == 1, f"asked the network for {asked}"
        assert each.messages == []
