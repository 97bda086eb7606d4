"""Measure how long the draw-a-digit page takes to answer, in headless Chromium.

    python tests/benchmarks/page.py            # a minute or two
    python tests/benchmarks/page.py --rounds 4

Draws digits with the mouse, as the tests do, and reads for each stroke the time from its end until
the answer is in the page, and the time that the drawing's normalisation and the network take of it.
Ends with status 1 if 95 of 100 answers do not come within the limit of their network. Needs
Chromium and Playwright.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from playwright.sync_api import sync_playwright  # noqa: E402

from conftest import FLAGS  # noqa: E402
from tinygrad_lite.demo import PAGE  # noqa: E402
from web.conftest import Opened  # noqa: E402
from web.handwriting import drawings  # noqa: E402

LIMITS = {"Edge maps": 16, "Convolutions": 30}
"""Milliseconds from the end of a stroke until the answer is there."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

WARM = 5  # drawings, until the browser has compiled what runs often


def main() -> int:
    """Print a table; status 1 if a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2, help="drawings of each digit (2)")
    rounds = parser.parse_args().rounds
    command = next(filter(None, map(shutil.which, BROWSERS)), None)
    if command is None:
        parser.error("no browser: apt-get install chromium")
    kept = True
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=command, args=FLAGS)
        print(f"Chromium {browser.version}")
        head = ("network", "strokes", "answer", "95 of 100 within", "longest", "limit", "of it run")
        print(f"| {' | '.join(head)} |\n|---{'|---:' * (len(head) - 1)}|")
        for network, limit in LIMITS.items():
            answers, inner = times(browser, network, rounds)
            ordered = sorted(answers)
            within = ordered[int(0.95 * (len(ordered) - 1))]
            kept &= within < limit
            print(
                f"| {network} | {len(answers)} | {statistics.median(answers):.1f} ms | "
                f"{within:.1f} ms | {ordered[-1]:.1f} ms | {limit} ms | "
                f"{statistics.median(inner):.1f} ms |",
                flush=True,
            )
        browser.close()
    return 0 if kept else 1


def times(browser: object, network: str, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds until each answer, and of it normalisation and network."""
    each = Opened(browser, PAGE.as_uri(), viewport={"width": 440, "height": 560})
    each.choose(network)
    each.page.locator(".chooser .chosen", has_text=network).wait_for()
    drawn = list(drawings())
    chosen = drawn[:WARM] + [drawing for turn in range(rounds) for drawing in drawn[turn::12]]
    answers, inner = [], []
    for number, drawing in enumerate(chosen):
        each.page.evaluate("performance.clearMeasures()")
        each.draw(drawing.strokes, drawing.manner.pen)
        durations = each.page.evaluate(
            "performance.getEntriesByName('answer').map(entry => entry.duration)"
        )
        if number >= WARM:
            answers += durations
            told = each.page.text_content(".parity")
            inner.append(float(told.split("Last answer in ")[1].split()[0]))
        each.clear()
    each.page.close()
    return answers, inner


if __name__ == "__main__":
    sys.exit(main())
