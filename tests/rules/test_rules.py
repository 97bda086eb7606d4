"""Every row of the rulebook, on its cases."""

from __future__ import annotations

import inspect
import sys
import zlib
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rules.case import Case, SpecialPoint
from rules.cases import CASES, SPECIAL_POINTS
from rules.finite_differences import check_derivatives
from tinygrad_lite import Program, Value, jvp, vjp
from tinygrad_lite.engine.backward import consumers_first
from tinygrad_lite.engine.backward import leaves_of as leaves_behind
from tinygrad_lite.engine.rulebook import COMPOSED, COMPOSED_KINKS, RULES
from tinygrad_lite.engine.trees import flatten, map_tree, unflatten

each_case = pytest.mark.parametrize("case", CASES, ids=str)


def leaves_of(case: Case) -> tuple[list[Any], list[int], Any]:
    """All leaves of the arguments, the positions of those to differentiate by, and how to put them
    back."""
    leaves, rebuild = flatten(list(case.args))
    fixed = {id(leaf) for i in case.fixed for leaf in flatten(case.args[i])[0]}
    free = [
        i for i, leaf in enumerate(leaves)
        if isinstance(leaf, (float, complex, np.ndarray, np.inexact))
        and np.asarray(leaf).dtype.kind in "fc" and id(leaf) not in fixed
    ]  # fmt: skip
    return leaves, free, rebuild


def as_function(case: Case, chosen: list[int]) -> tuple[Any, list[Any]]:
    """The case as a function of the chosen leaves, and those leaves."""
    leaves, _, rebuild = leaves_of(case)

    def function(*given: Any) -> Any:
        replaced = list(leaves)
        for i, leaf in zip(chosen, given, strict=True):
            replaced[i] = leaf
        return case(*unflatten(rebuild, replaced))

    return function, [leaves[i] for i in chosen]


def in_float32(case: Case, argument: Any) -> Any:
    if type(argument) is float and not isinstance(case.function, np.ufunc):
        return np.array(argument, np.float32)  # joined to an array, it would widen the result
    if isinstance(argument, np.ndarray) and argument.dtype.kind in "fc":
        return argument.astype(np.complex64 if argument.dtype.kind == "c" else np.float32)
    return argument


def random_like(array: Any, rng: np.random.Generator) -> Any:
    numbers = rng.standard_normal(np.shape(array)).astype(np.asarray(array).dtype)
    return float(numbers) if isinstance(array, float) else numbers


@pytest.mark.parametrize("case", [case for case in CASES if case.order], ids=str)
def test_rule_agrees_with_finite_differences(case):
    _, free, _ = leaves_of(case)
    seed = zlib.crc32(str(case).encode())
    for chosen in [[i] for i in free] + ([free] if len(free) > 1 else []):
        check_derivatives(*as_function(case, chosen), order=case.order, rtol=case.rtol, seed=seed)


@each_case
def test_value_is_that_of_numpy(case):
    _, free, _ = leaves_of(case)
    function, leaves = as_function(case, free)
    reference = case.reference or getattr(case.function, "raw", case.function)
    expected = case.result(reference(*case.prepare(*case.args), **case.settings))
    results = [(case, function(*[Value(leaf) for leaf in leaves]))]
    by_position = positional_call(case)
    if by_position is not None:
        results.append((case, by_position))
    for _, result in results:
        found, _ = flatten(result)
        wanted, _ = flatten(expected)
        assert len(found) == len(wanted)
        for value, array in zip(found, wanted, strict=True):
            assert type(value) is Value
            assert value.shape == np.shape(array)
            assert value.dtype == np.asarray(array).dtype
            if value.ndim == 0 and value.dtype == np.float64 and type(case.args[0]) is float:
                assert type(value.data) is float  # scalars stay quick
            assert_allclose(value.data, array, rtol=1e-12, atol=1e-13)


def positional_call(case: Case) -> Any:
    """The result with settings given by position, None where that cannot be."""
    try:
        parameters = list(inspect.signature(case.function).parameters.values())
    except ValueError:
        return None
    settings = []
    for parameter in parameters[len(case.args) :]:
        if len(settings) == len(case.settings) or parameter.kind is not (
            parameter.POSITIONAL_OR_KEYWORD
        ):
            break
        settings.append(case.settings.get(parameter.name, parameter.default))
    given = [p.name for p in parameters[len(case.args) : len(case.args) + len(settings)]]
    if not case.settings or set(given) != set(case.settings):
        return None
    leaves, free, rebuild = leaves_of(case)
    lifted = [Value(leaf) if i in free else leaf for i, leaf in enumerate(leaves)]
    args = case.prepare(*unflatten(rebuild, lifted))
    return case.result(case.function(*args, *settings))


