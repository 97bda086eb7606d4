"""The table of operations: a NumPy function, and one pull-back (vjp) per array argument.

A vjp is called as ``vjp(g, out, *args, **metadata)``: ``g`` is the cotangent of the output,
``out`` the output, ``args`` the array arguments as the function received them. It returns the
local cotangent of one argument; the engine sums over consumers and over broadcast axes. The same
vjp runs on raw arrays (first order) and on Values (when gradients are differentiated again), so
it is written with operators and functions that themselves have a row here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from itertools import count
from typing import Any

Vjp = Callable[..., Any]
Bind = Callable[[tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]


def handed_on(g: Any, out: Any, *args: Any, **metadata: Any) -> Any:
    """The vjp of a sum: the cotangent as it is. The engine knows it, and need not call it, which
    takes a tenth off the pull-back of scalars."""
    return g


class VariadicVjp:
    """The vjps of any number of arguments: ``rule(argnum, g, out, *args, **metadata)``."""

    def __init__(self, rule: Vjp) -> None:
        self.rule = rule

    def __iter__(self) -> Iterator[Vjp]:
        return (partial(self.rule, argnum) for argnum in count())

    def __getitem__(self, argnum: int) -> Vjp:
        return partial(self.rule, argnum)


class JointVjp(VariadicVjp):
    """One rule for all arguments at once: ``rule(g, out, *args, **metadata)`` returns a sequence of
    cotangents. For functions whose pull-backs share most of their work."""

    def __iter__(self) -> Iterator[Vjp]:
        pulled: list[Any] = []  # the engine iterates once per node and pass

        def nth(argnum: int, *args: Any, **metadata: Any) -> Any:
            if not pulled:
                pulled.append(self.rule(*args, **metadata))
            return pulled[0][argnum]

        return (partial(nth, argnum) for argnum in count())

    def __getitem__(self, argnum: int) -> Vjp:
        return lambda *args, **metadata: self.rule(*args, **metadata)[argnum]


class Operation:
    """One row of the rulebook. Immutable once registered.

    function
        the public callable users write; its identity is the key of the row
    evaluate
        computes the output from raw arrays and keyword metadata; `function` unless its call
        signature mixes arrays and settings
    scalar
        the same on Python floats, where that is faster; it may raise ArithmeticError or
        ValueError, upon which `evaluate` decides (inf and nan with NumPy's warning)
    bind
        translates a call ``function(*args, **kwargs)`` into ``(arrays, metadata)``
    kink
        where the function is not differentiable, and the derivative it has there by convention
    """

    def __init__(
        self,
        function: Callable[..., Any],
        vjps: tuple[Vjp | None, ...] | VariadicVjp,
        *,
        name: str | None = None,
        evaluate: Callable[..., Any] | None = None,
        scalar: Callable[..., float] | None = None,
        bind: Bind | None = None,
        kink: str = "",
    ) -> None:
        self.function = function
        self.vjps = vjps
        self.name: str = name or function.__name__
        # A primitive's `raw` is the function without the search for Values.
        self.evaluate: Callable[..., Any] = evaluate or getattr(function, "raw", None) or function
        # The rules of an operation of one or two arguments, for the pull-back to find quickly.
        quick = type(vjps) is tuple and len(vjps) <= 2 and None not in vjps
        self.pull_first: Vjp | None = vjps[0] if quick else None
        self.pull_second: Vjp | None = vjps[-1] if quick else None
        self.scalar = scalar
        self.bind = bind or self._bind_positional
        self.kink = kink
        # Quicker ways to record it, set by unary_operator and binary_operator: for functions that a
        # user calls, as they take the line that asked for it from two calls up.
        self.unary: Callable[..., Any] | None = None
        self.reflected: Callable[..., Any] | None = None

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the positional parameters of `function`."""
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        try:
            parameters = inspect.signature(self.function).parameters.values()
        except ValueError:  # before NumPy 2.4, functions written in C do not tell
            return ()
        return tuple(p.name for p in parameters if p.kind in kinds)

    @cached_property
    def settings(self) -> frozenset[str] | None:
        """Names of the metadata that every vjp understands, None if one takes anything."""
        vjps = [self.vjps.rule] if isinstance(self.vjps, VariadicVjp) else self.vjps
        understood: frozenset[str] | None = None
        for vjp in vjps:
            if vjp is not None:
                parameters = inspect.signature(vjp).parameters.values()
                if any(p.kind is p.VAR_KEYWORD for p in parameters):
                    continue
                names = frozenset(p.name for p in parameters if p.kind is not p.VAR_POSITIONAL)
                understood = names if understood is None else understood & names
        return understood

    def _bind_positional(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        arity = 0 if isinstance(self.vjps, VariadicVjp) else len(self.vjps)
        if len(args) == arity and not kwargs:
            return args, kwargs
        names = self.parameters
        arrays = list(args[:arity])
        metadata = dict(zip(names[arity:], args[arity:], strict=False))
        metadata.update(kwargs)
        for name in names[len(arrays) : arity]:
            if name not in metadata:
                break
            arrays.append(metadata.pop(name))
        return tuple(arrays), metadata


RULES: dict[Callable[..., Any], Operation] = {}
"""Every differentiable operation, keyed by the function users call."""

COMPOSED: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy functions written as a composition of those in RULES."""

COMPOSED_KINKS: dict[Callable[..., Any], str] = {}
"""Where functions in COMPOSED are not differentiable, and the derivative they have there."""

CONSTANT: dict[Callable[..., Any], str] = {}
"""NumPy functions that return plain arrays for Values, and why no gradient is lost by it."""

IN_PLACE: dict[Callable[..., Any], str] = {}
"""NumPy functions that write into their argument, and what to use instead."""


def defvjp(
    function: Callable[..., Any],
    *vjps: Vjp | None,
    variadic: Vjp | None = None,
    **row: Any,
) -> Operation:
    """Enter a function with its pull-backs in the rulebook.

    Args:
        function: a NumPy function, or one made by `primitive`.
        *vjps: one per array argument, each ``vjp(g, out, *args, **metadata)`` returning the
            cotangent of that argument; None for an argument without a gradient.
        variadic: instead of `vjps`, for any number of arguments:
            ``variadic(argnum, g, out, *args, **metadata)``.
        **row: further fields of `Operation`: name, evaluate, scalar, bind, kink.

    Raises:
        TypeError: neither or both of `vjps` and `variadic` are given.

    >>> import numpy as np
    >>> from tinygrad_lite.extend import defvjp, primitive
    >>> @primitive
    ... def cube(x):
    ...     return x**3
    >>> _ = defvjp(cube, lambda g, out, x: 3 * g * x**2)
    """
    if bool(vjps) == bool(variadic):
        raise TypeError(
            f"defvjp({function.__name__}, ...) takes either one vjp per argument or variadic=rule"
        )
    operation = Operation(function, VariadicVjp(variadic) if variadic else vjps, **row)
    RULES[function] = operation
    return operation


def composed(
    function: Callable[..., Any], *, kink: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: serve a NumPy function on Values by a composition of functions with rules.

    Args:
        function: the NumPy function.
        kink: where it is not differentiable, and what derivative it has there.
    """

    def enter(composition: Callable[..., Any]) -> Callable[..., Any]:
        COMPOSED[function] = composition
        if kink:
            COMPOSED_KINKS[function] = kink
        return composition

    return enter


def constant(functions: Mapping[Callable[..., Any], str]) -> None:
    """Enter functions that have no useful derivative and return plain arrays for Values."""
    CONSTANT.update(functions)


def name_of(function: Callable[..., Any]) -> str:
    """The name a user would type: np.tanh, np.linalg.inv, sigmoid."""
    module = getattr(function, "__module__", None) or "numpy"
    name = getattr(function, "__name__", repr(function))
    if module.split(".")[0] != "numpy":
        return name
    for part, shown in (("linalg", "linalg"), ("fft", "fft"), ("scimath", "emath")):
        if part in module.split("."):
            return f"np.{shown}.{name}"
    return f"np.{name}"


def no_rule(function: Callable[..., Any]) -> TypeError:
    """The error for a function that has no row."""
    name = name_of(function)
    if function in IN_PLACE:
        return TypeError(
            f"{name} would overwrite an array that the record of the computation refers to, and is "
            f"refused for Values: use {IN_PLACE[function]}"
        )
    return TypeError(
        f"{name} has no differentiation rule. If it is constant almost everywhere or no gradient "
        f"is wanted, call it on plain arrays: {name}(x.data). Otherwise add the rule: "
        f"tinygrad_lite.extend.defvjp({name}, lambda g, out, x: ...), see "
        f"docs/adding_an_operation.md."
    )
