"""A case of the corpus: a recorded cost, gradients derived by hand, and the mistake in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinygrad_lite import Value

Gradients = dict[Value, Any]


@dataclass(frozen=True)
class Case:
    """`build` returns the cost and the hand-derived gradients; `kind` is None for a right one.

    `also` is another name of the very same numbers, such as one path kept, the others overwritten.
    """

    name: str
    kind: str | None
    build: Callable[[], tuple[Value, Gradients]]
    also: str | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.kind or 'right'}"


class Domain:
    """Cases of one kind of code: a model and its derivation by hand, a step of which may differ.

    `derive` takes what `model` returns, and the steps by name, each with the right one as default.
    """

    def __init__(
        self, name: str, model: Callable[..., SimpleNamespace], derive: Callable[..., Gradients]
    ) -> None:
        self.name, self.model, self.derive = name, model, derive
        self.cases: list[Case] = []

    def _add(
        self, kind: str | None, title: str, settings: Any, steps: Any, also: str | None = None
    ) -> None:
        def build() -> tuple[Value, Gradients]:
            m = self.model(**(settings or {}))
            return m.cost, self.derive(m, **steps)

        self.cases.append(Case(f"{self.name}, {title}", kind, build, also))

    def wrong(
        self, kind: str, title: str, *, model: Any = None, also: str | None = None, **steps: Any
    ) -> None:
        """A derivation with one wrong step."""
        self._add(kind, title, model, steps, also)

    def right(self, title: str, *, model: Any = None, **steps: Any) -> None:
        """A right derivation, perhaps by another formula."""
        self._add(None, title, model, steps)


def leaf(rng: np.random.Generator, *shape: int, name: str, scale: float = 0.7) -> Value:
    """A parameter drawn at random."""
    drawn = scale * rng.normal(size=shape)
    return Value(drawn if shape else float(drawn), name=name)


def named(value: Value, name: str) -> Value:
    """An intermediate Value with a name."""
    value.name = name
    return value


__all__ = ["Case", "Domain", "Gradients", "leaf", "named", "partial"]