@pytest.mark.parametrize("case", [case for case in CASES if case.float32], ids=str)
def test_float32_stays_float32(case):
    _, free, _ = leaves_of(case)
    function, leaves = as_function(case, free)
    narrow_args = map_tree(partial(in_float32, case), list(case.args))
    narrow_case = Case(**{**vars(case), "args": narrow_args})
    narrow, narrow_leaves = as_function(narrow_case, free)
    out, pull = vjp(function, *leaves)
    narrow_out, narrow_pull = vjp(narrow, *narrow_leaves)
    rng = np.random.default_rng(0)
    cotangents = map_tree(lambda o: random_like(o, rng), out)
    reference = case.reference or getattr(case.function, "raw", case.function)
    expected = case.result(reference(*case.prepare(*narrow_args), **case.settings))
    for found, wanted in zip(flatten(narrow_out)[0], flatten(expected)[0], strict=True):
        assert np.asarray(found).dtype == np.asarray(wanted).dtype
    narrow_cotangents = map_tree(
        lambda c, o: float(c) if type(o) is float else np.asarray(c, o.dtype),
        cotangents,
        narrow_out,
    )
    gradients, narrow_gradients = pull(cotangents), narrow_pull(narrow_cotangents)
    for leaf, wide, gradient in zip(narrow_leaves, gradients, narrow_gradients, strict=True):
        assert np.asarray(gradient).dtype == np.asarray(leaf).dtype
        assert_allclose(gradient, wide, rtol=1e-3, atol=1e-3 * (1e-3 + np.abs(wide).max(initial=0)))


@each_case
def test_jvp_is_the_transpose_of_the_vjp(case):
    _, free, _ = leaves_of(case)
    function, leaves = as_function(case, free)
    rng = np.random.default_rng(1)
    tangents = [random_like(leaf, rng) for leaf in leaves]
    out, pull = vjp(function, *leaves)
    cotangents = map_tree(lambda o: random_like(o, rng), out)
    _, moved = jvp(function, leaves, tangents)

    def paired(left: Any, right: Any) -> Any:
        pairs = zip(flatten(left)[0], flatten(right)[0], strict=True)
        return sum(np.real(np.sum(np.asarray(a) * b)) for a, b in pairs)

    forward, backward = paired(cotangents, moved), paired(pull(cotangents), tangents)
    narrow = any(np.asarray(o).dtype == np.float32 for o in flatten(out)[0])
    assert_allclose(forward, backward, rtol=1e-5 if narrow else 1e-9, atol=1e-11)


@each_case
def test_program_replays_the_value(case):
    _, free, _ = leaves_of(case)
    function, leaves = as_function(case, free)
    inputs = [Value(leaf) for leaf in leaves]
    outputs, _ = flatten(function(*inputs))
    given = set(leaves_behind(consumers_first(*outputs)))
    inputs = [x for x in inputs if x in given]  # the one knot of np.interp has no place in it
    replayed = Program(outputs, inputs)(*[x.data for x in inputs])
    for value, array in zip(outputs, replayed, strict=True):
        assert_allclose(array, value.data, rtol=1e-15)  # math.tanh is not np.tanh to the last bit


@pytest.mark.parametrize(
    "point, kind",
    [
        pytest.param(point, kind, id=f"{kind.__name__}-{point}")
        for point in SPECIAL_POINTS
        for kind in (float, np.float64, np.float32)
        if kind is not float or not any(np.ndim(a) for a in point.args)
    ],
)
def test_special_point(point: SpecialPoint, kind: type) -> None:
    """Derivatives at kinks and poles are those promised, for floats and for arrays."""
    args = [
        a if not isinstance(a, (float, np.ndarray))
        else Value(a if kind is float else np.asarray(a, kind if np.isrealobj(a) else None))
        for a in point.args
    ]  # fmt: skip
    with np.errstate(all="ignore"):
        out = point.result(point.function(*args, **point.settings))
    cotangent = point.cotangent
    seed = cotangent if kind is float else np.full(out.shape, cotangent, out.dtype)
    out.backward(seed)
    for value, expected in zip(args, point.gradients, strict=True):
        if expected is not None:
            wanted = np.broadcast_to(expected, value.shape)
            assert_allclose(value.grad, wanted, rtol=1e-6, atol=1e-40)
            assert np.asarray(value.grad).dtype == value.dtype


def importable(function: Any) -> bool:
    """Whether it belongs to a module; tests and doctests enter functions of their own."""
    module = getattr(function, "__module__", None) or "numpy"
    home = sys.modules.get(module)
    return module.startswith("numpy") or (
        module.startswith("tinygrad_lite") and getattr(home, function.__name__, None) is function
    )


def test_every_rule_has_a_case():
    served = {f for f in [*RULES, *COMPOSED] if importable(f)}
    without = served - {case.function for case in CASES}
    assert not without, sorted(f.__name__ for f in without)


def test_every_kink_has_a_special_point():
    kinked = {f for f, operation in RULES.items() if operation.kink} | set(COMPOSED_KINKS)
    without = {f for f in kinked if importable(f)} - {point.function for point in SPECIAL_POINTS}
    assert not without, sorted(f.__name__ for f in without)
