"""The pull-back: cotangents of everything an output was computed from, consumers first."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any, cast

import numpy as np

from tinygrad_lite.engine.modes import ENTERED, MODE
from tinygrad_lite.engine.record import ASTYPE, record
from tinygrad_lite.engine.rulebook import JointVjp, handed_on, no_rule
from tinygrad_lite.engine.value import IN_TUPLE, NO_SECOND, Value, data_of, describe

_by_serial = attrgetter("serial")
_ndarray = np.ndarray
_add_reduce = np.add.reduce


def consumers_first(*outputs: Value, boundary: Iterable[Value] = ()) -> list[Value]:
    """Every computed Value that the outputs depend on, each after all that consume it.

    Values in `boundary` count as given: they and what lies behind them are left out.
    Linear in the number of edges, with a stack of its own: a chain may be a million long.
    """
    found = set(boundary)
    waiting: list[Value] = []
    _add_new(outputs, found, waiting)
    order: list[Value] = []
    # Depth first, and into the second argument at once, which was mostly recorded last: that finds
    # neighbours in memory one after the other, and nearly in order, so that sorting is quick.
    while waiting:
        node: Any = waiting.pop()
        while True:
            order.append(node)
            x, y = node._first, node._second
            if y is IN_TUPLE:
                _add_new(x, found, waiting)
                break
            if type(x) is Value and x.operation is not None and x not in found:
                found.add(x)
                waiting.append(x)
            if type(y) is not Value or y.operation is None or y in found:
                break
            found.add(y)
            node = y
    order.sort(key=_by_serial, reverse=True)
    return order


def _add_new(candidates: Iterable[Any], found: set[Value], waiting: list[Value]) -> None:
    """Wait for the computed Values among the candidates that have not been found yet."""
    for value in candidates:
        if type(value) is Value and value.operation is not None and value not in found:
            found.add(value)
            waiting.append(value)


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
    mode = MODE.get() if ENTERED.count else None
    if mode is not None and mode.trace is not None and not create_graph:
        traced = mode.trace.pull_back(cotangents, wrt, boundary)
        if traced is not None:
            return cast(dict[Value, Any], traced)
    held = dict(cotangents)  # cotangents of outputs and of nodes still to come
    watch = None if mode is None else mode.watch
    if wrt is None and boundary == () and watch is None and not create_graph:
        computed = (out for out in held if out.operation is not None)
        return _pull_back_lean(held, sorted(computed, key=_by_serial))
    order = consumers_first(*cotangents, boundary=boundary)
    wanted = None if wrt is None else set(wrt)
    needed = None if wanted is None else _on_the_way(order, wanted)
    kept: dict[Value, Any] = {}
    for node in order:
        g = held.pop(node, None)
        if g is None or (needed is not None and node not in needed):
            continue  # reached only through arguments without a gradient
        if node.retained if wanted is None else node in wanted:
            kept[node] = g
        for _, argument, local in pulled_through(node, g, needed, create_graph):
            if watch is not None:
                watch.backward(node, argument, local)
            before = held.get(argument)
            held[argument] = local if before is None else before + local
    for value, g in held.items():
        if value.operation is None if wanted is None else value in wanted:
            kept[value] = g
    return kept


def pulled_through(
    node: Value, g: Any, needed: Container[Value] | None = None, create_graph: bool = False
) -> Iterator[tuple[int, Value, Any]]:
    """Pull a cotangent back through one operation.

    Args:
        node: a computed Value.
        g: its cotangent.
        needed: the arguments whose cotangents are wanted, all by default.
        create_graph: record the pull-back.

    Yields:
        Position of an argument, the argument, and the cotangent that this operation passes to it,
        in its shape and dtype; for every argument that is a Value.
    """
    operation: Any = node.operation
    out: Any = node
    inputs: Any = node.args
    if not create_graph:
        out = node._data
        try:
            inputs = [a._data if type(a) is Value else a for a in inputs]
        except AttributeError:  # a leaf whose number is in a pack
            inputs = [data_of(a) for a in inputs]
    metadata = node.metadata or {}
    joint = type(operation.vjps) is JointVjp
    # A joint rule gives all cotangents at once, perhaps computing each when it is looked up.
    given = operation.vjps.rule(g, out, *inputs, **metadata) if joint else operation.vjps
    for position, argument in enumerate(node.args):
        if type(argument) is not Value or (needed is not None and argument not in needed):
            continue
        local = given[position]
        if not joint:
            if local is None:
                raise no_rule_for(node, argument)
            local = local(g, out, *inputs, **metadata)
        if type(local) is not float or type(argument.data) is not float:
            local = fitted(local, argument, node)
        yield position, argument, local


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
    data = self._data if self.operation is not None else self.data
    if gradient is not None:
        seed: Any = seed_for(self, gradient)
    elif type(data) is float:
        seed = 1.0
    elif data.size == 1:
        seed = _ONES[(), data.dtype] if not data.ndim else np.ones(data.shape, data.dtype)
    else:
        raise ValueError(
            f"backward() starts at a single number; this is a {describe(self)}. Reduce it, as "
            f"in y.sum().backward(), or give the gradient to start from: y.backward(g) with g "
            f"of shape {self.shape}"
        )
    if ENTERED.count or create_graph:
        cotangents = pull_back({self: seed}, create_graph=create_graph)
    else:
        waiting = [self] if self.operation is not None else []
        cotangents = _pull_back_lean({self: seed}, waiting)
    # Users change gradients in place, so none may be a view, or the gradient of another leaf.
    taken = {id(gradient), id(seed)}
    for value, cotangent in cotangents.items():
        before = value.grad
        if before is not None:
            value.passes += 1
            value._grad = before + cotangent
            continue
        value.passes = 1
        if type(cotangent) is _ndarray:
            if cotangent.base is not None or id(cotangent) in taken:
                cotangent = cotangent.copy()
            taken.add(id(cotangent))
        value._grad = cotangent


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
    if hasattr(given, "as_dtype"):  # traced
        return given.as_dtype(out.dtype)
    return float(given) if type(out.data) is float else np.asarray(given, dtype=out.dtype)


def fitted(local: Any, argument: Value, node: Value) -> Any:
    """A rule's cotangent summed over broadcast axes, in the shape and dtype of the argument."""
    try:
        data = argument._data
    except AttributeError:  # a leaf whose number is in a pack
        data = argument.data
    if type(local) is _ndarray is type(data):
        if local.dtype is data.dtype:
            if local.shape == data.shape:
                return local
            if data.ndim and local.shape[1:] == data.shape:
                return _sum_of_rows(local)
    elif type(data) is tuple:
        return local
    elif (
        isinstance(local, np.generic)
        and type(data) is _ndarray
        and not data.ndim
        and local.dtype is data.dtype
    ):
        return np.asarray(local)
    shape, dtype = argument.shape, argument.dtype
    have = getattr(local, "shape", ())
    extra = len(have) - len(shape)
    if extra > 0 and have[extra:] == shape:
        axes: Any = 0 if extra == 1 else tuple(range(extra))
        local = np.sum(local, axes) if type(local) is Value else _add_reduce(local, axis=axes)
    elif have != shape:
        stretched = tuple(
            axis
            for axis, size in enumerate(have)
            if axis < extra or (size != 1 and shape[axis - extra] == 1)
        )
        try:
            if stretched and extra >= 0:
                local = np.reshape(np.sum(local, axis=stretched), shape)
            else:
                local = np.broadcast_to(local, shape)
        except ValueError:
            assert node.operation is not None
            raise ValueError(
                f"the rule of {node.operation.name} returned a cotangent of shape {have} for "
                f"{describe(argument)}, which cannot be summed or broadcast to {shape}"
            ) from None
    if dtype.kind != "c" and getattr(local, "dtype", dtype).kind == "c":
        local = np.real(local)
    if type(local) is Value:
        return local if local.dtype == dtype else record(ASTYPE, (local,), {"dtype": dtype})
    if hasattr(local, "as_dtype"):  # traced
        return local.as_dtype(dtype)
    return float(local) if type(data) is float else np.asarray(local, dtype=dtype)


