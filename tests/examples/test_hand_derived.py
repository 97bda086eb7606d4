"""The examples of checking: each ends with a check of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "hand_derived"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["blog_equations.py", "--quick"], "hidden neurons average"),
        (["backprop_by_hand.py"], "The mistake: one-path"),
        (["your_own_code.py"], "overwritten-path"),
    ],
    ids=lambda a: a[0] if isinstance(a, list) else "",
)
def test_example_runs_to_its_end(arguments, words):
    script, *options = arguments
    command = [sys.executable, "-W", "error", str(FOLDER / script), *options]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert words in finished.stdout
