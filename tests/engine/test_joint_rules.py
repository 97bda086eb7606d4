"""One rule for all arguments of an operation: called once, asked only for what is wanted."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.backward import pull_back
from tinygrad_lite.engine.rulebook import RULES, JointVjp, Operation
from tinygrad_lite.extend import primitive


@pytest.fixture
def total():
    """Sum of squares of any number of arguments, with a log of calls and of what was asked."""

    @primitive
    def total(*args):
        return sum(np.square(a) for a in args)

    calls, asked = [], []

    class Pulled:
        def __init__(self, g, args):
            self.g, self.args = g, args

        def __getitem__(self, argnum):
            asked.append(argnum)
            return 2 * self.g * self.args[argnum]

    def rule(g, out, *args):
        calls.append(len(args))
        return Pulled(g, args)

    RULES[total] = Operation(total, JointVjp(rule))
    total.calls, total.asked = calls, asked
    yield total
    del RULES[total]


def test_the_rule_is_called_once_for_many_arguments(total):
    values = [Value(float(i)) for i in range(1000)]
    total(*values).backward()
    assert [v.grad for v in values] == [2.0 * i for i in range(1000)]
    assert total.calls == [1000]


def test_only_wanted_arguments_are_asked_for(total):
    x, y = Value(2.0), Value(3.0)
    out = total(x, 7.0, y)
    assert pull_back({out: 1.0}, wrt=[y]) == {y: 6.0}
    assert total.asked == [2]


def test_broadcast_arguments_and_one_given_twice(total):
    x, y = Value(2.0), Value(np.array([1.0, 3.0]))
    total(x, y, x).backward(np.ones(2))
    assert x.grad == 16.0  # twice 2x, for two entries
    np.testing.assert_array_equal(y.grad, [2.0, 6.0])


def test_second_order(total):
    hessian = tg.hessian(lambda x: total(x[0], x[1] * x[0]))(np.array([2.0, 3.0]))
    np.testing.assert_allclose(hessian, [[20.0, 24.0], [24.0, 8.0]])  # of x² + x²y²


def test_an_infinity_is_reported(total):
    x = Value(1e150)
    with pytest.raises(tg.AnomalyError, match="pull-back of total"), tg.detect_anomaly():
        total(x).backward(1e200)