def _sum_of_rows(x: np.ndarray[Any, Any]) -> Any:
    """The sum over the first axis, as of a bias; of a matrix as a product with a vector of ones,
    which takes a third of the time and rounds less."""
    length = len(x)
    if x.ndim == 2 and x.dtype.char in "fd" and 1 < length <= _MOST_ROWS and x.nbytes <= _IN_CACHE:
        return _ONES[(length,), x.dtype].dot(x)
    return _add_reduce(x)


class _Ones(dict[tuple[tuple[int, ...], np.dtype[Any]], "np.ndarray[Any, Any]"]):
    """Ones by shape and dtype, not to be written to: making them costs as much as using them."""

    def __missing__(self, key: tuple[tuple[int, ...], np.dtype[Any]]) -> np.ndarray[Any, Any]:
        ones = np.ones(*key)
        ones.flags.writeable = False
        self[key] = ones
        return ones


_ONES = _Ones()
_MOST_ROWS = 4096  # which keeps the vectors kept below 50 MB, should all lengths occur
_IN_CACHE = 2**20  # bytes; beyond, both ways take as long as reading the matrix


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


def _pull_back_lean(held: dict[Value, Any], waiting: list[Value]) -> dict[Value, Any]:
    """The loop of `pull_back` as `backward` most often needs it. `pulled_through` and the summing
    are written out for one and two arguments, operators and activations, where small networks and
    graphs of neurons spend their time: a function call for each would cost them a tenth.

    Args:
        held: cotangents of outputs, to which those of nodes still to come are added.
        waiting: the computed ones of them, the latest last.
    """
    # The latest of those waiting has got the cotangents of all that consume it. Most are later than
    # what waits already; others go to a heap. Both are quicker than `consumers_first` by a third,
    # as each node is visited once.
    late: list[tuple[int, Value]] = []
    kept: dict[Value, Any] = {}
    while waiting or late:
        if late and (not waiting or waiting[-1].serial < -late[0][0]):
            node = heappop(late)[1]
        else:
            node = waiting.pop()
        g = held.pop(node)
        operation: Any = node.operation
        x, y = node._first, node._second
        if y is IN_TUPLE or operation.pull_first is None:
            if node.retained:
                kept[node] = g
            for _, argument, local in pulled_through(node, g):
                if argument in held:
                    held[argument] = held[argument] + local
                else:
                    held[argument] = local
                    if argument.operation is not None:
                        heappush(late, (-argument.serial, argument))
            continue
        out = node._data
        try:
            a = x._data if type(x) is Value else x
            b = y._data if type(y) is Value else y
        except AttributeError:  # a leaf whose number is in a pack
            a, b = data_of(x), data_of(y)
        pull = operation.pull_first
        if y is NO_SECOND:
            local = pull(g, out, a)
        elif type(x) is Value:
            local = g if pull is handed_on else pull(g, out, a, b)
        if type(x) is Value:
            if (type(local) is not float or type(a) is not float) and (
                type(local) is not type(a) or local.shape != a.shape or local.dtype is not a.dtype
            ):
                local = fitted(local, x, node)
            if x in held:
                held[x] = held[x] + local
            else:
                held[x] = local
                if x.operation is not None:
                    if waiting and x.serial < waiting[-1].serial:
                        heappush(late, (-x.serial, x))
                    else:
                        waiting.append(x)
        if type(y) is Value:
            pull = operation.pull_second
            local = g if pull is handed_on else pull(g, out, a, b)
            if (type(local) is not float or type(b) is not float) and (
                type(local) is not type(b) or local.shape != b.shape or local.dtype is not b.dtype
            ):
                local = fitted(local, y, node)
            if y in held:
                held[y] = held[y] + local
            else:
                held[y] = local
                if y.operation is not None:
                    if waiting and y.serial < waiting[-1].serial:
                        heappush(late, (-y.serial, y))
                    else:
                        waiting.append(y)
    for value, g in held.items():
        if value.operation is None:
            kept[value] = g
    return kept


Value.backward = backward
