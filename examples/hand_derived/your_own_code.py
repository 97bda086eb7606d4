"""Checking gradients that another program produced, in whatever language it is written.

The other program writes its gradients to a file: JSON here, `.npz` or `.npy` as well. A few lines
of Python record the same computation with named Values; the names are what joins the two.

    python examples/hand_derived/your_own_code.py
    tinygrad-lite check examples/hand_derived/your_own_code.py:record gradients.json
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tinygrad_lite import Value

TEMPERATURES = [12.0, 15.5, 19.0, 23.5, 26.0]
SALES = [21.0, 30.0, 38.0, 60.0, 66.0]
POINT = {"slope": 0.11, "intercept": 1.7}


def record() -> Value:
    """A Poisson regression of sales on temperature: the negative log-likelihood."""
    slope, intercept = (Value(v, name=n) for n, v in POINT.items())
    rate = slope * np.array(TEMPERATURES) + intercept
    rate.name = "log rate"
    return np.sum(np.exp(rate) - rate * np.array(SALES))


def the_other_program() -> dict[str, float]:
    """Stands for code in another language: plain loops, and a mistake in the second gradient."""
    gradients = {"slope": 0.0, "intercept": 0.0}
    for temperature, sold in zip(TEMPERATURES, SALES, strict=True):
        residual = math.exp(POINT["slope"] * temperature + POINT["intercept"]) - sold
        gradients["slope"] += residual * temperature
        gradients["intercept"] = residual  # should be +=
    return gradients


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gradients.json"
        path.write_text(json.dumps(the_other_program()))
        command = [
            sys.executable, "-m", "tinygrad_lite.cli", "check", f"{__file__}:record", str(path),
        ]  # fmt: skip
        finished = subprocess.run(command, capture_output=True, text=True)
    print(finished.stdout + finished.stderr)
    assert finished.returncode == 1  # the shell sees it too
    assert "intercept" in finished.stdout
