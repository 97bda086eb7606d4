"""The single-file examples: each ends with a check of its own, and says so."""

import gzip
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "common")


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs a script as `python examples/NAME.py --quick` would, and returns what it printed."""

    def run(name, *arguments):
        script = str(EXAMPLES / f"{name}.py")
        monkeypatch.setattr(sys, "argv", [script, "--quick", "--output", str(tmp_path), *arguments])
        monkeypatch.syspath_prepend(str(EXAMPLES))
        try:
            runpy.run_path(script, run_name="__main__")
        finally:
            sys.modules.pop("common", None)
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "fashion_mnist"])
def test_it_runs_to_its_check(run, name, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn", None)  # tests/peers has it
    printed = run(name)
    assert printed.splitlines()[-1].startswith("check: ")
    (picture,) = tmp_path.iterdir()
    assert picture.stem == name and picture.stat().st_size > 500


def test_without_matplotlib_there_is_a_line(run, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    printed = run("gaussian_process")
    assert 'no picture without Matplotlib: pip install "tinygrad-lite[plots]"' in printed
    assert not list(tmp_path.iterdir())


def test_clothes_from_a_folder(run, tmp_path):
    # Files of the form of Fashion-MNIST, with something in them that can be learned.
    folder = tmp_path / "data"
    folder.mkdir()
    for path in (EXAMPLES / "digits" / "data").glob("*.gz"):
        (folder / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    printed = run("fashion_mnist", "--data", str(folder))
    assert printed.splitlines()[-1] == "check: far better than the nearest average image"
    assert (tmp_path / "fashion_mnist.png").exists()


def test_without_clothes_there_is_a_line(run, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        run("fashion_mnist")
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert printed.count("\n") == 1 and "or give --data" in printed


def test_all_are_told_of():
    page = (EXAMPLES.parent / "docs" / "examples.md").read_text(encoding="utf-8")
    for name in SCRIPTS:
        assert f"examples/{name}.py" in page
