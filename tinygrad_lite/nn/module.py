"""Module: parameters found by attribute, named by path, saved and loaded by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from tinygrad_lite.engine.modes import ENTERED, MODE, Mode
from tinygrad_lite.engine.value import Value

Array = np.ndarray[Any, Any]


class Module:
    """A part of a network: subclass it, keep its parts as attributes, and write `forward`.

    An attribute that is a Value is a parameter, a plain array is a buffer (saved, never trained),
    a Module is a part, and lists, tuples and dicts of these count entry by entry. Attributes that
    start with an underscore are private: neither found nor saved.

    Calling a module runs `forward` in a `scope` named after the module, and names its parameters
    by their path, such as "hidden.weight".

    Attributes:
        training: whether it behaves as in training (`train`) or in use (`eval`).

    >>> from tinygrad_lite import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.hidden = nn.Linear(3, 2)
    ...         self.output = nn.Linear(2, 1, bias=False)
    ...     def forward(self, x):
    ...         return self.output(self.hidden(x).sigmoid())
    >>> net = Net()
    >>> net
    Net(
      (hidden): Linear(in_features=3, out_features=2, bias=True)
      (output): Linear(in_features=2, out_features=1, bias=False)
    )
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'output.weight']
    >>> net(np.ones((5, 3), np.float32)).shape
    (5, 1)
    """

    training: bool = True
    _path: str = ""
    _label: str | None = None  # name of its scope; "" for the outermost module
    _modes: tuple[Mode | None, Mode | None] = (None, None)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass has its own."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward: write def forward(self, x): ..., which "
            f"computes its output"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._label is None:
            self._place(self._path, "")
        if not self._label:
            return self.forward(*args, **kwargs)
        # As `with scope(self._label)`, with the mode made once: half the time.
        outer = MODE.get()
        known, inner = self._modes
        if known is not outer or inner is None:
            name = f"{outer.scope}/{self._label}" if outer.scope else self._label
            inner = replace(outer, scope=name)
            self._modes = (outer, inner)
        token = MODE.set(inner)
        ENTERED.add(1)
        try:
            return self.forward(*args, **kwargs)
        finally:
            ENTERED.add(-1)
            MODE.reset(token)

    # -- its parts -------------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Its own parts, with the attribute that holds each: "hidden", "layers.0"."""
        for path, part in _contents(self):
            if isinstance(part, Module):
                yield path, part

    def children(self) -> Iterator[Module]:
        """Its own parts."""
        return (part for _, part in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Itself, its parts, their parts, each once, with the path to each."""
        seen: set[int] = set()
        for path, module in self._walk(prefix):
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module

    def modules(self) -> Iterator[Module]:
        """Itself, its parts, their parts, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with the path to it; shared ones by their first path."""
        self._place(self._path, self._label or "")
        seen: set[Value] = set()
        for path, thing in self._tensors():
            if isinstance(thing, Value) and thing not in seen:
                seen.add(thing)
                yield path, thing

    def parameters(self) -> list[Value]:
        """Every parameter once, for an optimiser."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """The plain arrays kept with the parameters, with the path to each."""
        for path, thing in self._tensors():
            if not isinstance(thing, Value):
                yield path, thing

    # -- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and buffers by path, as they are now."""
        return {path: np.array(_data(thing)) for path, thing in self._tensors()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Set parameters and buffers, in place, to what `state_dict` gave; dtypes are kept.

        Args:
            state: arrays by path; whatever `np.asarray` takes, PyTorch's tensors included.
            strict: whether every path must be there and no other.

        Raises:
            KeyError: a path is missing, or unexpected (with `strict`).
            ValueError: an array has another shape. Nothing is set when anything is wrong.
        """
        own = dict(self._tensors())
        missing = [path for path in own if path not in state]
        unexpected = [path for path in state if path not in own]
        if strict and (missing or unexpected):
            told = [f"missing {', '.join(missing)}"] if missing else []
            told += [f"unexpected {', '.join(unexpected)}"] if unexpected else []
            raise KeyError(
                f"load_state_dict of {type(self).__name__}: {'; '.join(told)} (strict=False loads "
                f"what both have)"
            )
        given = {path: np.asarray(state[path]) for path in own if path in state}
        wrong = [
            f"{path} is {array.shape}, not {np.shape(_data(own[path]))}"
            for path, array in given.items()
            if array.shape != np.shape(_data(own[path]))
        ]
        if wrong:
            raise ValueError(f"load_state_dict of {type(self).__name__}: {'; '.join(wrong)}")
        for path, array in given.items():
            thing = own[path]
            if isinstance(thing, Value) and type(thing.data) is float:
                thing.data = float(array)
            else:
                _data(thing)[...] = array

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, mode: bool = True) -> Self:
        """Behave as in training, all parts included."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Behave as in use, all parts included."""
        return self.train(False)

    # -- how it looks ----------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Its settings, for `repr`."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"({path}): {part!r}".replace("\n", "\n  ") for path, part in self.named_children()
        ]
        inside = self.extra_repr()
        if lines:
            inside = "\n  " + "\n  ".join([inside] * bool(inside) + lines) + "\n"
        return f"{type(self).__name__}({inside})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: thing for name, thing in vars(self).items() if name != "_modes"}

    # -- finding and naming ----------------------------------------------------------------------

    def _walk(self, prefix: str) -> Iterator[tuple[str, Module]]:
        yield prefix, self
        for path, part in self.named_children():
            yield from part._walk(f"{prefix}.{path}" if prefix else path)

    def _tensors(self) -> Iterator[tuple[str, Any]]:
        """Parameters and buffers of itself and all parts, with their paths."""
        for prefix, module in self._walk(""):
            for path, thing in _contents(module):
                if not isinstance(thing, Module):
                    yield (f"{prefix}.{path}" if prefix else path), thing

    def _place(self, path: str, label: str) -> None:
        """Note where it is, and name its parameters and the scopes of its parts by that."""
        self._path, self._label = path, label
        for name, thing in _contents(self):
            below = f"{path}.{name}" if path else name
            if isinstance(thing, Module):
                # "0" says little in a drawing; "Linear 0" does.
                thing._place(below, f"{type(thing).__name__} {name}" if name.isdigit() else name)
            elif isinstance(thing, Value):
                thing.name = below


def _contents(module: Module) -> Iterator[tuple[str, Any]]:
    """Parameters, buffers and parts that a module's attributes hold, with their names."""
    for name, thing in vars(module).items():
        if not name.startswith("_"):
            yield from _found(name, thing)


def _found(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, Value):
        if thing.is_leaf:  # a computed one is a result that somebody kept
            yield name, thing
    elif isinstance(thing, (Module, np.ndarray)):
        yield name, thing
    elif isinstance(thing, (list, tuple)):
        for position, entry in enumerate(thing):
            yield from _found(f"{name}.{position}", entry)
    elif isinstance(thing, dict):
        for key, entry in thing.items():
            yield from _found(f"{name}.{key}", entry)


def _data(thing: Any) -> Any:
    return thing.data if isinstance(thing, Value) else thing
