"""Makes the pictures of docs/pictures.md by its own code: ``python docs/generate_pictures.py``.

The value of the last line of a block that follows ``<!-- picture: NAME -->`` becomes
docs/pictures/NAME.svg. Where Chromium and Playwright are installed, the interactive page is
photographed too. With ``--examples`` the scripts of docs/examples.md are run, which takes minutes
and needs Matplotlib; what they draw becomes docs/pictures/examples/NAME.*. The picture of
docs/performance.md comes from ``python tests/benchmarks/growth.py``.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE / "pictures.md"
FOLDER = HERE / "pictures"
BLOCK = re.compile(r"(?:<!-- picture: (\w+) -->\n)?```python\n(.*?)```", re.S)


def pictures() -> dict[str, Any]:
    """The pictures of the page by name, made by running its blocks one after the other."""
    made: dict[str, Any] = {}
    names: dict[str, Any] = {}
    parser = doctest.DocTestParser()
    os.chdir(HERE.parent)
    for name, block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        examples = parser.get_examples(block)
        for example in examples[:-1]:
            exec(compile(example.source, PAGE.name, "exec"), names)
        last = examples[-1].source
        if name:
            made[name] = eval(compile(last.strip(), PAGE.name, "eval"), names)
        else:
            exec(compile(last, PAGE.name, "exec"), names)
    return made


def photograph(drawing: Any, path: Path) -> bool:
    """The interactive page in the middle of the pull-back; False where there is no browser."""
    command = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        command = None
    if command is None:
        return False
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=command, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 560})
        page.goto(drawing.save(Path(folder) / "graph.html").as_uri())
        page.wait_for_selector("body[data-ready]")
        page.click("#first")
        for _ in range(8):
            page.click("#next")
        page.wait_for_timeout(600)
        page.screenshot(path=path)
        browser.close()
    return True


def run_examples() -> None:
    """Run every script whose picture docs/examples.md shows."""
    shown = (HERE / "examples.md").read_text(encoding="utf-8")
    for name in re.findall(r"\(pictures/examples/(\w+)\.\w+\)", shown):
        script = HERE.parent / "examples" / f"{name}.py"
        subprocess.run([sys.executable, script, "--output", FOLDER / "examples"], check=True)


def main() -> None:
    """Write every picture of the page, or those of the examples."""
    if sys.argv[1:] == ["--examples"]:
        run_examples()
        return
    FOLDER.mkdir(exist_ok=True)
    made = pictures()
    for name, picture in made.items():
        print(picture.save(FOLDER / f"{name}.svg"))
    if not photograph(made["neuron"], FOLDER / "page.png"):
        print(f"no browser, so {FOLDER / 'page.png'} stays as it is")


if __name__ == "__main__":
    main()
