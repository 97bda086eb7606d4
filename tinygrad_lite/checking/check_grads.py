"""check_grads: automatic derivatives of a function against numerical ones, for authors of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lite.checking.numeric import (
    Estimate,
    derivative_along,
    refined_by_complex_step,
    scales_of,
)
from tinygrad_lite.engine.transforms import jvp, vjp
from tinygrad_lite.engine.trees import flatten, unflatten
from tinygrad_lite.engine.value import data_of

Array = np.ndarray[Any, Any]


class WrongDerivativeError(AssertionError):
    """An automatic derivative is not the numerical one. `checks` holds every comparison made."""

    def __init__(self, checks: Checks) -> None:
        super().__init__(str(checks))
        self.checks = checks


@dataclass(frozen=True)
class Check:
    """One comparison: a derivative along one direction, automatic beside numerical."""

    order: int
    mode: str
    argument: int
    direction: str
    automatic: Array
    numerical: Estimate
    right: Array

    @property
    def ok(self) -> bool:
        """Whether they agree at every entry."""
        return bool(self.right.all())

    def __str__(self) -> str:
        wrong = np.argwhere(~self.right)
        index = tuple(int(i) for i in (wrong[0] if len(wrong) else np.zeros(self.right.ndim, int)))
        n, a = self.numerical, self.automatic[index]
        text = (
            f"order {self.order}, {self.mode}, argument {self.argument}, {self.direction}"
            f"{f', output entry {index}' if index else ''}: automatic {a:.10g}, "
            f"numerical {n.value[index]:.10g} ± {n.error[index]:.1g} ({n.method})"
        )
        if n.kink[index]:
            where = "lies between" if self.right[index] else "does not lie between"
            text += (
                f"; a kink: from the left {n.left[index]:.6g}, from the right "
                f"{n.right[index]:.6g}, and the automatic value {where} them"
            )
        elif a and n.value[index]:
            text += f"; ratio {a / n.value[index]:.6g}"
        return text


@dataclass
class Checks:
    """All comparisons of one `check_grads`."""

    name: str
    done: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all agree."""
        return all(check.ok for check in self.done)

    def __str__(self) -> str:
        wrong = [check for check in self.done if not check.ok]
        head = (
            f"check_grads({self.name}): {len(self.done) - len(wrong)} of {len(self.done)} "
            f"comparisons agree"
        )
        kinks = [c for c in self.done if c.ok and c.numerical.kink.any()]
        shown = [f"  wrong: {check}" for check in wrong[:8]]
        if len(wrong) > 8:
            shown.append(f"  and {len(wrong) - 8} more")
        shown += [f"  kink: {check}" for check in kinks[:4]]
        return "\n".join([head, *shown, *(f"  {note}" for note in self.notes)])


def check_grads(
    fun: Callable[..., Any],
    *args: Any,
    order: int = 2,
    modes: Sequence[str] = ("reverse", "forward"),
    rtol: float | None = None,
    seed: int = 0,
) -> Checks:
    """Compare the automatic derivatives of a function with numerical ones.

    Each argument is moved along random directions, and at single entries: the one with the
    smallest gradient, the one with the largest, and a random one. A difference counts as wrong
    when it exceeds the measured error of the numerical derivative plus `rtol` times the
    derivative itself, so small gradients are held to the same standard as large ones. At a kink
    the automatic value must lie between the one-sided derivatives.

    Args:
        fun: function of numbers, arrays or nested containers of them; its result too.
        *args: where to check it. float32 is compared with numerical derivatives taken in float64.
        order: 1 checks first derivatives, 2 the derivatives of those as well, and so on.
        modes: "reverse" (`vjp`), "forward" (`jvp`), or both.
        rtol: relative tolerance; 1e-6, or 1e-3 where a float32 takes part.
        seed: of the random directions.

    Returns:
        The comparisons made; print it to read them.

    Raises:
        WrongDerivativeError: they disagree. An AssertionError whose message is the report.

    >>> print(check_grads(np.tanh, np.array([0.5, -1.0]), order=1))
    check_grads(tanh): 8 of 8 comparisons agree
    """
    checks = Checks(getattr(fun, "__name__", None) or repr(fun))
    leaves, rebuild = flatten(args)

    def flat(*given: Any) -> list[Any]:
        return flatten(fun(*unflatten(rebuild, given)))[0]

    _Checker(checks, modes, rtol, np.random.default_rng(seed)).check(flat, leaves, 1, order)
    if not checks.ok:
        raise WrongDerivativeError(checks)
    return checks


