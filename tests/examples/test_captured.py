"""What the examples capture gives, call after call, what they would compute as written."""

import gzip
import runpy
import sys
from itertools import chain
from pathlib import Path

import pytest

from tinygrad_lite.replay.captured import capture
from tinygrad_lite.replay.entry import Entry

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(
    str(path.relative_to(EXAMPLES))
    for path in (*EXAMPLES.glob("*.py"), *(EXAMPLES / "digits").glob("*.py"))
    if any(call in path.read_text(encoding="utf-8") for call in (".fit(", "tg.capture"))
)
CALLS = 6  # rounding that differs has time to grow, and mistakes have


class Enough(BaseException):
    """So many calls have been compared."""


def test_scripts_are_found():
    assert {"moons.py", "transformer.py", "pendulum.py", "digits/best.py"} <= set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_call_replays_as_written(script, monkeypatch, tmp_path):
    # Usually the second call alone runs both the plan and the function from the same state.
    compared = []
    compare, call = Entry.compared, capture._replayed

    def counted(entry, *args):
        result = compare(entry, *args)
        compared.append(entry)
        if len(compared) == CALLS:
            raise Enough
        return result

    def called(self, *args):
        result = call(self, *args)
        for entry in chain.from_iterable(self._entries.values()):
            entry.verified = False
        return result

    monkeypatch.setattr(Entry, "compared", counted)
    monkeypatch.setattr(capture, "_replayed", called)
    arguments = [script, "--quick", "--output", str(tmp_path)]
    if script == "fashion_mnist.py":  # any images of this form
        for path in (EXAMPLES / "digits" / "data").glob("*.gz"):
            (tmp_path / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        arguments += ["--data", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.syspath_prepend(str(EXAMPLES / script).rpartition("/")[0])
    before = set(sys.modules)
    try:
        with pytest.raises(Enough):
            runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    finally:
        for name in set(sys.modules) - before:
            if str(EXAMPLES) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]
