"""Program: what a graph computes, printed and replayed."""

import copy

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Program, Value


def test_reads_like_the_computation():
    x = Value(np.ones((2, 3), np.float32), name="x")
    w = Value(np.ones((3, 4), np.float32), name="w")
    with tg.scope("layer"):
        h = np.tanh(x @ w)
    assert str(Program(h.sum(axis=0))).splitlines() == [
        "inputs  %0 x: float32[2,3], %1 w: float32[3,4]",
        "# layer",
        "%2: float32[2,4] = matmul(%0, %1)",
        "%3: float32[2,4] = tanh(%2)",
        "#",
        "%4: float32[4] = sum(%3, axis=0)",
        "outputs %4",
    ]


def test_replays_with_other_inputs():
    rng = np.random.default_rng(0)
    x, w = Value(rng.random((2, 3))), Value(rng.random((3, 3)))

    def f(x, w):
        return (np.linalg.svd(x @ w, full_matrices=False)[1] ** 2).sum() / np.exp(x[0, 1])

    program = Program(f(x, w), inputs=[x, w])
    a, b = rng.random((2, 3)), rng.random((3, 3))
    np.testing.assert_allclose(program(a, b)[0], f(a, b))
    with pytest.raises(TypeError, match="2 inputs"):
        program(a)


def test_chosen_inputs_make_the_rest_constant():
    x, w = Value(2.0, name="x"), Value(3.0, name="w")
    program = Program(x * w, inputs=[x])
    assert program(5.0) == (15.0,)
    with pytest.raises(ValueError, match="do not depend"):
        Program(x * 2, inputs=[w])


def test_starts_at_an_intermediate_value():
    x = Value(2.0)
    h = x * 3
    program = Program(h + h, inputs=[h])
    assert len(program) == 1 and program(5.0) == (10.0,)


def test_several_outputs_and_a_leaf_as_output():
    x = Value(2.0)
    program = Program([x * 2, x], inputs=[x])
    assert program(7.0) == (14.0, 7.0)
    instruction = next(iter(program))
    assert instruction.source is not None and instruction.source[0] == __file__


def test_of_a_gradient():
    x = Value(3.0, name="x")
    (x**3).backward(create_graph=True)
    program = Program(x.grad, inputs=[x])
    assert program(2.0)[0] == pytest.approx(12.0)


def test_is_immutable_also_when_copied():
    program = Program(Value(2.0) * 3)
    with pytest.raises(AttributeError):
        program.outputs = ()
    copied = copy.deepcopy(program)
    with pytest.raises(AttributeError):
        copied.inputs = ()
    assert str(copied) == str(program)


def test_of_something_else_than_values():
    for wrong in (3.0, np.ones(2), [Value(1.0), 2.0]):
        with pytest.raises(TypeError, match="of Values"):
            Program(wrong)


def test_other_shapes_are_told_apart():
    x, w = Value(np.ones((2, 3))), Value(np.ones((3, 4)))
    program = Program((x @ w).sum())
    assert program(np.ones((5, 3)), w.data) == (60.0,)
    with pytest.raises(ValueError, match=r"matmul of \(2, 4\) float64; \(3, 4\).*transpose"):
        program(np.ones((2, 4)), w.data)
