"""SciPy's minimisers with exact gradients, Hessian-vector products and Hessians."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_lite.engine.transforms import hvp, value_and_grad
from tinygrad_lite.engine.trees import flatten, unflatten
from tinygrad_lite.engine.value import data_of

_WITHOUT_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}
_WITH_PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
_WITH_HESSIAN = {"dogleg", "trust-exact"}


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    method: str | None = None,
    **settings: Any,
) -> Any:
    """`scipy.optimize.minimize` with the derivatives that the method uses, computed exactly.

    Args:
        fun: returns a single number; called as ``fun(x, *args)`` with Values.
        x0: where to start: a number, an array, or nested lists, tuples and dicts of them.
        args: further arguments, not minimised by.
        method: SciPy's name of one; "L-BFGS-B" or "BFGS" use the gradient, "Newton-CG",
            "trust-ncg", "trust-krylov" and "trust-constr" Hessian-vector products, "trust-exact"
            and "dogleg" the Hessian.
        **settings: tol, bounds, constraints, callback and options, as SciPy's, in terms of one flat
            vector.

    Returns:
        SciPy's OptimizeResult, with `x` in the structure, shapes and dtypes of `x0`.

    Raises:
        ImportError: SciPy is not installed.
        TypeError: `fun` does not return a single number, or x0 holds none.

    >>> def valley(p):  # Rosenbrock's
    ...     return (1 - p["x"]) ** 2 + 100 * (p["y"] - p["x"] ** 2) ** 2
    >>> found = minimize(valley, {"x": -1.2, "y": 1.0}, method="trust-ncg")
    >>> round(found.x["x"], 4), round(found.x["y"], 4)
    (1.0, 1.0)
    """
    try:
        optimize: Any = import_module("scipy.optimize")
    except ImportError:
        raise ImportError(
            "optim.minimize needs SciPy: pip install 'tinygrad-lite[scipy]'"
        ) from None
    space = _Space(x0)
    name = (method or "").lower()
    valued = value_and_grad(fun)

    def value(vector: Any) -> float:
        return float(data_of(fun(space.tree(vector), *args)))

    def value_and_gradient(vector: Any) -> tuple[float, Any]:
        out, gradient = valued(space.tree(vector), *args)
        return float(data_of(out)), space.vector(gradient)

    def product(vector: Any, along: Any) -> Any:
        (found,) = hvp(lambda x: fun(x, *args), (space.tree(vector),), (space.tree(along),))
        return space.vector(found)

    if name in _WITHOUT_GRADIENT:
        result = optimize.minimize(value, space.start, method=method, **settings)
    else:
        if name in _WITH_PRODUCTS:
            settings.setdefault("hessp", product)
        elif name in _WITH_HESSIAN:
            units = np.eye(len(space.start))
            settings.setdefault("hess", lambda x: np.stack([product(x, unit) for unit in units]))
        result = optimize.minimize(
            value_and_gradient, space.start, jac=True, method=method, **settings
        )
    result.x = space.tree(result.x)
    return result


class _Space:
    """Nested numbers and arrays as one vector, and back."""

    def __init__(self, x0: Any) -> None:
        leaves, self.rebuild = flatten(x0)
        if not leaves:
            raise TypeError(f"minimize needs a number or array to start from, got {x0!r}")
        self.leaves = [data_of(leaf) for leaf in leaves]
        self.start = self.vector(x0)

    def vector(self, tree: Any) -> Any:
        leaves, _ = flatten(tree)
        return np.concatenate([np.ravel(data_of(leaf)).astype(np.float64) for leaf in leaves])

    def tree(self, vector: Any) -> Any:
        parts, start = [], 0
        for leaf in self.leaves:
            size = np.size(leaf)
            part = vector[start : start + size]
            start += size
            if isinstance(leaf, np.ndarray):
                kind = leaf.dtype if leaf.dtype.kind == "f" else np.float64
                parts.append(part.reshape(leaf.shape).astype(kind))
            else:
                parts.append(float(part[0]))
        return unflatten(self.rebuild, parts)
