"""Functions that differentiate functions: grad, vjp, jvp, jacobian, hessian, hvp.

They return plain numbers and arrays, unless the result can itself be differentiated by something
the caller holds: an argument that is a Value, or a Value that the function closes over (one made
before the call). Then they return Values, connected to those. That is what makes nested calls
right: d/dx [x * d/dy (x * y)] is 2x.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.engine.backward import consumers_first, leaves_of, pull_back, seed_for
from tinygrad_lite.engine.modes import ENTERED, MODE, enable_grad
from tinygrad_lite.engine.record import IDENTITY, record
from tinygrad_lite.engine.trees import flatten, leaves_like, unflatten
from tinygrad_lite.engine.value import Value, data_of, next_serial, zeros_of

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
        TypeError: `fun` does not return a single number; an argnum is not an integer, out of range,
            or given twice.

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
        seeds = leaves_like(traced.public_tree(), cotangent, "the cotangent given to a vjp")
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
    directions = _directions("jvp", primals, tangents)
    traced = _Traced(fun, tuple(primals), {}, range(len(primals)))
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
    tangent_leaves = [found.get(seed, zeros_of(seed)) for seed in seeds]
    return traced.public_tree(), unflatten(traced.rebuild_output, tangent_leaves)


def jacobian(fun: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """All partial derivatives of a function of arrays that returns an array, or several.

    One forward pass, then one pull-back per output entry.

    Returns:
        A function with the arguments of `fun`, giving an array of shape
        ``fun(...).shape + argument.shape``; nested like the argument and, where `fun` returns
        several arrays, nested like those outside.

    Raises (when called):
        TypeError: `fun` returns no number or array, or an argnum is wrong, as for `grad`.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        traced = _Traced(fun, args, kwargs, argnums)
        if not traced.outputs:
            raise TypeError(
                f"jacobian needs a function that returns an array; it returned "
                f"{traced.public_tree()!r}"
            )
        return unflatten(
            traced.rebuild_output,
            [
                traced.like_arguments(_jacobians_of_output(traced, position))
                for position in range(len(traced.outputs))
            ],
        )

    return jacobian_of


def _jacobians_of_output(traced: _Traced, position: int) -> list[Any]:
    """The Jacobian of one output by every handle."""
    out = np.asarray(data_of(traced.outputs[position]))
    rows = []
    for entry in range(out.size):
        seed = np.zeros(out.size, out.dtype)
        seed[entry] = 1
        seeds: list[Any] = [None] * len(traced.outputs)
        seeds[position] = seed.reshape(out.shape)
        rows.append(traced.pull_back(seeds))
    return [
        np.reshape(np.stack([row[i] for row in rows]), out.shape + handle.shape)
        if rows
        else np.zeros(out.shape + handle.shape, handle.dtype)
        for i, handle in enumerate(traced.handles)
    ]


