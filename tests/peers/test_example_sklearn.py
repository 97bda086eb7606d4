"""The example of logistic regression, with scikit-learn in it."""

import runpy
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_scikit_learn_finds_the_same_weights(monkeypatch, tmp_path, capsys):
    script = str(EXAMPLES / "logistic_regression.py")
    monkeypatch.setattr(sys, "argv", [script, "--quick", "--output", str(tmp_path)])
    monkeypatch.syspath_prepend(str(EXAMPLES))
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        sys.modules.pop("common", None)
    assert "scikit-learn finds the same weights" in capsys.readouterr().out
