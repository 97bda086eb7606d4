"""The corpus of wrong and right gradients: every wrong one caught and named, no false alarm."""

import inspect
import re
from collections import Counter
from pathlib import Path

import pytest

from corpus.wrong_gradients import CASES, RIGHT, WRONG
from tinygrad_lite.checking.compare import compare
from tinygrad_lite.checking.mistakes.candidate import KINDS


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_wrong_gradient_is_caught_and_named(case, record_property):
    report = compare(*case.build())
    record_property("wrong gradients caught", not report.ok)
    named = bool(report.mistakes) and report.mistakes[0].kind in (case.kind, case.also)
    record_property("mistakes named", named)
    assert not report.ok
    assert not report.engine_doubts
    assert named, str(report)


@pytest.mark.parametrize("case", RIGHT, ids=str)
def test_right_gradient_raises_no_alarm(case, record_property):
    report = compare(*case.build())
    record_property("false alarms", not report.ok)
    assert report.ok, str(report)
    assert not report.engine_doubts
    assert {mistake.kind for mistake in report.mistakes} <= {"precision"}


def test_corpus_is_as_large_and_varied_as_it_claims():
    assert len(WRONG) >= 60 and len(RIGHT) >= 60
    assert "blog" in CASES[0].name
    kinds = Counter(case.kind for case in WRONG)
    assert set(kinds) <= set(KINDS)
    assert set(kinds) == set(KINDS) - {"precision"}  # which is not a mistake
    assert len({case.name for case in CASES}) == len(CASES)


def test_diagnosis_looks_at_no_clock():
    # A search that ended after some seconds named fewer mistakes on a slower machine.
    sources = Path(inspect.getfile(compare)).parent.rglob("*.py")
    clocks = [
        path.name for path in sources if re.search(r"^(import|from) time\b", path.read_text(), re.M)
    ]
    assert clocks == []
