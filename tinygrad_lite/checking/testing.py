"""For test suites: an assertion whose failure message is the report."""

from __future__ import annotations

from typing import Any

from tinygrad_lite.checking.compare import compare
from tinygrad_lite.checking.report import Report
from tinygrad_lite.engine.value import Value


def assert_gradients(cost: Value, hand_derived: Any, **settings: Any) -> Report:
    """Fail, with the report as message, unless hand-derived gradients are right.

    Arguments as for `compare`.

    Raises:
        WrongGradientError: a gradient is wrong. An AssertionError.

    >>> w = Value(2.0, name="w")
    >>> assert_gradients(w**3, {"w": 3 * 2.0**2}).ok
    True
    """
    __tracebackhide__ = True
    return compare(cost, hand_derived, **settings).raise_if_wrong()
