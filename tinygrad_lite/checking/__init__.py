"""Checking gradients: against numerical derivatives, and against those derived by hand."""

from tinygrad_lite.checking.check_grads import WrongDerivativeError, check_grads
from tinygrad_lite.checking.compare import compare
from tinygrad_lite.checking.explain import Explanation, explain
from tinygrad_lite.checking.mistakes.candidate import KINDS
from tinygrad_lite.checking.report import Mistake, Report, WrongGradientError
from tinygrad_lite.checking.testing import assert_gradients

__all__ = [
    "KINDS",
    "Explanation",
    "Mistake",
    "Report",
    "WrongDerivativeError",
    "WrongGradientError",
    "assert_gradients",
    "check_grads",
    "compare",
    "explain",
]
