"""Guards: what a recording took for granted about things that are not arguments."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from tinygrad_lite.engine.value import Value
from tinygrad_lite.replay.errors import CaptureError

_PLAIN = (int, float, bool, str, complex, type(None))
_DEPTH = 6
_MANY = 10_000  # containers beyond this are data


class Surroundings:
    """What a function can reach without being given it: closure, globals, attributes.

    Attributes:
        values: leaf Values.
        modules: objects with parameters and arrays as attributes.
        generators: sources of random numbers.
    """

    def __init__(self, function: Callable[..., Any], arguments: Any) -> None:
        self.values: dict[Value, None] = {}
        self.modules: list[Any] = []
        self.generators: list[np.random.Generator] = []
        self.objects: list[Any] = []
        # Things that are looked up: how, under which name, and what was found.
        self.plain: list[tuple[str, Any, Any, Any]] = []
        self._seen: set[int] = set()
        self._keep: list[Any] = []
        self._look(function, 0)
        self._look(arguments, 0)

    # -- walking ---------------------------------------------------------------------------------

    def _look(self, thing: Any, depth: int) -> None:
        kind = type(thing)
        if kind in _PLAIN or id(thing) in self._seen or depth > _DEPTH:
            return
        self._seen.add(id(thing))
        self._keep.append(thing)
        if kind is Value:
            if thing.operation is None:
                self.values[thing] = None
        elif isinstance(thing, np.random.Generator):
            self.generators.append(thing)
        elif kind is FunctionType:
            self._look_into_function(thing, depth)
        elif kind is MethodType:
            self._look(thing.__self__, depth)
            self._look(thing.__func__, depth)
        elif kind in (list, tuple, set, dict):
            if len(thing) <= _MANY:
                for entry in thing.values() if kind is dict else thing:
                    self._look(entry, depth + 1)
        elif kind.__module__ == "tinygrad_lite.replay.captured":
            self._look(thing.function, depth)
        elif not isinstance(thing, (type, _MODULE)) and not kind.__module__.startswith(_OPAQUE):
            self.objects.append(thing)
            if hasattr(thing, "__dict__"):
                self._look_into_object(thing, depth)
            for name in _slots(kind):
                self._look(getattr(thing, name, None), depth + 1)

    def _look_into_function(self, function: FunctionType, depth: int) -> None:
        if (function.__module__ or "").startswith(("numpy", "tinygrad_lite")):
            return
        names = function.__code__.co_freevars
        for name, cell in zip(names, function.__closure__ or (), strict=True):
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            self._found("cell", cell, name, content, depth)
        for name in function.__code__.co_names:
            if name in function.__globals__:
                self._found("global", function.__globals__, name, function.__globals__[name], depth)
        self._look(list(function.__defaults__ or ()), depth + 1)
        self._look(function.__kwdefaults__, depth + 1)

    def _look_into_object(self, thing: Any, depth: int) -> None:
        is_optimizer = hasattr(thing, "zero_grad") and hasattr(thing, "step")
        is_module = hasattr(thing, "named_parameters") and hasattr(thing, "forward")
        if is_module:
            self.modules.append(thing)
        if is_module:
            self._found("attribute", thing, "training", thing.training, depth)
        for name, content in list(vars(thing).items()):
            if is_optimizer or name.startswith("_"):
                self._look(content, depth + 1)  # its numbers are read anew at each step
            elif name != "training":
                self._found("attribute", thing, name, content, depth)
        function = type(thing).__dict__.get("__call__") or type(thing).__dict__.get("forward")
        if type(function) is FunctionType:
            self._look(function, depth + 1)

    def _found(self, how: str, owner: Any, name: str, content: Any, depth: int) -> None:
        if type(content) in _PLAIN or (how != "attribute" and not callable(content)):
            self.plain.append((how, owner, name, content))
        self._look(content, depth + 1)

    def settle(self, plain: Callable[[Any], Any]) -> None:
        """Once the call is over: numbers in the place of traced arrays that objects were given.

        What was a number or None and was given an array is taken for a result that is left there.
        """
        for thing in self.objects:
            for name in (
                (*vars(thing), *_slots(type(thing)))
                if hasattr(thing, "__dict__")
                else (_slots(type(thing)))
            ):
                content = getattr(thing, name, None)
                settled = plain(content)
                if settled is not content:
                    setattr(thing, name, settled)
        self.plain = [
            (how, owner, name, content)
            for how, owner, name, content in self.plain
            if how != "attribute" or not isinstance(_now(how, owner, name), (Value, np.ndarray))
        ]

    # -- checking --------------------------------------------------------------------------------

    def changed(self) -> str | None:
        """What is not as it was found, as words; None if all is."""
        for how, owner, name, content in self.plain:
            now = _now(how, owner, name)
            if now is not content and (type(content) not in _PLAIN or now != content):
                where = f"{type(owner).__name__}.{name}" if how == "attribute" else name
                return f"{where} was {_short(content)} and is now {_short(now)}"
        return None

    def condition(self, names: dict[str, Any]) -> list[str]:
        """The texts of conditions that hold while nothing has changed."""
        parts = []
        for i, (how, owner, name, content) in enumerate(self.plain):
            names[f"g{i}"], names[f"h{i}"] = owner, content
            place = {
                "cell": f"g{i}.cell_contents", "global": f"g{i}.get({name!r})",
                "attribute": f"g{i}.{name}",
            }[how]  # fmt: skip
            same = "==" if type(content) in (int, float, str, complex) else "is"
            parts.append(f"{place} {same} h{i}")
        return parts


class Chance:
    """Notices random numbers that were not drawn through `engine.random.draw`."""

    def __init__(self, generators: list[np.random.Generator]) -> None:
        self._generators = generators
        self._before = self._states()

    def _states(self) -> list[Any]:
        legacy: Any = np.random.get_state(legacy=False)  # noqa: NPY002 (what users may draw from)
        return [
            ("random", repr(hash(random.getstate()))),
            ("np.random", (legacy["state"]["pos"], legacy["state"]["key"].tobytes())),
            *(("a generator", repr(g.bit_generator.state)) for g in self._generators),
        ]

    def check(self, drawn: list[np.random.Generator]) -> None:
        """Raises CaptureError where numbers were drawn otherwise."""
        known = {id(generator) for generator in drawn}
        sources = [None, None, *self._generators]
        for source, (name, before), (_, after) in zip(
            sources, self._before, self._states(), strict=True
        ):
            if before != after and id(source) not in known:
                raise CaptureError(
                    f"the function draws random numbers from {name}, which a replay would freeze: "
                    f"draw them outside and pass them as an argument, or use "
                    f"tinygrad_lite.engine.random.draw(generator, method, ...)"
                )


def _now(how: str, owner: Any, name: str) -> Any:
    if how == "cell":
        return owner.cell_contents
    return owner.get(name) if how == "global" else getattr(owner, name, None)


def _short(thing: Any) -> str:
    text = repr(thing) if type(thing) in _PLAIN else f"a {type(thing).__name__}"
    return text if len(text) < 40 else text[:37] + "..."


def _slots(kind: type) -> list[str]:
    """Names of the attributes that objects of a class keep in slots."""
    names: list[str] = []
    for base in kind.__mro__:
        given = base.__dict__.get("__slots__", ())
        names += [given] if isinstance(given, str) else given
    return names


_MODULE = type(np)
_OPAQUE = ("numpy", "builtins", "_thread", "threading", "io")
