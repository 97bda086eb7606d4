"""What tests of several rooms share: a browser, two threads, and how Hypothesis works.

Tests whose programs are missing are skipped, saying how to get them; where CI is set they fail
instead, so that nobody takes a skipped test for a passed one.
"""

import os
import shutil

import pytest
from hypothesis import settings

from tinygrad_lite.rules import blas, shards

# A deadline per example fails on a busy machine. The rest is Hypothesis's own profile, which
# already repeats itself exactly where CI is set.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing(what):
    """Skip the test, or fail it on CI, for want of a program."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(f"CI must not skip this test: it needs {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium, driven by Playwright."""
    command = shutil.which("chromium") or shutil.which("chromium-browser")
    command = command or shutil.which("google-chrome")
    if not command:
        missing("a browser: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright: pip install playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=command, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def two_threads(monkeypatch):
    """BLAS free to use two threads, and so are we, whatever the machine and the environment."""
    if blas._control() is None:
        pytest.skip("NumPy's BLAS cannot be told how many threads to use")
    get, set_ = blas._control()
    before = get()
    set_(2)
    monkeypatch.setattr(shards, "_cores", lambda: 2)
    yield
    set_(before)
