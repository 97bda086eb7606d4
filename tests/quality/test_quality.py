"""The tools' verdict on the whole repository, as tests: their output is the failure message."""

import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))

TOOLS = [
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy"],
    ["lint-imports"],
    ["codespell"],
]


@pytest.mark.parametrize("command", TOOLS, ids=" ".join)
def test_tool_finds_nothing(command):
    tool = SCRIPTS / command[0]
    result = subprocess.run(
        [tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert result.returncode == 0, f"{' '.join(command)}:\n{result.stdout}{result.stderr}"


MODULES_ADDED = """
import json, sys
import numpy, numpy.fft, numpy.linalg, numpy.random  # NumPy's own extensions are not our doing
before = set(sys.modules)
import tinygrad_lite
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def test_import_loads_nothing_but_numpy_and_the_standard_library():
    output = subprocess.check_output([sys.executable, "-c", MODULES_ADDED], cwd=ROOT, text=True)
    added = {name for name in json.loads(output) if not name.startswith("_sysconfigdata")}
    assert "tinygrad_lite" in added
    assert added - sys.stdlib_module_names - {"tinygrad_lite", "numpy"} == set()


@pytest.mark.parametrize("marker", ["train", "test"])
def test_readme_command_is_one_line_that_sets_itself_up(marker):
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(rf"^<!-- command: {marker} -->\n```sh\n(.*?)^```$", readme, re.M | re.S)
    assert len(blocks) == 1
    assert re.fullmatch(r"python3 -m venv \.venv && [^\n]*pip install [^\n]*\n", blocks[0])


def test_the_page_about_architecture_names_what_there_is():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "tinygrad_lite"
    files = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    for name in re.findall(r"[\w/]+\.py\b", page):
        known = any(f"/{path}".endswith(f"/{name}") for path in files)
        assert known or (ROOT / name).exists(), name
    listed = re.findall(r"^\| `([\w.]+?)(?:/|\.py)` \|", page, re.M)
    layers = re.findall(r'^    "\((\w+)\)",$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert listed == layers  # each room, from the top down
    rooms = {path.split("/")[0].removesuffix(".py") for path in files} - {"__init__"}
    assert set(listed) == rooms