def hessian(fun: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """All second derivatives of a function that returns a single number.

    Returns:
        A function giving an array of shape ``argument.shape + argument.shape``. For several
        argnums, and for nested arguments, one for each pair, nested like the argument twice: with
        ``argnums=(0, 1)``, entry ``[0][1]`` holds the derivatives by the first and the second.

    Raises (when called):
        TypeError: as `grad`.

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

    Raises:
        TypeError: `fun` does not return a single number.
        ValueError: tangents differ from primals in number, structure or shape.

    >>> hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    (array([6., 0.]),)
    """
    directions = _directions("hvp", primals, tangents)
    gradient = grad(fun, range(len(primals)))

    def along(*args: Any) -> Any:
        gradients, _ = flatten(gradient(*args))
        total = 0.0
        for g, d in zip(gradients, directions, strict=True):
            total = total + np.sum(g * d)
        return total

    return grad(along, range(len(primals)))(*primals)


def _directions(asked: str, primals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """The leaves of the tangents in the order of those of the primals, of the same shapes."""
    directions = leaves_like(tuple(primals), tuple(tangents), f"the tangents given to {asked}")
    shapes = [np.shape(data_of(d)) for d in directions]
    wanted = [np.shape(data_of(p)) for p in flatten(tuple(primals))[0]]
    if shapes != wanted:
        raise ValueError(
            f"{asked}: tangents of shapes {shapes} for primals of shapes {wanted}; give one of the "
            f"same shape for each"
        )
    return directions


class _Traced:
    """One recorded call of a function, with handles on the arguments to differentiate by."""

    def __init__(
        self,
        fun: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: Argnums,
    ) -> None:
        self.single = isinstance(argnums, (int, np.integer))
        chosen = _positions(argnums, len(args))
        begun = next_serial()
        muted = ENTERED.count > 0 and not MODE.get().recording
        leaves, self.rebuild_arguments = flatten([args[argnum] for argnum in chosen])
        with enable_grad():
            self.handles = [handle_on(leaf, muted) for leaf in leaves]
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
        # What the function made itself nobody else can differentiate by: handles of a `grad` or
        # `jvp` inside it, for instance.
        self.linked = not muted and (
            any(handle.operation is not None for handle in self.handles)
            or any(leaf.serial < begun for leaf in leaves_of(order))
        )

    def single_output(self, asked: str) -> Any:
        if len(self.outputs) != 1 or np.size(data_of(self.outputs[0])) != 1:
            shapes = [np.shape(data_of(out)) for out in self.outputs]
            returned = f"shapes {shapes}" if shapes else repr(self.public_tree())
            raise TypeError(
                f"{asked} needs a function that returns a single number; it returned "
                f"{returned}. Reduce it, for instance with .sum(), or use jacobian or vjp"
            )
        return self.outputs[0]

    def pull_back(self, seeds: list[Any], create_graph: bool | None = None) -> list[Any]:
        """Cotangents of the handles, zeros for those that the outputs do not depend on.

        A seed of None stands for zeros.
        """
        graph = self.linked or any(type(s) is Value for s in seeds)
        graph = graph if create_graph is None else create_graph
        cotangents: dict[Value, Any] = {}
        for out, seed in zip(self.outputs, seeds, strict=True):
            if type(out) is Value and seed is not None:
                given = seed_for(out, seed)
                cotangents[out] = cotangents[out] + given if out in cotangents else given
        with enable_grad():
            found = pull_back(
                cotangents, wrt=self.handles, boundary=self.handles, create_graph=graph
            )
        return [found.get(h, zeros_of(h)) for h in self.handles]

    def like_arguments(self, leaves: list[Any]) -> Any:
        """Leaves in the structure of the arguments; a single argnum is not in a tuple."""
        nested = unflatten(self.rebuild_arguments, leaves)
        return nested[0] if self.single else tuple(nested)

    def public(self, out: Any) -> Any:
        return out if self.linked else data_of(out)

    def public_tree(self) -> Any:
        return unflatten(self.rebuild_output, [self.public(out) for out in self.outputs])


def handle_on(leaf: Any, muted: bool = False) -> Value:
    """A Value of a function's own to differentiate by, recorded unless `muted`."""
    if type(leaf) is Value:
        return Value(leaf.data, leaf.name) if muted else record(IDENTITY, (leaf,))
    return Value(leaf)


def _positions(argnums: Argnums, count: int) -> list[int]:
    """Argnums as positions from 0 on, each valid and different."""
    try:
        several = [argnums] if isinstance(argnums, (int, np.integer)) else list(argnums)
        chosen = [operator.index(argnum) for argnum in several]
    except TypeError:
        raise TypeError(
            f"argnums must be an integer or several, the positions of arguments; got {argnums!r}"
        ) from None
    for argnum in chosen:
        if not -count <= argnum < count:
            raise TypeError(
                f"argnums asks for positional argument {argnum}, but the function was called with "
                f"{count}"
            )
    positions = [argnum % count for argnum in chosen]
    if len(set(positions)) < len(positions):
        raise TypeError(f"argnums names an argument twice: {argnums!r}")
    return positions
