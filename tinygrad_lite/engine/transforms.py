"""Functions that differentiate functions: grad, vjp, jvp, jacobian, hessian, hvp, checkpoint.

They return plain numbers and arrays, unless the result can itself be differentiated by something
the caller holds: an argument that is a Value, or a Value that the function closes over. Then they
return Values, connected to those. That is what makes nested calls right:
d/dx [x * d/dy (x * y)] is 2x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.engine.backward import consumers_first, leaves_of, pull_back, seed_for
from tinygrad_lite.engine.modes import ENTERED, MODE, enable_grad, no_grad
from tinygrad_lite.engine.record import IDENTITY, record, remember
from tinygrad_lite.engine.rulebook import JointVjp, Operation
from tinygrad_lite.engine.trees import flatten, map_tree, unflatten
from tinygrad_lite.engine.value import Value, data_of

Argnums = int | Sequence[int]


def value_and_grad(fun: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns ``(fun(*args), gradient)``.

    Args:
        fun: returns a single number. Its arguments are numbers, arrays, or nested lists, tuples
            and dicts of them.
        argnums: which positional argument to differentiate by, or several.

    Returns:
        A function with the arguments of `fun`. The gradient has the structure, shapes and dtypes
        of the argument; with several argnums, a tuple of them.

    Raises (when called):
        TypeError: `fun` does not return a single number, or an argnum is out of range.

    >>> value_and_grad(lambda x, y: x * y**2)(3.0, 2.0)
    (12.0, 4.0)
    """

    def valued(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        traced = _Traced(fun, args, kwargs, argnums)
        out = traced.single_output("grad")
        gradients = traced.pull_back([np.ones_like(data_of(out))])
        return traced.public(out), traced.like_arguments(gradients)

    return valued


def grad(fun: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The gradient of a function that returns a single number; see `value_and_grad`.

    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    """
    valued = value_and_grad(fun, argnums)
    return lambda *args, **kwargs: valued(*args, **kwargs)[1]


def vjp(fun: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Value of a function and its pull-back: vector-Jacobian products, one forward pass for many.

    Args:
        fun: function of the primals; arguments and result may be nested.
        *primals: where to evaluate it.

    Returns:
        ``(out, pull)``; ``pull(cotangent)``, with a cotangent of the structure and shapes of `out`,
        gives a tuple of cotangents, one per primal.

    Raises (in ``pull``):
        ValueError: the cotangent has another structure or shape than `out`.

    >>> out, pull = vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> pull(np.array([1.0, 0.0]))
    (array([2., 0.]),)
    """
    traced = _Traced(fun, primals, {}, range(len(primals)))

    def pull(cotangent: Any) -> tuple[Any, ...]:
        seeds, _ = flatten(cotangent)
        return tuple(traced.like_arguments(traced.pull_back(seeds)))

    return traced.public_tree(), pull


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """Value of a function and its derivative along tangents (Jacobian-vector product).

    Computed by differentiating the pull-back, which is linear in its cotangent; so every function
    with pull-back rules has it, at about three times the cost of evaluating the function.

    Args:
        fun: function of the primals; arguments and result may be nested.
        primals: sequence of arguments.
        tangents: a direction for each, of the same structures and shapes.

    Returns:
        ``(out, tangent_out)``, of one structure.

    Raises:
        ValueError: tangents differ from primals in number, structure or shape.

    >>> jvp(lambda x: x**2, (3.0,), (1.0,))
    (9.0, 6.0)
    """
    traced = _Traced(fun, tuple(primals), {}, range(len(primals)))
    directions, _ = flatten(tuple(tangents))
    if [np.shape(data_of(d)) for d in directions] != [h.shape for h in traced.handles]:
        raise ValueError(
            f"jvp: tangents of shapes {[np.shape(data_of(d)) for d in directions]} for primals of "
            f"shapes {[h.shape for h in traced.handles]}; give one of the same shape for each"
        )
    with enable_grad():
        # The pull-back is linear in the seeds, so its derivative by them does not depend on them.
        seeds = [Value(np.ones_like(data_of(out))) for out in traced.outputs]
        pulled = traced.pull_back(seeds, create_graph=True)
        along: Any = 0.0
        for cotangent, direction in zip(pulled, directions, strict=True):
            if type(cotangent) is Value:
                along = along + (cotangent * direction).sum()
        found: dict[Value, Any] = {}
        if type(along) is Value:
            linked = traced.linked or any(type(d) is Value for d in directions)
            one = np.ones_like(along.data) if isinstance(along.data, np.ndarray) else 1.0
            found = pull_back({along: one}, wrt=seeds, create_graph=linked)
    tangent_leaves = [
        found.get(seed, np.zeros_like(seed.data) if seed.ndim else 0.0) for seed in seeds
    ]
    return traced.public_tree(), unflatten(traced.rebuild_output, tangent_leaves)


def jacobian(fun: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """All partial derivatives of a function of arrays that returns an array.

    One forward pass, then one pull-back per output entry.

    Returns:
        A function with the arguments of `fun`, giving an array of shape
        ``fun(...).shape + argument.shape`` (nested like the argument).

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        traced = _Traced(fun, args, kwargs, argnums)
        if len(traced.outputs) != 1:
            raise TypeError(
                f"jacobian: the function returned {len(traced.outputs)} arrays; return one, for "
                f"instance by np.concatenate"
            )
        out = data_of(traced.outputs[0])
        rows = []
        for entry in range(np.size(out)):
            seed = np.zeros(np.size(out), dtype=getattr(out, "dtype", np.float64))
            seed[entry] = 1
            rows.append(traced.pull_back([seed.reshape(np.shape(out))]))
        columns = [
            np.reshape(np.stack(column), np.shape(out) + handle.shape)
            if rows
            else np.zeros(np.shape(out) + handle.shape)
            for column, handle in zip(zip(*rows, strict=True), traced.handles, strict=True)
        ]
        return traced.like_arguments(columns)

    return jacobian_of


def hessian(fun: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """All second derivatives of a function that returns a single number, of one array argument.

    Returns:
        A function giving an array of shape ``argument.shape + argument.shape``.

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacobian(grad(fun, argnums), argnums)


def hvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Hessian-vector product: how the gradient changes along tangents, without the Hessian.

    Args:
        fun: returns a single number.
        primals: sequence of arguments.
        tangents: a direction for each, of the same structures and shapes.

    Returns:
        A tuple, one entry per primal, of its structure and shapes.

    >>> hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    (array([6., 0.]),)
    """
    gradient = grad(fun, range(len(primals)))

    def along(*args: Any) -> Any:
        gradients, _ = flatten(gradient(*args))
        directions, _ = flatten(tuple(tangents))
        if [np.shape(data_of(d)) for d in directions] != [np.shape(data_of(g)) for g in gradients]:
            raise ValueError("hvp: tangents must have the structures and shapes of the primals")
        total = 0.0
        for g, d in zip(gradients, directions, strict=True):
            total = total + np.sum(g * d)
        return total

    return grad(along, range(len(primals)))(*primals)


def checkpoint(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Save memory: keep only the arguments of a function, and compute it again when pulling back.

    Args:
        fun: function of Values and others that returns one Value. It must give the same result
            when called again, so draw no random numbers inside. Values it closes over get their
            gradients too.

    >>> x = Value(2.0)
    >>> checkpoint(lambda x: (x**2).exp())(x).backward()
    >>> round(x.grad, 2)
    218.39
    """

    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if ENTERED.count and not MODE.get().recording:
            return fun(*args, **kwargs)
        leaves, rebuild = flatten((args, kwargs))

        def call(handles: Sequence[Any]) -> Any:
            inner_args, inner_kwargs = unflatten(rebuild, handles)
            return fun(*inner_args, **inner_kwargs)

        given = [x for x in leaves if type(x) is Value]
        before = Value(0.0)
        with enable_grad():
            handles = [Value(x.data, x.name) if type(x) is Value else x for x in leaves]
            out = call(handles)
        if type(out) is not Value:
            return out
        # What the function took from outside is older than the call.
        inner = [node for node in consumers_first(out) if node.serial > before.serial]
        own = {h for h in handles if type(h) is Value}
        closed_over = [v for v in leaves_of(inner) if v not in own]

        def pull(g: Any, out: Any, *inputs: Any) -> list[Any]:
            """Run the function again, recorded this time, and pull back through that."""
            graph = type(out) is Value
            again_given = iter(inputs)
            with enable_grad():
                handles = [_handle(next(again_given)) if type(x) is Value else x for x in leaves]
                again = call(handles)
                targets = [h for h in handles if type(h) is Value]
                targets += closed_over
                found = pull_back({again: g}, wrt=targets, boundary=targets, create_graph=graph)
            return [found.get(t, np.zeros(t.shape, t.dtype)) for t in targets]

        def evaluate(*inputs: Any) -> Any:
            again_given = iter(inputs)
            with no_grad():
                return data_of(call([next(again_given) if type(x) is Value else x for x in leaves]))

        operation = Operation(fun, JointVjp(pull), name="checkpoint", evaluate=evaluate)
        return remember(operation, (*given, *closed_over), None, out.data)

    return checkpointed


class _Traced:
    """One recorded call of a function, with handles on the arguments to differentiate by."""

    def __init__(
        self,
        fun: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: Argnums,
    ) -> None:
        self.single = isinstance(argnums, int)
        chosen = [argnums] if isinstance(argnums, int) else list(argnums)
        for argnum in chosen:
            if not -len(args) <= argnum < len(args):
                raise TypeError(
                    f"argnums asks for positional argument {argnum}, but the function was called "
                    f"with {len(args)}"
                )
        muted = ENTERED.count > 0 and not MODE.get().recording
        leaves, self.rebuild_arguments = flatten([args[argnum] for argnum in chosen])
        with enable_grad():
            self.handles = [_handle(leaf, muted) for leaf in leaves]
            replaced = list(args)
            for argnum, argument in zip(
                chosen, unflatten(self.rebuild_arguments, self.handles), strict=True
            ):
                replaced[argnum] = argument
            result = fun(*replaced, **kwargs)
        self.outputs, self.rebuild_output = flatten(result)
        own = set(self.handles)
        outputs = [out for out in self.outputs if type(out) is Value]
        order = consumers_first(*outputs, boundary=own)
        others = (v for v in leaves_of(order) if v not in own)
        self.linked = not muted and (
            any(handle.operation is not None for handle in self.handles)
            or next(others, None) is not None
        )

    def single_output(self, asked: str) -> Any:
        if len(self.outputs) != 1 or np.size(data_of(self.outputs[0])) != 1:
            shapes = [np.shape(data_of(out)) for out in self.outputs]
            raise TypeError(
                f"{asked} needs a function that returns a single number; it returned shapes "
                f"{shapes}. Reduce it, for instance with .sum(), or use jacobian or vjp"
            )
        return self.outputs[0]

    def pull_back(self, seeds: list[Any], create_graph: bool | None = None) -> list[Any]:
        """Cotangents of the handles, zeros for those that the outputs do not depend on."""
        if len(seeds) != len(self.outputs):
            raise ValueError(
                f"the cotangent has {len(seeds)} arrays, but the function returned "
                f"{len(self.outputs)}"
            )
        graph = self.linked or any(type(s) is Value for s in seeds)
        graph = graph if create_graph is None else create_graph
        cotangents: dict[Value, Any] = {}
        for out, seed in zip(self.outputs, seeds, strict=True):
            if type(out) is Value:
                given = seed_for(out, seed)
                cotangents[out] = cotangents[out] + given if out in cotangents else given
        with enable_grad():
            found = pull_back(
                cotangents, wrt=self.handles, boundary=self.handles, create_graph=graph
            )
        return [found.get(h, np.zeros_like(h.data) if h.ndim else 0.0) for h in self.handles]

    def like_arguments(self, leaves: list[Any]) -> Any:
        """Leaves in the structure of the arguments; a single argnum is not in a tuple."""
        nested = unflatten(self.rebuild_arguments, leaves)
        return nested[0] if self.single else tuple(nested)

    def public(self, out: Any) -> Any:
        return out if self.linked else data_of(out)

    def public_tree(self) -> Any:
        return unflatten(self.rebuild_output, [self.public(out) for out in self.outputs])


def _handle(leaf: Any, muted: bool = False) -> Value:
    if type(leaf) is Value:
        return Value(leaf.data, leaf.name) if muted else record(IDENTITY, (leaf,))
    return Value(leaf)


__all__ = [
    "checkpoint", "grad", "hessian", "hvp", "jacobian", "jvp", "map_tree", "value_and_grad", "vjp",
]  # fmt: skip
