"""The pull-back: cotangents of everything an output was computed from, consumers first."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from tinygrad_lite.engine.modes import ENTERED, MODE
from tinygrad_lite.engine.rulebook import no_rule
from tinygrad_lite.engine.value import ASTYPE, Value, describe, record

_by_serial = attrgetter("serial")
_ndarray = np.ndarray


def consumers_first(*outputs: Value, boundary: Iterable[Value] = ()) -> list[Value]:
    """Every computed Value that the outputs depend on, each after all that consume it.

    Values in `boundary` count as given: they and what lies behind them are left out.
    Linear in the number of edges, with a stack of its own: a chain may be a million long.
    """
    found = set(boundary)
    stack = [
        out for out in dict.fromkeys(outputs) if out.operation is not None and out not in found
    ]
    found.update(stack)
    order: list[Value] = []
    while stack:
        node = stack.pop()
        order.append(node)
        for argument in node.args:
            if type(argument) is Value and argument.operation is not None and argument not in found:
                found.add(argument)
                stack.append(argument)
    order.sort(key=_by_serial, reverse=True)
    return order


def leaves_of(order: Iterable[Value]) -> list[Value]:
    """What the given Values were made from and is not among them, in order of creation."""
    inside = set(order)
    leaves = {
        argument
        for node in inside
        for argument in node.args
        if type(argument) is Value and argument not in inside
    }
    return sorted(leaves, key=_by_serial)


def pull_back(
    cotangents: dict[Value, Any],
    *,
    wrt: Iterable[Value] | None = None,
    boundary: Iterable[Value] = (),
    create_graph: bool = False,
) -> dict[Value, Any]:
    """Pull cotangents of outputs back to the Values they were computed from.

    Args:
        cotangents: seed of each output, of its shape. Not modified.
        wrt: the Values whose cotangents are wanted; nothing is computed for others. Without it,
            all leaves, and intermediates that asked with `retain_grad`.
        boundary: Values that count as given; nothing is pulled back through them.
        create_graph: record the pull-back itself, so that it can be differentiated again; the
            cotangents then are Values.

    Returns:
        Cotangent by Value. A Value that the outputs don't depend on is absent.

    Raises:
        TypeError: an operation on the way has no rule for an argument.
        ValueError: a rule returned a cotangent that does not fit its argument.
    """
    order = consumers_first(*cotangents, boundary=boundary)
    held = dict(cotangents)  # cotangents of outputs and of nodes still to come
    wanted = None if wrt is None else set(wrt)
    needed = None if wanted is None else _on_the_way(order, wanted)
    kept: dict[Value, Any] = {}
    watch = MODE.get().watch if ENTERED.count else None
    for node in order:
        if node not in held or (needed is not None and node not in needed):
            continue  # reached only through arguments without a gradient
        g = held.pop(node)
        if node.retained if wanted is None else node in wanted:
            kept[node] = g
        args = node.args
        metadata = node.metadata
        if create_graph:
            out, inputs = node, args
        else:
            out = node.data
            inputs = [a.data if type(a) is Value else a for a in args]  # type: ignore[assignment]
        for vjp, argument in zip(node.operation.vjps, args):  # type: ignore[union-attr]  # noqa: B905 (variadic vjps have no end)
            if type(argument) is not Value or (needed is not None and argument not in needed):
                continue
            if vjp is None:
                raise no_rule_for(node, argument)
            local = vjp(g, out, *inputs, **metadata) if metadata else vjp(g, out, *inputs)
            if type(local) is not float or type(argument.data) is not float:
                local = fitted(local, argument, node)
            if watch is not None:
                watch.backward(node, argument, local)
            before = held.get(argument)
            held[argument] = local if before is None else _sum(before, local)
    for value, g in held.items():
        if value.operation is None if wanted is None else value in wanted:
            kept[value] = g
    return kept


def backward(self: Value, gradient: Any = None, *, create_graph: bool = False) -> None:
    """Accumulate, in `.grad` of every leaf, the derivative of this Value by that leaf.

    Args:
        gradient: cotangent of this Value, of its shape; needed unless it is a single number.
        create_graph: leave Values in `.grad`, so that they can be differentiated again.

    Raises:
        ValueError: this Value is not a single number and no gradient is given, or the gradient
            has another shape.

    >>> x = Value(3.0)
    >>> y = x**3
    >>> y.backward(); y.backward()
    >>> x.grad
    54.0
    """
    if gradient is None:
        if np.size(self.data) != 1:
            raise ValueError(
                f"backward() starts at a single number; this is a {describe(self)}. Reduce it, as "
                f"in y.sum().backward(), or give the gradient to start from: y.backward(g) with g "
                f"of shape {self.shape}"
            )
        seed: Any = 1.0 if type(self.data) is float else np.ones_like(self.data)
    else:
        seed = seed_for(self, gradient)
    taken: set[int] = {id(gradient), id(seed)}
    for value, cotangent in pull_back({self: seed}, create_graph=create_graph).items():
        value.passes += 1
        if value.grad is not None:
            value._grad = value._grad + cotangent
        else:
            value._grad = _own(cotangent, taken)


def seed_for(out: Value, gradient: Any) -> Any:
    """A given cotangent of an output, checked and in the dtype of the output."""
    given = gradient.data if type(gradient) is Value else gradient
    if np.shape(given) != out.shape:
        raise ValueError(
            f"the gradient given to start from has shape {np.shape(given)}; {describe(out)} needs "
            f"the same shape"
        )
    if type(gradient) is Value:
        return gradient
    return float(given) if type(out.data) is float else np.asarray(given, dtype=out.dtype)


def fitted(local: Any, argument: Value, node: Value) -> Any:
    """A rule's cotangent summed over broadcast axes, in the shape and dtype of the argument."""
    data = argument.data
    if type(data) is tuple:
        return local
    if type(data) is not _ndarray:
        if type(local) is Value:
            return _reduced(local, (), np.dtype(np.float64), argument, node)
        if getattr(local, "ndim", 0):
            local = np.add.reduce(local, axis=None)
        return local.real if isinstance(local, np.complexfloating) else float(local)
    if type(local) is _ndarray and local.shape == data.shape and local.dtype == data.dtype:
        return local
    return _reduced(local, data.shape, data.dtype, argument, node)