class _Checker:
    def __init__(
        self, checks: Checks, modes: Sequence[str], rtol: float | None, random: np.random.Generator
    ) -> None:
        self.checks, self.modes, self.rtol, self.random = checks, modes, rtol, random

    def check(
        self, fun: Callable[..., list[Any]], leaves: list[Any], level: int, order: int
    ) -> None:
        """Check a function of flat arguments with flat results, then its pull-back."""
        leaves = [x if isinstance(x, (float, np.ndarray)) else np.asarray(x) for x in leaves]
        leaves = [x.astype(np.float64) if _is_integer(x) else x for x in leaves]
        wide = [_widened(x) for x in leaves]
        outputs, pull = vjp(fun, *leaves)
        if not outputs:
            return
        single = any(getattr(x, "dtype", None) in _SINGLE for x in (*leaves, *outputs))
        rtol = self.rtol if self.rtol is not None else 1e-3 if single else 1e-6
        cotangents = [self._random_like(data_of(out)) for out in outputs]
        gradients = [np.asarray(data_of(g)) for g in pull(cotangents)]
        before = len(self.checks.done)
        for argument, (leaf, gradient) in enumerate(zip(leaves, gradients, strict=True)):
            for label, direction, step in self._directions(leaf, gradient):
                estimate = self._numerical(fun, wide, argument, direction, step, level)
                case = (level, argument, label)
                if "reverse" in self.modes:
                    along = np.sum(gradient * direction).real
                    self._reverse(case, along, estimate, _joined(map(np.conj, cotangents)), rtol)
                if "forward" in self.modes:
                    tangents = [np.zeros_like(x) if np.ndim(x) else 0.0 for x in leaves]
                    tangents[argument] = direction if np.ndim(leaf) else direction.item()
                    _, moved = jvp(fun, leaves, tangents)
                    self._enter(case, "forward", _joined(moved), estimate, rtol)
        if level == order:
            return
        if any(check.numerical.kink.any() for check in self.checks.done[before:]):
            self.checks.notes.append(
                f"there is a kink here, so order {level + 1} was not checked: the first derivative "
                f"jumps"
            )
            return
        count = len(leaves)

        def pulled(*given: Any) -> list[Any]:
            return list(vjp(fun, *given[:count])[1](list(given[count:])))

        self.check(pulled, [*leaves, *cotangents], level + 1, order)

    def _numerical(
        self,
        fun: Callable[..., list[Any]],
        leaves: list[Any],
        argument: int,
        direction: Array,
        step: float,
        level: int,
    ) -> Estimate:
        def moved(t: complex) -> list[Any]:
            replaced = list(leaves)
            replaced[argument] = leaves[argument] + t * direction
            if not np.ndim(leaves[argument]):
                replaced[argument] = replaced[argument].item()
            return [data_of(out) for out in fun(*replaced)]

        kinds = [np.iscomplexobj(out) for out in moved(0.0)]
        estimate = derivative_along(lambda t: _joined(_of_kinds(moved(t), kinds)), step)
        if level > 1 or any(kinds) or np.iscomplexobj(leaves[argument]):
            return estimate
        return refined_by_complex_step(
            estimate, lambda t: np.concatenate([np.ravel(out) for out in moved(t)])
        )

    def _reverse(
        self, case: tuple[int, int, str], along: Any, estimate: Estimate, c: Array, rtol: float
    ) -> None:
        """Compare one number: the numerical derivative weighted by the cotangent."""
        left, right = estimate.left * c, estimate.right * c
        low, high = np.minimum(left, right).sum(), np.maximum(left, right).sum()
        # terms that cancel leave their rounding behind
        rounding = 1e-13 * np.sum(np.abs(estimate.value * c))
        weighed = Estimate(
            np.asarray(estimate.value @ c),
            np.asarray(estimate.error @ np.abs(c) + rounding),
            np.asarray(low),
            np.asarray(high),
            np.asarray(bool(estimate.kink.any())),
            estimate.evaluations,
            estimate.method,
        )
        self._enter(case, "reverse", np.asarray(along), weighed, rtol)

    def _enter(
        self,
        case: tuple[int, int, str],
        mode: str,
        automatic: Array,
        estimate: Estimate,
        rtol: float,
    ) -> None:
        level, argument, label = case
        right = estimate.agrees(automatic, rtol)
        self.checks.done.append(Check(level, mode, argument, label, automatic, estimate, right))

    def _directions(self, leaf: Any, gradient: Array) -> list[tuple[str, Array, float]]:
        """Random directions, and unit vectors at telling entries, each with its largest step."""
        shape = np.shape(leaf)
        size = int(np.prod(shape))
        if size == 0:
            return []
        scales = scales_of(leaf)
        entries = {0}
        directions: list[tuple[str, Array, float]] = []
        if size > 1:
            for i in range(2):
                along = self._random_like(np.asarray(leaf)) * scales / np.max(scales)
                along /= np.max(np.abs(along))
                directions.append((f"direction {i}", along, float(np.max(scales))))
            order = np.argsort(np.abs(gradient), axis=None)
            entries = {int(order[0]), int(order[-1]), int(self.random.integers(size))}
        for entry in sorted(entries):
            unit = np.zeros(shape, dtype=getattr(leaf, "dtype", np.float64))
            position = np.unravel_index(entry, shape)
            unit[position] = 1
            index = tuple(int(i) for i in position)
            label = f"entry {index}" if index else "the number itself"
            step = float(scales[position])
            directions.append((label, unit, step))
            if np.iscomplexobj(unit):
                directions.append((f"{label}, imaginary part", 1j * unit, step))
        return directions

    def _random_like(self, x: Any) -> Any:
        drawn = self.random.normal(size=np.shape(x))
        if np.iscomplexobj(x):
            return drawn + 1j * self.random.normal(size=np.shape(x))
        dtype = getattr(x, "dtype", np.float64)
        return drawn.astype(dtype) if isinstance(x, np.ndarray) else float(drawn)


