"""Every rule of the engine is broken on purpose, in four ways; check_grads must notice each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rules.case import Case
from rules.cases import CASES
from tinygrad_lite import Value, vjp
from tinygrad_lite.checking.check_grads import WrongDerivativeError, check_grads
from tinygrad_lite.engine.backward import consumers_first
from tinygrad_lite.engine.rulebook import RULES, JointVjp, Operation, VariadicVjp
from tinygrad_lite.engine.trees import flatten, unflatten

MUTATIONS: dict[str, Callable[[Any], Any]] = {
    "sign": lambda local: -local,
    "factor 1.001": lambda local: 1.001 * local,
    "transposed": lambda local: np.reshape(np.ravel(np.asarray(local), order="F"), np.shape(local)),
    "dropped term": lambda local: _without_largest(np.asarray(local)),
}


def _without_largest(local: Any) -> Any:
    kept = local.copy()
    if kept.size:
        kept[np.unravel_index(np.argmax(np.abs(kept)), kept.shape)] = 0
    return kept


class Mutant:
    """Pull-backs of an operation, that of one argument changed."""

    def __init__(self, operation: Operation, argnum: int, mutation: Callable[[Any], Any]) -> None:
        self.argnum, self.mutation = argnum, mutation
        vjps = operation.vjps
        if isinstance(vjps, JointVjp):
            self.vjps: Any = JointVjp(lambda *a, **k: _Picked(self, vjps.rule(*a, **k)))
        elif isinstance(vjps, VariadicVjp):
            self.vjps = VariadicVjp(lambda n, *a, **k: self.of(n, vjps.rule(n, *a, **k)))
        else:
            self.vjps = tuple(self.wrapped(n, vjp) for n, vjp in enumerate(vjps))

    def wrapped(self, argnum: int, vjp: Any) -> Any:
        return vjp if vjp is None else lambda *a, **k: self.of(argnum, vjp(*a, **k))

    def of(self, argnum: int, local: Any) -> Any:
        if argnum != self.argnum or type(local) is Value or type(local) is tuple:
            return local
        return self.mutation(local)


class _Picked:
    """What a joint rule returned, read one argument at a time."""

    def __init__(self, mutant: Mutant, parts: Any) -> None:
        self.mutant, self.parts = mutant, parts

    def __getitem__(self, argnum: int) -> Any:
        return self.mutant.of(argnum, self.parts[argnum])


def differentiable(case: Case) -> tuple[Any, list[Any]]:
    """A case as a function of what it is differentiated by, and those arguments."""
    leaves, rebuild = flatten(list(case.args))
    fixed = {id(leaf) for i in case.fixed for leaf in flatten(case.args[i])[0]}
    free = [
        i for i, leaf in enumerate(leaves)
        if np.asarray(leaf).dtype.kind in "fc" and id(leaf) not in fixed
    ]  # fmt: skip

    def function(*given: Any) -> Any:
        replaced = list(leaves)
        for i, leaf in zip(free, given, strict=True):
            replaced[i] = leaf
        return case(*unflatten(rebuild, replaced))

    return function, [leaves[i] for i in free]


def gradients(function: Any, args: list[Any]) -> list[Any]:
    """Along a fixed cotangent. A mutant that leaves them as they are is no mistake: a symmetric
    matrix transposed, or two signs that cancel."""
    out, pull = vjp(function, *args)
    leaves, rebuild = flatten(out)
    rng = np.random.default_rng(5)
    seeds = [rng.normal(size=np.shape(leaf)).astype(np.asarray(leaf).dtype) for leaf in leaves]
    return flatten(pull(unflatten(rebuild, seeds)))[0]


def differ(a: Any, b: Any) -> bool:
    scale = np.max(np.abs(a), initial=0.0)
    return not np.allclose(a, b, rtol=0, atol=1e-9 * scale, equal_nan=True)


def sites() -> list[tuple[Operation, int, Any, list[Any]]]:
    """For each operation and argument a case that pulls back through it, preferring one whose
    arguments are arrays, so that there is something to transpose."""
    found: dict[tuple[Operation, int], tuple[int, Any, list[Any]]] = {}
    for case in CASES:
        function, args = differentiable(case)
        if not args or not case.order:
            continue
        outputs = [v for v in flatten(function(*map(Value, args)))[0] if type(v) is Value]
        for node in consumers_first(*outputs):
            for argnum, argument in enumerate(node.args):
                if type(argument) is Value and type(argument.data) is not tuple:
                    key = (node.operation, min(argnum, 3))
                    size = min(argument.size, 20) - (argument.ndim < 2)
                    if key not in found or size > found[key][0]:
                        found[key] = (size, function, args)
    return [(op, argnum, f, args) for (op, argnum), (_, f, args) in found.items()]


SITES = sites()


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_mutated_rule_is_caught(mutation):
    missed, caught = [], 0
    for operation, argnum, function, args in SITES:
        before = gradients(function, args)
        mutant = Mutant(operation, argnum, MUTATIONS[mutation])
        right = operation.vjps
        operation.vjps = mutant.vjps
        try:
            check_grads(function, *args, order=1, modes=["reverse"])
        except WrongDerivativeError:
            caught += 1
        else:
            if any(map(differ, before, gradients(function, args))):
                missed.append(f"{operation.name}, argument {argnum}")
        finally:
            operation.vjps = right
    assert not missed
    assert caught > (50 if mutation == "transposed" else 200)


def test_unmutated_rules_pass():
    for _, _, function, args in SITES:
        assert check_grads(function, *args, order=1, modes=["reverse"]).ok


def test_every_rule_is_mutated():
    # Other tests and examples in the documentation enter rules of their own.
    entered = {op for op in RULES.values() if in_the_package(op)}
    assert len(entered) > 100
    assert not {op.name for op in entered} - {op.name for op, _, _, _ in SITES}


def in_the_package(operation: Operation) -> bool:
    vjps = operation.vjps
    rules = [vjps.rule] if isinstance(vjps, VariadicVjp) else [vjp for vjp in vjps if vjp]
    return all(rule.__module__.startswith("tinygrad_lite.rules") for rule in rules)
