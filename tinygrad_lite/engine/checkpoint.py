"""checkpoint: trade memory for a second forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from tinygrad_lite.engine.backward import consumers_first, leaves_of, pull_back
from tinygrad_lite.engine.modes import ENTERED, MODE, enable_grad, no_grad
from tinygrad_lite.engine.record import remember
from tinygrad_lite.engine.rulebook import JointVjp, Operation
from tinygrad_lite.engine.transforms import handle_on
from tinygrad_lite.engine.trees import flatten, unflatten
from tinygrad_lite.engine.value import Value, describe, next_serial, zeros_of


def checkpoint(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Save memory: keep only the arguments of a function, and compute it again when pulling back.

    Args:
        fun: function of Values and others; arguments and result may be nested. It must give the
            same result when called again, so draw no random numbers inside. Values it closes over
            get their gradients too.

    >>> x = Value(2.0)
    >>> checkpoint(lambda x: (x**2).exp())(x).backward()
    >>> round(x.grad, 2)
    218.39
    """

    @wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if ENTERED.count and not MODE.get().recording:
            return fun(*args, **kwargs)
        leaves, rebuild = flatten((args, kwargs))
        given = [x for x in leaves if type(x) is Value]

        def call(inputs: Sequence[Any]) -> tuple[list[Any], Callable[[list[Any]], Any]]:
            """The Values that the function returns for these, and how to put others there."""
            replacements = iter(inputs)
            inner_args, inner_kwargs = unflatten(
                rebuild, [next(replacements) if type(x) is Value else x for x in leaves]
            )
            outputs, rebuild_output = flatten(fun(*inner_args, **inner_kwargs))
            places = [i for i, out in enumerate(outputs) if type(out) is Value]

            def put(values: list[Any]) -> Any:
                for place, value in zip(places, values, strict=True):
                    outputs[place] = value
                return unflatten(rebuild_output, outputs)

            return [outputs[i] for i in places], put

        begun = next_serial()
        with enable_grad():
            handles = [Value(x.data, x.name) for x in given]
            outputs, put = call(handles)
        if not outputs:
            return put([])
        # What the function took from outside is older than the call.
        inner = [node for node in consumers_first(*outputs) if node.serial > begun]
        taken = {*leaves_of(inner), *(out for out in outputs if out.serial < begun)}
        closed_over = sorted(taken - set(handles), key=lambda value: value.serial)

        def pull(g: Any, out: Any, *inputs: Any) -> list[Any]:
            """Run the function again, recorded this time, and pull back through that."""
            graph = type(out) is Value
            with enable_grad():
                targets = [handle_on(x) for x in inputs[: len(given)]]
                again, _ = call(targets)
                targets += closed_over
                seeds: dict[Value, Any] = {}
                for value, seed in zip(again, (g,) if len(again) == 1 else g, strict=True):
                    seeds[value] = seeds[value] + seed if value in seeds else seed
                found = pull_back(seeds, wrt=targets, boundary=targets, create_graph=graph)
            return [found.get(target, zeros_of(target)) for target in targets]

        def evaluate(*inputs: Any) -> Any:
            for value, data in zip(closed_over, inputs[len(given) :], strict=True):
                if data is not value.data and np.any(data != value.data):
                    raise ValueError(
                        f"a checkpointed function cannot be run again with other data for what it "
                        f"closes over, {describe(value)}: pass that as an argument"
                    )
            with no_grad():
                again, _ = call([Value(x) for x in inputs[: len(given)]])
            results = [value.data for value in again]
            return results[0] if len(results) == 1 else tuple(results)

        operation = Operation(fun, JointVjp(pull), name="checkpoint", evaluate=evaluate)
        results = [out.data for out in outputs]
        data = results[0] if len(results) == 1 else tuple(results)
        recorded = remember(operation, (*given, *closed_over), None, data)
        return put([recorded] if len(results) == 1 else list(recorded))

    return checkpointed