_SINGLE = (np.dtype(np.float32), np.dtype(np.complex64), np.dtype(np.float16))


def _is_integer(x: Any) -> bool:
    return getattr(x, "dtype", np.dtype(np.float64)).kind in "biu"


def _widened(x: Any) -> Any:
    if isinstance(x, float):
        return x
    return np.asarray(x, dtype=np.complex128 if np.iscomplexobj(x) else np.float64)


def _of_kinds(outputs: Sequence[Any], kinds: Sequence[bool]) -> list[Any]:
    """Outputs as complex as they were where the derivative is taken: a function may turn from real
    to complex nearby, as an eigenvalue does."""
    fitted = []
    for out, is_complex in zip(outputs, kinds, strict=True):
        if is_complex or not np.iscomplexobj(out):
            fitted.append(np.asarray(out, dtype=np.complex128) if is_complex else out)
        else:
            fitted.append(np.where(np.imag(out) == 0, np.real(out), np.nan))
    return fitted


def _joined(outputs: Iterable[Any]) -> Array:
    """All outputs as one real vector, imaginary parts after real ones."""
    parts = []
    for out in outputs:
        flat = np.ravel(data_of(out))
        parts.append(flat.real)
        if np.iscomplexobj(flat):
            parts.append(flat.imag)
    return np.concatenate(parts) if parts else np.zeros(0)