def _reduced(
    local: Any, shape: tuple[int, ...], dtype: np.dtype[Any], argument: Value, node: Value
) -> Any:
    have = np.shape(local)
    if have != shape:
        extra = len(have) - len(shape)
        grown = tuple(
            axis + extra for axis, size in enumerate(shape) if size == 1 and have[axis + extra] != 1
        ) if extra >= 0 else ()  # fmt: skip
        if extra > 0 or grown:
            local = np.sum(local, axis=tuple(range(max(extra, 0))) + grown, keepdims=True)
            local = np.reshape(local, np.shape(local)[extra:]) if extra > 0 else local
        if np.shape(local) != shape:
            try:
                local = np.broadcast_to(local, shape)
            except ValueError:
                assert node.operation is not None
                raise ValueError(
                    f"the rule of {node.operation.name} returned a cotangent of shape {have} for "
                    f"{describe(argument)}, which cannot be summed or broadcast to {shape}"
                ) from None
    have_dtype = getattr(local, "dtype", np.dtype(np.float64))
    if have_dtype.kind == "c" and dtype.kind != "c":
        local = np.real(local)
        have_dtype = local.dtype
    if type(local) is Value:
        return local if have_dtype == dtype else record(ASTYPE, (local,), {"dtype": dtype})
    return np.asarray(local, dtype=dtype)


def no_rule_for(node: Value, argument: Value) -> TypeError:
    """The error for an argument without a gradient."""
    assert node.operation is not None
    position = next(i for i, a in enumerate(node.args) if a is argument)
    error = no_rule(node.operation.function)
    return TypeError(
        f"{node.operation.name} has no gradient with respect to argument {position}, "
        f"{describe(argument)}: give it a plain array (x.data). {error}"
    )


def _on_the_way(order: list[Value], wanted: set[Value]) -> set[Value]:
    """The wanted Values and all in `order` that were computed from them."""
    needed = set(wanted)
    for node in reversed(order):
        if any(type(a) is Value and a in needed for a in node.args):
            needed.add(node)
    return needed


def _sum(a: Any, b: Any) -> Any:
    if type(a) is tuple:
        return tuple(x + y for x, y in zip(a, b, strict=True))
    return a + b


def _own(cotangent: Any, taken: set[int]) -> Any:
    """The cotangent itself, or a copy if it is a view or already another leaf's gradient: users
    change gradients in place."""
    if type(cotangent) is not _ndarray:
        return cotangent
    if cotangent.base is not None or not cotangent.flags.writeable or id(cotangent) in taken:
        return cotangent.copy()
    taken.add(id(cotangent))
    return cotangent


Value.backward = backward
